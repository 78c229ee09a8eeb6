//! JSON Lines in a file that is rotated.

mod appender;
mod config;
mod encoder;
mod rotation;
mod service;

pub use config::FileConfig;
pub(crate) use encoder::lines;
pub(crate) use service::FileService;
