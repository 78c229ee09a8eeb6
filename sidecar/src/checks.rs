//! What was looked at, how it is, and what to do about it: the form in which `doctor` and `validate` answer.

use std::io;
use std::process::ExitCode;

use anomaly_baseline::text::printable;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;
use crate::feedback::table::{print, print_json};
use crate::terminal::{self, wrap};

/// The code of a run in which something failed.
const FAILED: u8 = 1;

/// The longest that is said of one thing, in bytes.
const MAX_TEXT: usize = 1_000;

/// Where text begins: behind the status and the name.
const INDENT: usize = 25;

/// The widest that text is laid out.
const WIDTH: usize = 120;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It works, and something is missing that should be known.
    Warn,
    /// It does not work.
    Fail,
    /// It could not be looked at here.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    #[serde(rename = "check")]
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

impl Check {
    fn new(name: &'static str, status: Status, found: &str, remedy: Option<&str>) -> Self {
        let safe = |text: &str| printable(text, MAX_TEXT);
        Self { name, status, found: safe(found), remedy: remedy.map(safe) }
    }

    pub(crate) fn ok(name: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(name, Status::Ok, found.as_ref(), None)
    }

    pub(crate) fn warn(name: &'static str, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(name, Status::Warn, found.as_ref(), Some(remedy.as_ref()))
    }

    pub(crate) fn fail(name: &'static str, found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(name, Status::Fail, found.as_ref(), Some(remedy.as_ref()))
    }

    pub(crate) fn skipped(name: &'static str, why: impl AsRef<str>) -> Self {
        Self::new(name, Status::Skipped, why.as_ref(), None)
    }
}

/// Prints all of them, and says by the exit code whether something failed.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn report(checks: &[Check], as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        print_json(&serde_json::json!({ "ok": !has_failed(checks), "checks": checks }))?;
    } else {
        let width = terminal::width(&io::stdout());
        print(&text(checks, width, terminal::stdout_has_colours()))?;
    }
    Ok(if has_failed(checks) { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn has_failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.status == Status::Fail)
}

/// A line for each where the output is no terminal, lines of its width where it is one.
fn text(checks: &[Check], width: Option<usize>, colours: bool) -> String {
    let mut out = String::new();
    for Check { name, status, found, remedy } in checks {
        let (word, colour) = match status {
            Status::Ok => ("ok", AnsiColor::Green),
            Status::Warn => ("warn", AnsiColor::Yellow),
            Status::Fail => ("fail", AnsiColor::Red),
            Status::Skipped => ("skipped", AnsiColor::Cyan),
        };
        let style = if colours { colour.on_default() } else { Style::new() };
        let found = if *status == Status::Skipped { format!("skipped: {found}") } else { found.clone() };
        out.push_str(&format!("{style}{word:<8}{style:#} {name:<15} "));
        let Some(width) = width else {
            let remedy = remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
            out.push_str(&format!("{found}{remedy}\n"));
            continue;
        };
        let room = width.min(WIDTH).saturating_sub(INDENT).max(20);
        let mut lines = wrap(&found, room, room);
        if let Some(remedy) = remedy {
            lines.extend(wrap(&format!("> {remedy}"), room, room));
        }
        out.push_str(&lines.join(&format!("\n{:INDENT$}", "")));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each_elsewhere_and_the_width_on_a_terminal() {
        let checks = [
            Check::ok("kernel", "6.18"),
            Check::warn("btf", "none\x1b[31m", "take a kernel that has it"),
            Check::skipped("coverage", "no privileges"),
        ];
        let lines = text(&checks, None, false);
        assert_eq!(
            lines,
            "ok       kernel          6.18\n\
             warn     btf             none\\x1b[31m; take a kernel that has it\n\
             skipped  coverage        skipped: no privileges\n"
        );
        let narrow = text(&checks, Some(50), false);
        assert!(narrow.lines().all(|line| terminal::columns(line) <= 50), "{narrow}");
        assert!(narrow.contains("\n                         > take"), "{narrow}");
        assert!(!has_failed(&checks));
        assert!(has_failed(&[Check::fail("disk", "full", "make room")]));
    }
}
