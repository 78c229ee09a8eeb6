//! Comparisons of scores: what Falco makes of them, and what was meant.
//!
//! Falco compares the texts byte by byte. A literal is right where that gives the order of the numbers: a digit 0 or 1,
//! a point, one to four digits. `>` and `<=` treat a score that equals the literal's number rightly only where the
//! literal has all four digits, because `0.8500` comes after `0.85`.

use crate::condition::{Compare, Right, Word};

/// What is wrong with one comparison of a score, if anything is, and how it should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// How the comparison should read, outside of any `not`.
    pub(super) meant: Meant,
    /// What is wrong with the value.
    pub(super) literal: Option<String>,
    /// What is wrong with the operator.
    pub(super) operator: Option<&'static str>,
}

/// A comparison as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) field: String,
    pub(super) operator: &'static str,
    pub(super) value: String,
}

impl Meant {
    /// Whether it asks for large scores.
    pub(super) fn wants_large(&self) -> bool {
        matches!(self.operator, ">=" | ">")
    }

    /// The opposite comparison: without a `not` in front, it is false while there is no score.
    pub(super) fn opposite(&self) -> Self {
        let operator = match self.operator {
            ">=" => "<",
            ">" => "<=",
            "<" => ">=",
            _ => ">",
        };
        Self { operator, ..self.clone() }
    }

    /// The gate that lets a rule fire while there is no score.
    pub(super) fn gate(&self) -> String {
        let below = if self.wants_large() { self.opposite() } else { self.clone() };
        format!("not {below}")
    }
}

impl std::fmt::Display for Meant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.field, self.operator, self.value)
    }
}

/// Reads a comparison of a score.
pub(super) fn read(compare: &Compare) -> Option<Reading> {
    let operator = compare.operator.text.as_str();
    let (value, literal, digits) = match &compare.right {
        Right::Nothing => return None,
        Right::Value(word) => value(word, operator),
        Right::Values(words) => match words.iter().min_by(|left, right| left.text.cmp(&right.text)) {
            Some(word) => value(word, operator),
            None => return None,
        },
        Right::Field(field) => of_field(field),
    };
    let (meant, problem) = self::operator(operator, &value, digits);
    // Equality with 0.0000 is a question that can be asked; it is put another way so that no other literal looks right.
    let value = match operator {
        "=" | "==" | "!=" | "in" | "intersects" if is_zero(&value) => "0.0001".to_owned(),
        ">" if meant == ">" => four_digits(&value),
        "<=" => four_digits(&value),
        _ => value,
    };
    Some(Reading {
        meant: Meant { field: compare.field.text.clone(), operator: meant, value },
        literal,
        operator: problem,
    })
}

/// The operator that was meant, and what is wrong with the one that stands there.
fn operator(written: &str, value: &str, digits: Digits) -> (&'static str, Option<&'static str>) {
    let is_zero = is_zero(value);
    match written {
        ">=" => (">=", None),
        "<" => ("<", None),
        ">" if digits == Digits::Four => (">", None),
        // What is learned has 0.0000, and that text is greater than "0" and "0.0".
        ">" if is_zero => (">", Some("is true of every score, 0.0000 included, because Falco compares text")),
        ">" if digits == Digits::Field => {
            (">=", Some("leaves out the score at the threshold, which is novel"))
        }
        ">" => (
            ">=",
            Some(
                "is true of the score that equals it too, because Falco compares text, so it reads as what it is not",
            ),
        ),
        "<=" if digits == Digits::Four || digits == Digits::Field => ("<=", None),
        "<=" => ("<=", Some("is false of the score that equals it, because Falco compares text")),
        "=" | "==" | "in" | "intersects" if is_zero => (
            "<",
            Some("asks for one exact text of six characters; an order says the same and cannot miss it"),
        ),
        "!=" if is_zero => (
            ">=",
            Some("asks for one exact text of six characters; an order says the same and cannot miss it"),
        ),
        "!=" => ("<", Some("is true of nearly every score, because scores have four digits")),
        _ => (">=", Some("is true of hardly any score, because scores have four digits")),
    }
}

fn is_zero(value: &str) -> bool {
    value.trim_matches(['0', '.']).is_empty()
}

/// How many digits a value has behind its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Four,
    Fewer,
    Field,
}

/// A literal as it was meant, what is wrong with it, and its digits.
fn value(word: &Word, operator: &str) -> (String, Option<String>, Digits) {
    let text = word.text.as_str();
    if is_score(text) && !(word.quoted && matches!(operator, "<" | "<=" | ">" | ">=")) {
        let digits = if text.len() == 6 { Digits::Four } else { Digits::Fewer };
        return (text.to_owned(), None, digits);
    }
    if let Some(field) = text.strip_prefix("anomaly.") {
        let problem = "compares with a word: Falco reads another field only in val(...)".to_owned();
        return (format!("val(anomaly.{field})"), Some(problem), Digits::Field);
    }
    let meant = meant_by(text);
    let digits = if meant.len() == 6 { Digits::Four } else { Digits::Fewer };
    (meant, Some(effect(word, operator)), digits)
}

