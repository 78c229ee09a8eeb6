//! What a machine says that it knows: one head, and the next, never changed.

use std::collections::HashSet;
use std::io::Read;

use anomaly_baseline::Timestamp;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};

use crate::names::{is_digest, is_machine};

/// The version of heads. Raised by every change that an older release would misread.
const FORMAT: u32 = 1;

/// The largest head, in bytes, compressed and not.
pub(crate) const MAX_BYTES: u64 = 4 << 20;
const MAX_PLAIN: u64 = 32 << 20;

/// The most workloads of one machine.
pub(crate) const MAX_WORKLOADS: usize = 20_000;

/// The longest name of a workload, in bytes: what an exported baseline allows.
const MAX_NAME: usize = 1024;

/// The largest object of one workload, in bytes, compressed.
pub(crate) const MAX_OBJECT: u64 = 64 << 20;

/// One workload of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) workload: String,
    /// The SHA-256 of its object.
    pub(crate) object: String,
    /// The object's size.
    pub(crate) bytes: u64,
    /// How many rows it has.
    pub(crate) rows: u64,
}

/// What a machine knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: u32,
    pub(crate) machine: String,
    /// Whose baseline it is: stays as long as the database.
    pub(crate) identity: String,
    /// Which run of a program wrote it, so that one that hears no answer recognises its own.
    pub(crate) process: String,
    pub(crate) sequence: u64,
    /// When it was written, by the machine's own clock.
    pub(crate) time: Timestamp,
    pub(crate) workloads: Vec<Entry>,
}

/// Why a head is left out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("it is of format {0}, which a newer release writes; upgrade")]
    Newer(u32),
    #[error("it is {0}")]
    Damaged(&'static str),
}

impl Head {
    pub(crate) fn new(machine: &str, identity: &str, process: &str, sequence: u64, time: Timestamp) -> Self {
        Self {
            format: FORMAT,
            machine: machine.into(),
            identity: identity.into(),
            process: process.into(),
            sequence,
            time,
            workloads: Vec::new(),
        }
    }

    /// The folder of a machine's heads.
    pub(crate) fn folder(machine: &str) -> String {
        format!("heads/{machine}")
    }

    /// The key of a head.
    pub(crate) fn key(machine: &str, sequence: u64) -> String {
        format!("heads/{machine}/{sequence:020}.json.gz")
    }

    /// The machine and the sequence of a key; `None` for what is no head.
    pub(crate) fn parse_key(key: &str) -> Option<(&str, u64)> {
        let (machine, file) = key.strip_prefix("heads/")?.split_once('/')?;
        let digits = file.strip_suffix(".json.gz")?;
        let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        (plain && is_machine(machine)).then_some((machine, digits.parse().ok()?))
    }

    /// The head as it is published.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        serde_json::to_writer(&mut out, self).expect("memory takes everything, and a head has no odd keys");
        out.finish().expect("memory takes everything")
    }

    /// A head that anybody may have written, as the one of this key.
    pub(crate) fn decode(bytes: &[u8], machine: &str, sequence: u64) -> Result<Self, HeadError> {
        let mut plain = Vec::new();
        let mut input = GzDecoder::new(bytes).take(MAX_PLAIN + 1);
        input.read_to_end(&mut plain).map_err(|_| HeadError::Damaged("no gzip"))?;
        if plain.len() as u64 > MAX_PLAIN {
            return Err(HeadError::Damaged("too large"));
        }
        /// What every format has.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } =
            serde_json::from_slice(&plain).map_err(|_| HeadError::Damaged("no head of a machine"))?;
        if format > FORMAT {
            return Err(HeadError::Newer(format));
        }
        let head: Self =
            serde_json::from_slice(&plain).map_err(|_| HeadError::Damaged("no head of a machine"))?;
        head.check(machine, sequence).map_err(HeadError::Damaged)?;
        Ok(head)
    }

    fn check(&self, machine: &str, sequence: u64) -> Result<(), &'static str> {
        let Self { workloads, .. } = self;
        if (self.machine.as_str(), self.sequence) != (machine, sequence) {
            return Err("another machine's, or another one of this machine");
        }
        if workloads.len() > MAX_WORKLOADS {
            return Err("of more than 20,000 workloads");
        }
        let mut names = HashSet::new();
        for Entry { workload, object, bytes, rows: _ } in workloads {
            if workload.is_empty() || workload.len() > MAX_NAME || !is_digest(object) || *bytes > MAX_OBJECT {
                return Err("one with an entry that is none");
            }
            if !names.insert(workload.as_str()) {
                return Err("one that names a workload twice");
            }
        }
        Ok(())
    }
}

/// The key of an object.
pub(crate) fn object_key(machine: &str, digest: &str) -> String {
    format!("rows/{machine}/{digest}.jsonl.gz")
}

/// The digest of an object's key.
pub(crate) fn parse_object_key<'a>(key: &'a str, machine: &str) -> Option<&'a str> {
    let rest = key.strip_prefix("rows/")?.strip_prefix(machine)?.strip_prefix('/')?;
    rest.strip_suffix(".jsonl.gz").filter(|digest| is_digest(digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        let entry = |name: &str| Entry { workload: name.into(), object: "ab".repeat(32), bytes: 10, rows: 3 };
        Head { workloads: vec![entry("web"), entry("db")], ..Head::new("a.b", "1", "2", 7, 8) }
    }

    #[test]
    fn a_head_comes_back_under_its_own_key_alone() {
        let bytes = head().encode();
        assert_eq!(bytes, head().encode(), "the same bytes each time");
        assert_eq!(Head::decode(&bytes, "a.b", 7).expect("it is one"), head());
        assert!(Head::decode(&bytes, "a.c", 7).is_err());
        assert!(Head::decode(&bytes, "a.b", 8).is_err());
        assert_eq!(Head::parse_key(&Head::key("a.b", 7)), Some(("a.b", 7)));
    }

    #[test]
    fn keys_of_others_are_none_of_heads() {
        for key in [
            "heads/a/1.json.gz",
            "heads/a/probe-1",
            "heads/a/b/00000000000000000001.json.gz",
            "heads/../00000000000000000001.json.gz",
            "heads/a/+0000000000000000001.json.gz",
            "rows/a/00000000000000000001.json.gz",
            "heads/a/99999999999999999999.json.gz",
        ] {
            assert_eq!(Head::parse_key(key), None, "{key}");
        }
        let digest = "0f".repeat(32);
        assert_eq!(parse_object_key(&object_key("a", &digest), "a"), Some(digest.as_str()));
        assert_eq!(parse_object_key(&object_key("a.b", &digest), "a"), None);
    }

    #[test]
    fn what_is_wrong_with_a_head_is_told() {
        let twice = Head { workloads: vec![head().workloads[0].clone(); 2], ..head() };
        let mut odd = head();
        odd.workloads[0].object = "../../x".into();
        let newer = Head { format: 2, ..head() };
        for (head, says) in [(twice, "twice"), (odd, "none"), (newer, "format 2")] {
            let error = Head::decode(&head.encode(), "a.b", 7).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        let endless = {
            let mut out = GzBuilder::new().write(Vec::new(), Compression::fast());
            std::io::copy(&mut std::io::repeat(b' ').take(MAX_PLAIN * 2), &mut out).expect("memory");
            out.finish().expect("memory")
        };
        assert!(Head::decode(&endless, "a", 1).expect_err("too large").to_string().contains("too large"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Head::decode(&bytes, "a", 1).is_err());
        }
    }
}
