//! Falco's thread table, and the container plugin's table, as far as they are there.
//!
//! Columns are looked up one by one and none is required: Falcos differ in what they have, a Falco without a driver has
//! a table that stays empty, and a host without any table is still one that events can be injected into.

mod containers;
mod sockets;
mod threads;

pub(crate) use containers::{Container, Containers};
pub(crate) use sockets::Standing;
pub(crate) use threads::{Actor, Main, Parent, Running, Thread, Threads};
