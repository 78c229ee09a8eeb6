//! What a sentence model adds to a search: how near in meaning each row is to the question.
//!
//! Meanings are computed once and kept beside the baseline, because a model takes some hundredths of a second for each
//! row. A search computes a bounded number of those that are missing and says how many are left; `--index` computes all,
//! and forgets those of rows that are no more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anomaly_baseline::RowView;
use anomaly_lance::{Meanings, meaning_id};
use anomaly_search::semantic::{Meaning, Model, Narrator, nearness};
use clap::Args;

use crate::failure::{Failure, say};
use crate::place::Database;
use crate::words::count;

/// Rows without a meaning that a search computes at once: two or three seconds.
const AT_ONCE: usize = 64;

/// Rows that are computed and kept together.
const BATCH: usize = 64;

/// Meanings that stay in memory where they cannot be kept: six megabytes.
const MOST_UNKEPT: usize = 4096;

/// The nearest rows that are asked for. The others are as good as unrelated.
const NEAREST: usize = 1000;

/// How often progress is told, in rows.
const TOLD_EVERY: usize = 1024;

/// A sentence model.
#[derive(Debug, Args)]
pub(crate) struct Semantic {
    /// Search by meaning beside words: the directory of the sentence model all-MiniLM-L6-v2 (config.json,
    /// tokenizer.json, model.safetensors); needs a build with --features semantic [default: search.model of the
    /// configuration]
    #[arg(long, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,

    /// The SHA-256 that a file of the model must have, where it is not the published one; may be repeated
    #[arg(long, value_name = "FILE=SHA256", value_parser = digest, requires = "model")]
    pub(crate) digest: Vec<(String, String)>,

    /// Let the model read every row first, so that searches by meaning find all of them; takes a while, once
    #[arg(long, conflicts_with_all = ["workload", "state"])]
    pub(crate) index: bool,
}

/// Reads what a file must have.
fn digest(text: &str) -> Result<(String, String), &'static str> {
    let (file, digest) = text.split_once('=').ok_or("write FILE=SHA256")?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_digest {
        Ok((file.to_owned(), digest.to_owned()))
    } else {
        Err("a SHA-256 has 64 hexadecimal digits in small letters")
    }
}

/// A model with what it made of a database.
pub(crate) struct Mind {
    model: Model,
    kept: Meanings,
    /// Those that could not be kept.
    unkept: HashMap<u128, Meaning>,
}

impl Mind {
    /// Loads the model, where one is named, and what it made before.
    ///
    /// The model of the configuration is the daemon's wish: where it cannot be loaded, words are searched for alone, as the
    /// daemon does. One that was asked for here has to work.
    pub(super) fn load(semantic: &Semantic, database: &Database) -> Result<Option<Self>, Failure> {
        let Database { place, config, .. } = database;
        let of = |model: &Path, digests: &BTreeMap<String, String>| {
            Self::of(model, digests, &place.directory()?, &place.org)
        };
        let (asked, configured) = (&semantic.model, &config.search.model);
        match (asked, configured) {
            (Some(model), _) => of(model, &semantic.digest.iter().cloned().collect()).map(Some),
            (None, Some(model)) if semantic.index => of(model, &config.search.digests).map(Some),
            (None, Some(model)) => Ok(of(model, &config.search.digests)
                .map_err(|why| say(&format!("search by words alone: {why}")))
                .ok()),
            (None, None) if semantic.index => Err(Failure::new(
                "--index wants a sentence model: --model DIR, or search.model in the configuration",
            )),
            (None, None) => Ok(None),
        }
    }

    /// A model with what it made of an organisation's rows in the database at `data`.
    pub(crate) fn of(
        model: &Path,
        digests: &BTreeMap<String, String>,
        data: &Path,
        org: &str,
    ) -> Result<Self, Failure> {
        let model = Model::load(model, digests).map_err(|error| Failure::new(error.to_string()))?;
        let kept = Meanings::open(data, org, model.digest())?;
        Ok(Self { model, kept, unkept: HashMap::new() })
    }

