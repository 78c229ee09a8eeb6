//! The four stories of the article that this project began with, told to our scorer as recordings.
//!
//! A production server is watched for a week: nginx in front of an application, cron jobs, a person who logs in every
//! morning, and a CI runner. Then comes the eighth day. The article quotes .85 for a debug shell that somebody left
//! running, .72 and then .1 for a new build script, .94 for curl piped into a shell as root, and .02 for nginx
//! restarting; its own algorithm does not give those numbers. Here is what ours gives: the order and the bands are
//! asserted, and the README shows the table that this test prints.

use serde_json::Value;

use crate::recording::{DAY, Folder, Line, line};
use crate::support::{replay, run};

const HOST: &str = "shop-1";
const HOUR: f64 = 3600.0;

/// An execution on the server: `grandparent > parent > args[0]`.
fn ran(grandparent: &str, parent: &str, uid: u32, args: &[&str]) -> Line {
    line(HOST, parent, args).with("grandparent", grandparent).with("uid", uid).with("tty", parent == "bash")
}

/// What happens every day.
fn ordinary_day(day: u32) -> Vec<Line> {
    let mut lines = Vec::new();
    for hour in 0..24u32 {
        lines.extend([
            ran("cron", "cron", 0, &["/bin/sh", "-c", "cd / && run-parts --report /etc/cron.hourly"]),
            ran("cron", "sh", 0, &["run-parts", "--report", "/etc/cron.hourly"]),
            ran(
                "cron",
                "cron",
                33,
                &["/bin/sh", "-c", "/usr/bin/php /srv/shop/artisan schedule:run >/dev/null"],
            ),
            ran("cron", "sh", 33, &["/usr/bin/php", "/srv/shop/artisan", "schedule:run"]),
            ran("systemd", "prometheus-node", 0, &["sh", "-c", "smartctl -H /dev/sda | tail -1"]),
            ran("prometheus-node", "sh", 0, &["smartctl", "-H", "/dev/sda"]),
            ran("prometheus-node", "sh", 0, &["tail", "-1"]),
            ran(
                "systemd",
                "gunicorn",
                33,
                &["convert", "/srv/shop/up/a.png", "-resize", "200x200", "/srv/shop/t/a.png"],
            ),
            ran("systemd", "gunicorn", 33, &["pdftotext", "/srv/shop/up/invoice.pdf", "-"]),
        ]);
        for line in lines.iter_mut().rev().take(9) {
            *line = line.clone().at(f64::from(day) * DAY + f64::from(hour) * HOUR);
        }
    }
    let mut once = |hour: f64, more: Vec<Line>| {
        lines.extend(more.into_iter().map(|line| line.at(f64::from(day) * DAY + hour * HOUR)));
    };
    once(0.5, restart());
    once(
        3.0,
        vec![
            ran("cron", "cron", 0, &["/bin/sh", "-c", "/usr/local/bin/backup.sh"]),
            ran("cron", "sh", 0, &["/usr/local/bin/backup.sh"]),
            ran("sh", "backup.sh", 0, &["pg_dump", "-Fc", "-f", "/var/backups/shop.dump", "shop"]),
            ran("sh", "backup.sh", 0, &["tar", "-czf", "/var/backups/shop.tar.gz", "/srv/shop"]),
            ran("sh", "backup.sh", 0, &["curl", "-fsS", "-m", "10", "https://hc.example.com/ping/backup"]),
        ],
    );
    once(
        9.0,
        vec![
            ran("sshd", "sshd", 1000, &["-bash"]),
            ran("sshd", "bash", 1000, &["ls", "-la"]),
            ran("sshd", "bash", 1000, &["systemctl", "status", "nginx"]),
            ran("sshd", "bash", 1000, &["journalctl", "-u", "gunicorn", "-n", "100"]),
            ran("sshd", "bash", 1000, &["sudo", "-i"]),
            ran("bash", "sudo", 0, &["-bash"]),
            ran("sudo", "bash", 0, &["apt", "list", "--upgradable"]),
            ran("sudo", "bash", 0, &["df", "-h"]),
        ],
    );
    for hour in [10.0, 13.0, 16.0] {
        once(hour, build("ci/build.sh"));
    }
    lines
}

/// The CI runner builds the shop with this script.
fn build(script: &str) -> Vec<Line> {
    vec![
        ran("systemd", "gitlab-runner", 998, &["bash", "/builds/shop/ci/setup.sh"]),
        ran("gitlab-runner", "bash", 998, &["git", "fetch", "--depth", "20", "origin"]),
        ran("systemd", "gitlab-runner", 998, &["bash", &format!("/builds/shop/{script}")]),
        ran("gitlab-runner", "bash", 998, &["npm", "ci"]),
        ran("gitlab-runner", "bash", 998, &["npm", "run", "build"]),
        ran("npm", "sh", 998, &["node", "/builds/shop/node_modules/.bin/webpack", "--mode", "production"]),
        ran("gitlab-runner", "bash", 998, &["docker", "build", "-t", "registry.example.com/shop", "."]),
    ]
}

/// nginx is restarted, as it is every night after its logs were rotated.
fn restart() -> Vec<Line> {
    vec![
        ran("systemd", "systemd", 0, &["/usr/sbin/nginx", "-t", "-q", "-g", "daemon on; master_process on;"]),
        ran("systemd", "systemd", 0, &["/usr/sbin/nginx", "-g", "daemon on; master_process on;"]),
    ]
}

/// A developer opened a shell through the application and left it running.
fn debug_shell() -> Vec<Line> {
    vec![
        ran("gunicorn", "gunicorn", 33, &["python3", "-c", "import pty; pty.spawn('/bin/bash')"])
            .with("tty", false),
        ran("gunicorn", "python3", 33, &["/bin/bash"]).with("tty", true),
    ]
}

