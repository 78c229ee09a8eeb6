//! One event: a header, the length of each parameter, the parameters.

use super::block::Bytes;

/// Event block whose header says how many parameters follow.
const EVENT_BLOCK: u32 = 0x216;
/// The same for events whose parameters may be longer than 64 KiB.
const LARGE_EVENT_BLOCK: u32 = 0x221;
/// Time, thread, length, type, number of parameters.
const HEADER: usize = 8 + 8 + 4 + 2 + 4;

/// The exit events that tests write, by their number in `ppm_event_code`.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(super) enum EventType {
    Socket = 19,
    Connect = 23,
    Ptrace = 169,
    Symlinkat = 181,
    ProcessExit = 186,
    Clone = 223,
    Execve = 293,
    Openat = 307,
    Chmod = 315,
    Execveat = 331,
    Dup2 = 363,
    Injected = 402,
}

/// The parameters of one event, in the order of the schema.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<Vec<u8>>);

impl Parameters {
    fn push(&mut self, value: impl Into<Vec<u8>>) -> &mut Self {
        self.0.push(value.into());
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.push([value])
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.push(value.to_le_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.push(value.to_le_bytes())
    }

    /// Results, process ids and descriptors.
    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.push(value.to_le_bytes())
    }

    /// A string, which ends with a NUL.
    pub(super) fn string(&mut self, value: &str) -> &mut Self {
        self.push([value.as_bytes(), &[0]].concat())
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.push(value)
    }

    /// The event as a block. A parameter is cut where its length cannot say more: two bytes, or four in large events.
    pub(super) fn block(&self, event: EventType, time: u64, tid: u32) -> Vec<u8> {
        let is_large = matches!(event, EventType::Injected);
        let (size, longest) = if is_large { (4, u32::MAX as usize) } else { (2, u16::MAX.into()) };
        let values = || self.0.iter().map(|value| &value[..value.len().min(longest)]);
        let length = HEADER + values().map(|value| value.len() + size).sum::<usize>();
        let mut content = Bytes::default();
        content.u16(0); // processor
        content.u64(time).u64(u64::from(tid));
        content.u32(u32::try_from(length).expect("a few dozen parameters")).u16(event as u16);
        content.u32(u32::try_from(self.0.len()).expect("a few dozen parameters"));
        for value in values() {
            content.raw(&value.len().to_le_bytes()[..size]);
        }
        for value in values() {
            content.raw(value);
        }
        content.into_block(if is_large { LARGE_EVENT_BLOCK } else { EVENT_BLOCK })
    }
}
