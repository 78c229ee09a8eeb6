//! Blocks of a capture file, and the little-endian values inside them.
//!
//! The format is that of pcapng: a type, the block's whole length, the content padded to four bytes, the length again.
//! Libscap reads it in the machine's byte order, and every machine that the plugin supports is little-endian.

/// Content of a block or of a part of one.
#[derive(Debug, Default, Clone)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string as process and descriptor lists have it: two bytes of length, no NUL.
    ///
    /// # Panics
    /// Where the string is longer than the two bytes can say.
    pub(super) fn counted(&mut self, bytes: &[u8]) -> &mut Self {
        self.u16(u16::try_from(bytes.len()).expect("strings of a capture are shorter than 64 KiB")).raw(bytes)
    }

    /// Another part, led by its length in four bytes, which the length counts too.
    pub(super) fn measured(&mut self, part: &Self) -> &mut Self {
        let length = part.0.len() + size_of::<u32>();
        self.u32(u32::try_from(length).expect("a part of a block is shorter than 4 GiB")).raw(&part.0)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The content as a whole block.
    pub(super) fn into_block(self, block_type: u32) -> Vec<u8> {
        let padding = self.0.len().next_multiple_of(4) - self.0.len();
        let length = u32::try_from(self.0.len() + padding + 12).expect("a block is shorter than 4 GiB");
        let mut block = Self(Vec::with_capacity(length as usize));
        block.u32(block_type).u32(length).raw(&self.0).raw(&[0; 3][..padding]).u32(length);
        block.0
    }
}

/// Arguments or environment as the kernel lays them out: a NUL after each.
pub(super) fn nul_terminated<S: AsRef<[u8]>>(strings: &[S]) -> Vec<u8> {
    strings.iter().flat_map(|string| string.as_ref().iter().copied().chain([0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_padded_and_ends_with_its_length() {
        let mut content = Bytes::default();
        content.u8(7);
        assert_eq!(content.into_block(0x204), [4, 2, 0, 0, 16, 0, 0, 0, 7, 0, 0, 0, 16, 0, 0, 0]);
        assert_eq!(Bytes::default().into_block(1).len(), 12);
    }
}
