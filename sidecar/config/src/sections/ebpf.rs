//! `ebpf`: the kernel program.

use anomaly_capture::Options;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::{SIZE, size};

/// The kernel program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ebpf {
    /// The ring between the kernel and this program, from 64KiB to 1GiB; a power of two is made of it. What does not fit
    /// is lost and counted.
    #[serde(serialize_with = "size::serialize", deserialize_with = "ring")]
    #[schemars(with = "String", regex(pattern = SIZE))]
    pub ring: u64,
}

impl Default for Ebpf {
    fn default() -> Self {
        Self { ring: Options::default().ring_bytes.into() }
    }
}

fn ring<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    size::within(64 << 10, 1 << 30, deserializer)
}
