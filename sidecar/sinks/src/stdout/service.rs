//! Writing to a pipe that may be full, from a thread that may wait for it.
//!
//! The standard output is shared with whoever started the daemon, so it must not be made non-blocking: a thread of its
//! own takes one batch at a time and waits as long as the reader lets it. When the daemon ends it is left where it is.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::event::Event;
use crate::file::lines;
use crate::service::{Failure, Plan, Service};

type Job = (Vec<u8>, oneshot::Sender<io::Result<()>>);

#[derive(Debug)]
pub(crate) struct StdoutService {
    jobs: SyncSender<Job>,
}

impl StdoutService {
    /// Writes to the standard output of this process, or in tests to something else.
    pub(crate) fn new(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (jobs, received) = sync_channel(1);
        thread::Builder::new().name("anomaly-stdout".to_owned()).spawn(move || serve(&received, out))?;
        Ok(Self { jobs })
    }

    pub(crate) const fn plan() -> Plan {
        Plan { events: 1_000, bytes: 1 << 20, interval: Duration::from_millis(20), retry_max: 3 }
    }
}

fn serve(jobs: &Receiver<Job>, mut out: impl Write) {
    for (text, done) in jobs {
        // Nobody may be waiting any more.
        let _ = done.send(write(&mut out, &text));
    }
}

fn write(out: &mut impl Write, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody else has made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10))
            }
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

impl Service for StdoutService {
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        let (done, outcome) = oneshot::channel();
        let gone = |_| Failure::Ended("its thread is gone".to_owned());
        // One batch is under way at a time, so there is always room for it.
        self.jobs
            .try_send((lines(batch), done))
            .map_err(|_| Failure::transient("the last batch is still being written"))?;
        outcome.await.map_err(gone)?.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => {
                Failure::Ended("nobody reads the standard output any more".to_owned())
            }
            _ => Failure::transient(format!("the standard output cannot be written: {error}")),
        })
    }
}
