//! `anomalyctl lint-rules`: what is wrong with rules that use the plugin's fields.
//!
//! Reading files and printing is all that happens here; what counts as wrong is [`anomaly_lint`]'s. Findings are the
//! command's result and go to standard output, so that a script can take them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anomaly_lint::{Finding, MAX_BYTES, lint};

use crate::cli;
use crate::failure::{Failure, say};
use crate::words::thousands;

/// The code of a run that found something.
const FOUND: u8 = 1;

/// Runs the command: 0 where nothing is to be corrected, 1 where something is.
pub(crate) fn run(arguments: &cli::LintRules) -> Result<ExitCode, Failure> {
    let names: Vec<_> = arguments.files.iter().map(|path| path.display().to_string()).collect();
    let texts = arguments.files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<_> =
        names.iter().zip(&texts).map(|(name, text)| anomaly_lint::File { name, text }).collect();
    let findings = lint(&files).map_err(|error| Failure::new(error.to_string()))?;
    print(&findings, arguments.json)
        .map_err(|error| Failure::new(format!("standard output cannot be written: {error}")))?;
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} to correct", thousands(findings.len() as u64)));
    Ok(ExitCode::from(FOUND))
}

/// A line for each finding, or all of them as one JSON array.
fn print(findings: &[Finding], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, findings)?;
        return writeln!(out);
    }
    findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))
}

/// A file's text, up to a size that no rules file has.
fn read(path: &PathBuf) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| not_text(path))
}

fn not_text(path: &Path) -> Failure {
    Failure::new(format!("{} is not UTF-8, so Falco cannot read it as YAML either", path.display()))
}
