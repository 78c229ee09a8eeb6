//! The plugin in the SDK's runner: every capability, and every trap that a host sets.

#[path = "../support/mod.rs"]
mod support;

mod acts;
mod budget;
mod carried;
mod driverless;
mod fields;
mod kernel;
mod lifecycle;
mod metrics;
mod seeding;
mod shared;
mod store;
mod threads;
mod workloads;
