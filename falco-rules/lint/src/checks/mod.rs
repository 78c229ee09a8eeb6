//! Goes through entries and says what is wrong with them.

mod level;
mod score;
mod silence;

use std::collections::HashMap;

use crate::condition::{Compare, Expr, Leaf, Right};
use crate::fields::{Kind, is_unknown, kind, nearest};
use crate::finding::{Check, Finding};
use crate::rules::{Entry, EntryKind, Mode};
use crate::text::{Position, Text};
use silence::{Asked, Macros};

/// Everything that is wrong with these entries.
pub(crate) fn check(entries: &[Entry], files: &[&str]) -> Vec<Finding> {
    let macros = Macros::of(entries);
    let mut asked = macros.asked();
    let owners = owners(entries, &mut asked);
    let mut findings = Vec::new();
    for entry in entries {
        let foreign = entry.kind == EntryKind::Rule
            && entry.mode != Mode::Define
            && owners
                .get(entry.name.as_str())
                .is_none_or(|owner| owner.is_some_and(|file| file != entry.file));
        let mut checker =
            Checker { entry, foreign, asked: &mut asked, file: files[entry.file], findings: Vec::new() };
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

struct Checker<'c, 'm, 'e> {
    entry: &'e Entry,
    /// Whether it changes a rule of somebody else's.
    foreign: bool,
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
        if self.foreign {
            for part in self.asked.closed_parts(expr, self.entry.mode == Mode::Append) {
                self.closed(part);
            }
        }
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