/// Whether a text is what scores are compared with: `^[01](\.[0-9]{1,4})?$`, and no more than 1.
fn is_score(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = (1..=4).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    digits && (whole == "0" || (whole == "1" && fraction.bytes().all(|byte| byte == b'0')))
}

/// The score that somebody meant who wrote this: percents and permilles become fractions, further digits are rounded up
/// (no score lies between).
fn meant_by(text: &str) -> String {
    let number =
        text.trim_end_matches('%').replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
    let number = match number {
        Some(number) if number < 0.0 => 0.0,
        Some(number) if number < 2.0 => number.min(1.0),
        Some(number) if number <= 100.0 => number / 100.0,
        Some(number) if number <= 1000.0 => number / 1000.0,
        Some(_) => 1.0,
        None => 0.85,
    };
    let ten_thousandths = (number * 10_000.0 - 1e-6).ceil().max(0.0);
    let text = format!("{:.4}", ten_thousandths / 10_000.0);
    match text.trim_end_matches('0') {
        whole if whole.ends_with('.') => whole.trim_end_matches('.').to_owned(),
        fraction if fraction.len() < 4 => text[..4].to_owned(),
        fraction => fraction.to_owned(),
    }
}

/// What Falco makes of a comparison with something that is no score.
fn effect(word: &Word, operator: &str) -> String {
    let text = &word.text;
    let ordered = matches!(operator, "<" | "<=" | ">" | ">=");
    if ordered && (word.quoted || !falco_reads_number(text)) {
        return "is refused by Falco: it wants a bare number here, and scores look like 0.85".to_owned();
    }
    let holds = |score: &str| match operator {
        "<" => score < text,
        "<=" => score <= text,
        ">" => score > text.as_str(),
        ">=" => score >= text.as_str(),
        "!=" => score != text,
        _ => score == text,
    };
    // One score in a hundred tells as much as all of them.
    let samples = || (0..=100).map(|hundredth| format!("{}.{:02}00", hundredth / 100, hundredth % 100));
    let share = match samples().filter(|score| holds(score)).count() {
        0 => "is never true",
        101 => "is true of every score",
        _ => "is true of the wrong scores",
    };
    format!("{share}: Falco compares text, and scores look like 0.8500")
}

/// Falco's numbers: `[+\-]?[0-9]+[\.]?[0-9]*([eE][+\-][0-9]+)?`, or hexadecimal.
fn falco_reads_number(text: &str) -> bool {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    }
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(left, right)| (left, Some(right)));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.is_none_or(|text| {
        text.strip_prefix(['+', '-']).is_some_and(|number| !number.is_empty() && digits(number))
    });
    !whole.is_empty() && digits(whole) && digits(fraction) && exponent
}

/// Another field as the value.
fn of_field(field: &Word) -> (String, Option<String>, Digits) {
    use crate::fields::{Kind, is_unknown, kind, nearest};
    let name = if is_unknown(&field.text) { nearest(&field.text) } else { &field.text };
    if kind(name) == Some(Kind::Score) {
        return (format!("val({name})"), None, Digits::Field);
    }
    let problem = "compares a score with what is none".to_owned();
    ("val(anomaly.threshold)".to_owned(), Some(problem), Digits::Field)
}

/// The same score with all four digits.
fn four_digits(value: &str) -> String {
    match value.split_once('.') {
        _ if value.starts_with("val(") => value.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{fraction:0<4}"),
        None => format!("{value}.0000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        for (written, meant) in [
            ("85", "0.85"),
            ("8.5e-1", "0.85"),
            (".85", "0.85"),
            ("850", "0.85"),
            ("0.85001", "0.8501"),
            ("85%", "0.85"),
            ("0,85", "0.85"),
            ("-1", "0"),
            ("100", "1"),
            ("5000", "1"),
            ("1.5", "1"),
            ("warn", "0.85"),
            ("0.900000", "0.90"),
            ("00.85", "0.85"),
            ("inf", "0.85"),
        ] {
            assert_eq!(meant_by(written), meant, "{written}");
            assert!(is_score(&meant_by(written)));
        }
    }

    #[test]
    fn what_scores_look_like() {
        for text in ["0", "1", "0.8", "0.85", "0.8500", "1.0", "1.0000", "0.0001"] {
            assert!(is_score(text), "{text}");
        }
        for text in [
            "", "2", ".85", "0.", "0.85001", "1.5", "1.0001", "85", "8.5e-1", "+0.5", "-0", "0x1", "0,85",
            "00",
        ] {
            assert!(!is_score(text), "{text}");
        }
    }
}
