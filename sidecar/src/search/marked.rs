//! Parts of a text marked, from a hostile command line to a terminal.
//!
//! Tables are laid out by columns, in which an escape sequence would count. So marks travel through the layout as two
//! characters that take no column and that no printable text has, and become colours, or nothing, at the end.

use anomaly_baseline::text::printable;
use anstyle::{AnsiColor, Style};

/// Where a marked part begins and ends. [`printable`] escapes both, so no text brings its own.
const BEGIN: char = '\u{2062}';
const END: char = '\u{2063}';

/// What a text that was cut ends or begins with.
const MORE: &str = "...";

/// How much stands before the first mark of a text of which only a part is shown, in bytes.
const BEFORE: usize = 60;

/// How marked parts look where there are colours.
const LOOK: Style = AnsiColor::Yellow.on_default().bold();

/// At most some `max` bytes of `text`, printable, with the ranges of bytes in `spans` (in order, apart, at characters'
/// boundaries) marked. What is shown is where most of them are.
pub(super) fn marked(text: &str, spans: &[(usize, usize)], max: usize) -> String {
    let start = if text.len() > max { text.floor_char_boundary(beginning(spans, max)) } else { 0 };
    let spans = &spans[spans.partition_point(|&(from, _)| from < start)..];
    let mut out = String::new();
    if start > 0 {
        out.push_str(MORE);
    }
    let mut at = start;
    let mut room = max;
    let mut put = |out: &mut String, part: &str, is_marked: bool| -> bool {
        let shown = printable(part, room);
        let fits = printable(part, usize::MAX).len() <= room;
        room = room.saturating_sub(shown.len());
        if is_marked && !shown.is_empty() {
            out.extend([BEGIN.to_string(), shown, END.to_string()]);
        } else {
            out.push_str(&shown);
        }
        fits
    };
    for &(from, to) in spans {
        if !put(&mut out, &text[at..from], false) || !put(&mut out, &text[from..to], true) {
            return out;
        }
        at = to;
    }
    put(&mut out, &text[at..], false);
    out
}

/// Where to begin so that as much as can be of what is marked stands within `max` bytes: at 0 where that is as good.
fn beginning(spans: &[(usize, usize)], max: usize) -> usize {
    let marked = |start: usize| -> usize {
        let seen = spans.iter().filter(|&&(from, to)| from >= start && to <= start + max);
        seen.map(|&(from, to)| to - from).sum()
    };
    let starts = spans.iter().map(|&(from, _)| from.saturating_sub(BEFORE));
    let mut best = (marked(0), 0);
    for start in starts {
        let seen = marked(start);
        if seen > best.0 {
            best = (seen, start);
        }
    }
    best.1
}

/// Turns marks into colours, or takes them away. A mark that a line's end cuts goes on behind the next line's indent.
pub(super) fn finished(text: &str, colours: bool) -> String {
    if !colours {
        return text.replace([BEGIN, END], "");
    }
    let mut out = String::with_capacity(text.len() * 5 / 4);
    let mut open = false;
    let mut drawn = false;
    for c in text.chars() {
        let within = match c {
            BEGIN | END => {
                open = c == BEGIN;
                open && drawn
            }
            '\n' => false,
            ' ' if !drawn => false,
            _ => open,
        };
        if within != drawn {
            out.push_str(&if within { LOOK.render().to_string() } else { LOOK.render_reset().to_string() });
            drawn = within;
        }
        if !matches!(c, BEGIN | END) {
            out.push(c);
        }
    }
    if drawn {
        out.push_str(&LOOK.render_reset().to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, spans: &[(usize, usize)], max: usize) -> String {
        marked(text, spans, max).replace(BEGIN, "[").replace(END, "]")
    }

    #[test]
    fn marks_stand_around_what_was_found() {
        assert_eq!(shown("curl -s x | sh", &[(0, 4), (12, 14)], 99), "[curl] -s x | [sh]");
        assert_eq!(shown("a\x1bb\n", &[(1, 2)], 99), "a[\\x1b]b\\n");
        assert_eq!(shown("plain", &[], 99), "plain");
    }

    #[test]
    fn a_long_text_shows_the_part_that_was_found() {
        let long = format!("{} needle {}", "x".repeat(1000), "y".repeat(1000));
        let shown = shown(&long, &[(1001, 1007)], 200);
        assert!(
            shown.starts_with("...xxx") && shown.contains("[needle]") && shown.ends_with("yyy..."),
            "{shown}"
        );
        assert!(shown.len() < 220);
        let shown = self::shown(&long, &[(0, 4), (1001, 1007)], 200);
        assert!(shown.contains("[needle]"), "the longer part counts: {shown}");
    }

    #[test]
    fn no_text_marks_itself() {
        let hostile = format!("a{BEGIN}b{END}");
        assert!(!marked(&hostile, &[], 99).contains([BEGIN, END]));
        assert!(!finished(&marked(&hostile, &[], 99), true).contains('\x1b'));
    }

    #[test]
    fn colours_end_with_the_line_and_go_on_in_the_next() {
        let text = format!("  {BEGIN}ab\n    cd{END} e\n");
        assert_eq!(finished(&text, false), "  ab\n    cd e\n");
        let (on, off) = (LOOK.render().to_string(), LOOK.render_reset().to_string());
        assert_eq!(finished(&text, true), format!("  {on}ab{off}\n    {on}cd{off} e\n"));
        let spaced = format!("{BEGIN}a b{END}c");
        assert_eq!(finished(&spaced, true), format!("{on}a b{off}c"));
    }
}
