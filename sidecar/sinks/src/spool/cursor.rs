//! How far the first segment is delivered, noted on the disk after every batch.
//!
//! A few digits, always as many, written over each other in one call. Where they are missing or do not match their
//! checksum, delivery begins at the first segment: some events come twice, none is lost.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Position, private};

#[derive(Debug)]
pub(super) struct Cursor(File);

/// Three numbers of 16 digits and a checksum of 8, each followed by a space or, the last, by a newline.
const LENGTH: usize = 3 * 17 + 9;

impl Cursor {
    /// Opens or makes it, and says what it notes.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Option<Position>)> {
        let path = folder.join("cursor");
        let file =
            private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
        let mut text = [0; LENGTH];
        let length = file.read_at(&mut text, 0)?;
        Ok((Self(file), parse(&text[..length])))
    }

    #[cfg(test)]
    pub(super) const fn to(file: File) -> Self {
        Self(file)
    }

    pub(super) fn note(&self, position: Position) -> io::Result<()> {
        self.0.write_all_at(show(position).as_bytes(), 0)
    }
}

fn show(Position { segment, offset, records }: Position) -> String {
    let numbers = format!("{segment:016x} {offset:016x} {records:016x} ");
    let sum = checksum(&numbers);
    format!("{numbers}{sum:08x}\n")
}

fn parse(text: &[u8]) -> Option<Position> {
    let text = str::from_utf8(text).ok()?;
    let number = |at: usize| u64::from_str_radix(text.get(at * 17..at * 17 + 16)?, 16).ok();
    let position = Position { segment: number(0)?, offset: number(1)?, records: number(2)? };
    (show(position) == text && position.segment < u64::MAX).then_some(position)
}

fn checksum(text: &str) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_and_nothing_else() {
        let position = Position { segment: 7, offset: 123_456, records: 99 };
        let text = show(position);
        assert_eq!(text.len(), LENGTH);
        assert_eq!(parse(text.as_bytes()), Some(position));
        for at in 0..LENGTH {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert_eq!(parse(&changed), None, "{at}");
            assert_eq!(parse(&text.as_bytes()[..at]), None, "{at}");
        }
    }
}
