//! JSON Lines: a scored execution as everything else that leaves the machine has it.
//!
//! The keys of a recording keep their names, so that the output can be replayed and reported on.

use std::io::Write;

use anomaly_baseline::Verdict;
use anomaly_capture::recording::Recorded;
use anomaly_daemon::scored::{Origin, scored};

/// Writes one line.
pub(crate) fn write(out: &mut Vec<u8>, recorded: &Recorded, verdict: &Verdict, origin: &Origin) {
    let before = out.len();
    let outcome = anomaly_baseline::json::write(out, &scored(recorded, verdict, origin));
    match outcome.and_then(|()| out.write_all(b"\n").map_err(serde_json::Error::io)) {
        Ok(()) => {}
        // Text, numbers and a vector of bytes: neither can fail. If it did, no half line may stay.
        Err(_) => out.truncate(before),
    }
}
