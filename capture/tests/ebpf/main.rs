//! Starts the kernel program, runs something, expects its execution: against the running kernel, for real.
//!
//! Where the kernel or the privileges do not allow it, a line says so and nothing is checked.

mod enter;
mod exec;
mod loss;
mod refused;
mod watch;
