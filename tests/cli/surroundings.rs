//! What surrounds a command that is known to the letter: the terminal, the login, the origin of the executable, the
//! sockets it inherits. The same recordings with and without them show what they are worth.

use serde_json::{Value, json};

use crate::recording::{DAY, Folder, Line, line};
use crate::support::{replay, run};

/// What an administrator and a service run every day, with what their feeds saw around it.
fn day(day: u32) -> Vec<Line> {
    let mut lines = Vec::new();
    for hour in 0..24u32 {
        let at = f64::from(day) * DAY + f64::from(hour) * 3600.0;
        lines.push(service("php-fpm", &["sh", "-c", "convert /srv/up/a.png /srv/up/b.png"]).at(at));
        lines.push(service("sh", &["/srv/app/bin/thumbnail", "--size", "200"]).at(at + 1.0));
    }
    let at = f64::from(day) * DAY + 9.5 * 3600.0;
    lines.push(typed("sshd", &["bash", "-i"]).at(at));
    lines.push(typed("bash", &["ls", "-la", "/srv/app"]).at(at + 9.0));
    lines.push(typed("bash", &["journalctl", "-u", "app"]).at(at + 19.0));
    lines
}

/// A service's command: no terminal, nobody logged in, an ordinary file, pipes.
fn service(parent: &str, args: &[&str]) -> Line {
    around(line("app", parent, args), false, u32::MAX, &[], json!([]))
}

/// A command that somebody typed.
fn typed(parent: &str, args: &[&str]) -> Line {
    around(line("app", parent, args), true, 1000, &[], json!([]))
}

fn around(line: Line, tty: bool, loginuid: u32, exe_flags: &[&str], sockets: Value) -> Line {
    line.with("tty", tty)
        .with("loginuid", loginuid)
        .with("exe_flags", json!(exe_flags))
        .with("sockets", sockets)
}

fn connected(to: &str) -> Value {
    json!([0, 1, 2].map(|fd| json!({"fd": fd, "family": "inet", "protocol": 6, "remote": to})))
}

/// A line without its surroundings, as a feed that cannot tell would have recorded it.
fn blind(line: &Line) -> Line {
    ["tty", "loginuid", "exe_flags", "sockets"]
        .into_iter()
        .fold(line.clone(), |line, key| line.with(key, Value::Null))
}

#[test]
fn a_known_command_is_news_in_surroundings_that_it_was_never_seen_in() {
    let bash = || line("app", "sshd", &["bash", "-i"]);
    let thumbnail = || line("app", "sh", &["/srv/app/bin/thumbnail", "--size", "200"]);
    let nobody = u32::MAX;
    // What runs, what the reason must name, and whether it is worth an alert.
    let cases = [
        (
            "a reverse shell",
            around(bash(), false, nobody, &[], connected("203.0.113.9:4444")),
            "a public connection on 0-2",
        ),
        (
            "a shell on a connection inside",
            around(bash(), false, nobody, &[], connected("10.0.0.9:4444")),
            "a private connection on 0-2",
        ),
        ("a program in memory", around(thumbnail(), false, nobody, &["memfd"], json!([])), "in memory alone"),
        (
            "a program that was replaced",
            around(thumbnail(), false, nobody, &["upper_layer"], json!([])),
            "added after the container started",
        ),
    ];
    let folder = Folder::new();
    let week: Vec<_> = (0..7).flat_map(day).collect();
    let at = 7.0 * DAY + 10.0 * 3600.0;
    let scores = |attack: &Line, name: &str| {
        let known = [&week[..], &[attack.clone().at(at)]].concat();
        let recording = folder.recording(&format!("{name}.jsonl"), &known);
        let lines = run(replay(&recording).args(["--learn-for", "0s", "--json"])).succeeded().json();
        lines.last().expect("the attack").clone()
    };
    for (number, (what, attack, reason)) in cases.iter().enumerate() {
        let seen = scores(attack, &format!("seen-{number}"));
        let score = seen["score"].as_f64().expect("it is scored");
        println!("{what}: {score:.4} {}", seen["reason"]);
        assert!(seen["novel"] == true && score >= 0.85, "{what}: {seen}");
        assert!(seen["reason"].as_str().expect("a reason").contains(reason), "{what}: {seen}");
        assert_eq!(seen["held"], true, "{what} does not become normal by happening once");
        let unseen = scores(&blind(attack), &format!("unseen-{number}"));
        assert_eq!(unseen["score"].as_f64(), Some(0.0), "{what}: to a blind feed it is a repeat");
    }
    for usual in [typed("sshd", &["bash", "-i"]), service("sh", &["/srv/app/bin/thumbnail", "--size", "200"])]
    {
        assert_eq!(scores(&usual, "usual")["score"].as_f64(), Some(0.0), "as every day");
    }
}
