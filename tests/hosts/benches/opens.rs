//! What a gate costs where a hundred thousand files are opened and few of the opens concern the gated rule: the host
//! with the rule alone and with the gated rule, one beside the other, in time on a processor.
//!
//! `cargo bench --profile dev -p anomaly-hosts --bench opens`, after `cargo build`.

use std::time::{Duration, Instant};

use anomaly_hosts::library;
use anomaly_hosts::scap::Capture;
use anomaly_hosts::story::{self, WORKER};
use anomaly_hosts::sysdig::Sysdig;
use serde_json::json;

const OPENS: u32 = 300_000;

/// One open of this many concerns the rule.
const SENSITIVE: u32 = 1_000;

/// How often both are measured.
const ROUNDS: usize = 5;

const RULE: &str = "evt.type in (open, openat, openat2) and fd.name startswith /etc";

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("opens.scap");
    let mut writer = Capture::create(&capture, &story::machine()).expect("a capture");
    for number in 0..OPENS {
        let sensitive = number % SENSITIVE == 0;
        let path = if sensitive { "/etc/passwd".to_owned() } else { format!("/srv/www/page-{number}.html") };
        writer.open(WORKER, &path).expect("an event");
    }
    writer.finish().expect("a capture");

    let took = |round: usize, gate: &str, with_plugin: bool| {
        let started = Instant::now();
        let mut replay = sysdig.replay(&capture).filter(&format!("{RULE} {gate}"));
        if with_plugin {
            let path = folder.path().join(format!("{round}{}", gate.len()));
            replay = replay.plugin(&library, &json!({ "path": path, "feed": "falco" }).to_string());
        }
        assert!(!replay.fields(&["evt.num"]).expect("a replay").rows.is_empty());
        started.elapsed()
    };
    let gate = "and not anomaly.event_score < 0.85";
    let mut rounds: Vec<[Duration; 3]> = (0..=ROUNDS)
        .map(|round| [took(round, "", false), took(round, "", true), took(round, gate, true)])
        .skip(1)
        .collect();
    for (number, what) in
        ["the rule, no plugin", "the rule, the plugin loaded", "the rule with its gate"].iter().enumerate()
    {
        rounds.sort_by_key(|round| round[number]);
        let median = rounds[ROUNDS / 2][number];
        println!("{what:<28} {:>8.3?} an open", median / OPENS);
    }
}
