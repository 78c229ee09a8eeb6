//! What only several values together can have wrong, and what the files that are named give away.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anomaly_baseline::text::printable;
use anomaly_sinks::SinkConfig;

use crate::Config;
use crate::problem::{Place, Problem};
use crate::tree::Node;

/// What does not go together, each with the place of the value to change.
pub(crate) fn together(config: &Config, root: &Node) -> Vec<Problem> {
    let place = |path: &[&str]| place(root, path);
    let mut problems = Vec::new();
    let mut wrong = |place, sentence: String| problems.push(Problem { place, sentence });
    let (warn, critical) = (config.scoring.warn, config.scoring.critical);
    if warn > critical {
        let key =
            if root.find(&["scoring".to_owned(), "warn".to_owned()]).is_some() { "warn" } else { "critical" };
        wrong(
            place(&["scoring", key]),
            format!(
                "scoring.warn is {warn}, above scoring.critical, which is {critical}; write a warn of {critical} or less"
            ),
        );
    }
    let api = &config.api;
    if api.listen.is_some() && api.token_env.is_none() && api.token_file.is_none() {
        let sentence = "api.listen without a token lets every program of this machine in; write token_env: NAME or \
                        token_file: PATH beside it";
        wrong(place(&["api", "listen"]), sentence.to_owned());
    }
    if api.token_env.is_some() && api.token_file.is_some() {
        wrong(
            place(&["api", "token_file"]),
            "api.token_file and api.token_env are two tokens; keep one".to_owned(),
        );
    }
    let mut names = HashSet::new();
    for (position, sink) in config.backend.sinks.iter().enumerate() {
        let position = position.to_string();
        let at = |key: &str| {
            let path: Vec<&str> = ["backend", "sinks", &position].into_iter().chain(key.split('.')).collect();
            place(&path)
        };
        if let Err(invalid) = sink.check() {
            let sentence =
                format!("backend.sinks[{position}].{}: {}", invalid.key, printable(&invalid.problem, 500));
            wrong(at(invalid.key), sentence);
        }
        if !names.insert(sink.name()) {
            let name = printable(sink.name(), 64);
            let sentence = format!(
                "backend.sinks[{position}] is the second of the name {name}; write a name of its own: name: {name}-2"
            );
            wrong(at("name"), sentence);
        }
    }
    problems
}

/// The place of a value, else of the nearest that contains it.
fn place(root: &Node, path: &[&str]) -> Place {
    let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
    (0..=path.len()).rev().find_map(|steps| root.find(&path[..steps])).map_or(root.place, |node| node.place)
}

/// The files with secrets that the configuration names.
pub(crate) fn secrets(config: &Config) -> Vec<(String, &Path)> {
    let mut files: Vec<(String, &Path)> = Vec::new();
    if let Some(path) = &config.api.token_file {
        files.push(("api.token_file".to_owned(), path));
    }
    for (position, sink) in config.backend.sinks.iter().enumerate() {
        let of: &[(&str, &Option<PathBuf>)] = match sink {
            SinkConfig::Http(http) => &[("auth_file", &http.auth_file)],
            SinkConfig::Clickhouse(server) => {
                &[("user_file", &server.user_file), ("password_file", &server.password_file)]
            }
            SinkConfig::Falcosidekick(_) | SinkConfig::File(_) | SinkConfig::Stdout(_) => &[],
        };
        for (key, path) in of {
            if let Some(path) = path {
                files.push((format!("backend.sinks[{position}].{key}"), path));
            }
        }
    }
    files
}

/// What is wrong with a file that holds a secret; nothing where it is its owner's alone.
pub(crate) fn given_away(key: &str, path: &Path) -> Option<String> {
    let shown = printable(&path.display().to_string(), 500);
    match fs::metadata(path) {
        Err(error) => Some(format!("{key}: {shown} cannot be read: {error}; make it readable for this user")),
        Ok(facts) if !facts.is_file() => {
            Some(format!("{key}: {shown} is no file; name the file with the secret in it"))
        }
        Ok(facts) if facts.permissions().mode() & 0o007 != 0 => {
            let mode = facts.permissions().mode() & 0o777;
            Some(format!(
                "{key}: {shown} is open to every user of this machine (mode {mode:04o}); chmod 600 {shown}"
            ))
        }
        Ok(_) => None,
    }
}
