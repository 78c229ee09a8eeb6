//! Goes through entries and says what is wrong with them.

mod events;
mod level;
mod score;
mod silence;

use std::collections::HashMap;

use crate::condition::{Compare, Expr, Leaf, Right};
use crate::fields::{Kind, is_unknown, kind, nearest};
use crate::finding::{Check, Finding};
use crate::rules::{Condition, Entry, EntryKind, Mode};
use crate::text::{Position, Text};
use events::{About, Events, of_rule};
use silence::{Asked, Macros};

/// Everything that is wrong with these entries.
pub(crate) fn check(entries: &[Entry], files: &[&str]) -> Vec<Finding> {
    let macros = Macros::of(entries);
    let mut asked = macros.asked();
    let owners = owners(entries, &mut asked);
    let mut events = Events::new(&macros);
    let bases = bases(entries);
    let mut findings = Vec::new();
    for entry in entries {
        let foreign = entry.kind == EntryKind::Rule
            && entry.mode != Mode::Define
            && owners
                .get(entry.name.as_str())
                .is_none_or(|owner| owner.is_some_and(|file| file != entry.file));
        let base = bases.get(entry.name.as_str()).copied().filter(|_| entry.kind == EntryKind::Rule);
        let own = entry.condition.as_ref().and_then(|condition| condition.expr.as_ref().ok());
        let about = match (entry.kind, entry.mode) {
            (EntryKind::Macro, _) => About::Anything,
            (EntryKind::Rule, Mode::Append) => {
                let read = base.and_then(|base| base.expr.as_ref().ok());
                read.map_or_else(|| of_rule(&entry.name), |base| events.of(base))
            }
            (EntryKind::Rule, _) => own.map_or(About::Anything, |expr| events.of(expr)),
        };
        let mut checker = Checker {
            entry,
            foreign,
            of_others: about == About::Others,
            base,
            asked: &mut asked,
            file: files[entry.file],
            findings: Vec::new(),
        };
        checker.run();
        findings.extend(checker.findings.into_iter().map(|finding| (entry.file, finding)));
    }
    findings.sort_by(|(file, left), (other, right)| {
        (file, left.line, left.column, left.check).cmp(&(other, right.line, right.column, right.check))
    });
    findings.dedup();
    findings.into_iter().map(|(_, finding)| finding).collect()
}

/// The rules that are defined here. Those that know our fields are everybody's to change (`None` is any file's), those
/// that do not are their own file's.
fn owners<'e>(entries: &'e [Entry], asked: &mut Asked<'_, 'e>) -> HashMap<&'e str, Option<usize>> {
    let mut owners = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Rule && entry.mode == Mode::Define) {
        if let Some(condition) = &entry.condition {
            let ours =
                condition.mentions_us || condition.expr.as_ref().is_ok_and(|expr| asked.of(expr).of_score);
            owners.insert(entry.name.as_str(), (!ours).then_some(entry.file));
        }
    }
    owners
}

/// The conditions of rules, before anything is appended to them.
fn bases(entries: &[Entry]) -> HashMap<&str, &Condition> {
    let whole = entries.iter().filter(|entry| entry.kind == EntryKind::Rule && entry.mode != Mode::Append);
    whole.filter_map(|entry| Some((entry.name.as_str(), entry.condition.as_ref()?))).collect()
}

struct Checker<'c, 'm, 'e> {
    entry: &'e Entry,
    /// Whether it changes a rule of somebody else's.
    foreign: bool,
    /// Whether the rule is about other events than executions.
    of_others: bool,
    /// The condition that it changes, where that is in one of the files.
    base: Option<&'e Condition>,
    asked: &'c mut Asked<'m, 'e>,
    file: &'e str,
    findings: Vec<Finding>,
}

impl<'e> Checker<'_, '_, 'e> {
    fn run(&mut self) {
        let Entry { condition, output, exceptions, .. } = self.entry;
        if let Some(condition) = condition {
            match &condition.expr {
                Ok(expr) => self.condition(expr),
                // What we cannot read and is not about us is Falco's own business.
                Err(error) if condition.mentions_us => {
                    self.report(
                        Check::Syntax,
                        error.at,
                        "the condition",
                        error.problem,
                        "a condition that Falco can read",
                    );
                }
                Err(_) => {}
            }
        }
        if let Some(output) = output {
            self.output(output);
        }
        for compare in exceptions {
            // An exception holds where its comparison does not.
            self.compare(compare, Some(compare.operator.at));
        }
    }

    fn report(&mut self, check: Check, at: Position, found: &str, problem: &str, correction: &str) {
        let entry = format!("{} {}", self.entry.kind.as_str(), self.entry.name);
        let (file, found, problem, correction) =
            (self.file.to_owned(), found.to_owned(), problem.to_owned(), correction.to_owned());
        let Position { line, column } = at;
        self.findings.push(Finding { file, line, column, check, entry, found, problem, correction });
    }

