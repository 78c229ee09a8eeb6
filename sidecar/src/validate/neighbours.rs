//! Whether the nearest that the index finds is the nearest there is, and how long it takes to find.
//!
//! Every execution of the sample is asked for with a word more, so that it is nobody's repeat. What the engine says is
//! compared with every learned execution of the workload, by the formula and without the engine's code:
//! `W(q and n) / sqrt(W(q) W(n))` over the sets of features, W the sum of the squared weights.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anomaly_baseline::{Engine, Teach};
use anomaly_vectorizer::{Arguments, Context, Embedder, Embedding, Execution, Feature, Hashed};

use super::sample::{Sample, sighting};
use crate::checks::Check;
use crate::failure::Failure;
use crate::words::{count, thousands};

/// By how much the two may differ where they agree: what single precision leaves.
const ROUNDING: f64 = 1e-4;

/// The share of questions whose nearest has to be the nearest there is.
const RECALL: f64 = 0.95;

/// What a question may take, in the article.
const ALLOWED: Duration = Duration::from_millis(5);

/// How often each execution is asked for when time is taken.
const TIMES: usize = 5;

/// What makes it nobody's repeat.
const WORDS: [&str; TIMES] = ["--validate", "neighbours", "--anew", "elsewhere", "--unseen"];

/// Looks at both.
pub(super) fn check(sample: &mut Sample) -> Result<Vec<Check>, Failure> {
    if sample.rows.is_empty() {
        let skipped = |name| Check::skipped(name, "no execution to look for");
        return Ok(vec![skipped("neighbours"), skipped("latency")]);
    }
    Ok(vec![recall(sample)?, latency(sample)])
}

fn with(execution: &Execution, word: &str) -> Execution {
    let arguments = Arguments::new(execution.arguments.iter().chain([word]));
    Execution { arguments, ..execution.clone() }
}

fn recall(sample: &mut Sample) -> Result<Check, Failure> {
    const NAME: &str = "neighbours";
    let mut found: HashMap<String, Vec<(Execution, f64)>> = HashMap::new();
    for row in &sample.rows {
        let asked = with(&row.execution, WORDS[0]);
        if let Some(inspection) = sample.engine.inspect(&row.workload, &asked, &Context::default()) {
            found.entry(row.workload.clone()).or_default().push((asked, inspection.cosine));
        }
    }
    let (mut asked, mut nearest, mut compared) = (0_u64, 0_u64, 0_u64);
    let mut worst = 0.0_f64;
    for (workload, questions) in found {
        let rows = sample.features_of(&workload)?;
        for (execution, cosine) in questions {
            let mut embedding = Embedding::default();
            Hashed::default().embed(&execution, &mut embedding);
            let best = rows.iter().map(|row| cosine_of(&embedding.features, row)).fold(0.0, f64::max);
            asked += 1;
            compared += rows.len() as u64;
            nearest += u64::from(cosine >= best - ROUNDING);
            worst = worst.max(best - cosine);
        }
    }
    if asked == 0 {
        return Ok(Check::skipped(NAME, "no workload of the sample is known to the engine"));
    }
    let share = nearest as f64 / asked as f64;
    let text = format!(
        "{nearest} of {} found the nearest of {} by brute force (at worst {worst:.3} of the cosine missed)",
        count(asked, "question"),
        count(compared / asked, "learned execution"),
    );
    Ok(if share >= RECALL {
        Check::ok(NAME, text)
    } else {
        Check::fail(NAME, text, format!("at least {:.0} % are expected: report this", RECALL * 100.0))
    })
}

/// The cosine of two sets of features, both sorted by hash.
fn cosine_of(one: &[Feature], other: &[Feature]) -> f64 {
    let weight = |feature: &Feature| f64::from(feature.class.weight()).powi(2);
    let total = |features: &[Feature]| features.iter().map(weight).sum::<f64>();
    let (mut at, mut shared) = (0, 0.0);
    for feature in one {
        while other.get(at).is_some_and(|row| row.hash < feature.hash) {
            at += 1;
        }
        if other.get(at).is_some_and(|row| row.hash == feature.hash) {
            shared += weight(feature);
        }
    }
    let product = total(one) * total(other);
    if product > 0.0 { shared / product.sqrt() } else { 0.0 }
}

/// From the question to the verdict with its reason, as on the event path, on copies that are thrown away.
fn latency(sample: &Sample) -> Check {
    let mut copies: HashMap<&str, Engine> = HashMap::new();
    let mut taken: Vec<Duration> = Vec::new();
    for row in &sample.rows {
        let engine = copies.entry(&row.workload).or_insert_with(|| {
            let copy = sample.engine.copy_of(&row.workload);
            // While a workload learns it has no scores, and nothing is looked for.
            copy.finish_learning(row.last_seen);
            copy
        });
        for word in WORDS {
            let asked = with(&row.execution, word);
            let sighting = sighting(&row.workload, &asked, row.last_seen, Teach::Nothing);
            let began = Instant::now();
            let verdict = engine.observe(&sighting);
            taken.push(began.elapsed());
            drop(verdict);
        }
    }
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share).round() as usize];
    let (median, late) = (at(0.5), at(0.99));
    let largest = sample.workloads().iter().map(|status| status.rows).max().unwrap_or(0);
    let text = format!(
        "p50 {} us, p99 {} us of the {} ms allowed, over {}; the largest workload has {} rows",
        micros(median),
        micros(late),
        ALLOWED.as_millis(),
        count(taken.len() as u64, "question"),
        thousands(largest as u64),
    );
    if late <= ALLOWED {
        Check::ok("latency", text)
    } else {
        Check::fail("latency", text, "look for what else takes the processor; scores would come late")
    }
}

fn micros(time: Duration) -> String {
    thousands(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_of_sets() {
        let of = |arguments: &[&str]| {
            let mut embedding = Embedding::default();
            let execution = Execution { arguments: Arguments::new(arguments), ..Execution::default() };
            Hashed::default().embed(&execution, &mut embedding);
            embedding.features
        };
        let (one, more) = (of(&["git", "push"]), of(&["git", "push", "--force"]));
        assert!((cosine_of(&one, &one) - 1.0).abs() < 1e-12);
        let between = cosine_of(&one, &more);
        assert!(between > 0.5 && between < 1.0, "{between}");
        assert_eq!(cosine_of(&one, &[]), 0.0);
    }
}
