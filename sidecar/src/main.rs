//! The command line: reads it, runs the command, turns its outcome into an exit code.

mod asking;
mod backtest;
mod baseline;
mod checks;
mod cli;
mod config;
mod convert;
mod doctor;
mod drawn;
mod durations;
mod failure;
mod feedback;
mod init;
mod lines;
mod lint_rules;
mod paths;
mod place;
mod reader;
mod report;
mod run;
mod search;
mod secrets;
mod sharing;
mod signals;
mod table;
mod terminal;
mod thresholds;
mod tune;
mod validate;
mod watch;
mod words;

use std::process::ExitCode;

use anomaly_baseline::Action;
use clap::Parser;

use crate::cli::{Cli, Command};

/// The code of a command that could not do its work; clap uses the same for flags it does not know.
const UNABLE: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Watch(arguments) => watch::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Init(arguments) => init::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Config(action) => config::run(&action),
        Command::Run(arguments) => run::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Ready(arguments) => asking::ready(&arguments),
        Command::Findings(arguments) => asking::findings(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Metrics(arguments) => asking::metrics(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Backtest(arguments) => backtest::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Convert(arguments) => convert::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Tune(arguments) => tune::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Baseline(action) => baseline::run(&action),
        Command::LintRules(arguments) => lint_rules::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Status(arguments) => feedback::status(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Held(arguments) => feedback::held(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Explain(arguments) => feedback::explain(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Approve(arguments) => decided(Action::Approve, &arguments),
        Command::Deny(arguments) => decided(Action::Deny, &arguments),
        Command::Forget(arguments) => decided(Action::Forget, &arguments),
        Command::Learn(arguments) => feedback::learn(&arguments).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            failure::say(&failure.to_string());
            ExitCode::from(UNABLE)
        }
    }
}

fn decided(action: Action, arguments: &feedback::arguments::Decide) -> Result<ExitCode, failure::Failure> {
    feedback::decide(action, arguments).map(|()| ExitCode::SUCCESS)
}