/// A build script that was written today; it calls what the other one calls.
fn new_script() -> Vec<Line> {
    build("ci/build-search.sh")
}

/// The same with a tool that was never used here.
fn new_tool() -> Vec<Line> {
    let wasm = &["wasm-pack", "build", "--release", "--target", "web", "crates/search"];
    vec![ran("gitlab-runner", "bash", 998, wasm)]
}

/// Somebody installs something as root, in the way that its home page says.
fn curl_into_a_shell() -> Vec<Line> {
    vec![
        ran("sudo", "bash", 0, &["curl", "-fsSL", "https://get.example.org/install.sh"]),
        ran("sudo", "bash", 0, &["bash"]),
        ran(
            "bash",
            "bash",
            0,
            &["install", "-m", "755", "/tmp/tmp.Qx3vR9LkTz/agent", "/usr/local/bin/agent"],
        ),
        ran("bash", "bash", 0, &["systemctl", "enable", "--now", "agent.service"]),
    ]
}

/// What one story scored, by its most novel execution.
#[derive(Debug)]
struct Told {
    score: f64,
    distance: f64,
    level: String,
    novel: bool,
    why: String,
}

/// Tells stories, each on its day and hour, to a server that has learned seven days (0 to 6) and goes on as ever.
fn tell(stories: &[(u32, f64, Vec<Line>)]) -> Vec<Told> {
    let last = stories.iter().map(|(day, _, _)| *day).max().expect("there are stories");
    let mut lines: Vec<(Option<usize>, Line)> = Vec::new();
    for day in 0..=last {
        lines.extend(ordinary_day(day).into_iter().map(|line| (None, line)));
        for (story, (of_day, hour, executions)) in
            stories.iter().enumerate().filter(|(_, told)| told.0 == day)
        {
            let begin = f64::from(*of_day) * DAY + hour * HOUR;
            lines.extend(
                executions
                    .iter()
                    .zip(0..)
                    .map(|(line, n)| (Some(story), line.clone().at(begin + f64::from(n)))),
            );
        }
    }
    lines.sort_by(|(_, a), (_, b)| a.seconds().total_cmp(&b.seconds()));
    let folder = Folder::new();
    let recording =
        folder.recording("server.jsonl", &lines.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>());
    let scored = run(replay(&recording).args(["--json", "--learn-for", "1d"])).succeeded().json();

    let ordinary =
        scored.iter().zip(&lines).filter(|(scored, (story, _))| story.is_none() && scored["novel"] == true);
    assert_eq!(ordinary.count(), 0, "nothing that happens every day is novel");
    let of = |story| {
        scored.iter().zip(&lines).filter(move |(_, (of, _))| *of == Some(story)).map(|(scored, _)| scored)
    };
    (0..stories.len()).map(|story| worst(of(story))).collect()
}

fn worst<'a>(lines: impl Iterator<Item = &'a Value>) -> Told {
    let number = |line: &Value, key: &str| line[key].as_f64().unwrap_or_else(|| panic!("no {key} in {line}"));
    let most =
        lines.max_by(|a, b| number(a, "score").total_cmp(&number(b, "score"))).expect("a story has lines");
    Told {
        score: number(most, "score"),
        distance: number(most, "distance"),
        level: most["level"].as_str().unwrap_or_default().to_owned(),
        novel: most["novel"] == true,
        why: most["reason"].as_str().unwrap_or("seen before").to_owned(),
    }
}

#[test]
fn the_four_stories_come_out_in_this_order_and_in_these_bands() {
    let told = tell(&[
        (7, 0.6, restart()),
        (7, 11.0, new_script()),
        (7, 12.0, new_script()),
        (7, 14.0, debug_shell()),
        (7, 15.0, curl_into_a_shell()),
        (8, 11.0, new_tool()),
        (8, 12.0, new_tool()),
        (9, 11.0, new_tool()),
        (10, 11.0, new_tool()),
        (10, 12.0, new_tool()),
        (11, 12.0, new_tool()),
    ]);
    let names = [
        "nginx restarts",
        "a new build script",
        "the same script again",
        "a debug shell left running",
        "curl piped into a shell as root",
        "a new build tool",
        "the same tool again that day",
        "on the second day",
        "on the third day",
        "again that day",
        "on the fourth day",
    ];
    println!("| story | score | distance | level | why |\n|---|---|---|---|---|");
    for (name, Told { score, distance, level, why, .. }) in names.iter().zip(&told) {
        println!("| {name} | {score:.4} | {distance:.4} | {level} | {why} |");
    }

    let [restart, script, again, shell, curl, tool, tool_again, _, third, after, fourth] = &told[..] else {
        unreachable!("there are eleven")
    };
    // Margins of .04 around what was measured: a scorer that moves further tells another story.
    let in_band = |told: &Told, from: f64, to: f64| {
        assert!((from..=to).contains(&told.score), "{from}..{to}: {told:?}")
    };
    for known in [restart, again, after, fourth] {
        in_band(known, 0.0, 0.0);
        assert_eq!((known.novel, known.level.as_str()), (false, "normal"));
    }
    in_band(script, 0.73, 0.81);
    assert!(!script.novel, "near what is known, so it is learned at once and nobody is woken");
    in_band(curl, 0.89, 0.97);
    in_band(shell, 0.93, 1.0);
    for alert in [curl, shell, tool, third] {
        assert!(alert.novel, "{alert:?}");
    }
    assert!(restart.score < script.score && script.score < curl.score && curl.score < shell.score);
    in_band(tool, 0.87, 0.95);
    assert!(tool_again.score < tool.score, "what happens again on the same day is told more quietly");
}
