//! Reading kernel structures whose layout only the reader in user space knows.

use anomaly_ebpf::Field;
use aya_ebpf::{Global, helpers::bpf_probe_read_kernel};

/// Where each [`Field`] is, filled in before the program is loaded. The verifier knows the values, so branches on
/// fields that this kernel lacks are gone once it is done.
#[unsafe(no_mangle)]
static OFFSETS: [Global<u32>; Field::COUNT] = [const { Global::new(Field::UNKNOWN) }; Field::COUNT];

/// Whether this kernel has a field.
#[inline(always)]
pub(crate) fn has(field: Field) -> bool {
    OFFSETS[field as usize].load() != Field::UNKNOWN
}

/// The address of a structure in the kernel; may be null or stale, which reading finds out.
pub(crate) type Address = *const u8;

/// The address of a member; `None` where this kernel has no such field.
#[inline(always)]
fn member(of: Address, field: Field) -> Option<Address> {
    has(field).then(|| of.wrapping_add(OFFSETS[field as usize].load() as usize))
}

/// Reads a member. `None` where this kernel has no such field or there is nothing to read at that address.
///
/// `T` is any plain integer, array of bytes or address, so that every bit pattern is a value.
#[inline(always)]
pub(crate) fn read<T: Copy>(of: Address, field: Field) -> Option<T> {
    let address = member(of, field)?;
    // SAFETY: the helper checks the address itself and fails where nothing is mapped; every bit pattern is a `T`.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}

/// Reads a member that points somewhere. `None` where it points nowhere, too.
#[inline(always)]
pub(crate) fn follow(of: Address, field: Field) -> Option<Address> {
    read::<Address>(of, field).filter(|address| !address.is_null())
}
