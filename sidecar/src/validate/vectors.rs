//! Whether vectors have the length one, and whether words stay words.

use anomaly_vectorizer::{Arguments, Embedder, Embedding, Execution, Hashed};

use super::sample::Sample;
use crate::checks::Check;
use crate::words::count;

/// How far a vector's length may be from one.
const TOLERANCE: f64 = 1e-6;

/// Two command lines each that must not be the same, whatever is left out as noise.
const APART: [(&[&str], &[&str]); 8] = [
    (&["curl", "http://api.example.com/"], &["curl", "http://api.internal.local/"]),
    (&["curl", "https://api.example.com/"], &["curl", "http://api.example.com/"]),
    (&["rm", "-rf", "/srv/a", "/etc"], &["rm", "-rf", "/srv/a/etc"]),
    (&["systemctl", "stop", "auditd"], &["systemctl", "stopauditd"]),
    (&["bash", "-c", "cat /etc/passwd"], &["bash", "-c", "cat/etc/passwd"]),
    (&["nc", "-e", "sh"], &["nc", "-esh"]),
    (&["scp", "dump.sql", "backup.example.com:"], &["scp", "dump.sql.backup", "example.com:"]),
    (&["ssh", "admin@db.example.com"], &["ssh", "admin.db@example.com"]),
];

/// The vectors of the sample, as they lie in the database and as they are made now.
pub(super) fn normalisation(sample: &Sample) -> Check {
    const NAME: &str = "normalisation";
    if sample.rows.is_empty() {
        return Check::skipped(NAME, "no execution to look at");
    }
    let (mut worst, mut differ) = (0.0_f64, 0_u64);
    for row in &sample.rows {
        let made = embed(&row.execution).vector;
        for vector in [&row.vector[..], &made[..]] {
            let off = (length(vector) - 1.0).abs();
            worst = if off.is_finite() { worst.max(off) } else { f64::INFINITY };
        }
        differ += u64::from(row.vector != made);
    }
    let found = format!(
        "{}: no length is farther from 1 than {worst:.1e} (allowed: {TOLERANCE:.0e})",
        count(sample.rows.len() as u64, "vector")
    );
    if worst > TOLERANCE {
        return Check::fail(NAME, found, "anomalyctl baseline verify tells which rows are damaged");
    }
    if differ > 0 {
        let found = format!("{found}; {} not as this version makes them", count(differ, "of them is"));
        return Check::fail(NAME, found, "start the daemon once: it computes older rows anew");
    }
    Check::ok(NAME, found)
}

/// Length by Pythagoras, in double precision.
fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

fn embed(execution: &Execution) -> Embedding {
    let mut embedding = Embedding::default();
    Hashed::default().embed(execution, &mut embedding);
    embedding
}

/// Whether features keep apart what is apart: known cases, and each two plain words of the sample that follow each other.
pub(super) fn tokens(sample: &Sample) -> Check {
    const NAME: &str = "tokenisation";
    for (one, other) in APART {
        if same(&command(one), &command(other)) {
            let found = format!("`{}` and `{}` have the same features", one.join(" "), other.join(" "));
            return Check::fail(NAME, found, "this is a fault of the program: report it");
        }
    }
    let (mut joined, mut repeated) = (0, 0);
    for row in &sample.rows {
        repeated += 1;
        if embed(&row.execution) != embed(&row.execution.clone()) {
            let found = format!("`{}` has other features the second time", row.execution.command_line());
            return Check::fail(NAME, found, "this is a fault of the program: report it");
        }
        for glued in glue(&row.execution) {
            joined += 1;
            if same(&row.execution, &glued) {
                let found = format!(
                    "`{}` and `{}` have the same features",
                    row.execution.command_line(),
                    glued.command_line()
                );
                return Check::fail(NAME, found, "this is a fault of the program: report it");
            }
        }
    }
    Check::ok(
        NAME,
        format!(
            "{} and {} of neighbouring words stay apart; {} give the same twice",
            count(APART.len() as u64, "known pair"),
            count(joined, "pair"),
            count(repeated, "execution"),
        ),
    )
}

fn same(one: &Execution, other: &Execution) -> bool {
    embed(one).key == embed(other).key
}

fn command(arguments: &[&str]) -> Execution {
    let name = arguments.first().map(|name| (*name).to_owned()).unwrap_or_default();
    Execution { name, arguments: Arguments::new(arguments), ..Execution::default() }
}

/// The execution with each two plain words that follow each other, made one. Only words: two numbers that are noise are
/// noise together as well.
fn glue(execution: &Execution) -> Vec<Execution> {
    let words: Vec<&str> = execution.arguments.iter().collect();
    let plain =
        |word: &str| (3..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let pairs = (2..words.len()).filter(|&at| plain(words[at - 1]) && plain(words[at]));
    pairs
        .take(4)
        .map(|at| {
            let both = [words[at - 1], words[at]].concat();
            let glued =
                words[..at - 1].iter().copied().chain([both.as_str()]).chain(words[at + 1..].iter().copied());
            Execution { arguments: Arguments::new(glued), ..execution.clone() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_glued_one_pair_at_a_time() {
        let lines: Vec<_> = glue(&command(&["git", "push", "origin", "main", "-f", "x"]))
            .iter()
            .map(Execution::command_line)
            .collect();
        assert_eq!(lines, ["git pushorigin main -f x", "git push originmain -f x"]);
        assert!(glue(&command(&["sleep", "100", "200"])).is_empty());
        assert!(APART.iter().all(|(one, other)| !same(&command(one), &command(other))));
        assert!((length(&[0.6, 0.8]) - 1.0).abs() < 1e-7);
    }
}
