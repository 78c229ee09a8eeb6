//! The file of gates: written beside its place and put there whole, because Falco may be looking.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anomaly_tune::{Report, RuleReport, gates as text};

use crate::failure::{Failure, say};
use crate::words::count;

/// Refuses to replace a file.
pub(super) fn check(path: &Path, force: bool) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(Failure::new(format!("{} is a directory; give --write a file", path.display())))
        }
        Ok(_) if !force => Err(Failure::new(format!(
            "{} exists and may hold gates that somebody reviewed; give another name, or --force to replace it",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Writes the gates of these rules, and says so.
pub(super) fn gates(path: &Path, force: bool, report: &Report, rules: &[&RuleReport]) -> Result<(), Failure> {
    if rules.is_empty() {
        return Err(Failure::new(format!(
            "no rule is recommended for a gate, so {} is not written; name rules with --rule after reading why",
            path.display()
        )));
    }
    let names: Vec<_> = rules.iter().map(|rule| rule.rule.as_str()).collect();
    let text = text(report, &names).map_err(|refusal| Failure::new(refusal.to_string()))?;
    for rule in rules {
        if rule.critical {
            say(&format!(
                "{:?} is CRITICAL: with its gate, an intruder who does what is known in a workload is not reported by it",
                rule.rule
            ));
        }
        for why in rule.advice.why_not.iter().filter(|_| !rule.advice.recommended) {
            say(&format!("{:?} is gated though it is not recommended: {why}", rule.rule));
        }
    }
    check(path, force)?;
    put(path, text.as_bytes()).map_err(|error| {
        Failure::new(format!(
            "cannot write {}: {error}; give --write a file in a directory that you may write to",
            path.display()
        ))
    })?;
    say(&format!(
        "{} written to {}; `anomalyctl lint-rules` checks it together with the rules that it changes",
        count(names.len() as u64, "gate"),
        path.display()
    ));
    Ok(())
}

/// Falco may run as another user, and there is nothing secret in a gate.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&partial)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&partial);
    }
    written
}
