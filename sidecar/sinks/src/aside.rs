//! Writing that may take for ever, on a thread that may wait for it.
//!
//! All sinks share one event loop. A disk or a pipe can be neither asked whether it is ready nor given up once it was
//! written to, so a sink that writes to one has a thread of its own, which takes one batch at a time and waits as long
//! as it has to. When the sinks are closed it is left where it is.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::event::Event;
use crate::file::lines;
use crate::service::Failure;

/// A batch that takes longer counts as not taken; it is waited for all the same.
const PATIENCE: Duration = Duration::from_secs(10);

type Outcome = oneshot::Receiver<io::Result<()>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Aside {
    jobs: SyncSender<(Vec<u8>, oneshot::Sender<io::Result<()>>)>,
    /// What is still being written, though it was told that it takes too long.
    late: Option<(Vec<Arc<Event>>, Outcome)>,
    patience: Duration,
}

/// Why a batch was not written.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It could not be.
    Io(io::Error),
    /// Nobody knows yet: it takes longer than anybody waits.
    Late,
    /// The thread is gone.
    Gone,
}

impl Aside {
    /// Starts the thread, which writes whole batches of JSON Lines with this.
    pub(crate) fn new(
        name: &str,
        mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, received) = sync_channel::<(Vec<u8>, oneshot::Sender<_>)>(1);
        let serve = move || {
            for (text, done) in received {
                // Nobody may be waiting any more.
                let _ = done.send(write(&text));
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(serve)?;
        Ok(Self { jobs, late: None, patience: PATIENCE })
    }

    /// Has a batch written. After [`Trouble::Late`] the same batch is not written again but waited for.
    pub(crate) async fn write(&mut self, batch: &[Arc<Event>]) -> Result<(), Trouble> {
        let mut outcome = match self.late.take() {
            Some((late, outcome)) if are_same(&late, batch) => outcome,
            _ => {
                let (done, outcome) = oneshot::channel();
                self.jobs.try_send((lines(batch), done)).map_err(|error| match error {
                    TrySendError::Full(_) => Trouble::Late,
                    TrySendError::Disconnected(_) => Trouble::Gone,
                })?;
                outcome
            }
        };
        match timeout(self.patience, &mut outcome).await {
            Ok(Ok(written)) => written.map_err(Trouble::Io),
            Ok(Err(_)) => Err(Trouble::Gone),
            Err(_) => {
                self.late = Some((batch.to_vec(), outcome));
                Err(Trouble::Late)
            }
        }
    }
}

fn are_same(one: &[Arc<Event>], other: &[Arc<Event>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

impl Trouble {
    /// What it means for the batch, where `what` could not be written; `late` says who lets it wait.
    pub(crate) fn failure(&self, what: &str, late: &str) -> Failure {
        match self {
            Self::Io(error) => Failure::transient(format!("{what} cannot be written: {error}")),
            Self::Late => {
                Failure::transient(format!("{what} cannot be written: {late} for {} s", PATIENCE.as_secs()))
            }
            Self::Gone => Failure::Ended("its thread is gone".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::testing::execution;

    #[test]
    fn what_takes_too_long_is_waited_for_and_not_written_twice() {
        let (go_on, goes_on) = channel::<()>();
        let (wrote, written) = channel();
        let mut aside = Aside::new("test", move |text| {
            goes_on.recv().map_err(io::Error::other)?;
            wrote.send(text.to_vec()).map_err(io::Error::other)
        })
        .expect("a thread");
        let batch = [Arc::new(Event::new(Arc::new(execution(1))))];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a loop");
        aside.patience = Duration::from_millis(20);
        for _ in 0..2 {
            let late = runtime.block_on(aside.write(&batch));
            assert!(matches!(late, Err(Trouble::Late)), "{late:?}");
        }
        go_on.send(()).expect("it goes on");
        aside.patience = Duration::from_secs(60);
        runtime.block_on(aside.write(&batch)).expect("written");
        drop(aside);
        assert_eq!(written.iter().collect::<Vec<_>>(), [lines(&batch)]);
    }
}