    fn condition(&mut self, expr: &'e Expr) {
        let mut leaves = Vec::new();
        expr.walk(&mut |leaf, negated| leaves.push((leaf, negated)));
        for (leaf, negated) in leaves {
            match (leaf, negated) {
                (Leaf::Compare(compare), _) => self.compare(compare, negated),
                (Leaf::Macro(name), Some(at)) => {
                    if let Some(compare) = self.asked.of_macro(&name.text).wants_large {
                        let found = format!("not {}", name.text);
                        let problem = format!(
                            "also holds while there is no score, because {} asks for `{}`",
                            name.text,
                            text(compare)
                        );
                        let correction = self.without_score(compare, true);
                        self.report(Check::Negation, at, &found, &problem, &correction);
                    }
                }
                (Leaf::Macro(_), None) => {}
            }
        }
        if self.of_others {
            self.other_event(expr);
        }
        if self.foreign {
            self.last_alternative(expr);
            for part in self.asked.closed_parts(expr, self.entry.mode == Mode::Append) {
                self.closed(part);
            }
        }
    }

    /// What hides the acts of a known process, in a rule about acts.
    fn other_event(&mut self, expr: &'e Expr) {
        let mut blind = Vec::new();
        expr.walk(&mut |leaf, negated| {
            let found = match leaf {
                Leaf::Compare(compare) if silence::is_of_process(compare) => {
                    let hides = negated.is_some() && !silence::wants_large(compare);
                    Some((compare.field.at, negated, text(compare), compare))
                        .filter(|_| self.foreign || hides)
                }
                Leaf::Compare(_) => None,
                Leaf::Macro(name) => {
                    let asks = self.asked.of_macro(&name.text);
                    let hides = match negated {
                        Some(_) => asks.of_process.filter(|compare| !silence::wants_large(compare)),
                        None => asks.hides_known,
                    };
                    let compare = if self.foreign { asks.of_process } else { hides };
                    compare.map(|compare| (name.at, negated, name.text.clone(), compare))
                }
            };
            blind.extend(found);
        });
        for (at, negated, found, compare) in blind {
            let found = if negated.is_some() { format!("not {found}") } else { found };
            let problem = format!(
                "is about how the process was started, and the rule {:?} is about what it does: whatever a known \
                 process does would be hidden",
                self.entry.name.as_str()
            );
            self.report(Check::OtherEvent, at, &found, &problem, &act_gate(compare));
        }
    }

    /// `or` binds weaker than what is appended.
    fn last_alternative(&mut self, gate: &Expr) {
        let continues = self.entry.mode == Mode::Append && matches!(gate, Expr::All(_));
        let Some(Condition { mentions_us: true, .. }) = self.entry.condition else { return };
        let Some(Condition { expr: Ok(Expr::Any(_)), is_enclosed: false, .. }) = self.base else { return };
        if !continues {
            return;
        }
        let mut at = None;
        gate.walk(&mut |leaf, _| {
            let (Leaf::Compare(Compare { field: word, .. }) | Leaf::Macro(word)) = leaf;
            at = at.or(Some(word.at));
        });
        let Some(at) = at else { return };
        let problem = format!(
            "would concern only the last alternative of the rule {:?}, whose condition has an `or` at its top",
            self.entry.name.as_str()
        );
        let correction = "the whole condition in parentheses with the gate behind it, and `override: {condition: replace}`";
        self.report(Check::LastAlternative, at, "what is appended", &problem, correction);
    }

    /// A part of a gate that silences the rule it is put on.
    fn closed(&mut self, part: &'e Expr) {
        let Some(compare) = self.asked.of(part).closed else { return };
        let mut at = compare.field.at;
        let mut found = text(compare);
        part.walk(&mut |leaf, _| {
            if let Leaf::Macro(name) = leaf
                && at == compare.field.at
                && self.asked.of_macro(&name.text).closed == Some(compare)
            {
                (at, found) = (name.at, name.text.clone());
            }
        });
        let problem = format!(
            "silences the rule {:?}, which is not this file's, while there is no score",
            self.entry.name.as_str()
        );
        let correction = self.without_score(compare, false);
        self.report(Check::FailsClosed, at, &found, &problem, &correction);
    }

    /// How a comparison should read that has to do without a score: under a `not`, or as a gate.
    fn without_score(&self, compare: &Compare, negated: bool) -> String {
        let field = &compare.field.text;
        if compare.right == Right::Nothing {
            return String::new();
        }
        if self.foreign && self.of_others && silence::is_of_process(compare) {
            return act_gate(compare);
        }
        match (kind(field), score::read(compare)) {
            (Some(Kind::Score), Some(reading)) if negated && !self.foreign => {
                reading.meant.opposite().to_string()
            }
            (Some(Kind::Score), Some(reading)) => reading.meant.gate(),
            (Some(Kind::Flag), _) if negated && !self.foreign => format!("{field} = false"),
            (Some(Kind::Flag), _) if field == "anomaly.novel" => {
                "not anomaly.score < val(anomaly.threshold)".to_owned()
            }
            (Some(Kind::Level), _) if !negated => level::gate(compare),
            _ => format!("({} or not anomaly.score exists)", text(compare)),
        }
    }

