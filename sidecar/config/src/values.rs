//! Values as people write them: `10m`, `64MiB`, `0.85`, `{namespace}/{container}`.
//!
//! One number and one unit, because a person who reads `90` later can tell neither minutes from seconds nor MiB from
//! bytes.

use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A duration as a regular expression, for the schema.
pub(crate) const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";

/// A size as a regular expression, for the schema.
pub(crate) const SIZE: &str = "^[0-9]+(KiB|MiB|GiB)$";

/// The name of an environment variable as a regular expression, for the schema.
pub(crate) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// Anything that stands as one word or number: read as text.
pub(crate) struct Word(pub(crate) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Word;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a word or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Word, E> {
                Ok(Word(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Word, E> {
                Ok(Word(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Word, E> {
                Ok(Word(value.to_string()))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// What is read from text and written as it: names, templates, addresses.
pub(crate) mod text {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The same where there may be none.
pub(crate) mod text_or_none {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(T::to_string).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
    }
}

/// `0s`, `50ms`, `10m`, `7d`
pub mod duration {
    use std::time::Duration;

    use super::*;

    /// In milliseconds.
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// The longest, a century: anything more is a slip, and sums of two stay far from where clocks overflow.
    const MOST: u64 = 100 * 366 * 86_400_000;

    /// Reads a duration.
    ///
    /// # Errors
    /// A sentence that tells how to write one.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(ends);
        if number.is_empty() {
            return Err("write a whole number and a unit (ms, s, m, h or d), such as 30s, 10m or 7d".into());
        }
        if unit.is_empty() {
            return Err(format!(
                "the unit is missing: write {number}ms, {number}s, {number}m, {number}h or {number}d"
            ));
        }
        let too_long = || "that is more than a hundred years".to_owned();
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            format!("{unit:?} is no unit: write ms, s, m, h or d right behind the number, such as {number}m")
        })?;
        let millis = number.saturating_mul(millis);
        if millis > MOST { Err(too_long()) } else { Ok(Duration::from_millis(millis)) }
    }

    /// A duration in the largest unit that divides it. [`parse`] reads it back.
    pub fn show(duration: Duration) -> String {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let divides = |(_, unit): &(&str, u64)| millis > 0 && millis.is_multiple_of(*unit);
        let (name, unit) = UNITS.into_iter().rev().find(divides).unwrap_or(UNITS[1]);
        format!("{}{name}", millis / unit)
    }

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse(&Word::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }

    /// One that is within bounds.
    pub(crate) fn within<'de, D: Deserializer<'de>>(
        least: Duration,
        most: Duration,
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let duration = deserialize(deserializer)?;
        let bounds = || format!("write a time from {} to {}", show(least), show(most));
        if (least..=most).contains(&duration) { Ok(duration) } else { Err(D::Error::custom(bounds())) }
    }

    /// One of a second at least.
    pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let duration = deserialize(deserializer)?;
        if duration.as_secs() == 0 { Err(D::Error::custom("write 1s or more")) } else { Ok(duration) }
    }
}

/// `64KiB`, `64MiB`, `1GiB`, in bytes
pub mod size {
    use super::*;

    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

    /// Reads a size in bytes.
    ///
    /// # Errors
    /// A sentence that tells how to write one.
    pub fn parse(text: &str) -> Result<u64, String> {
        let ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(ends);
        let large = || "that is more than any machine has".to_owned();
        if number.is_empty() {
            return Err("write a whole number and a unit (KiB, MiB or GiB), such as 64MiB".into());
        }
        if unit.is_empty() {
            return Err(format!("the unit is missing: write {number}KiB, {number}MiB or {number}GiB"));
        }
        let number: u64 = number.parse().map_err(|_| large())?;
        let (_, bytes) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            format!("{unit:?} is no unit: write KiB, MiB or GiB right behind the number, such as {number}MiB")
        })?;
        number.checked_mul(bytes).filter(|bytes| *bytes <= 1 << 50).ok_or_else(large)
    }

    /// A size in the largest unit that divides it. [`parse`] reads it back where it is whole KiB.
    pub fn show(bytes: u64) -> String {
        let divides = |(_, unit): &(&str, u64)| bytes > 0 && bytes.is_multiple_of(*unit);
        let (name, unit) = UNITS.into_iter().rev().find(divides).unwrap_or(UNITS[0]);
        format!("{}{name}", bytes / unit)
    }

    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match parse(&Word::deserialize(deserializer)?.0).map_err(D::Error::custom)? {
            0 => Err(D::Error::custom("it has to be more than nothing: write 1MiB")),
            bytes => Ok(bytes),
        }
    }

    /// One that is within bounds, in bytes.
    pub(crate) fn within<'de, D: Deserializer<'de>>(
        least: u64,
        most: u64,
        deserializer: D,
    ) -> Result<u64, D::Error> {
        let bytes = deserialize(deserializer)?;
        let bounds = || format!("write a size from {} to {}", show(least), show(most));
        if (least..=most).contains(&bytes) { Ok(bytes) } else { Err(D::Error::custom(bounds())) }
    }
}

/// A score, as a number or as text.
pub(crate) mod score {
    use anomaly_baseline::Score;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Score, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Score, D::Error> {
        let word = Word::deserialize(deserializer)?.0;
        word.parse()
            .map_err(|_| D::Error::custom("write a number from 0 to 1 with at most four digits, such as 0.9"))
    }
}

/// `auto` or a score.
pub(crate) mod threshold {
    use anomaly_baseline::Threshold;
    use schemars::{Schema, SchemaGenerator, json_schema};

    use super::*;

    pub(crate) fn parse(text: &str) -> Result<Threshold, String> {
        text.parse().map_err(|_| {
            "write auto, or a number from 0 to 1 with at most four digits, such as 0.9".to_owned()
        })
    }

    pub(crate) fn serialize<S: Serializer>(value: &Threshold, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Threshold::Auto => serializer.serialize_str("auto"),
            Threshold::Fixed(score) => score.serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Threshold, D::Error> {
        parse(&Word::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }

    pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "number", "minimum": 0, "maximum": 1 }] })
    }
}

