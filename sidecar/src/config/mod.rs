//! `anomalyctl config`: a file to begin with, what is wrong with one, and its schema. What it says is
//! [`anomaly_config`]'s.

mod arguments;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anomaly_baseline::text::printable;
use anomaly_config::{Config, ConfigError};
use serde_json::{Value, json};

pub(crate) use arguments::{Action, EXAMPLES};

use crate::failure::{Failure, say};
use crate::feedback::table::{print, print_json};
use crate::paths;
use crate::words::count;

/// The code of a check that found something.
const WRONG: u8 = 1;

/// Runs the command.
pub(crate) fn run(action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Init { out: None, .. } => print(&Config::example()).map(|()| ExitCode::SUCCESS),
        Action::Init { out: Some(path), force } => init(path, *force).map(|()| ExitCode::SUCCESS),
        Action::Check { files, json } => check(files, *json),
        Action::Schema => {
            let text = format!("{:#}\n", Config::schema());
            print(&text).map(|()| ExitCode::SUCCESS)
        }
    }
}

/// The configuration of a file, or every default; what is wrong with the file is said line by line.
///
/// # Errors
/// The last mistake, or why the file cannot be read.
pub(crate) fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let Some(path) = path else { return Ok(Config::default()) };
    let error = match Config::read(path) {
        Ok(config) => return Ok(config),
        Err(error) => error.to_string(),
    };
    let mut lines: Vec<&str> = error.lines().collect();
    let last = lines.pop().unwrap_or_default();
    lines.into_iter().for_each(say);
    Err(Failure::new(last))
}

/// The file that a command goes by: the one that is named, else the machine's where this user may read one.
pub(crate) fn file(named: Option<&Path>) -> Option<PathBuf> {
    let machines = Path::new(paths::CONFIG);
    named.or_else(|| File::open(machines).is_ok().then_some(machines)).map(Path::to_owned)
}

/// Writes the example to a file.
fn init(path: &Path, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| {
        file.write_all(Config::example().as_bytes())?;
        file.sync_all()
    });
    let shown = printable(&path.display().to_string(), 1_000);
    written.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AlreadyExists => "give another name, or --force to replace it",
            io::ErrorKind::NotFound => "make the directory first",
            _ => "give a file that you may write",
        };
        Failure::new(format!("{shown} cannot be written: {error}; {remedy}"))
    })?;
    say(&format!("wrote {shown}; next: anomalyctl doctor --config {shown}, anomalyctl run --config {shown}"));
    Ok(())
}

/// Says what is wrong with files.
fn check(files: &[PathBuf], as_json: bool) -> Result<ExitCode, Failure> {
    let mut found: Vec<Value> = Vec::new();
    let mut lines = String::new();
    for file in files {
        let name = file.display().to_string();
        match Config::read(file) {
            Ok(config) => {
                config.given_away().iter().for_each(|notice| say(&format!("{name}: {notice}")));
                say(&format!("{name}: nothing to correct"));
            }
            Err(error @ ConfigError::Read { .. }) => return Err(Failure::new(error.to_string())),
            Err(ConfigError::Refused { problems, .. }) => {
                for problem in problems {
                    lines.push_str(&format!("{}: {}\n", problem.place.of(&name), problem.sentence));
                    found.push(json!({
                        "file": name,
                        "line": problem.place.line,
                        "column": problem.place.column,
                        "problem": problem.sentence,
                    }));
                }
            }
        }
    }
    if as_json {
        print_json(&found)?;
    } else {
        print(&lines)?;
    }
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} to correct", count(found.len() as u64, "value")));
    Ok(ExitCode::from(WRONG))
}