    fn compare(&mut self, compare: &'e Compare, negated: Option<Position>) {
        let fields = [Some(&compare.field), compare.field_on_the_right()];
        for field in fields.into_iter().flatten().filter(|field| is_unknown(&field.text)) {
            let found = text(compare);
            let correction = found.replace(&field.text, nearest(&field.text));
            let problem = format!("asks for {}, which the plugin does not have", field.text);
            self.report(Check::UnknownField, field.at, &found, &problem, &correction);
        }
        if compare.transformed {
            return;
        }
        let wrong = match kind(&compare.field.text) {
            Some(Kind::Score) => return self.score(compare, negated),
            Some(Kind::Level) => level::level(compare).map(|wrong| (Check::Level, wrong)),
            Some(Kind::Permille) => level::permille(compare).map(|wrong| (Check::Literal, wrong)),
            Some(Kind::Flag) => return self.flag(compare, negated),
            _ => None,
        };
        if let Some((check, wrong)) = wrong {
            self.report(check, wrong.word.at, &text(compare), wrong.problem, &wrong.correction);
        }
    }

    fn score(&mut self, compare: &'e Compare, negated: Option<Position>) {
        let Some(reading) = score::read(compare) else { return };
        let turned = negated.filter(|_| reading.meant.wants_large());
        let correction = match turned {
            Some(_) => self.without_score(compare, true),
            None if self.foreign && self.of_others && silence::is_of_process(compare) => act_gate(compare),
            None if self.foreign && negated.is_none() => reading.meant.gate(),
            None => reading.meant.to_string(),
        };
        let found = text(compare);
        if let Some(problem) = &reading.literal {
            let at = compare.value_at();
            self.report(Check::Literal, at, &found, problem, &correction);
        } else if let Some(problem) = reading.operator {
            self.report(Check::Operator, compare.operator.at, &found, problem, &correction);
        }
        if let Some(at) = turned {
            let problem = "also holds while there is no score";
            self.report(Check::Negation, at, &format!("not {found}"), problem, &correction);
        }
    }

    fn flag(&mut self, compare: &'e Compare, negated: Option<Position>) {
        if let Some(at) = negated
            && silence::wants_large(compare)
        {
            let found = format!("not {}", text(compare));
            let correction = self.without_score(compare, true);
            self.report(Check::Negation, at, &found, "also holds while there is no score", &correction);
        }
    }

    /// Fields in an output, which Falco writes with a percent sign.
    fn output(&mut self, output: &Text) {
        let characters = &output.characters;
        let prefix: Vec<char> = "anomaly.".chars().collect();
        for start in 1..characters.len().saturating_sub(prefix.len()) {
            // Behind the sign, or within a transformer.
            if !matches!(characters[start - 1], '%' | '(') || !characters[start..].starts_with(&prefix) {
                continue;
            }
            let belongs =
                |character: &&char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
            let name: String = characters[start..].iter().take_while(belongs).collect();
            let name = name.trim_end_matches('.');
            if is_unknown(name) {
                let problem = "is a field that the plugin does not have";
                let (found, correction) = (format!("%{name}"), format!("%{}", nearest(name)));
                self.report(Check::UnknownField, output.position(start), &found, problem, &correction);
            }
        }
    }
}

/// The gate by what a process does that is as strict as a comparison of how it was started.
fn act_gate(compare: &Compare) -> String {
    let reading = score::read(compare).filter(|_| kind(&compare.field.text) == Some(Kind::Score));
    match reading.map(|reading| reading.meant) {
        // Smoothed scores are smaller, and raw distances of another scale.
        Some(meant) if compare.field.text == "anomaly.score" => {
            score::Meant { field: ACT_SCORE.to_owned(), ..meant }.gate()
        }
        _ => format!("not {ACT_SCORE} < 0.85"),
    }
}

/// The field that is about what happens, and not about who does it.
const ACT_SCORE: &str = "anomaly.event_score";

/// A comparison as one would write it.
fn text(compare: &Compare) -> String {
    let value = match &compare.right {
        Right::Nothing => return format!("{} {}", compare.field.text, compare.operator.text),
        Right::Value(word) if word.quoted => format!("\"{}\"", word.text),
        Right::Value(word) => word.text.clone(),
        Right::Field(field) => format!("val({})", field.text),
        Right::Values(words) => {
            format!("({})", words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(", "))
        }
    };
    format!("{} {} {value}", compare.field.text, compare.operator.text)
}