/// A whole number that is within bounds: of what is made as large as it says before anything is in it.
pub(crate) fn within<'de, D: Deserializer<'de>>(
    least: usize,
    most: usize,
    deserializer: D,
) -> Result<usize, D::Error> {
    let number = u64::deserialize(deserializer)?;
    let fits = usize::try_from(number).ok().filter(|number| (least..=most).contains(number));
    fits.ok_or_else(|| D::Error::custom(format!("write a whole number from {least} to {most}")))
}

/// A whole path, where there is one.
pub(crate) fn path_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = Option::<PathBuf>::deserialize(deserializer)?;
    match path.as_deref().map(whole) {
        Some(Err(remedy)) => Err(D::Error::custom(remedy)),
        None | Some(Ok(())) => Ok(path),
    }
}

/// The path of a unix socket, where there is one.
pub(crate) fn socket_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    /// What `sun_path` of unix(7) holds before the byte that ends it.
    const LONGEST: usize = 107;
    let path = path_or_none(deserializer)?;
    if path.as_ref().is_some_and(|path| path.as_os_str().len() > LONGEST) {
        return Err(D::Error::custom(format!(
            "a socket's path has at most {LONGEST} bytes: write a shorter one"
        )));
    }
    Ok(path)
}

/// Fails where the path would lead elsewhere for a service than for a person, or nowhere.
fn whole(path: &Path) -> Result<(), &'static str> {
    if !path.is_absolute() {
        return Err("write the whole path, from /: a service starts in a directory of its own");
    }
    if path.as_os_str().as_bytes().contains(&0) {
        return Err("no path has a NUL in it: take it out");
    }
    Ok(())
}

/// A whole number from 1.
pub(crate) fn from_one<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
{
    let number = u64::deserialize(deserializer)?;
    let fits = T::try_from(number).ok().filter(|_| number > 0);
    fits.ok_or_else(|| {
        D::Error::custom(if number == 0 { "write a whole number from 1" } else { "that is too many" })
    })
}

/// A name that is not empty and has no control characters.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(D::Error::custom("write a name of visible characters"));
    }
    Ok(text)
}

/// The same where there may be none.
pub(crate) fn name_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Name;
    impl<'de> Visitor<'de> for Name {
        type Value = Option<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            name(deserializer).map(Some)
        }
    }
    deserializer.deserialize_option(Name)
}

/// The name of an environment variable, where there is one. What is none may be the secret itself.
pub(crate) fn variable_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(part) || name.as_bytes()[0].is_ascii_digit() {
        return Err(D::Error::custom(
            "write the name of an environment variable, of letters, digits and _, and put the secret there",
        ));
    }
    Ok(Some(name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_and_sizes_are_read_back_as_they_are_shown() {
        for text in ["0s", "50ms", "30s", "10m", "36h", "7d"] {
            assert_eq!(duration::parse(text).map(duration::show).as_deref(), Ok(text));
        }
        assert_eq!(duration::parse("1500ms"), Ok(Duration::from_millis(1_500)));
        for text in ["64KiB", "64MiB", "3GiB"] {
            assert_eq!(size::parse(text).map(size::show).as_deref(), Ok(text));
        }
        assert_eq!(size::parse("1024KiB").map(size::show).as_deref(), Ok("1MiB"));
    }

    #[test]
    fn what_is_none_is_told_how_to_be_one() {
        for (text, part) in [
            ("90", "write 90ms, 90s, 90m, 90h or 90d"),
            ("", "such as 30s"),
            ("10 min", "right behind the number, such as 10m"),
            ("1h30m", "\"h30m\" is no unit"),
            ("99999999999999999999s", "hundred years"),
            ("36601d", "hundred years"),
        ] {
            let error = duration::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        for (text, part) in [
            ("64", "write 64KiB"),
            ("64MB", "\"MB\" is no unit"),
            ("x", "such as 64MiB"),
            ("99999999999GiB", "any machine"),
        ] {
            let error = size::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
