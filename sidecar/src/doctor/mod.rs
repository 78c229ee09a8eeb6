//! `anomalyctl doctor`: what this machine allows, what that costs, and what to do about it.
//!
//! What can be tried is tried: feeds are opened, the database's directory is asked whether it can be written. The rest is
//! read from where the kernel tells it, below `HOST_ROOT` where that is set.

mod api;
mod arguments;
mod feeds;
mod kernel;
mod machine;
mod privileges;
mod storage;

use std::process::ExitCode;

use anomaly_capture::HostRoot;

pub(crate) use arguments::{Arguments, EXAMPLES};

use crate::checks::{self, Check};
use crate::config;
use crate::failure::Failure;

/// Runs the command: 0 where all that has to work does, 1 where something does not.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let root = HostRoot::from_env();
    let mut found = vec![machine::versions()];
    let file = config::file(arguments.config.as_deref());
    let config = match config::load(file.as_deref()) {
        Ok(config) => {
            let file = file.map(|path| path.display().to_string());
            found.push(Check::ok(
                "configuration",
                file.as_deref().unwrap_or("every default: there is no file"),
            ));
            let given_away = config.given_away();
            found.extend(
                given_away.iter().map(|notice| Check::warn("secrets", notice, "keep it to yourself")),
            );
            config
        }
        Err(failure) => {
            found.push(Check::fail(
                "configuration",
                failure.to_string(),
                "the rest is told with every default",
            ));
            Default::default()
        }
    };
    found.extend(kernel::look(&root));
    found.extend(privileges::look(&root));
    found.extend(feeds::look(&config, root.clone()));
    found.extend(storage::look(&config));
    found.extend(api::look(&config));
    found.extend(machine::look(&root, &config));
    checks::report(&found, arguments.json)
}
