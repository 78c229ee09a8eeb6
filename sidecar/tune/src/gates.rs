//! Writes gates: a rules file for Falco with one override for each rule that a person named.

use std::fmt::{self, Write};

use anomaly_baseline::text::needs_escape;

use crate::report::{Report, RuleReport};

/// A rule that no gate can be written for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no alert of it, so nothing was shown.
    NotSeen(String),
    /// Its events are no system calls, where Falco does not know a gate's field and would not start.
    NotOfSyscalls(String),
    /// More of it would be hidden than could be shown.
    NotShown(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSeen(rule) => write!(
                f,
                "no alert is of the rule {rule:?}, so nothing shows what its gate would hide; check the name, or give \
                 alerts that have it"
            ),
            Self::NotOfSyscalls(rule) => write!(
                f,
                "the rule {rule:?} is not about system calls, so Falco would not start with a gate on it; write an \
                 exception for it instead"
            ),
            Self::NotShown(rule) => write!(
                f,
                "a gate on the rule {rule:?} would hide more kinds of alerts than can be shown; give alerts of fewer \
                 workloads or a shorter time"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// The rules file with a gate for each of these rules, in this order.
///
/// # Errors
/// Where one of the rules cannot be gated.
pub fn gates(report: &Report, rules: &[&str]) -> Result<String, Refusal> {
    let mut text = HEAD.to_owned();
    for &name in rules {
        let rule = report.rule(name).ok_or_else(|| Refusal::NotSeen(name.to_owned()))?;
        if !rule.advice.possible {
            return Err(Refusal::NotOfSyscalls(name.to_owned()));
        }
        if rule.would_hide_others > 0 {
            return Err(Refusal::NotShown(name.to_owned()));
        }
        // Writing into a string cannot fail.
        let _ = gate(&mut text, report, rule);
    }
    Ok(text)
}

/// What stands above the gates.
const HEAD: &str = concat!(
    "\
# Gates, written by `anomalyctl tune` from alerts that were reviewed.
#
# Load this file after the rules that it changes; take it away to undo it. While a workload learns, where there is no score
# and after a fault of the plugin, the rules fire as they did without it. Without the plugin Falco does not start, and says
# so (\"must load one of: anomaly\"): take this file out together with it. A rule whose condition has an `or` at its top,
# outside of parentheses, needs another form: `anomalyctl lint-rules RULES.yaml THIS.yaml` tells.

- required_engine_version: 0.57.0

- required_plugin_versions:
    - name: anomaly
      version: ",
    env!("CARGO_PKG_VERSION"),
    "\n"
);

fn gate(text: &mut String, report: &Report, rule: &RuleReport) -> fmt::Result {
    let RuleReport { rule: name, alerts, hidden, critical, .. } = rule;
    let (first, last) = (report.first.as_deref().unwrap_or("-"), report.last.as_deref().unwrap_or("-"));
    writeln!(text, "\n# Of {alerts} alerts from {first} to {last} it would have hidden {hidden}.")?;
    if *critical {
        writeln!(text, "# CRITICAL: what it hides was reviewed by whoever named this rule.")?;
    }
    for why in rule.advice.why_not.iter().filter(|_| !critical) {
        writeln!(text, "# Not recommended: {why}.")?;
    }
    writeln!(text, "- rule: {}", Quoted(name))?;
    writeln!(text, "  condition: and not anomaly.event_score < {:.2}", report.gate.value())?;
    writeln!(text, "  override:\n    condition: append")
}

/// Text in YAML's double quotes; a plain name stays plain. Names come from alerts, and a name made to break out of its
/// line must not.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        let is_plain = |character: char| character.is_ascii_alphanumeric() || " ()/_.,+".contains(character);
        let starts = text.starts_with(|character: char| character.is_ascii_alphabetic());
        let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
        if starts && !is_word && !text.ends_with(' ') && text.chars().all(is_plain) {
            return f.write_str(text);
        }
        f.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                character if needs_escape(character) => write!(f, "\\U{:08x}", u32::from(character))?,
                character => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_line() {
        for (name, written) in [
            ("Run shell untrusted", "Run shell untrusted"),
            ("Execution from /dev/shm", "Execution from /dev/shm"),
            ("yes", "\"yes\""),
            ("- a", "\"- a\""),
            ("a: b", "\"a: b\""),
            ("a # b", "\"a # b\""),
            ("\"\\\n- rule: x", "\"\\\"\\\\\\U0000000a- rule: x\""),
            ("é☃", "\"é☃\""),
            ("\u{202e}", "\"\\U0000202e\""),
        ] {
            assert_eq!(Quoted(name).to_string(), written);
        }
    }
}
