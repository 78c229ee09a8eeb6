//! The flags of `anomalyctl backtest`.

use std::path::PathBuf;

use anomaly_backtest::{Budget, Scale};
use anomaly_baseline::{Measure, Method, Prior, Settings, Threshold};
use clap::{Args, ValueEnum};

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl backtest --baseline normal.jsonl.gz --events attacks.jsonl.gz --events normal.jsonl.gz --online
      learn what the first recording's split `base` has, then score the attacks and the days after
  anomalyctl backtest --baseline week.jsonl --events today.jsonl --report report --budget 3/week
      report/report.html with the curve from which a threshold is chosen, and report/report.json
  anomalyctl backtest --baseline week.jsonl --events today.jsonl --json | jq 'select(.score >= 0.85)'
      every event with its score, distance, threshold, reason and nearest known command line
  anomalyctl backtest --baseline normal.jsonl.gz --events attacks.jsonl.gz --repeat-attack 5
      the same attacks on five days in a row, learning as it would live

An alert group is one (parent, name, uid) of a workload and day: what a person sees as one alert. A session \
is an attack; it is found if one of its first 20 executions is above the threshold. Nothing is learned from \
a line labelled as an attack, and each session is scored on its own copy of the state at its place in the \
file. A day is a deployment's where the recording's `phase` begins with `deploy`.
Exit codes: 0 when it ran, 2 when it could not.";

/// How executions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scorer {
    /// Hashed features, compared exactly among the nearest vectors, calibrated: what scores live
    Hashed,
    /// The same without calibration: the score is the distance
    Distance,
    /// The same features compared by their vectors alone: the score is min(1, 2 d)
    Vectors,
    /// The original scheme: tokens salted by position, min(1, 2 d) of the vectors, everything is learned
    Article,
}

/// `anomalyctl backtest`
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// A recording whose lines are learned, where their split is absent or `base`; plain or gzip, - for standard
    /// input; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) baseline: Vec<PathBuf>,

    /// A recording whose lines are scored, those of split `base` left out; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) events: Vec<PathBuf>,

    /// Let benign events teach as they would live
    #[arg(long)]
    pub(crate) online: bool,

    /// How executions are compared
    #[arg(long, value_enum, value_name = "NAME", default_value = "hashed", help_heading = "Scoring")]
    pub(crate) scorer: Scorer,

    /// From which score an execution is novel: auto (0.85, more on a day flooded with novelty) or a number
    #[arg(long, value_name = "SCORE", default_value_t, help_heading = "Scoring")]
    pub(crate) threshold: Threshold,

    /// Repeat each attack on this many days in a row, on a private copy that learns as it would live
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=60),
        help_heading = "Scoring"
    )]
    pub(crate) repeat_attack: u16,

    /// Hash under another key: shows what hangs on the accidents of hashing
    #[arg(long, value_name = "N", help_heading = "Scoring")]
    pub(crate) hash_key: Option<u32>,

    /// Expect novelty by this curve, exp(A + B d + C d^2) alert groups a day at distance d, instead of the shipped one
    #[arg(long, value_name = "A,B,C", value_parser = prior, allow_hyphen_values = true, help_heading = "Scoring")]
    pub(crate) prior: Option<Prior>,

    /// Print every event as JSON with its score; the summary goes to standard error
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Write report.html and report.json into this directory, which is made where there is none; older ones are replaced
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// The alert groups per workload that the report suggests a threshold for: 1/day, 3/week, 2/month
    #[arg(long, value_name = "N/TIME", default_value_t, help_heading = "Output")]
    pub(crate) budget: Budget,

    /// Print what another detector needs instead of scoring: every line that would be learned or scored as JSON, with
    /// its features in words and its vector
    #[arg(long, conflicts_with_all = ["json", "report", "budget", "repeat_attack"], help_heading = "Output")]
    pub(crate) dump_features: bool,
}

impl Backtest {
    /// How distances are measured.
    pub(crate) fn method(&self) -> Method {
        let measure = match self.scorer {
            Scorer::Hashed | Scorer::Distance => Measure::Features,
            Scorer::Vectors | Scorer::Article => Measure::Vectors,
        };
        Method { measure, prior: self.prior.unwrap_or_default(), ..Method::default() }
    }

    /// What the score is.
    pub(crate) fn scale(&self) -> Scale {
        if self.scorer == Scorer::Hashed { Scale::Calibrated } else { Scale::Distance }
    }

    /// What is learned.
    pub(crate) fn settings(&self) -> Settings {
        // In a recording all workloads may begin at once.
        let usual =
            Settings { threshold: self.threshold, max_new_workloads: usize::MAX, ..Settings::default() };
        match self.scorer {
            Scorer::Article => Settings { learn_below: f64::INFINITY, never_learn: Vec::new(), ..usual },
            Scorer::Hashed | Scorer::Distance | Scorer::Vectors => usual,
        }
    }
}

/// Reads the three coefficients of a curve that falls.
fn prior(text: &str) -> Result<Prior, &'static str> {
    let numbers: Vec<f64> = text.split(',').filter_map(|number| number.parse().ok()).collect();
    let &[a, b, c] = numbers.as_slice() else { return Err("write three numbers, such as 1.8,-2.2,-5.4") };
    if text.split(',').count() != 3 || ![a, b, c].iter().all(|number| number.abs() <= 100.0) {
        return Err("write three numbers from -100 to 100, such as 1.8,-2.2,-5.4");
    }
    if b > 0.0 || c > 0.0 || b + c == 0.0 {
        return Err("the curve has to fall: B and C cannot be above 0, nor both be 0");
    }
    Ok(Prior { a, b, c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prior_falls() {
        assert_eq!(prior("1.8,-2,-5.5"), Ok(Prior { a: 1.8, b: -2.0, c: -5.5 }));
        for text in
            ["", "1", "1,2", "1,-2,-3,4", "1,-2,x", "a,-2,-3,-4", "1,2,-3", "1,0,0", "nan,-1,-1", "1,-inf,-1"]
        {
            assert!(prior(text).is_err(), "{text:?}");
        }
    }
}
