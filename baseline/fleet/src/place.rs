//! Where a fleet meets: a bucket or a folder.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anomaly_baseline::text::printable;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::error::{FleetError, cause};

/// An address, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `s3://bucket/prefix`
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Keys begin with this; may be empty.
        prefix: String,
    },
    /// `file:///folder`: a folder that all machines mount. It is taken as it is written, without `%` escapes.
    Folder(PathBuf),
}

impl FromStr for Address {
    type Err = FleetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| FleetError::Address { address: printable(text, 200), reason };
        if let Some(folder) = text.strip_prefix("file://") {
            let folder = PathBuf::from(folder);
            let parents = folder.components().any(|part| part == std::path::Component::ParentDir);
            if !folder.is_absolute() || parents {
                return Err(wrong("a folder is told by its whole path"));
            }
            return Ok(Self::Folder(folder));
        }
        let rest =
            text.strip_prefix("s3://").ok_or_else(|| wrong("it begins with neither s3:// nor file://"))?;
        if rest.contains('@') {
            // The text may be a secret: it is not repeated.
            let reason =
                "credentials stand in the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            return Err(FleetError::Address { address: "what was given".into(), reason });
        }
        if rest.contains(['?', '#']) || rest.chars().any(char::is_control) {
            return Err(wrong("options stand in the environment, such as AWS_ENDPOINT"));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(named) {
            return Err(wrong("a bucket's name has letters, digits, dots and dashes"));
        }
        if prefix.split('/').any(|part| part == "." || part == "..") {
            return Err(wrong("a prefix has no part . or .."));
        }
        Ok(Self::S3 { bucket: bucket.into(), prefix: prefix.trim_matches('/').into() })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Folder(folder) => f.write_str(&printable(&format!("file://{}", folder.display()), 1_000)),
        }
    }
}

/// A store and the place in it.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    /// As people know it.
    pub(crate) name: String,
}

impl Place {
    /// Opens a place. Nothing is asked of it yet, but a folder has to be there: one that is not mounted would else be
    /// filled below its mount point.
    ///
    /// Credentials, region and endpoint come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT`,
    /// `AWS_ALLOW_HTTP`, ...), else from the machine's or the pod's role.
    ///
    /// # Errors
    /// Where the folder is not there, what the environment says makes no sense, or this was built without S3.
    pub fn open(address: &Address) -> Result<Self, FleetError> {
        let name = address.to_string();
        let setup = |cause: String| FleetError::Setup { place: name.clone(), cause };
        match address {
            Address::Folder(folder) => {
                let metadata = std::fs::metadata(folder);
                if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
                    return Err(setup("there is no such folder; mount it, or make it".into()));
                }
                let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| setup(cause(&error)))?;
                Ok(Self { store: Arc::new(store), prefix: Path::default(), name })
            }
            #[cfg(feature = "s3")]
            Address::S3 { bucket, prefix } => {
                let store = crate::http::s3(bucket).map_err(|error| setup(cause(&error)))?;
                Ok(Self { store: Arc::new(store), prefix: Path::from(prefix.as_str()), name })
            }
            #[cfg(not(feature = "s3"))]
            Address::S3 { .. } => Err(setup("this was built without the feature s3; share a folder".into())),
        }
    }

    /// A place in a store that is there already.
    pub fn in_store(store: Arc<dyn ObjectStore>, prefix: &str, name: &str) -> Self {
        Self { store, prefix: Path::from(prefix), name: printable(name, 200) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://my-bucket.eu/a/b/", "s3://my-bucket.eu/a/b"),
            ("file:///mnt/share", "file:///mnt/share"),
        ] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), written);
        }
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (text, says) in [
            ("", "begins with neither"),
            ("/mnt/share", "begins with neither"),
            ("https://bucket", "begins with neither"),
            ("file://share", "whole path"),
            ("file:///mnt/../etc", "whole path"),
            ("s3://", "bucket's name"),
            ("s3:///prefix", "bucket's name"),
            ("s3://b/../x", ". or .."),
            ("s3://b?endpoint=x", "AWS_ENDPOINT"),
            ("s3://key:hunter2@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn a_folder_that_is_not_mounted_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let error = Place::open(&Address::Folder(missing.clone())).expect_err("it is not there").to_string();
        assert!(error.contains("mount it"), "{error}");
        assert!(!missing.exists());
    }
}
