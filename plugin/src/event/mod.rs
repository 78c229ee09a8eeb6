//! Falco's events, as far as this plugin reads them.
//!
//! They are read by position and not through the schema crate's types: newer Falcos append parameters, and a type that
//! insists on what it knows would decode thirty of them where a handful is looked at.

pub(crate) mod act;
pub(crate) mod exec;
pub(crate) mod execution;
pub(crate) mod fork;

use falco_plugin::event::events::{AnyEventPayload, RawEvent};

/// Types of events.
pub(crate) mod kind {
    /// Exit of `execve`, and of `execveat` where it succeeded on some architectures.
    pub(crate) const EXECVE: u16 = 293;
    /// Exit of `execveat`.
    pub(crate) const EXECVEAT: u16 = 331;
    /// Exit of `clone`.
    pub(crate) const CLONE: u16 = 223;
    /// Exit of `fork`.
    pub(crate) const FORK: u16 = 225;
    /// Exit of `vfork`.
    pub(crate) const VFORK: u16 = 227;
    /// Exit of `clone3`.
    pub(crate) const CLONE3: u16 = 335;
    /// What a plugin injected.
    pub(crate) const ASYNC: u16 = 402;
}

/// An event that is parsed: executions, forks, and what other plugins inject (the container plugin tells so of new
/// containers).
#[derive(Debug)]
pub struct Heard<'a>(pub(crate) RawEvent<'a>);

impl AnyEventPayload for Heard<'_> {
    const SOURCES: &'static [Option<&'static str>] = &[Some("syscall")];
    const EVENT_TYPES: &'static [u16] =
        &[kind::EXECVE, kind::EXECVEAT, kind::CLONE, kind::FORK, kind::VFORK, kind::CLONE3, kind::ASYNC];
}

impl<'a> From<&RawEvent<'a>> for Heard<'a> {
    fn from(event: &RawEvent<'a>) -> Self {
        Self(event.into())
    }
}

/// An event that fields are asked of: any of the source `syscall`.
#[derive(Debug)]
pub struct Asked<'a>(pub(crate) RawEvent<'a>);

impl AnyEventPayload for Asked<'_> {
    const SOURCES: &'static [Option<&'static str>] = &[Some("syscall")];
    const EVENT_TYPES: &'static [u16] = &[];
}

impl<'a> From<&RawEvent<'a>> for Asked<'a> {
    fn from(event: &RawEvent<'a>) -> Self {
        Self(event.into())
    }
}

/// The first `N` parameters of an event; those that it does not have, or not whole, are empty.
pub(crate) fn parameters<'a, const N: usize>(event: &RawEvent<'a>) -> [&'a [u8]; N] {
    let mut all = [&[][..]; N];
    if let Ok(parameters) = event.params::<u16>() {
        for (slot, parameter) in all.iter_mut().zip(parameters) {
            let Ok(bytes) = parameter else { break };
            *slot = bytes;
        }
    }
    all
}

/// Text up to its NUL.
pub(crate) fn text(parameter: &[u8]) -> &[u8] {
    parameter.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number of four bytes; `None` where the parameter is none.
pub(crate) fn number32(parameter: &[u8]) -> Option<u32> {
    parameter.try_into().ok().map(u32::from_ne_bytes)
}

/// A number of eight bytes; `None` where the parameter is none.
pub(crate) fn number64(parameter: &[u8]) -> Option<i64> {
    parameter.try_into().ok().map(i64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use falco_plugin::event::events::EventMetadata;

    use super::*;

    fn event(payload: &[u8], nparams: u32) -> RawEvent<'_> {
        let metadata = EventMetadata { ts: 1, tid: 2 };
        RawEvent { metadata, len: 26 + payload.len() as u32, event_type: kind::EXECVE, nparams, payload }
    }

    #[test]
    fn parameters_that_are_missing_or_cut_are_empty() {
        // Lengths 2, 0 and 9, and only three bytes of the last.
        let payload = [2, 0, 0, 0, 9, 0, b'a', b'b', 1, 2, 3];
        assert_eq!(parameters::<5>(&event(&payload, 3)), [&b"ab"[..], b"", b"", b"", b""]);
        assert_eq!(parameters::<1>(&event(&payload, 3)), [b"ab"]);
        assert_eq!(parameters::<2>(&event(&payload[..4], 3)), [b"", b""], "not even the lengths are whole");
        assert_eq!(parameters::<2>(&event(&payload, u32::MAX)), [b"", b""]);
    }

    #[test]
    fn numbers_have_their_length_or_are_none() {
        assert_eq!(number32(&7u32.to_ne_bytes()), Some(7));
        assert_eq!(number32(b"abc"), None);
        assert_eq!(number64(&(-1i64).to_ne_bytes()), Some(-1));
        assert_eq!(number64(b""), None);
        assert_eq!(text(b"ab\0cd"), b"ab");
    }
}
