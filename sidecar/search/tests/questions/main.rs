//! Twenty questions with known answers over a recording: what is asked for has to be among the first ten.
//!
//! `recording.jsonl` is made up, in the spirit of what services, cron, package managers, people and builds run: some 400
//! distinct executions of eight workloads, with 44 answers hidden among them (`session` names the question), and beside
//! them what only looks like an answer: backups that are uploaded, keys that are listed, ports that are checked.
//!
//! `cargo test -p anomaly-search --test questions -- --nocapture` prints the figures that the README quotes; with
//! `--features semantic` those by meaning too.

mod recording;
#[cfg(feature = "semantic")]
mod semantic;

use anomaly_search::{Options, Query};

use crate::recording::Row;

/// How many hits are looked at.
const TOP: usize = 10;

/// What is asked; the answers are the lines whose `session` is `q` and the number of the question.
const QUESTIONS: [&str; 20] = [
    "reverse shell bash outbound connection",
    "somebody read the password hashes",
    "cron job that runs something from tmp",
    "ssh key added for root login",
    "script from the internet piped into a shell",
    "mining monero",
    "logs and shell history deleted to cover tracks",
    "break out of the container",
    "scanning ports of other machines",
    "database copied and sent to an outside server",
    "data leaked through dns",
    "setuid root binaries",
    "ssh tunnel to an external address",
    "firewall turned off",
    "auditing disabled",
    "base64 encoded command",
    "steal cloud credentials",
    "account with uid 0 created",
    "kernel rootkit loaded",
    "dump memory of another process for passwords",
];

/// The mean over the questions of the share of the answers (ten at most) that are among the first ten hits.
pub(crate) fn recall(rows: &[Row], name: &str, rank: impl Fn(&str) -> Vec<usize>) -> f64 {
    let mut sum = 0.0;
    for (number, question) in QUESTIONS.iter().enumerate() {
        let session = format!("q{:02}", number + 1);
        let answers: Vec<_> = (0..rows.len()).filter(|&index| rows[index].session == session).collect();
        assert!(!answers.is_empty(), "{session} has no answer");
        let hits = rank(question);
        let found = hits.iter().take(TOP).filter(|index| answers.contains(index)).count();
        let share = found as f64 / answers.len().min(TOP) as f64;
        report(&format!("{name}: {share:.2} {question}"));
        sum += share;
    }
    let recall = sum / QUESTIONS.len() as f64;
    report(&format!("{name}: recall at {TOP} is {recall:.3} over {} questions", QUESTIONS.len()));
    recall
}

#[expect(clippy::print_stdout, reason = "figures are what these tests are run for")]
pub(crate) fn report(line: &str) {
    println!("{line}");
}

/// The places of the hits for a question by words.
pub(crate) fn by_words(rows: &[Row], question: &str, limit: usize) -> Vec<usize> {
    let query = Query::parse(question).expect("a question");
    let options = Options { limit, ..Options::default() };
    query.rank(rows.iter().map(Row::candidate), &options).into_iter().map(|hit| hit.index).collect()
}

#[test]
fn the_recording_is_wide_enough_to_hide_in() {
    let rows = recording::made_up();
    let mut workloads: Vec<_> = rows.iter().map(|row| row.workload.as_str()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    let answers = rows.iter().filter(|row| !row.session.is_empty()).count();
    assert!(rows.len() >= 350 && workloads.len() == 8, "{} of {}", rows.len(), workloads.len());
    assert!(answers * 8 < rows.len(), "{answers} answers among {}", rows.len());
}

#[test]
fn words_find_what_is_asked_for() {
    let rows = recording::made_up();
    let recall = recall(&rows, "words", |question| by_words(&rows, question, TOP));
    assert!(recall >= 0.9, "recall at {TOP} by words fell to {recall:.3}");
}

#[test]
fn the_articles_own_scheme_is_the_lower_bound() {
    let rows = recording::made_up();
    let article = recall(&rows, "the article's", |question| recording::by_the_article(&rows, question));
    let words = recall(&rows, "words", |question| by_words(&rows, question, TOP));
    assert!(words > article, "{words:.3} is no better than the article's {article:.3}");
}
