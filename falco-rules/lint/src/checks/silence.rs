//! What a condition is worth while there is no score.
//!
//! There are two such times: nothing is known at all (the fields are missing, and every comparison with them is false),
//! and a workload is being learned (likewise, but `anomaly.level` says so and flags are false). A gate on somebody
//! else's rule must let it fire at both. Three values do: true, false, and *whatever the event says*.

use std::collections::HashMap;

use super::score;
use crate::condition::{Compare, Expr, Leaf, Right, Word};
use crate::fields::{Kind, kind};
use crate::rules::{Entry, EntryKind, Mode};

/// How often one macro may lead to another.
const MAX_DEPTH: usize = 64;

/// True, false, or open.
type Truth = Option<bool>;

/// A time without a score.
#[derive(Debug, Clone, Copy)]
enum Time {
    Unknown,
    Learning,
}

/// The macros of all files, each with what it continues.
#[derive(Debug)]
pub(super) struct Macros<'e> {
    definitions: HashMap<&'e str, Vec<&'e Expr>>,
}

/// What a macro, or any condition, asks of us.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asks<'e> {
    /// A comparison that is false while there is no score, and is not under a `not`.
    pub(super) closed: Option<&'e Compare>,
    /// A comparison that asks for something novel, and is not under a `not`.
    pub(super) wants_large: Option<&'e Compare>,
    /// A comparison of how novel the process is, and not of what it does.
    pub(super) of_process: Option<&'e Compare>,
    /// The same under a `not`, or the other way round: it leaves out what is known.
    pub(super) hides_known: Option<&'e Compare>,
    /// Whether any of our fields decides anything that a score decides.
    pub(super) of_score: bool,
    truth: [Truth; 2],
}

impl<'e> Macros<'e> {
    pub(super) fn of(entries: &'e [Entry]) -> Self {
        let mut definitions: HashMap<&str, Vec<&Expr>> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Macro) {
            let Some(Ok(expr)) = entry.condition.as_ref().map(|condition| &condition.expr) else { continue };
            let parts = definitions.entry(&entry.name).or_default();
            if entry.mode != Mode::Append {
                parts.clear();
            }
            parts.push(expr);
        }
        Self { definitions }
    }

    /// A macro's name and the conditions that make it up; none where it is not in the files.
    pub(super) fn definition(&self, name: &str) -> Option<(&'e str, &[&'e Expr])> {
        self.definitions.get_key_value(name).map(|(name, parts)| (*name, parts.as_slice()))
    }

    /// What every macro asks, each computed once however often it is used.
    pub(super) fn asked(&self) -> Asked<'_, 'e> {
        Asked { macros: self, known: HashMap::new() }
    }
}

/// Answers about macros, kept.
#[derive(Debug)]
pub(super) struct Asked<'m, 'e> {
    macros: &'m Macros<'e>,
    known: HashMap<&'e str, Option<Asks<'e>>>,
}

