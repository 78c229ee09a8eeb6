//! Whatever a file holds: a configuration, or mistakes with places in it, and never a panic.

use proptest::prelude::*;

use crate::{Config, ConfigError};

/// Reads a text; what is refused has to be told safely and somewhere in the file.
fn read(text: &str) -> Result<(), TestCaseError> {
    match Config::parse(text, "a") {
        Ok(config) => {
            // What is written is what was read.
            let written = serde_json::to_string(&config).expect("JSON");
            prop_assert_eq!(Config::parse(&written, "b").expect("what was written"), config);
        }
        Err(ConfigError::Refused { problems, .. }) => {
            prop_assert!(!problems.is_empty());
            let lines = text.lines().count() as u64 + 1;
            for problem in &problems {
                prop_assert!((1..=lines).contains(&problem.place.line), "{} of {lines}", problem);
                prop_assert!(problem.place.column >= 1);
                let fools = problem.sentence.chars().any(anomaly_baseline::text::needs_escape);
                prop_assert!(!fools, "{:?}", problem.sentence);
            }
            prop_assert!(problems.is_sorted_by_key(|problem| problem.place));
        }
        Err(error) => prop_assert!(false, "{}", error),
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        read(&text)?;
    }

    #[test]
    fn what_looks_like_yaml(text in "([a-z]{0,6}[:\\-\\[\\]{}, \"'&*!|>#\\n]{0,3}[0-9a-z\u{1b}\u{202e}.]{0,4}\n? {0,4}){0,40}") {
        read(&text)?;
    }

    /// The example with some of its values replaced.
    #[test]
    fn values_of_every_kind(
        seed in proptest::collection::vec((0usize..200, 0usize..12), 1..6)
    ) {
        const VALUES: [&str; 12] = [
            "", "null", "true", "-1", "0", "1e400", "18446744073709551616", "\"\\x1b[31m\"", "[1, [2]]", "{a: {b: c}}", "7d", "0.5",
        ];
        let example = Config::example();
        let mut lines: Vec<String> = example.lines().map(str::to_owned).collect();
        for (line, value) in seed {
            let line = line % lines.len();
            if let Some((key, _)) = lines[line].split_once(": ").filter(|(key, _)| !key.trim_start().starts_with('#')) {
                lines[line] = format!("{key}: {}", VALUES[value]);
            }
        }
        read(&lines.join("\n"))?;
    }
}
