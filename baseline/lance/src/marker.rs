//! The file that makes a directory a database of ours.
//!
//! It is read before anything else and says which release's schema and which feature version the database has at
//! most. It is raised before the first table of a newer version is written, so that an older release that finds the
//! directory later knows at once to leave it alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anomaly_baseline::StoreError;
use serde_json::{Value, json};

use crate::{
    durable,
    schema::{SCHEMA_VERSION, StoredSpace},
};

/// The file's name.
pub(crate) const FILE: &str = "falco-anomaly.json";

const FORMAT: &str = "falco-anomaly baseline";

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) schema_version: u32,
    pub(crate) space: StoredSpace,
}

/// What was found in the place of a marker.
#[derive(Debug)]
pub(crate) enum Found {
    Marker(Marker),
    /// No such file.
    None,
    /// A file that is no marker: truncated, or somebody else's.
    Damaged,
}

impl Marker {
    pub(crate) fn path(root: &Path) -> PathBuf {
        root.join(FILE)
    }

    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn read(root: &Path) -> io::Result<Found> {
        match fs::read(Self::path(root)) {
            Ok(bytes) => Ok(Self::parse(&bytes).map_or(Found::Damaged, Found::Marker)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::None),
            Err(error) => Err(error),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let number = |value: &Value| value.as_u64()?.try_into().ok();
        let features = &value["features"];
        (value["format"] == FORMAT).then_some(())?;
        Some(Self {
            schema_version: number(&value["schema"])?,
            space: StoredSpace {
                scheme: features["scheme"].as_str()?.to_owned(),
                version: number(&features["version"])?,
                key_version: number(&features["key_version"])?,
            },
        })
    }

    /// Writes it so that a crash leaves either the old one or this one.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        let StoredSpace { scheme, version, key_version } = &self.space;
        let text = json!({
            "format": FORMAT,
            "schema": self.schema_version,
            "features": { "scheme": scheme, "version": version, "key_version": key_version },
        });
        durable::replace_file(&Self::path(root), format!("{text:#}\n").as_bytes())
    }
}

/// Refuses what a newer release wrote and what another scheme's vectors are.
pub(crate) fn check(
    path: &Path,
    schema_version: u32,
    found: &StoredSpace,
    known: &StoredSpace,
) -> Result<(), StoreError> {
    let newer = |what, found, known| Err(StoreError::Newer { path: path.to_path_buf(), what, found, known });
    if schema_version > SCHEMA_VERSION {
        newer("schema version", schema_version, SCHEMA_VERSION)
    } else if found.scheme != known.scheme {
        Err(StoreError::Unusable {
            path: path.to_path_buf(),
            cause: format!("it was learned with the features `{}` and not `{}`", found.scheme, known.scheme),
            remedy: "configure those, or choose another directory".into(),
        })
    } else if found.version > known.version {
        newer("feature version", found.version, known.version)
    } else if found.key_version > known.key_version {
        newer("feature key version", found.key_version, known.key_version)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(scheme: &str, version: u32, key_version: u32) -> StoredSpace {
        StoredSpace { scheme: scheme.into(), version, key_version }
    }

    #[test]
    fn a_marker_comes_back_and_what_is_none_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Marker::read(directory.path()).unwrap(), Found::None));
        let marker = Marker { schema_version: 1, space: space("shapes", 2, 3) };
        marker.write(directory.path()).unwrap();
        assert!(matches!(Marker::read(directory.path()).unwrap(), Found::Marker(found) if found == marker));
        for damaged in
            ["", "{", "{\"format\":\"falco-anomaly baseline\",\"schema\":1}", "{\"format\":\"other\"}"]
        {
            fs::write(Marker::path(directory.path()), damaged).unwrap();
            assert!(matches!(Marker::read(directory.path()).unwrap(), Found::Damaged), "{damaged}");
        }
    }

    #[test]
    fn newer_is_refused_and_older_is_not() {
        let path = Path::new("/db");
        let known = space("shapes", 2, 2);
        let refused = |schema_version, found| {
            check(path, schema_version, &found, &known).map_err(|error| error.to_string())
        };
        assert_eq!(refused(1, space("shapes", 2, 2)), Ok(()));
        assert_eq!(refused(1, space("shapes", 1, 1)), Ok(()));
        let message =
            "/db holds feature version 3, and this release knows 2; upgrade, or choose another directory";
        assert_eq!(refused(1, space("shapes", 3, 2)), Err(message.into()));
        assert!(refused(2, space("shapes", 1, 1)).unwrap_err().contains("schema version 2"));
        assert!(refused(1, space("shapes", 2, 3)).unwrap_err().contains("feature key version 3"));
        assert!(refused(1, space("article", 1, 1)).unwrap_err().contains("`article` and not `shapes`"));
    }
}
