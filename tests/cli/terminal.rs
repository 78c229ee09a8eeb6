//! A terminal gets colours, a redrawn line and text that fits, and nothing that a command line wrote.

use std::path::Path;
use std::process::Command;

use crate::recording::{DAY, Folder, Line, exfiltration, line, web_week};
use crate::support::{PROGRAM, replay, run, settle};

/// Runs `anomalyctl watch` on a real terminal of 80 columns. Returns all that it drew.
fn on_a_terminal(arguments: &str, environment: &[(&str, &str)]) -> String {
    on_a_terminal_of(80, &format!("watch {arguments}"), environment)
}

/// Runs `anomalyctl` on a real terminal that is this wide, by `script` of util-linux. Returns all that it drew.
pub(crate) fn on_a_terminal_of(columns: u16, arguments: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new("script");
    settle(&mut command);
    let inner = format!("stty cols {columns} rows 24; '{PROGRAM}' {arguments}");
    command.args(["--quiet", "--return", "--command", &inner, "/dev/null"]);
    command.envs(environment.iter().copied());
    run(&mut command).succeeded().out
}

fn replayed(path: &Path) -> String {
    format!("--replay '{}'", path.display())
}

fn week_and(more: Line) -> Vec<Line> {
    [web_week("web"), vec![more]].concat()
}

/// What stays of a drawing when our own colours, redrawing and line ends are taken out.
fn without_our_own(drawn: &str) -> String {
    let mut text = drawn.replace("\r\n", "\n").replace("\r\x1b[2K", "");
    for style in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m"] {
        text = text.replace(style, "");
    }
    text
}

#[test]
fn colours_on_a_terminal_unless_no_color_says_otherwise() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &week_and(exfiltration("web").at(7.0 * DAY)));
    let coloured = |drawn: &str| drawn.contains("\x1b[33m0.") || drawn.contains("\x1b[31m0.");
    assert!(coloured(&on_a_terminal(&replayed(&recording), &[])));
    assert!(!coloured(&on_a_terminal(&replayed(&recording), &[("NO_COLOR", "1")])));
    assert!(!coloured(&on_a_terminal(&replayed(&recording), &[("TERM", "dumb")])));
    assert!(!run(&mut replay(&recording)).succeeded().out.contains('\x1b'));
}

#[test]
fn lines_fit_the_terminal_and_the_reason_is_indented() {
    let folder = Folder::new();
    let long = exfiltration(&"long-name-of-a-workload/".repeat(5)).at(7.0 * DAY);
    let mut lines = web_week(&"long-name-of-a-workload/".repeat(5));
    lines.push(long);
    let recording = folder.recording("r.jsonl", &lines);
    let text = without_our_own(&on_a_terminal(&format!("{} 2>/dev/null", replayed(&recording)), &[]));
    for line in text.lines().filter(|line| !line.contains("not shown")) {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
    assert!(text.contains("\n         new: parent nginx"), "{text}");
}

#[test]
fn the_progress_line_is_drawn_over_and_gone_at_the_end() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &web_week("web"));
    let drawn = on_a_terminal(&replayed(&recording), &[]);
    assert!(drawn.contains("\r\x1b[2K[") && drawn.contains(" %"), "no bar in {drawn:?}");
    let (_, end) = drawn.rsplit_once("\r\x1b[2K").expect("it was drawn");
    assert!(
        end.contains("executions  1,008") && !end.contains(" | "),
        "the summary follows the last clearing: {end:?}"
    );
    let dumb = on_a_terminal(&replayed(&recording), &[("TERM", "dumb")]);
    assert!(!dumb.contains('\x1b'), "{dumb:?}");
}

/// Control characters, escape sequences and marks that reorder text, in every place that comes from outside.
#[test]
fn nothing_from_outside_draws() {
    let folder = Folder::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnp\u{2066}\r\n\u{8}\u{200b}\u{feff}";
    let mut lines = web_week(hostile);
    lines.push(
        line(hostile, hostile, &["sh", hostile, "--flag=\u{1b}[1A", "http://\u{1b}[5m.example/\u{202e}"])
            .with("name", hostile)
            .with("grandparent", hostile)
            .with("exe", hostile)
            .at(7.0 * DAY),
    );
    lines.push(line(hostile, "sh", &["\u{1b}[31mred", "\u{202e}"]).at(7.0 * DAY + 1.0));
    let mut bytes = crate::recording::text(&lines).into_bytes();
    bytes.extend_from_slice(b"\x1b[2J\xff\xfe garbage \xe2\x80\xae\n");
    bytes.extend_from_slice("{\"label\": \"\u{1b}[31m\u{202e}\"}\n".as_bytes());
    bytes.extend_from_slice(
        "{\"na\u{1b}me\u{202e}\": \"\\u001b[31m\", \"name\": [\"\u{202e}\"]}\n".as_bytes(),
    );
    let name = format!("{}\u{1b}[31m\u{202e}.jsonl", "r");
    let recording = folder.file(&name, bytes);

    let safe = |text: &str, where_: &str| {
        let bad = |c: &char| {
            c.is_control() && *c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        assert!(!text.chars().any(|c| bad(&c)), "{where_}: {text:?}");
    };
    let ran = run(replay(&recording).args(["--all", "--threshold", "0.1"])).succeeded();
    safe(&ran.out, "standard output");
    safe(&ran.err, "standard error");
    assert!(ran.out.contains("\\x1b]0;owned\\x07") && ran.out.contains("\\u{202e}"), "{}", ran.out);
    let arguments = format!("{} --all --threshold 0.1", replayed(&recording));
    safe(&without_our_own(&on_a_terminal(&arguments, &[])), "the terminal");
    let wrong = run(replay(&recording).args(["--only", hostile, "--record", "/no/\u{1b}[31m\u{202e}/x"]));
    safe(&wrong.failed_with(&["cannot record"]).err, "an error");
}
