//! Short names for rows and groups of them, stable from run to run, to be typed by hand.
//!
//! As with the commits of git a beginning is enough as long as only one thing has it. An id is a digest of what it
//! names, so no table of ids is kept.

use anomaly_baseline::{Day, RowView};
use anomaly_scored::{digest, group};
use anomaly_vectorizer::Execution;

/// Hexadecimal digits that are shown.
const SHOWN: usize = 8;

/// Hexadecimal digits that must be given at least.
const LEAST: usize = 4;

/// The id of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    kind: char,
    digest: u64,
}

impl Id {
    /// Of one row.
    pub fn of_row(row: &RowView) -> Self {
        Self::of_key(&row.workload, row.key)
    }

    /// The same by its key.
    pub fn of_key(workload: &str, key: u128) -> Self {
        Self { kind: 'r', digest: digest(&[workload.as_bytes(), &key.to_be_bytes()]) }
    }

    /// Of the alert group that an execution belongs to: workload, parent, name and user.
    pub fn of_group(workload: &str, execution: &Execution) -> Self {
        Self::of_names(workload, &execution.parent, &execution.name, execution.uid)
    }

    /// The same by its parts.
    pub fn of_names(workload: &str, parent: &str, name: &str, uid: u32) -> Self {
        Self { kind: 'g', digest: group(workload, parent, name, uid) }
    }

    /// The id of what a group did on one day: `f` and 16 digits.
    pub fn on_day(self, day: Day) -> String {
        format!("f{:016x}", digest(&[&self.digest.to_be_bytes(), &day.to_be_bytes()]))
    }

    /// Reads an id of which nothing is missing.
    pub fn read(text: &str) -> Option<Self> {
        let kind = text.chars().next().filter(|_| is_id(text) && text.len() == 17)?;
        Some(Self { kind, digest: u64::from_str_radix(&text[1..], 16).ok()? })
    }

    /// Whether it is a group's.
    pub fn is_group(self) -> bool {
        self.kind == 'g'
    }

    /// All of it.
    pub fn full(self) -> String {
        format!("{}{:016x}", self.kind, self.digest)
    }

    /// As much as is shown.
    pub fn short(self) -> String {
        shortened(&self.full()).to_owned()
    }

    /// Whether `text` is a beginning of it.
    pub fn begins_with(self, text: &str) -> bool {
        self.full().starts_with(text)
    }
}

/// As much of an id's text as is shown.
pub fn shortened(id: &str) -> &str {
    &id[..id.floor_char_boundary(1 + SHOWN)]
}

/// Whether a text can be an id or a beginning of one.
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(['r', 'g']).unwrap_or_default();
    (LEAST..=16).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_they_were() {
        let execution =
            Execution { name: "sh".into(), parent: "nginx".into(), uid: 33, ..Execution::default() };
        let id = Id::of_group("web", &execution);
        assert_eq!(id.short().len(), 9);
        assert_eq!((Id::read(&id.full()), Id::read(&id.short())), (Some(id), None));
        assert!(is_id(&id.short()) && is_id(&id.full()) && id.begins_with(&id.short()[..5]));
        assert_ne!(id, Id::of_group("web", &Execution { uid: 34, ..execution.clone() }));
        assert_ne!(Id::of_group("a", &execution), Id::of_group("b", &execution));
    }

    #[test]
    fn what_is_no_id() {
        for text in ["", "r", "r123", "x1234567", "r1234567z", "rABCDEF12", "restic *", "g12345678901234567"]
        {
            assert!(!is_id(text), "{text}");
        }
    }
}
