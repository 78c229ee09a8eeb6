//! The feeds below the kernel program, and the ladder that leads down to them: real programs on the running kernel.
//!
//! Where the kernel or the privileges do not allow it, a line says so and nothing is checked.

mod connector;
mod ladder;
mod origin;
mod polling;
mod queue;
mod seed;
mod watch;
