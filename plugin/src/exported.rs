//! The symbols that Falco looks up in the library.

#![expect(unsafe_code, reason = "symbols that C calls; the SDK's macros make all but one of them")]
#![expect(missing_docs, reason = "the SDK's macros write no documentation")]

use std::ffi::{CStr, c_char};

use falco_plugin::{async_event_plugin, capture_listen_plugin, extract_plugin, parse_plugin, plugin};

use crate::plugin::AnomalyPlugin;

plugin!(AnomalyPlugin);
parse_plugin!(AnomalyPlugin);
extract_plugin!(AnomalyPlugin);
async_event_plugin!(AnomalyPlugin);
capture_listen_plugin!(AnomalyPlugin);

/// The oldest event schema of which this plugin reads what it reads.
const EVENT_SCHEMA: &CStr = c"4.0.0";

/// The event schema that the plugin needs. The SDK's release 0.5.1 does not export it, Falco then assumes 3.0.0, and
/// from 0.42 on it refuses a live capture. To be removed once the SDK exports its own.
// SAFETY: no other symbol of the process has this name: Falco looks it up in this library alone, and the SDK does not
// export it. What is returned lives as long as the process.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn plugin_get_required_event_schema_version() -> *const c_char {
    EVENT_SCHEMA.as_ptr()
}
