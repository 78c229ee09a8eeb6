//! What the daemon answers: questions about what was scored, decisions, metrics, and the page.
//!
//! This crate is the face alone. It knows HTTP, limits, tokens and shapes; what is asked about comes through [`Service`],
//! which the daemon implements, so that the face can be tested whole without a kernel or a database. Nothing listens but
//! a unix socket, unless loopback is asked for, and then a token is.

pub mod model;
mod service;

pub use service::{Caller, Service, ServiceError};
