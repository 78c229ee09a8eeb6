//! Black-box tests: the built `anomalyctl`, run as a person or a script runs it.
//!
//! One target for all of them, and none of the project's crates is linked into it: LanceDB would make it some 400 MB.
//! What is asserted is what can be seen from outside: exit codes, standard output, standard error, files.

mod acts;
mod archive;
mod asking;
mod backtest;
mod baseline;
mod certificates;
mod config;
mod configured;
mod convert;
mod daemon;
mod database;
mod doctor;
mod errors;
mod feedback;
mod json;
mod lint_rules;
mod live;
mod oci;
mod operator;
mod prometheus;
mod recording;
mod replay;
mod search;
mod secrets;
mod shared;
mod stories;
mod support;
mod surroundings;
mod terminal;
mod tune;
mod validate;
