//! What the kernel program and its reader in user space agree on: the layout of a record, the kernel fields whose
//! offsets the reader has to find, and the names of maps and globals.
//!
//! Rust has no CO-RE relocations for eBPF, so the program is compiled without knowing a single kernel structure. The
//! reader resolves [`Field::TABLE`] in the running kernel's BTF and hands the offsets over as a global array before
//! the program is loaded. A field that this kernel does not have stays [`Field::UNKNOWN`] and switches off what
//! depends on it, nothing else.
#![cfg_attr(not(test), no_std)]

mod fields;
mod layout;
mod record;

pub use fields::Field;
pub use layout::{
    ARGUMENT_LIMIT, COUNTERS, Counter, ENTER_ARGUMENT_LIMIT, Header, NAME_BYTES, PATH_LIMIT, RECORD_LIMIT,
    SocketHeader, flags, known, names,
};
pub use record::{Cgroups, Record, Socket};
