//! Whole numbers as JSON Schema understands them: `20.0` is one, and some languages write it so.

use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// A whole number, `null` or nothing; with `#[serde(default, deserialize_with = "whole::option")]`.
pub(super) fn option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => Some(whole),
        // Below this, binary holds whole numbers exactly.
        (None, Some(value)) if value.fract() == 0.0 && (0.0..9e15).contains(&value) => Some(value as u64),
        _ => None,
    };
    whole.and_then(|whole| T::try_from(whole).ok()).map(Some).ok_or_else(|| {
        let value = number.as_f64().unwrap_or(f64::NAN);
        D::Error::invalid_value(Unexpected::Float(value), &"a whole number within its bounds")
    })
}

#[cfg(test)]
mod tests {
    use crate::model::SearchRequest;

    #[test]
    fn whole_is_whole_however_it_is_written() {
        let limit = |text: &str| {
            serde_json::from_str::<SearchRequest>(&format!(r#"{{"query":"x","limit":{text}}}"#))
                .map(|r| r.limit)
        };
        for (text, value) in [("20", 20), ("20.0", 20), ("2e1", 20), ("0", 0), ("65535", 65_535)] {
            assert_eq!(limit(text).expect(text), Some(value), "{text}");
        }
        assert_eq!(limit("null").expect("nothing"), None);
        for bad in ["20.5", "-1", "-1.0", "65536", "1e300", "\"20\"", "true", "[]"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
