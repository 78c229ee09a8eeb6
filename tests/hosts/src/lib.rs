//! Hosts of the plugin, for tests: captures that need no kernel, a real libsinsp that replays them, and a receiver of
//! alerts that is as strict as Falcosidekick.
//!
//! Falco comes from no package registry, and a live capture needs root. Debian's `sysdig` is the same library with
//! the same filter compiler and the same plugin loader, and reads captures from files unprivileged. So the tests write
//! the capture that they need ([`scap`]), have it replayed with the built library ([`sysdig`]), and hold what comes
//! out against what Falco and Falcosidekick ask of it ([`sidekick`]).
//!
//! Nothing here links the plugin or its database: it is driven from outside, as a host does.

pub mod falco;
pub mod library;
pub mod rules;
pub mod scap;
pub mod sidekick;
pub mod story;
pub mod sysdig;
pub mod week;