    /// Computes the meaning of every row that has none, and forgets those of rows that are no more.
    pub(super) fn index(&mut self, rows: &[RowView]) -> Result<(), Failure> {
        if !self.kept.is_writable() {
            return Err(Failure::new(
                "meanings cannot be kept: this process may not write the database's directory; run as the user who owns it",
            ));
        }
        let started = Instant::now();
        let known = self.kept.known()?;
        let present: HashSet<_> = rows.iter().map(id).collect();
        let gone: Vec<_> = known.difference(&present).copied().collect();
        self.kept.remove(&gone)?;
        let missing: Vec<_> = rows.iter().filter(|row| !known.contains(&id(row))).collect();
        for (done, batch) in missing.chunks(BATCH).enumerate() {
            self.compute(batch)?;
            let done = ((done + 1) * BATCH).min(missing.len());
            if done.is_multiple_of(TOLD_EVERY) {
                say(&format!("{done} of {} read", count(missing.len() as u64, "execution")));
            }
        }
        say(&format!(
            "{} read in {:.0} s, {} forgotten; {} can be found by meaning",
            count(missing.len() as u64, "execution"),
            started.elapsed().as_secs_f64(),
            gone.len(),
            count(rows.len() as u64, "execution"),
        ));
        Ok(())
    }

    /// How near each of the rows is to the question in meaning. Of rows that were never read, a few are.
    pub(crate) fn nearness(&mut self, question: &str, rows: &[RowView]) -> Result<Vec<Option<f32>>, Failure> {
        let known = self.kept.known()?;
        let is_missing = |row: &&RowView| !known.contains(&id(row)) && !self.unkept.contains_key(&id(row));
        let missing: Vec<_> = rows.iter().filter(is_missing).collect();
        for batch in missing[..missing.len().min(AT_ONCE)].chunks(BATCH) {
            self.compute(batch)?;
        }
        if missing.len() > AT_ONCE {
            say(&format!(
                "the model has not read {}, which are found by words alone; `anomalyctl search --index` has it read all",
                count((missing.len() - AT_ONCE) as u64, "execution")
            ));
        }
        let question = self.meanings(&[question.to_owned()])?.pop().unwrap_or_default();
        let near: HashMap<_, _> = self.kept.nearest(&question, NEAREST)?.into_iter().collect();
        let unread: HashSet<_> = missing.iter().skip(AT_ONCE).map(|row| id(row)).collect();
        Ok(rows
            .iter()
            .map(|row| {
                let id = id(row);
                let unkept = || self.unkept.get(&id).map(|meaning| nearness(&question, meaning));
                // What is not among the nearest is as good as unrelated; of what was never read nothing is known.
                near.get(&id).copied().or_else(unkept).or((!unread.contains(&id)).then_some(0.0))
            })
            .collect())
    }

    /// Computes and keeps the meanings of rows.
    fn compute(&mut self, rows: &[&RowView]) -> Result<(), Failure> {
        let mut narrator = Narrator::default();
        let texts: Vec<_> = rows.iter().map(|row| narrator.say(&row.execution, &row.surroundings)).collect();
        let meanings = self.meanings(&texts)?;
        let meanings: Vec<_> = rows.iter().map(|row| id(row)).zip(meanings).collect();
        if self.kept.is_writable() {
            self.kept.add(&meanings)?;
        } else {
            if self.unkept.len() >= MOST_UNKEPT {
                self.unkept.clear();
            }
            self.unkept.extend(meanings);
        }
        Ok(())
    }

    fn meanings(&self, texts: &[String]) -> Result<Vec<Meaning>, Failure> {
        self.model.meanings(texts).map_err(|error| Failure::new(error.to_string()))
    }
}

/// What a row's meaning is kept under.
fn id(row: &RowView) -> u128 {
    meaning_id(&row.workload, row.execution.kind, row.key)
}