impl<'e> Asked<'_, 'e> {
    /// What a macro asks; nothing where it is not in the files or leads to itself.
    pub(super) fn of_macro(&mut self, name: &str) -> Asks<'e> {
        self.of_macro_within(name, 0)
    }

    /// What a condition asks.
    pub(super) fn of(&mut self, expr: &'e Expr) -> Asks<'e> {
        self.of_within(expr, 0)
    }

    fn of_macro_within(&mut self, name: &str, depth: usize) -> Asks<'e> {
        let Some((&name, parts)) = self.macros.definitions.get_key_value(name) else {
            return Asks::default();
        };
        if let Some(known) = self.known.get(name) {
            return known.unwrap_or_default();
        }
        if depth == MAX_DEPTH {
            return Asks::default();
        }
        self.known.insert(name, None);
        let asks = match parts[..] {
            [whole] => self.of_within(whole, depth + 1),
            // Appended text binds as it stands; that all of it holds is close enough to tell what it asks for.
            _ => parts.iter().fold(Asks { truth: [Some(true); 2], ..Asks::default() }, |sum, part| {
                let asks = self.of_within(part, depth + 1);
                Asks {
                    closed: sum.closed.or(asks.closed),
                    wants_large: sum.wants_large.or(asks.wants_large),
                    of_process: sum.of_process.or(asks.of_process),
                    hides_known: sum.hides_known.or(asks.hides_known),
                    of_score: sum.of_score || asks.of_score,
                    truth: [and(sum.truth[0], asks.truth[0]), and(sum.truth[1], asks.truth[1])],
                }
            }),
        };
        self.known.insert(name, Some(asks));
        asks
    }

    fn of_within(&mut self, expr: &'e Expr, depth: usize) -> Asks<'e> {
        let mut asks = Asks::default();
        expr.walk(&mut |leaf, negated| match leaf {
            Leaf::Compare(compare) => {
                if is_of_process(compare) {
                    asks.of_process = asks.of_process.or(Some(compare));
                    if negated.is_some() {
                        asks.hides_known =
                            asks.hides_known.or(Some(compare).filter(|compare| !wants_large(compare)));
                    }
                }
                if is_of_score(compare) {
                    asks.of_score = true;
                    if negated.is_none() {
                        asks.closed = asks.closed.or(Some(compare));
                        asks.wants_large =
                            asks.wants_large.or(Some(compare).filter(|compare| wants_large(compare)));
                    }
                }
            }
            Leaf::Macro(name) => {
                let inner = self.of_macro_within(&name.text, depth);
                asks.of_score |= inner.of_score;
                asks.of_process = asks.of_process.or(inner.of_process);
                asks.hides_known = asks.hides_known.or(match negated {
                    None => inner.hides_known,
                    Some(_) => inner.of_process.filter(|compare| !wants_large(compare)),
                });
                if negated.is_none() {
                    asks.closed = asks.closed.or(inner.closed);
                    asks.wants_large = asks.wants_large.or(inner.wants_large);
                }
            }
        });
        asks.truth = [Time::Unknown, Time::Learning].map(|time| self.truth(expr, time, depth));
        asks
    }

    fn truth(&mut self, expr: &'e Expr, time: Time, depth: usize) -> Truth {
        match expr {
            Expr::All(parts) => parts.iter().map(|part| self.truth(part, time, depth)).reduce(and).flatten(),
            Expr::Any(parts) => {
                let none = |truth: Truth| truth.map(|truth| !truth);
                none(parts.iter().map(|part| none(self.truth(part, time, depth))).reduce(and).flatten())
            }
            Expr::Not(_, part) => self.truth(part, time, depth).map(|truth| !truth),
            Expr::Compare(compare) => truth_of(compare, time),
            Expr::Macro(name) => self.of_macro_within(&name.text, depth).truth[time as usize],
            Expr::Base => None,
        }
    }

    /// The parts of a gate that silence the rule they are put on, while there is no score.
    ///
    /// Alternatives are looked at one by one: where any of them is free of such parts, the rule still fires.
    pub(super) fn closed_parts(&mut self, gate: &'e Expr, is_appended: bool) -> Vec<&'e Expr> {
        let alternatives: Vec<&Expr> = match gate {
            Expr::Any(parts) => parts.iter().filter(|part| !is_appended || continues(part)).collect(),
            other => vec![other],
        };
        let mut closed = Vec::new();
        for alternative in alternatives {
            let mut parts = Vec::new();
            conjuncts(alternative, &mut parts);
            let before = closed.len();
            for part in parts {
                let asks = self.of(part);
                if asks.of_score && asks.truth != [Some(true); 2] {
                    closed.push(part);
                }
            }
            if closed.len() == before {
                return Vec::new();
            }
        }
        closed
    }
}

/// Whether an alternative has the condition in it to which it is appended.
fn continues(expr: &Expr) -> bool {
    match expr {
        Expr::Base => true,
        Expr::All(parts) => parts.iter().any(continues),
        _ => false,
    }
}

fn conjuncts<'e>(expr: &'e Expr, into: &mut Vec<&'e Expr>) {
    match expr {
        Expr::All(parts) => parts.iter().for_each(|part| conjuncts(part, into)),
        Expr::Base => {}
        other => into.push(other),
    }
}

fn and(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Whether a comparison can be answered only with a score.
fn is_of_score(compare: &Compare) -> bool {
    let right = match &compare.right {
        Right::Field(field) => kind(&field.text),
        _ => None,
    };
    [kind(&compare.field.text), right].into_iter().flatten().any(|kind| kind != Kind::Other)
}

/// Whether a comparison asks how novel the process is: how it was started, whatever it does now.
pub(super) fn is_of_process(compare: &Compare) -> bool {
    matches!(kind(&compare.field.text), Some(Kind::Score | Kind::Permille | Kind::Level | Kind::Flag))
        && !matches!(compare.field.text.as_str(), "anomaly.event_score" | "anomaly.threshold")
}

fn truth_of(compare: &Compare, time: Time) -> Truth {
    if !is_of_score(compare) {
        return None;
    }
    let negative = compare.operator.text == "!=";
    Some(match (kind(&compare.field.text), time) {
        (Some(Kind::Level), Time::Learning) => says(compare, "learning") != negative,
        (Some(Kind::Flag), Time::Learning) => says(compare, "false") != negative,
        _ => false,
    })
}

/// Whether a comparison asks for what is novel.
pub(super) fn wants_large(compare: &Compare) -> bool {
    match kind(&compare.field.text) {
        Some(Kind::Score) => score::read(compare).is_some_and(|reading| reading.meant.wants_large()),
        Some(Kind::Flag) => matches!(compare.right, Right::Value(_)) && says(compare, "true"),
        _ => false,
    }
}

/// Whether a comparison names a value. `exists` names them all.
fn says(compare: &Compare, word: &str) -> bool {
    let is = |value: &Word| value.text.eq_ignore_ascii_case(word);
    match &compare.right {
        Right::Value(value) => is(value),
        Right::Values(values) => values.iter().any(is),
        Right::Nothing | Right::Field(_) => compare.operator.text == "exists",
    }
}
