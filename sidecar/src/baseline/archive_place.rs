//! Where an archive is: a directory, or a bucket that is worked on through a directory of one's own.

use std::fs;
use std::path::{Path, PathBuf};

use anomaly_archive::Manifest;
use anomaly_fleet::{Address, Files};
use tempfile::TempDir;

use super::file::not_written;
use crate::failure::Failure;

/// What was given as the place of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArchivePlace {
    Directory(PathBuf),
    Bucket(Address),
}

impl std::str::FromStr for ArchivePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.contains("://") {
            return Ok(Self::Directory(text.into()));
        }
        match text.parse().map_err(|error: anomaly_fleet::FleetError| error.to_string())? {
            Address::Folder(folder) => Ok(Self::Directory(folder)),
            bucket => Ok(Self::Bucket(bucket)),
        }
    }
}

/// An archive that is being worked on.
pub(super) enum Open {
    Directory(PathBuf),
    /// The files here are copies, and go with it.
    Bucket {
        files: Files,
        name: String,
        copies: TempDir,
    },
}

impl ArchivePlace {
    pub(super) fn open(&self) -> Result<Open, Failure> {
        match self {
            Self::Directory(directory) => Ok(Open::Directory(directory.clone())),
            Self::Bucket(address) => {
                let copies = TempDir::new().map_err(|error| not_written(&std::env::temp_dir(), &error))?;
                Ok(Open::Bucket { files: Files::open(address)?, name: address.to_string(), copies })
            }
        }
    }
}

impl Open {
    /// Where its files are, or their copies.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory,
            Self::Bucket { copies, .. } => copies.path(),
        }
    }

    /// The archive as people know it, and a file in it.
    pub(super) fn name(&self, file: &str) -> String {
        match self {
            Self::Directory(directory) => directory.join(file).display().to_string(),
            Self::Bucket { name, .. } => format!("{name}/{file}"),
        }
    }

    /// Puts a new file where the archive is; the manifest comes last, because it says that the others are there.
    pub(super) fn put(&self, file: &str) -> Result<(), Failure> {
        let Self::Bucket { files, copies, .. } = self else { return Ok(()) };
        let path = copies.path().join(file);
        let content = fs::read(&path).map_err(|error| not_written(&path, &error))?;
        Ok(files.create(file, content)?)
    }

    /// Gets every manifest here.
    pub(super) fn get_manifests(&self) -> Result<(), Failure> {
        let Self::Bucket { files, .. } = self else { return Ok(()) };
        let names = files.list()?;
        names.iter().filter(|name| name.ends_with(Manifest::SUFFIX)).try_for_each(|name| self.get(name))
    }

    /// Gets a file here.
    pub(super) fn get(&self, file: &str) -> Result<(), Failure> {
        let Self::Bucket { files, copies, .. } = self else { return Ok(()) };
        let content = files.read(file)?;
        // It is a name in a listing, and anybody may have put it there.
        let name =
            Path::new(file).file_name().ok_or_else(|| Failure::new(format!("{file} is no file's name")))?;
        let path = copies.path().join(name);
        fs::write(&path, content).map_err(|error| not_written(&path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_buckets_are_told_apart() {
        let directory = |path: &str| Ok(ArchivePlace::Directory(path.into()));
        assert_eq!("/srv/archive".parse(), directory("/srv/archive"));
        assert_eq!("s3:".parse(), directory("s3:"));
        assert_eq!("file:///srv/archive".parse(), directory("/srv/archive"));
        assert!(matches!("s3://bucket/prefix".parse(), Ok(ArchivePlace::Bucket(_))));
        assert!("gs://bucket".parse::<ArchivePlace>().is_err());
    }
}
