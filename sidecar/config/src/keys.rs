//! The keys of a type in the order in which it declares them, and the one that was meant by a slip.

use std::fmt;

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The keys that a structure reads.
pub(crate) fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It always fails: what is wanted is what it asked for.
    let _ = T::deserialize(Asked(&mut keys));
    keys
}

/// Notes which keys a structure asks for, and gives nothing.
struct Asked<'k>(&'k mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no structure"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The known name that looks most like `name`, if any does.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let wanted: String = name.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let candidates = known.iter().map(|known| (edits(&wanted, known), *known));
    candidates
        .filter(|(edits, known)| *edits <= known.len().max(wanted.len()) / 2)
        .min()
        .map(|(_, known)| known)
}

/// How many letters have to be added, taken away or replaced (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A path as a sentence has it: `backend.sinks[0].endpoint`.
pub(crate) struct Dotted<'p>(pub(crate) &'p [String]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            let step = anomaly_baseline::text::printable(step, 64);
            match (position, step.bytes().all(|byte| byte.is_ascii_digit())) {
                (0, _) => f.write_str(&step)?,
                (_, true) => write!(f, "[{step}]")?,
                (_, false) => write!(f, ".{step}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scoring;

    #[test]
    fn keys_come_in_the_order_of_the_declaration() {
        assert_eq!(of::<Scoring>()[..2], ["learn_below", "learn_executions"]);
        assert_eq!(of::<u8>(), [""; 0]);
    }

    #[test]
    fn a_slip_finds_its_key_and_nonsense_none() {
        let known = of::<Scoring>();
        for (slip, key) in [
            ("treshold", "threshold"),
            ("learn-executions", "learn_executions"),
            ("Warn", "warn"),
            ("critcal", "critical"),
        ] {
            assert_eq!(nearest(slip, known), Some(key), "{slip}");
        }
        assert_eq!(nearest("qqqqqqqqqqqqqqqqqqqqqqqqq", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn paths_are_written_as_people_write_them() {
        let path = ["backend", "sinks", "0", "end\npoint"].map(str::to_owned);
        assert_eq!(Dotted(&path).to_string(), "backend.sinks[0].end\\npoint");
    }
}
