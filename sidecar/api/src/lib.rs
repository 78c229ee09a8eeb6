//! What the daemon answers: questions about what was scored, decisions, metrics, and the page.
//!
//! This crate is the face alone. It knows HTTP, limits, tokens and shapes; what is asked about comes through [`Service`],
//! which the daemon implements, so that the face can be tested whole without a kernel or a database. Nothing listens but
//! a unix socket, unless loopback is asked for, and then a token is.

mod ask;
mod check;
mod client;
mod counters;
mod error;
mod extract;
mod guard;
mod listen;
mod metrics;
pub mod model;
mod openapi;
mod options;
mod page;
mod patient;
mod refusal;
mod routes;
mod server;
mod service;
mod shared;
mod token;

pub use check::execution_id;
pub use client::{Client, ClientError};
pub use counters::Counters;
pub use error::ApiError;
pub use options::{Limits, Options, Tcp};
pub use refusal::ErrorCode;
pub use server::Server;
pub use service::{Caller, Service, ServiceError};
pub use token::Token;
