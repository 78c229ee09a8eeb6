//! The store from outside: what it keeps, what it survives, what it refuses.
//!
//! One program, because each that links LanceDB is some hundred megabytes. Tests that kill or cut off a writer start
//! this program again as that writer (`helper::writer_process`).

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]
#![expect(clippy::print_stdout, reason = "figures, and what was skipped and why")]

mod budget;
mod common;
mod damage;
mod directory;
mod feedback;
mod full_disk;
mod helper;
mod importer;
mod kill;
mod measure;
mod months;
mod power;
mod random;
mod roundtrip;
mod steady;
mod two_processes;
mod versions;
