//! The scratch record, the ring it goes to, and what is counted.
//!
//! ```text
//! hook -> SCRATCH[cpu] (header | filename | interp | arguments) -> bpf_ringbuf_output(exact length) -> RECORDS
//! ```
//! No wake-up per record: waking the reader costs ten times what the rest of the program does. The reader comes by
//! itself every few milliseconds; only a ring that fills up faster than that wakes it.

use anomaly_ebpf::{COUNTERS, Counter, Header, RECORD_LIMIT};
use aya_ebpf::{
    Global,
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::bpf_ringbuf_output,
    macros::map,
    maps::{PerCpuArray, RingBuf},
};

/// Records on their way; the reader sets the size.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// One record under construction per CPU: tracepoints do not nest on a CPU.
#[map]
static SCRATCH: PerCpuArray<[u64; 4096]> = PerCpuArray::with_max_entries(1, 0);

/// What was counted on each CPU, in the order of [`Counter`].
#[map]
static COUNTS: PerCpuArray<[u64; COUNTERS]> = PerCpuArray::with_max_entries(1, 0);

/// Unread bytes in the ring at which the reader is woken.
#[unsafe(no_mangle)]
static WAKE: Global<u32> = Global::new(256 * 1024);

/// How much of an argument area is kept.
#[unsafe(no_mangle)]
static KEEP: Global<u32> = Global::new(4096);

const _: () = assert!(RECORD_LIMIT <= size_of::<[u64; 4096]>());

/// How much of an argument area is kept, never more than `limit`.
#[inline(always)]
pub(crate) fn keep(limit: usize) -> usize {
    (KEEP.load() as usize).min(limit)
}

/// This CPU's record under construction, its header zeroed.
#[inline(always)]
pub(crate) fn scratch() -> Option<*mut u8> {
    let record = SCRATCH.get_ptr_mut(0)?.cast::<u8>();
    // SAFETY: an element is as long as the longest record and aligned to 8, and no one else is on this CPU.
    unsafe { record.cast::<Header>().write(core::mem::zeroed()) };
    Some(record)
}

/// Sends the first `length` bytes of a record, or counts that there was no room.
#[inline(always)]
pub(crate) fn submit(record: *const u8, length: usize) {
    let waiting = RECORDS.query(BPF_RB_AVAIL_DATA.into());
    let wake = if waiting >= WAKE.load().into() { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
    // SAFETY: the verifier refuses the program unless `length` bytes are there to read; `RingBuf` is the map's
    // definition and nothing else, which is what the helper wants.
    let sent = unsafe {
        bpf_ringbuf_output(
            (&raw const RECORDS).cast_mut().cast(),
            record.cast_mut().cast(),
            length as u64,
            wake.into(),
        )
    };
    count(if sent == 0 { Counter::Delivered } else { Counter::Lost });
}

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(counts) = COUNTS.get_ptr_mut(0) {
        // SAFETY: an element has a place for every counter, and no one else is on this CPU.
        unsafe { (*counts)[counter as usize] += 1 };
    }
}
