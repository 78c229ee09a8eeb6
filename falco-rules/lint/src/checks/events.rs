//! Which events a rule is about, as far as its condition says.
//!
//! On an event that is no execution, `anomaly.score` is the novelty of how the process was started, not of what it does
//! there. A rule that alerts may well ask for that. A gate may not: it would hide whatever a long known program does
//! once it is taken over. So it has to be known whether a rule is about executions, and where its condition is not at
//! hand, Falco's own macros and stable rules are known by name.

use std::collections::HashMap;

use super::silence::Macros;
use crate::condition::{Compare, Expr, Right};

/// How often one macro may lead to another.
const MAX_DEPTH: usize = 64;

/// Events that are executions.
const EXECUTIONS: [&str; 3] = ["execve", "execveat", "anomaly_exec"];

/// Falco's own macros for executions.
const EXECUTION_MACROS: [&str; 2] = ["container_started", "spawned_process"];

/// Falco's own macros for other events.
const OTHER_MACROS: [&str; 19] = [
    "chmod",
    "create_hardlink",
    "create_symlink",
    "dup",
    "inbound",
    "inbound_outbound",
    "kernel_module_load",
    "mkdir",
    "modify",
    "net_miner_pool",
    "open_directory",
    "open_file_failed",
    "open_read",
    "open_write",
    "outbound",
    "ptrace_attach_or_injection",
    "remove",
    "rename",
    "write_etc_common",
];

/// Falco's stable rules (release 5.1.0) that are about other events than executions.
const OTHER_RULES: [&str; 14] = [
    "Clear Log Activities",
    "Contact K8S API Server From Container",
    "Create Hardlink Over Sensitive Files",
    "Create Symlink Over Sensitive Files",
    "Detect release_agent File Container Escapes",
    "Directory traversal monitored file read",
    "Disallowed SSH Connection Non Standard Port",
    "Linux Kernel Module Injection Detected",
    "PTRACE anti-debug attempt",
    "PTRACE attached to process",
    "Packet socket created in container",
    "Read sensitive file trusted after startup",
    "Read sensitive file untrusted",
    "Redirect STDOUT/STDIN to Network Connection in Container",
];

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Executions alone.
    Executions,
    /// Other events, or both.
    Others,
    /// It does not say, or says so in a way that is not followed.
    Anything,
}

/// Answers about conditions, those about macros kept.
#[derive(Debug)]
pub(super) struct Events<'m, 'e> {
    macros: &'m Macros<'e>,
    known: HashMap<&'e str, About>,
}

impl<'m, 'e> Events<'m, 'e> {
    pub(super) fn new(macros: &'m Macros<'e>) -> Self {
        Self { macros, known: HashMap::new() }
    }

    /// What a condition is about.
    pub(super) fn of(&mut self, expr: &'e Expr) -> About {
        self.of_within(expr, 0)
    }

    fn of_within(&mut self, expr: &'e Expr, depth: usize) -> About {
        match expr {
            // What is an execution and something else at once is the narrower of the two.
            Expr::All(parts) => self.joined(parts, depth, |left, right| match (left, right) {
                (About::Executions, _) | (_, About::Executions) => About::Executions,
                (About::Others, _) | (_, About::Others) => About::Others,
                _ => About::Anything,
            }),
            Expr::Any(parts) => self.joined(parts, depth, |left, right| match (left, right) {
                (About::Others, _) | (_, About::Others) => About::Others,
                (About::Executions, About::Executions) => About::Executions,
                _ => About::Anything,
            }),
            Expr::Compare(compare) => of_compare(compare),
            Expr::Macro(name) => self.of_macro(&name.text, depth),
            Expr::Not(..) | Expr::Base => About::Anything,
        }
    }

    fn joined(&mut self, parts: &'e [Expr], depth: usize, join: fn(About, About) -> About) -> About {
        parts.iter().map(|part| self.of_within(part, depth)).reduce(join).unwrap_or(About::Anything)
    }

    fn of_macro(&mut self, name: &str, depth: usize) -> About {
        let Some((name, parts)) = self.macros.definition(name) else {
            return match name {
                name if EXECUTION_MACROS.contains(&name) => About::Executions,
                other if OTHER_MACROS.contains(&other) => About::Others,
                _ => About::Anything,
            };
        };
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        if depth == MAX_DEPTH {
            return About::Anything;
        }
        // One that leads to itself says nothing.
        self.known.insert(name, About::Anything);
        let about = match parts {
            [whole] => self.of_within(whole, depth + 1),
            _ => About::Anything,
        };
        self.known.insert(name, about);
        about
    }
}

/// What a rule of this name is about whose condition is in none of the files.
pub(super) fn of_rule(name: &str) -> About {
    if OTHER_RULES.contains(&name) { About::Others } else { About::Anything }
}

/// Whether a word looks like an event and not like a list: lists have names of several words.
fn is_event(text: &str) -> bool {
    !text.contains('_') || text.ends_with("init_module") || EXECUTIONS.contains(&text)
}

fn of_compare(compare: &Compare) -> About {
    if compare.field.text != "evt.type" || compare.transformed {
        return About::Anything;
    }
    let values = match &compare.right {
        Right::Value(word) => std::slice::from_ref(word),
        Right::Values(words) => words.as_slice(),
        Right::Nothing | Right::Field(_) => return About::Anything,
    };
    let is_execution = |text: &str| EXECUTIONS.contains(&text);
    match compare.operator.text.as_str() {
        "=" | "==" | "in" if values.iter().all(|word| is_execution(&word.text)) => About::Executions,
        // That may be the name of a list, and what is in a list is not followed.
        "in" if values.iter().any(|word| !is_event(&word.text)) => About::Anything,
        "=" | "==" | "in" => About::Others,
        _ => About::Anything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_rules_are_told_apart_by_name() {
        assert_eq!(of_rule("Contact K8S API Server From Container"), About::Others);
        assert_eq!(of_rule("Run shell untrusted"), About::Anything);
    }
}
