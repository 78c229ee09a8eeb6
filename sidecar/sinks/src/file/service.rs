//! Handing batches to the thread that appends them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::appender::Appender;
use super::config::FileConfig;
use crate::aside::{Aside, Trouble};
use crate::event::Event;
use crate::service::{Failure, Plan, Service};

#[derive(Debug)]
pub(crate) struct FileService {
    path: PathBuf,
    aside: Aside,
}

impl FileService {
    pub(crate) fn new(config: &FileConfig) -> io::Result<Self> {
        let mut appender = Appender::new(config);
        let aside = Aside::new("anomaly-file", move |text| appender.write(text, SystemTime::now()))?;
        Ok(Self { path: config.path.clone(), aside })
    }

    /// Written at once, in few calls, none of which is larger than a file may become.
    pub(crate) fn plan(config: &FileConfig) -> Plan {
        const BYTES: usize = 1 << 20;
        let bytes = if config.max_bytes > 0 { BYTES.min(config.max_bytes as usize) } else { BYTES };
        Plan { events: 1_000, bytes, interval: Duration::from_millis(100), retry_max: 3 }
    }
}

impl Service for FileService {
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        self.aside.write(batch).await.map_err(|trouble| {
            let path = self.path.display().to_string();
            match trouble {
                Trouble::Io(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                    read_only(&path, &error)
                }
                other => other.failure(&path, "its disk has not answered"),
            }
        })
    }
}

/// What to do where it is the service's own confinement.
fn read_only(path: &str, error: &io::Error) -> Failure {
    Failure::transient(format!(
        "{path} cannot be written: {error}; under systemd name its folder in ReadWritePaths=, in a container mount a \
         volume there, or write below /var/log/falco-anomaly"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_is_read_only_says_whose_doing_that_is() {
        let error = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let told = read_only("/var/log/anomaly.jsonl", &error);
        let told = told.problem();
        assert!(told.starts_with("/var/log/anomaly.jsonl cannot be written: "), "{told}");
        assert!(told.contains("ReadWritePaths=") && told.contains("volume"), "{told}");
        let full = Trouble::Io(io::ErrorKind::StorageFull.into()).failure("/x", "");
        assert!(!full.problem().contains("systemd"), "{full:?}");
    }
}
