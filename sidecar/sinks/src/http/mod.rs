//! Batches of JSON, posted to an address: for a collector of one's own.

mod config;
mod encoder;
mod service;

pub use config::HttpConfig;
pub(crate) use encoder::key;
pub(crate) use service::HttpService;
