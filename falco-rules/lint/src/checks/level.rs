//! Comparisons of levels, permilles and flags.

use crate::condition::{Compare, Right, Word};
use crate::fields::{LEVELS, closest};

/// What is wrong with a comparison, where, and how it should read.
#[derive(Debug)]
pub(super) struct Wrong<'c> {
    pub(super) word: &'c Word,
    pub(super) problem: &'static str,
    pub(super) correction: String,
}

/// A comparison of a level: levels are words without an order, and there are four of them.
pub(super) fn level(compare: &Compare) -> Option<Wrong<'_>> {
    let operator = compare.operator.text.as_str();
    let values: Vec<&Word> = match &compare.right {
        Right::Value(word) => vec![word],
        Right::Values(words) => words.iter().collect(),
        Right::Nothing | Right::Field(_) => return None,
    };
    let meant: Vec<&str> = values.iter().map(|word| level_meant_by(&word.text)).collect();
    let first = *meant.first()?;
    let write = |levels: &[&str]| write(&compare.field, levels);
    let first = if values[0].text.starts_with(|character: char| character.is_ascii_digit()) {
        "normal"
    } else {
        first
    };
    let known = LEVELS.iter().position(|level| *level == first).unwrap_or(1);
    let ordered = |problem, levels: &[&str]| {
        Some(Wrong {
            word: &compare.operator,
            problem,
            correction: write(if levels.is_empty() { &["critical"] } else { levels }),
        })
    };
    // Whoever wants what is below a level does not mean workloads that are being learned.
    let order = "has no order: Falco refuses it, or compares letters";
    match operator {
        ">=" => return ordered(order, &LEVELS[known.max(1)..]),
        ">" => return ordered(order, &LEVELS[(known + 1).max(1)..]),
        "<" => return ordered(order, LEVELS.get(1..known).unwrap_or_default()),
        "<=" => return ordered(order, &LEVELS[1..=known.max(1)]),
        "!=" if values.iter().all(|word| word.text == first) && first != "learning" => {
            let others: Vec<_> = LEVELS[1..].iter().copied().filter(|level| *level != first).collect();
            return ordered(
                "is also true of `learning`, so it holds for everything while a workload is being learned",
                &others,
            );
        }
        _ => {}
    }
    let wrong = values.iter().zip(&meant).find(|(word, meant)| word.text != **meant)?.0;
    // The name of a list is looked up by Falco.
    if matches!(operator, "in" | "intersects") && matches!(compare.right, Right::Value(_)) {
        return None;
    }
    if !matches!(operator, "=" | "==" | "in" | "intersects" | "!=") {
        return None;
    }
    let mut levels = meant.clone();
    levels.dedup();
    Some(Wrong { word: wrong, problem: "is no level, so it is never true", correction: write(&levels) })
}

fn write(field: &Word, levels: &[&str]) -> String {
    match levels {
        [one] => format!("{} = {one}", field.text),
        several => format!("{} in ({})", field.text, several.join(", ")),
    }
}

/// A gate that lets through the levels that a comparison names, and whatever has none yet.
pub(super) fn gate(compare: &Compare) -> String {
    let named = |level: &&str| match &compare.right {
        Right::Value(word) => word.text == **level,
        Right::Values(words) => words.iter().any(|word| word.text == **level),
        Right::Nothing | Right::Field(_) => *level != "normal",
    };
    let excluded = compare.operator.text == "!=";
    let others: Vec<_> = LEVELS[1..].iter().copied().filter(|level| named(level) == excluded).collect();
    format!("not {}", write(&compare.field, if others.is_empty() { &["normal"] } else { &others }))
}

/// The level that somebody meant.
fn level_meant_by(word: &str) -> &'static str {
    let lower = word.to_lowercase();
    let synonym = match lower.as_str() {
        "warning" | "medium" | "suspicious" | "notice" => "warn",
        "high" | "error" | "alert" | "emergency" | "anomalous" => "critical",
        "low" | "info" | "none" | "ok" | "known" => "normal",
        other => other,
    };
    closest(synonym, LEVELS.into_iter()).unwrap_or("critical")
}

/// A comparison of a permille: a whole number from 0 to 1,000.
pub(super) fn permille(compare: &Compare) -> Option<Wrong<'_>> {
    let Right::Value(word) = &compare.right else { return None };
    if word.text.parse::<u64>().is_ok_and(|number| number <= 1000) {
        return None;
    }
    let number = word.text.parse::<f64>().ok().filter(|number| number.is_finite()).unwrap_or(0.85);
    let meant = if number <= 1.0 { number.max(0.0) * 1000.0 } else { (number / 10.0).min(1000.0) };
    let correction = format!("{} {} {:.0}", compare.field.text, compare.operator.text, meant);
    Some(Wrong { word, problem: "compares a whole number from 0 to 1000 with what is none", correction })
}
