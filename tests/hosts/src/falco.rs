//! Falco itself as a host, where one is installed: replays a capture with the plugin and our rules, and tells the alerts.
//!
//! No package registry has it, so this is a second opinion and never the only one: [`crate::sysdig`] is always there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use serde_json::{Value, json};

/// Where Falco's packages put the rules that it comes with.
pub const STOCK_RULES: &str = "/etc/falco/falco_rules.yaml";

/// And the plugin that those need.
const CONTAINERS: &str = "/usr/share/falco/plugins/libcontainer.so";

/// A Falco.
#[derive(Debug, Clone)]
pub struct Falco {
    program: PathBuf,
}

/// What a replay is made of.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The capture.
    pub capture: &'a Path,
    /// The built plugin.
    pub library: &'a Path,
    /// Its configuration.
    pub init_config: &'a Value,
    /// The rules, in the order in which they are read.
    pub rules: &'a [PathBuf],
    /// A directory for the configuration that is written.
    pub folder: &'a Path,
}

impl Falco {
    /// The one on `PATH`.
    pub fn installed() -> Option<Self> {
        let folders = env::var_os("PATH")?;
        let program =
            env::split_paths(&folders).map(|folder| folder.join("falco")).find(|path| path.is_file())?;
        Some(Self { program })
    }

    /// Its alerts, each a line of JSON, and what it wrote to standard error.
    ///
    /// # Errors
    /// Where it cannot be started, or ends otherwise than well: then with what it wrote.
    pub fn replay(&self, setting: Setting<'_>) -> io::Result<(Vec<String>, String)> {
        let Setting { capture, library, init_config, rules, folder } = setting;
        // What is JSON is YAML too.
        let mut plugins =
            vec![json!({ "name": "anomaly", "library_path": library, "init_config": init_config })];
        let mut load = vec!["anomaly"];
        if Path::new(CONTAINERS).is_file() {
            plugins.insert(0, json!({ "name": "container", "library_path": CONTAINERS }));
            load.insert(0, "container");
        }
        let configuration = json!({
            "engine": { "kind": "replay", "replay": { "capture_file": capture } },
            "plugins": plugins,
            "load_plugins": load,
            "rules_files": rules,
            "rule_matching": "first",
            "json_output": true,
            "append_output": [{ "suggested_output": true }],
            "stdout_output": { "enabled": true },
            "syslog_output": { "enabled": false },
            "log_syslog": false,
            "webserver": { "enabled": false },
            "watch_config_files": false,
        });
        let path = folder.join("falco.yaml");
        fs::write(&path, configuration.to_string())?;
        let output =
            Command::new(&self.program).arg("-U").arg("-c").arg(&path).stdin(Stdio::null()).output()?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(io::Error::other(format!("falco ended with {}: {log}", output.status)));
        }
        let alerts = String::from_utf8_lossy(&output.stdout);
        Ok((alerts.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect(), log))
    }
}
