//! `libanomaly.so`, the Falco plugin: how unusual is what this workload runs?
//!
//! One file per capability, as Falco's SDK has it: [`parse`] puts a verdict on every execution and on what it starts,
//! [`extract`] answers rules, [`asynchronous`] injects executions where Falco has no driver, [`listen`] begins and ends
//! captures, [`metrics`] tells how it goes. There is no sourcing capability: an extractor that is a source sees its own
//! events alone.
//!
//! Falco makes and destroys instances as it likes: for every event source, for a dry run, twice before a reload, to
//! print the fields. So making one only reads its configuration. What all of them share, engine, database and feed,
//! is in [`core`] and begins with a capture.

// The tests' host names the plugin as those outside do.
#[cfg(test)]
extern crate self as anomaly;

mod acts;
mod asynchronous;
mod config;
mod core;
mod event;
mod exported;
mod extract;
mod guard;
mod listen;
mod metrics;
#[cfg(test)]
mod panics;
mod parse;
mod plugin;
mod say;
mod seed;
mod tables;

pub use exported::__plugin_base_api;
pub use plugin::AnomalyPlugin;
