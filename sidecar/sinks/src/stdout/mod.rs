//! JSON Lines on the standard output, for whoever started the daemon.

mod config;
mod service;

pub use config::StdoutConfig;
pub(crate) use service::StdoutService;
