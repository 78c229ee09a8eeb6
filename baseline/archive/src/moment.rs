//! Times: microseconds in columns, RFC 3339 in lines.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    // Times that no calendar has become the nearest that it has, as in every export.
    let nearest = if *time < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    serializer.collect_str(&jiff::Timestamp::from_microsecond(*time).unwrap_or(nearest))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let time: jiff::Timestamp =
        text.parse().map_err(|_| de::Error::custom("a time is like 2026-11-21T13:00:00Z"))?;
    Ok(time.as_microsecond())
}
