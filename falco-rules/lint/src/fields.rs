//! The plugin's fields, by what can sensibly be asked of them.

/// What kind of value a field has, as far as its comparisons go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of the form `d.dddd`; there is no score while a workload is being learned.
    Score,
    /// A number from 0 to 1,000, missing likewise.
    Permille,
    /// One of [`LEVELS`].
    Level,
    /// True, or false; false or missing while there is no score.
    Flag,
    /// Words, missing while there is no score.
    Words,
    /// Anything else, there whether or not there is a score.
    Other,
}

/// The levels, in their order.
pub(crate) const LEVELS: [&str; 4] = ["learning", "normal", "warn", "critical"];

/// Every field of the plugin.
const FIELDS: [(&str, Kind); 20] = [
    ("anomaly.score", Kind::Score),
    ("anomaly.score_permille", Kind::Permille),
    ("anomaly.distance", Kind::Score),
    ("anomaly.event_score", Kind::Score),
    ("anomaly.event_reason", Kind::Words),
    ("anomaly.event_nearest", Kind::Words),
    ("anomaly.smoothed", Kind::Score),
    ("anomaly.threshold", Kind::Score),
    ("anomaly.level", Kind::Level),
    ("anomaly.novel", Kind::Flag),
    ("anomaly.first", Kind::Flag),
    ("anomaly.workload", Kind::Other),
    ("anomaly.seen", Kind::Other),
    ("anomaly.reason", Kind::Words),
    ("anomaly.nearest", Kind::Words),
    ("anomaly.proc_name", Kind::Other),
    ("anomaly.proc_parent", Kind::Other),
    ("anomaly.proc_cmdline", Kind::Other),
    ("anomaly.proc_pid", Kind::Other),
    ("anomaly.proc_uid", Kind::Other),
];

/// Fields of Falco's own `anomalydetection` plugin, whose names begin like ours.
const FOREIGN: [&str; 3] = ["anomaly.count_min_sketch", "anomaly.profile", "anomaly.falco.duration_ns"];

/// The names of the plugin's fields.
pub fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// The kind of a field; `None` where it is not one of the plugin's.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// Whether a name would be one of ours, and is not.
pub(crate) fn is_unknown(name: &str) -> bool {
    name.starts_with("anomaly.") && kind(name).is_none() && !FOREIGN.contains(&name)
}

/// The field that was most likely meant.
pub(crate) fn nearest(name: &str) -> &'static str {
    closest(name, names()).unwrap_or("anomaly.score")
}

/// The word among `words` that takes the fewest changes.
pub(crate) fn closest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    words.min_by_key(|known| distance(word, known))
}

/// Levenshtein's distance, of the first 64 characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, character) in left.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (index, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(character != *other);
            diagonal = row[index + 1];
            row[index + 1] = change.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_field_is_the_one_that_was_meant() {
        for (written, meant) in [
            ("anomaly.scor", "anomaly.score"),
            ("anomaly.scores", "anomaly.score"),
            ("anomaly.treshold", "anomaly.threshold"),
            ("anomaly.proc.name", "anomaly.proc_name"),
            ("anomaly.Level", "anomaly.level"),
        ] {
            assert!(is_unknown(written));
            assert_eq!(nearest(written), meant);
        }
        assert!(!is_unknown("anomaly.profile") && !is_unknown("proc.name") && !is_unknown("anomaly.score"));
        assert_eq!(nearest(&"x".repeat(100_000)).get(..8), Some("anomaly."));
    }
}
