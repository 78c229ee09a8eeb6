//! Falcosidekick: alerts in the shape in which Falco sends them, so that a machine without Falco alerts the same way,
//! through the same outputs and with the rules' names.

mod config;
mod encoder;
mod rules;
mod service;

pub use config::FalcosidekickConfig;
pub(crate) use service::FalcosidekickService;
