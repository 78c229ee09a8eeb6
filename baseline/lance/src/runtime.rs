//! The one thread that LanceDB runs on, and the bounds on those that it starts.
//!
//! LanceDB is asynchronous and by itself takes a thread per core, twice. The store's caller is one thread that waits
//! for each answer, so a runtime without threads of its own, which works while that thread waits, is enough; file
//! access goes to at most two more. LanceDB's pool for computing is the process's, as large as the machine at the
//! moment that it is first asked about; [`limit_compute_threads`] sees to it that it then looks like one core.

use std::{
    cell::Cell,
    future::Future,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

/// A runtime of the process that made it. In a fork's child it refuses to work: its threads are not there.
#[derive(Debug)]
pub(crate) struct Executor {
    runtime: Option<Runtime>,
    process: u32,
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("this process was forked after its store was opened; open the store after forking")]
    Forked,
    #[error("LanceDB gave up: {0}")]
    Panicked(String),
}

impl Executor {
    pub(crate) fn new() -> std::io::Result<Self> {
        limit_compute_threads();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .thread_name("anomaly-store")
            .build()?;
        Ok(Self { runtime: Some(runtime), process: std::process::id() })
    }

    /// Runs a future to its end. A panic inside, which damaged files can cause, becomes an error.
    pub(crate) fn run<F: Future>(&self, future: F) -> Result<F::Output, RunError> {
        let runtime = self.runtime.as_ref().filter(|_| self.process == std::process::id());
        let runtime = runtime.ok_or(RunError::Forked)?;
        let quiet = Quiet::begin();
        let result = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(future)));
        drop(quiet);
        result.map_err(|payload| {
            let text = payload.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            RunError::Panicked(crate::cause::one_line(&text.unwrap_or_else(|| "no reason given".into())))
        })
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // After a fork there is nobody to join; and what is left in the pool otherwise is reading that nobody awaits.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

thread_local! {
    /// Whether a panic of this thread is one that becomes an error, and so need not be printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// While one of these lives, this thread's panics are not printed: damaged files make LanceDB panic, and whoever
/// opens them is told in a sentence.
struct Quiet;

impl Quiet {
    fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !QUIET.get() {
                    before(info);
                }
            }));
        });
        QUIET.set(true);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(false);
    }
}

/// Variables that LanceDB reads as numbers and, where they are none, answers with a panic. The first value of each
/// pair is the least that is valid.
const NUMBERS: [(usize, &str); 3] =
    [(1, "LANCE_CPU_THREADS"), (0, "LANCE_IO_CORE_RESERVATION"), (0, "LANCE_IO_THREADS")];

/// The first of LanceDB's variables in the environment whose value it would answer with a panic.
pub(crate) fn invalid_variable() -> Option<(&'static str, usize)> {
    NUMBERS.into_iter().find_map(|(least, name)| {
        let value = std::env::var_os(name)?;
        let number = value.to_str().and_then(|value| value.trim().parse::<usize>().ok());
        number.is_none_or(|number| number < least).then_some((name, least))
    })
}

/// Has LanceDB size its pool for computing while this thread may use one core only, once per process.
///
/// `LANCE_CPU_THREADS` would do the same, but changing the environment of a running process is unsafe, and the
/// process is Falco's. LanceDB counts the cores that the asking thread may run on, once, and remembers; no thread is
/// started by asking, so none inherits the narrowed set. A value in the environment wins, as it does without us.
fn limit_compute_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails where there are more than 1024 cores: then there are as many threads as LanceDB likes.
        let Ok(before) = sched_getaffinity(None) else { return };
        let Some(first) = (0..CpuSet::MAX_CPU).find(|&core| before.is_set(core)) else { return };
        let mut one = CpuSet::new();
        one.set(first);
        if sched_setaffinity(None, &one).is_ok() {
            lance_core::utils::tokio::get_num_compute_intensive_cpus();
            // Back to what the kernel told us a moment ago: it cannot refuse but where a core was taken away since,
            // and then it has moved this thread itself.
            let _ = sched_setaffinity(None, &before);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_runtime_lives_on() {
        let executor = Executor::new().unwrap();
        let panicked = executor.run(async { panic!("on\npurpose") });
        assert_eq!(panicked.unwrap_err().to_string(), "LanceDB gave up: on");
        assert_eq!(executor.run(async { 7 }).unwrap(), 7);
    }

    #[test]
    fn nothing_is_run_in_another_process() {
        let mut executor = Executor::new().unwrap();
        executor.process = 0;
        assert!(matches!(executor.run(async { 7 }), Err(RunError::Forked)));
    }

    #[test]
    fn the_pool_is_one_thread_and_the_affinity_is_as_before() {
        let before = sched_getaffinity(None).unwrap();
        drop(Executor::new().unwrap());
        assert_eq!(sched_getaffinity(None).unwrap(), before);
        let in_the_environment = std::env::var_os("LANCE_CPU_THREADS").is_some();
        assert!(in_the_environment || lance_core::utils::tokio::get_num_compute_intensive_cpus() == 1);
    }

    /// LanceDB by itself takes one thread where there are three cores or fewer, but not where it reserves none.
    #[test]
    fn the_pool_is_one_thread_on_small_machines_for_our_sake() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runtime::tests::the_pool_is_one_thread_and_the_affinity_is_as_before"])
            .env("LANCE_IO_CORE_RESERVATION", "0")
            .env_remove("LANCE_CPU_THREADS")
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }
}
