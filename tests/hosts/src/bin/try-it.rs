//! `examples/falco/try-it`: a made-up attack on a made-up web server, and the alert that it raises.
//!
//! Through Falco where it is installed, else through sysdig, which is the same engine. Nothing is watched, nobody has to
//! be root, nothing is left behind.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use anomaly_hosts::falco::{Falco, Setting};
use anomaly_hosts::rules::Ruleset;
use anomaly_hosts::scap::{Capture, Exec};
use anomaly_hosts::story::{self, LEARN_EXECUTIONS, LEARN_FOR, NORMAL, NOVEL, WORKER, WORKLOAD};
use anomaly_hosts::sysdig::Sysdig;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [library, rules] = &arguments[..] else {
        return Err("usage: try-it LIBRARY RULES".into());
    };
    let mut out = io::stdout().lock();
    let folder = tempfile::tempdir()?;
    let capture = folder.path().join("story.scap");
    tell(&capture)?;
    writeln!(out, "{WORKLOAD} runs the same few commands for a minute and a half, such as")?;
    writeln!(out, "    {}\nuntil one of its workers runs\n    {NOVEL}\n", NORMAL[1])?;

    let init_config = json!({
        "path": folder.path().join("data"),
        "feed": "falco",
        "learn_executions": LEARN_EXECUTIONS,
        "learn_for": LEARN_FOR,
    });
    let alerts = match Falco::installed() {
        Some(falco) => {
            writeln!(out, "Falco says:")?;
            let setting = Setting {
                capture: &capture,
                library,
                init_config: &init_config,
                rules: std::slice::from_ref(rules),
                folder: folder.path(),
            };
            let lines = falco.replay(setting)?.0;
            lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<Vec<Value>, _>>()?
        }
        None => {
            writeln!(out, "Falco is not installed, so sysdig, which is the same engine, says:")?;
            through_sysdig(&capture, library, &init_config, rules)?
        }
    };
    if alerts.is_empty() {
        return Err("no alert: this should not happen, please report it".into());
    }
    for alert in &alerts {
        writeln!(out, "{}", serde_json::to_string_pretty(alert)?)?;
    }
    Ok(())
}

/// Writes the capture.
fn tell(path: &Path) -> io::Result<()> {
    let mut capture = Capture::create(path, &story::machine())?;
    story::learn(&mut capture)?;
    capture.run(WORKER, &Exec::line(NOVEL))?;
    capture.finish().map(drop)
}

/// The first rule that matches an event reports it, as in Falco.
fn through_sysdig(
    capture: &Path,
    library: &Path,
    init_config: &Value,
    rules: &Path,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let sysdig = Sysdig::obtain()?;
    let mut rules = Ruleset::parse(&fs::read_to_string(rules)?)?;
    // There is no container plugin here.
    rules.override_macro("anomaly_in_container", "(proc.vpid != val(proc.pid))");
    for rule in &rules.rules {
        let replayed = sysdig
            .replay(capture)
            .plugin(library, &init_config.to_string())
            .filter(&rules.expanded(&rule.condition))
            .format(&format!("*{}", rule.output))?;
        // Each replay is a life of its own.
        fs::remove_dir_all(init_config["path"].as_str().unwrap_or_default())
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        if !replayed.rows.is_empty() {
            let time = "2026-03-02T08:01:20.000000000Z";
            return Ok(replayed.rows.iter().map(|row| rule.alert(row, time)).collect());
        }
    }
    Ok(Vec::new())
}
