//! A hundred thousand events run through without the host growing.

use std::io;

use anomaly_hosts::scap::{Capture, Exec};
use anomaly_hosts::story::{NORMAL, WORKER};

use crate::scenario::Scenario;

/// Processes that start, execute, open, connect and end: six events each.
fn bustle(capture: &mut Capture, events: u64) -> io::Result<()> {
    let remote = "203.0.113.9:443".parse().expect("an address");
    let mut round = 0_usize;
    while capture.events() < events {
        // One in a hundred is one of a few hundred that were never seen.
        let exec = if round.is_multiple_of(100) {
            Exec::line(&format!("/usr/bin/tool{} --option{} value", round / 100 % 97, round / 100 % 13))
        } else {
            Exec::line(NORMAL[round % NORMAL.len()])
        };
        let (pid, _) = capture.run(WORKER, &exec)?;
        capture.open(pid, "/etc/hosts")?;
        capture.connect(pid, 3, remote)?;
        capture.exit(pid)?;
        round += 1;
    }
    Ok(())
}

#[test]
fn memory_follows_variety_and_not_the_number_of_events() {
    let mut peaks = Vec::new();
    // The verdicts that are kept for later events have an upper bound, which the first of these has reached: 16,384 of
    // repeats, at six events each.
    for events in [110_000, 210_000] {
        let Some(scenario) = Scenario::after_learning(|capture| bustle(capture, events)) else { return };
        let replayed = scenario
            .replay()
            .filter("evt.type = execve and anomaly.score >= 0.85")
            .fields(&["evt.num"])
            .expect("a replay");
        eprintln!(
            "{events} events: {} novel, peak {} KiB of its own",
            replayed.rows.len(),
            replayed.peak_kib
        );
        assert!(!replayed.rows.is_empty());
        peaks.push(replayed.peak_kib);
    }
    // Forty bytes for each event more would be too many.
    assert!(peaks[1] < peaks[0] + 4 * 1024, "{peaks:?} KiB");
}
