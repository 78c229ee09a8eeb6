//! Text that came from outside, made safe for a terminal, a log line and a field; and the name that was meant by a slip.

use std::fmt::Write;

/// `text` with everything that a terminal or a reader could be fooled by escaped, at most `max_bytes` long.
///
/// Escaped are control characters (`\n`, `\x1b`), marks that reorder or hide text (bidirectional controls,
/// zero-width characters, `\u{202e}`) and line separators. A backslash stays itself: this is for reading, not for
/// parsing back. Text that is too long ends in `...`, never within a character or an escape.
pub fn printable(text: &str, max_bytes: usize) -> String {
    const MORE: &str = "...";
    let mut out = String::with_capacity(text.len().min(max_bytes));
    // How much of `out` may stay if more has to be marked behind it.
    let mut room_for_more = 0;
    for character in text.chars() {
        let before = out.len();
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if misleading(c) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
        if out.len() > max_bytes {
            out.truncate(if max_bytes >= MORE.len() { room_for_more } else { before });
            if max_bytes >= MORE.len() {
                out.push_str(MORE);
            }
            return out;
        }
        if out.len() + MORE.len() <= max_bytes {
            room_for_more = out.len();
        }
    }
    out
}

/// Whether [`printable`] escapes this character. For text that is escaped in another form, such as JSON.
pub fn needs_escape(c: char) -> bool {
    c.is_control() || misleading(c)
}

/// Characters that are not controls but draw nothing or change the order or the look of their neighbours: directions,
/// zero widths, separators, fillers, variation selectors and tags, in which whole messages hide. The page has the same
/// list (`sidecar/api/page/text.js`).
fn misleading(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The known name that looks most like `name`, if any does: fewest edits (Levenshtein), and no more than half its length.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let wanted: String = name.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let candidates = known.into_iter().map(|known| (strsim::levenshtein(&wanted, known), known));
    candidates
        .filter(|(edits, known)| *edits <= known.len().max(wanted.len()) / 2)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{nearest, printable};

    #[test]
    fn what_fools_a_terminal_is_escaped() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\n", 99), "a\\x1b[2Jb\\u{202e}c\\n");
        assert_eq!(printable("\u{9b}31m", 99), "\\x9b31m");
        assert_eq!(printable("sshd\u{fe0f}\u{e0101}", 99), "sshd\\u{fe0f}\\u{e0101}");
        assert_eq!(printable("naïve ☃ C:\\", 99), "naïve ☃ C:\\");
    }

    #[test]
    fn long_text_says_so() {
        assert_eq!(printable("abcdefgh", 8), "abcdefgh");
        assert_eq!(printable("abcdefghi", 8), "abcde...");
        assert_eq!(printable("abcdefg\n", 8), "abcde...");
        assert_eq!(printable("ab", 1), "a");
    }

    #[test]
    fn a_slip_finds_its_name_and_nonsense_none() {
        let known = ["path", "feed", "learn_executions", "threshold", "retention_days", "critical"];
        for (slip, name) in [
            ("treshold", "threshold"),
            ("learn-executions", "learn_executions"),
            ("Path", "path"),
            ("retention", "retention_days"),
            ("feeds", "feed"),
            ("critcal", "critical"),
        ] {
            assert_eq!(nearest(slip, known), Some(name), "{slip}");
        }
        assert_eq!(nearest("qqqqqqqqqqqqqqqqqqqqqqqqq", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    proptest! {
        #[test]
        fn never_longer_and_never_a_control(text in ".*", max in 0usize..60) {
            let out = printable(&text, max);
            prop_assert!(out.len() <= max);
            prop_assert!(!out.chars().any(super::needs_escape));
        }
    }
}
