//! Where scored executions go: Falcosidekick, ClickHouse, any address that takes JSON, files and the standard output.

mod config;

pub use config::{
    ClickHouseConfig, Events, FalcosidekickConfig, FileConfig, HttpConfig, InvalidConfig, QueueConfig,
    SinkConfig, StdoutConfig,
};
