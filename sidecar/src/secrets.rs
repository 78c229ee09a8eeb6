//! What takes secrets out, beside what is known.

use anomaly_vectorizer::scrub::{Scrubber, SecretPattern};
use clap::Args;

/// Secrets of one's own.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Secrets {
    /// Take out the values of flags, variables, fields and headers of this name, beside the many that are known for
    /// secrets; may be repeated
    #[arg(long = "scrub", value_name = "NAME", value_parser = name, help_heading = "Secrets")]
    names: Vec<String>,

    /// Take out what this regular expression matches in an argument, or its first group where it has any; may be repeated
    #[arg(long = "scrub-pattern", value_name = "REGEX", help_heading = "Secrets")]
    patterns: Vec<SecretPattern>,
}

impl Secrets {
    /// What takes them out.
    pub(crate) fn scrubber(&self) -> Scrubber {
        self.beside(Scrubber::default())
    }

    /// What takes them out beside others.
    pub(crate) fn beside(&self, others: Scrubber) -> Scrubber {
        others.with_names(&self.names).with_patterns(self.patterns.iter().cloned())
    }
}

/// A name of secrets.
fn name(text: &str) -> Result<String, &'static str> {
    let is_name = Scrubber::is_name(text);
    if is_name { Ok(text.to_owned()) } else { Err("a name has two to 64 letters, digits, -, _ and .") }
}
