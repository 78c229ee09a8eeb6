//! Files in a place, for a command that writes or reads a few of them and waits.
//!
//! What an archive needs of a bucket, and nothing of a fleet: names are given, nothing is overwritten, every request has
//! the limit that sharing's have.

use std::sync::Arc;
use std::time::Duration;

use object_store::path::{Path, PathPart};
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Runtime;

use crate::error::{FleetError, cause};
use crate::place::{Address, Place};

/// How long one request may take: a file may be large.
const LIMIT: Duration = Duration::from_secs(600);

/// Files below a prefix, without folders.
#[derive(Debug)]
pub struct Files {
    place: Place,
    runtime: Arc<Runtime>,
}

impl Files {
    /// Opens a place; nothing is asked of it yet.
    ///
    /// # Errors
    /// As [`Place::open`], and where no thread can be started.
    pub fn open(address: &Address) -> Result<Self, FleetError> {
        Self::within(Place::open(address)?)
    }

    /// In a place that is open.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn within(place: Place) -> Result<Self, FleetError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { place, runtime: Arc::new(runtime.map_err(FleetError::Thread)?) })
    }

    /// Writes a file that is not there yet.
    ///
    /// # Errors
    /// Where it is there, or the place cannot be reached.
    pub fn create(&self, name: &str, content: Vec<u8>) -> Result<(), FleetError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let path = self.path(name);
        self.wait("writing", async {
            self.place.store.put_opts(&path, PutPayload::from(content), options).await.map(drop)
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it is not there, or the place cannot be reached.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FleetError> {
        let path = self.path(name);
        self.wait("reading", async {
            self.place.store.get(&path).await?.bytes().await.map(|bytes| bytes.into())
        })
    }

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// Where the place cannot be reached.
    pub fn list(&self) -> Result<Vec<String>, FleetError> {
        self.wait("listing", async {
            let listed = self.place.store.list_with_delimiter(Some(&self.place.prefix)).await?;
            let name = |path: &Path| path.filename().map(str::to_owned);
            Ok(listed.objects.iter().filter_map(|object| name(&object.location)).collect())
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.place.prefix.parts().chain([PathPart::from(name)]))
    }

    fn wait<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, FleetError> {
        let failed = |cause| FleetError::Request { place: self.place.name.clone(), operation, cause };
        match self.runtime.block_on(async { tokio::time::timeout(LIMIT, request).await }) {
            Ok(result) => result.map_err(|error| failed(cause(&error))),
            Err(_) => Err(failed(format!("no answer within {} s", LIMIT.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn files_are_created_once_listed_and_read() {
        let store = Arc::new(InMemory::new());
        let files = Files::within(Place::in_store(store.clone(), "a/b", "memory")).expect("a thread");
        assert_eq!(files.list().expect("it answers"), [""; 0]);
        files.create("x.parquet", b"one".to_vec()).expect("new");
        let said = files.create("x.parquet", b"two".to_vec()).expect_err("it is there").to_string();
        assert!(said.starts_with("memory cannot be reached (writing): "), "{said}");
        assert_eq!(files.read("x.parquet").expect("it is there"), b"one");
        assert_eq!(files.list().expect("it answers"), ["x.parquet"]);
        assert!(files.read("y").is_err());
        let beside = Files::within(Place::in_store(store, "a", "memory")).expect("a thread");
        assert_eq!(beside.list().expect("it answers"), [""; 0], "what is in a folder below is another's");
    }
}
