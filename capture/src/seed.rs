//! The processes that run already: what a workload did before anybody watched.

use anomaly_vectorizer::scrub::Scrubber;

use crate::{
    CaptureError, FeedKind, HostRoot, Observation,
    proc::{Observer, ProcFs},
};

/// What every running process executed last, each once: no kernel threads and no forks that execute nothing of their
/// own. Their time is now and not their start, because they are normal now, however long ago they were started.
///
/// A program that changed its own title is told with that title: /proc knows no other.
///
/// # Errors
/// [`CaptureError::Read`] where there is no /proc. A process that ends meanwhile is left out.
pub fn running(
    root: &HostRoot,
    scrubber: &Scrubber,
) -> Result<impl Iterator<Item = Observation> + use<>, CaptureError> {
    let proc = ProcFs::open(root)?;
    let mut observer = Observer::new(root.clone(), scrubber.clone());
    let mut buffer = Vec::new();
    let pids: Vec<u32> = proc.pids()?.collect();
    Ok(pids.into_iter().filter_map(move |pid| {
        proc.stat(pid, &mut buffer).filter(|stat| stat.executed())?;
        let process = proc.process(pid).ok()?;
        observer.observe(&process, FeedKind::Seed, |stat| proc.ancestors(stat, &mut buffer)).ok()
    }))
}
