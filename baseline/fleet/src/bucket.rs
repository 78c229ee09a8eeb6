//! The requests that are made of a store, bounded in time and size.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use object_store::path::{Path, PathPart};
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::counters::Counters;
use crate::error::{FleetError, cause};
use crate::place::Place;

/// The longest that one request may take, all that is tried of it included.
const LIMIT: Duration = Duration::from_secs(60);

/// What became of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// It is there now.
    New,
    /// Something was there before, and still is.
    Exists,
}

/// What became of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Bytes(Vec<u8>),
    /// There is no such object.
    Nothing,
    /// It is larger than it may be.
    TooLarge,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Behind the organisation's prefix.
    pub(crate) key: String,
    pub(crate) modified: SystemTime,
}

/// One organisation's part of a place.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    place: Place,
    /// `PREFIX/v1/ORG`
    root: Path,
    counters: Arc<Counters>,
}

impl Bucket {
    /// `org` is a part of a key.
    pub(crate) fn new(place: Place, org: &str, counters: Arc<Counters>) -> Self {
        let parts = ["v1", org].map(PathPart::from);
        let root = Path::from_iter(place.prefix.parts().chain(parts));
        Self { place, root, counters }
    }

    /// The place, as people know it.
    pub(crate) fn name(&self) -> &str {
        &self.place.name
    }

    fn path(&self, key: &str) -> Path {
        Path::from_iter(self.root.parts().chain(key.split('/').map(PathPart::from)))
    }

    async fn within<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, FleetError> {
        let failed = |cause| FleetError::Request { place: self.place.name.clone(), operation, cause };
        match tokio::time::timeout(LIMIT, request).await {
            Ok(result) => result.map_err(|error| failed(cause(&error))),
            Err(_) => Err(failed(format!("no answer within {} s", LIMIT.as_secs()))),
        }
    }

    /// Writes an object if there is none of its name.
    pub(crate) async fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, FleetError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let path = self.path(key);
        let put = async {
            let payload = PutPayload::from(bytes.to_vec());
            match self.place.store.put_opts(&path, payload, options).await {
                Ok(_) => Ok(Created::New),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Created::Exists),
                Err(error) => Err(error),
            }
        };
        let created = self.within("creating", put).await?;
        self.counters.sent_bytes.add(bytes.len() as u64);
        Ok(created)
    }

    /// Writes an object whose name says what is in it, so that writing it again changes nothing.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), FleetError> {
        let (path, length) = (self.path(key), bytes.len() as u64);
        let put = async { self.place.store.put(&path, PutPayload::from(bytes)).await };
        self.within("writing", put).await?;
        self.counters.sent_bytes.add(length);
        Ok(())
    }

    /// Reads an object of at most `most` bytes.
    pub(crate) async fn get(&self, key: &str, most: u64) -> Result<Got, FleetError> {
        let path = self.path(key);
        let get = async {
            let found = match self.place.store.get(&path).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(Got::Nothing),
                Err(error) => return Err(error),
            };
            let mut bytes = Vec::new();
            let mut stream = found.into_stream();
            while let Some(part) = stream.try_next().await? {
                self.counters.received_bytes.add(part.len() as u64);
                if (bytes.len() + part.len()) as u64 > most {
                    return Ok(Got::TooLarge);
                }
                bytes.extend_from_slice(&part);
            }
            Ok(Got::Bytes(bytes))
        };
        self.within("reading", get).await
    }

    /// The objects below a folder, at most `most`.
    pub(crate) async fn list(&self, folder: &str, most: usize) -> Result<Vec<Listed>, FleetError> {
        let path = self.path(folder);
        let list = async {
            let mut listed = Vec::new();
            let mut stream = self.place.store.list(Some(&path));
            while let Some(object) = stream.try_next().await? {
                if listed.len() == most {
                    self.counters.over_bounds.add(1);
                    break;
                }
                let Some(parts) = object.location.prefix_match(&self.root) else { continue };
                let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
                listed.push(Listed { key: parts.join("/"), modified: object.last_modified.into() });
            }
            Ok(listed)
        };
        self.within("listing", list).await
    }

    /// Deletes an object. One that is not there is no error.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), FleetError> {
        let path = self.path(key);
        let delete = async {
            match self.place.store.delete(&path).await {
                Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
                Err(error) => Err(error),
            }
        };
        self.within("deleting", delete).await
    }

    /// Writes a key twice, the second time on the condition that it is new.
    ///
    /// # Errors
    /// Where the store does it all the same: machines would then overwrite each other without noticing.
    pub(crate) async fn probe(&self, key: &str) -> Result<(), FleetError> {
        let first = self.create(key, b"1").await?;
        let second = self.create(key, b"2").await?;
        // What is left of it hurts nobody; whether it can be deleted is no part of the question.
        let _ = self.delete(key).await;
        if (first, second) == (Created::New, Created::Exists) {
            return Ok(());
        }
        Err(FleetError::Overwrites { place: self.place.name.clone() })
    }
}
