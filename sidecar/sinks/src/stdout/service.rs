//! Writing to a pipe that may be full.
//!
//! The standard output is shared with whoever started the daemon, so it must not be made non-blocking: a thread of its
//! own waits as long as the reader lets it.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::aside::{Aside, Trouble};
use crate::event::Event;
use crate::service::{Failure, Plan, Service};

#[derive(Debug)]
pub(crate) struct StdoutService(Aside);

impl StdoutService {
    /// Writes to the standard output of this process, or in tests to something else.
    pub(crate) fn new(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        Aside::new("anomaly-stdout", move |text| write(&mut out, text)).map(Self)
    }

    pub(crate) const fn plan() -> Plan {
        Plan { events: 1_000, bytes: 1 << 20, interval: Duration::from_millis(20), retry_max: 3 }
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
        self.0.write(batch).await.map_err(|trouble| match trouble {
            Trouble::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Failure::Ended("nobody reads the standard output any more".to_owned())
            }
            other => other.failure("the standard output", "nobody has read it"),
        })
    }
}
