//! Whether a process that was heard of still runs: its id alone does not tell, because ids are used again.

use rustix::time::{ClockId, clock_gettime};

use crate::proc::{ProcFs, TICK};
use crate::{CaptureError, HostRoot};

/// A process as it runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    /// Its start in nanoseconds since boot, suspend included, rounded down to clock ticks.
    pub start_boottime: u64,
    /// Its name, at most 15 bytes.
    pub name: Vec<u8>,
    /// Whether it has executed something since it was forked.
    pub executed: bool,
}

impl Alive {
    /// Whether it started at this moment, in nanoseconds since boot and not rounded.
    pub fn started_at(&self, start_boottime: u64) -> bool {
        start_boottime.checked_sub(self.start_boottime).is_some_and(|rest| rest < *TICK)
    }

    /// How long ago it started, in microseconds.
    pub fn age(&self) -> u64 {
        let now = clock_gettime(ClockId::Boottime);
        let now = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
        now.saturating_sub(self.start_boottime / 1_000)
    }
}

/// Looks at processes by their id in the namespace of the host's /proc; `None` for one that has ended.
///
/// # Errors
/// [`CaptureError::Read`] where there is no /proc.
pub fn alive(root: &HostRoot) -> Result<impl FnMut(u32) -> Option<Alive> + use<>, CaptureError> {
    let proc = ProcFs::open(root)?;
    let mut buffer = Vec::new();
    Ok(move |pid| {
        let stat = proc.stat(pid, &mut buffer).filter(|stat| !stat.ending())?;
        Some(Alive {
            start_boottime: stat.start_boottime(),
            name: stat.name.as_bytes().to_vec(),
            executed: stat.executed(),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_told_from_another_one_of_its_id() {
        let mut alive = alive(&HostRoot::default()).expect("a /proc");
        let mut child = Command::new("/bin/sleep").arg("60").spawn().expect("sleep is there");
        let seen = std::iter::repeat_with(|| alive(child.id()))
            .find(|seen| seen.as_ref().is_some_and(|seen| seen.executed))
            .flatten()
            .expect("it runs");
        assert_eq!(seen.name, b"sleep");
        let start = seen.start_boottime;
        assert!(seen.started_at(start) && seen.started_at(start + *TICK - 1));
        assert!(!seen.started_at(start - 1) && !seen.started_at(start + *TICK));
        assert!(seen.age() < 60_000_000, "{}", seen.age());
        child.kill().expect("it runs");
        // It ends in its own time, and nobody has waited for it when it has.
        while alive(child.id()).is_some() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.wait().expect("it has ended");
        assert_eq!(alive(child.id()), None);
    }
}
