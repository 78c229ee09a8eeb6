//! `--threshold`: for everybody, or for the workloads that a pattern names.

use std::str::FromStr;

use anomaly_baseline::{Pattern, Settings, Threshold};

/// `0.9`, `auto` or `ci*=0.95`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pattern: Option<Pattern>,
    threshold: Threshold,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The last one, because a workload's name may have any character in it and a threshold has none of these.
        let (pattern, threshold) = match text.rsplit_once('=') {
            Some((pattern, threshold)) => (Some(pattern), threshold),
            None => (None, text),
        };
        let pattern = pattern.map(str::parse).transpose().map_err(|error| format!("{error}"))?;
        Ok(Self { pattern, threshold: threshold.parse().map_err(|error| format!("{error}"))? })
    }
}

/// Sets the thresholds that were given; of several for everybody the last one counts.
pub(crate) fn apply(rules: &[Rule], settings: &mut Settings) {
    for Rule { pattern, threshold } in rules {
        match pattern {
            Some(pattern) => settings.thresholds.push((pattern.clone(), *threshold)),
            None => settings.threshold = *threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_everybody_and_for_some() {
        let rules = ["auto", "ci*=0.95", "a=b=auto", "0.9"].map(|text| text.parse().expect("a rule"));
        let mut settings = Settings::default();
        apply(&rules, &mut settings);
        for (workload, threshold) in [("web", "0.9000"), ("ci-build", "0.9500"), ("a=b", "auto")] {
            assert_eq!(settings.threshold_of(workload).to_string(), threshold, "{workload}");
        }
        for text in ["85", "ci*=", "=0.9", "ci*=0.95=", "", "ci*"] {
            assert!(text.parse::<Rule>().is_err(), "{text:?}");
        }
    }
}
