//! The keys of a type in the order in which it declares them, and paths as sentences have them.

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
    fn paths_are_written_as_people_write_them() {
        let path = ["backend", "sinks", "0", "end\npoint"].map(str::to_owned);
        assert_eq!(Dotted(&path).to_string(), "backend.sinks[0].end\\npoint");
    }
}
