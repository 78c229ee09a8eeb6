//! What kinds of bytes a word has, found in one pass: most questions about it are answered by that.

/// A set of kinds of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// Bytes that no plain word has: whoever has one is text to be split.
    pub(super) const SCRIPT: Self = Self(1 << 0);
    pub(super) const SLASH: Self = Self(1 << 1);
    pub(super) const COLON: Self = Self(1 << 2);
    pub(super) const EQUALS: Self = Self(1 << 3);
    pub(super) const DIGIT: Self = Self(1 << 4);
    pub(super) const DOT: Self = Self(1 << 5);

    /// The kinds of the bytes of `text`.
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |kinds, byte| kinds | TABLE[usize::from(byte)]))
    }

    /// Whether one of `kinds` is among these.
    pub(super) const fn has(self, kinds: Self) -> bool {
        self.0 & kinds.0 != 0
    }
}

const TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let script = b" \t\r\n\x0c;|&<>`$\"'({";
    let mut index = 0;
    while index < script.len() {
        table[script[index] as usize] = Kinds::SCRIPT.0;
        index += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = Kinds::DIGIT.0;
        digit += 1;
    }
    table[b'/' as usize] = Kinds::SLASH.0;
    table[b':' as usize] = Kinds::COLON.0;
    table[b'=' as usize] = Kinds::EQUALS.0;
    table[b'.' as usize] = Kinds::DOT.0;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_words() {
        let word = Kinds::of("http://a.b=1");
        for kind in [Kinds::SLASH, Kinds::COLON, Kinds::EQUALS, Kinds::DIGIT, Kinds::DOT] {
            assert!(word.has(kind) && !Kinds::of("plain-word_é").has(kind));
        }
        assert!(
            !word.has(Kinds::SCRIPT)
                && Kinds::of("a b").has(Kinds::SCRIPT)
                && Kinds::of("$x").has(Kinds::SCRIPT)
        );
    }
}
