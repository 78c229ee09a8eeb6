//! The sections of the file. What is written about a key here is its meaning in the schema and in the example.

mod agent;
mod api;
mod backend;
mod ebpf;
mod scoring;
mod search;
mod storage;
mod vectorization;

pub use agent::Agent;
pub use api::Api;
pub use backend::Backend;
pub use ebpf::Ebpf;
pub use scoring::Scoring;
pub use search::Search;
pub use storage::Storage;
pub use vectorization::Vectorization;
