//! Finds misuses of the plugin's fields in Falco rules, those that Falco accepts without a word.
//!
//! Falco has no decimal numbers, so a score is text of fixed width, and its operators compare text. That makes
//! `anomaly.score >= 0.85` work in every Falco, and it makes `anomaly.score > 85` load and never alert. A missing score
//! makes every comparison false: right for rules on novelty, wrong for a gate on somebody else's rule, which then falls
//! silent just while a workload is being learned. Nothing of that can be seen when Falco starts; here it can.
//!
//! The crate is pure: text in, findings out. It knows YAML and the grammar of conditions, and no more of Falco.

mod checks;
mod condition;
mod fields;
mod finding;
mod rules;
mod text;
mod yaml;

pub use fields::names as field_names;
pub use finding::{Check, Finding};
pub use text::Position;

/// The largest file that is read, in bytes. Falco's own rules have 60,000.
pub const MAX_BYTES: usize = 4 << 20;

/// A rules file.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// How findings call it.
    pub name: &'a str,
    /// What it holds.
    pub text: &'a str,
}

/// A file that cannot be linted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// It is no YAML, or nests or repeats itself as no rules do.
    #[error("{file}:{line}:{column}: not valid YAML: {problem}")]
    Yaml {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser says.
        problem: String,
    },
    /// It is YAML, but no list of rules.
    #[error("{file}:{line}:{column}: not a rules file: rules are a list of mappings, `- rule: ...`")]
    NotRules {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Its aliases repeat more than there is in it.
    #[error("{file}: its aliases repeat more than the file holds: write the rules out")]
    Repeats {
        /// The file.
        file: String,
    },
    /// It is larger than [`MAX_BYTES`].
    #[error("{file}: {bytes} bytes are more than the {MAX_BYTES} that a rules file may have: split it")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
    },
}

/// Lints files together, in the order in which Falco loads them. Findings come in the order of files and lines.
///
/// Macros are looked up in all of the files. A rule that none of them defines is somebody else's; so is one that another
/// file defines without any of our fields.
///
/// # Errors
/// Where a file is too large, no YAML, or no list of rules.
pub fn lint(files: &[File<'_>]) -> Result<Vec<Finding>, LintError> {
    let mut entries = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if file.text.len() > MAX_BYTES {
            return Err(LintError::TooLarge { file: file.name.to_owned(), bytes: file.text.len() });
        }
        let tree = yaml::Tree::parse(file.name, file.text)?;
        entries.extend(rules::read(&tree, index, file.name)?);
    }
    let names: Vec<_> = files.iter().map(|file| file.name).collect();
    Ok(checks::check(&entries, &names))
}
