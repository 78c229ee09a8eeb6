//! What an archive says about itself: one small file beside its Parquet files.

use serde::{Deserialize, Serialize};

/// The version of manifests. Raised by every change that an older release would misread.
const FORMAT: u32 = 1;

/// What one run put into an archive. As JSON, under the name of its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this file.
    format: u32,
    /// When, microseconds since the Unix epoch; RFC 3339 in the file.
    #[serde(with = "crate::moment")]
    pub written: i64,
    /// Whose database.
    pub org: String,
    /// The features that its rows were computed in.
    pub scheme: String,
    /// Their version.
    pub feature_version: u32,
    /// How many rows.
    pub rows: u64,
    /// The earliest first time of any row.
    #[serde(with = "crate::moment")]
    pub first_seen: i64,
    /// The latest last time of any row.
    #[serde(with = "crate::moment")]
    pub last_seen: i64,
    /// The files beside it.
    pub files: Vec<Part>,
    /// Whose rows.
    pub workloads: Vec<Portion>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, in the same directory.
    pub name: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// How many rows it has.
    pub rows: u64,
}

/// What an archive has of one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    /// Whose.
    pub workload: String,
    /// How many rows.
    pub rows: u64,
}

impl Manifest {
    /// How the names of manifests end.
    pub const SUFFIX: &str = ".manifest.json";

    /// Of these features, and of nothing yet.
    pub fn new(written: i64, org: &str, scheme: &str, feature_version: u32) -> Self {
        Self {
            format: FORMAT,
            written,
            org: org.into(),
            scheme: scheme.into(),
            feature_version,
            rows: 0,
            first_seen: i64::MAX,
            last_seen: i64::MIN,
            files: Vec::new(),
            workloads: Vec::new(),
        }
    }

    /// Counts a row in that was seen from `first` until `last`.
    pub fn count(&mut self, workload: &str, first: i64, last: i64) {
        self.rows += 1;
        self.first_seen = self.first_seen.min(first);
        self.last_seen = self.last_seen.max(last);
        match self.workloads.last_mut() {
            Some(portion) if portion.workload == workload => portion.rows += 1,
            _ => self.workloads.push(Portion { workload: workload.into(), rows: 1 }),
        }
    }

    /// As text, one key a line.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("it has text, numbers and lists, and no map with other keys") + "\n"
    }

    /// Of a file that anybody may have written.
    ///
    /// # Errors
    /// Why it is none, in words; names of files that lead out of the directory are none.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.format > FORMAT {
            return Err(format!("its format is {}, and this release reads up to {FORMAT}", manifest.format));
        }
        let leads_out = |part: &&Part| part.name.contains('/') || part.name.is_empty() || part.name == "..";
        match manifest.files.iter().find(leads_out) {
            Some(part) => Err(format!("{} is no name of a file beside it", part.name)),
            None => Ok(manifest),
        }
    }
}
