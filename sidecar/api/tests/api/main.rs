//! The server from outside: both listeners, over generated data, and over services that misbehave.

mod client;
mod docs;
mod doors;
mod errors;
#[path = "../../examples/fixture/fake/mod.rs"]
mod fake;
mod limits;
mod metrics;
mod odd;
mod openapi;
mod page;
mod reference;
mod scenarios;
mod support;
