//! The same questions by meaning, with the model that `scripts/get-minilm` brings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anomaly_search::semantic::{DIMENSIONS, Model, ModelError, Narrator, nearness};
use anomaly_search::{Candidate, Options, Query};
use anomaly_vectorizer::{Embedder, Embedding, Execution};

use crate::recording::{self, Row};
use crate::{TOP, by_words, recall, report};

/// The model's directory, or a word that the test is skipped. In CI there has to be one.
fn directory_or_skip() -> Option<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut scripts = folders.map(|folder| folder.join("scripts/get-minilm"));
    let script = scripts.find(|script| script.exists()).expect("it is in the project");
    let output = Command::new(&script).stdin(Stdio::null()).output().expect("the script runs");
    if output.status.success() {
        return Some(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    assert!(!in_ci, "the sentence model must be obtainable in CI: {reason}");
    report(&format!("skipped: no sentence model to search with: {reason}"));
    None
}

fn model(directory: &Path) -> Model {
    Model::load(directory, &BTreeMap::new()).expect("the published model")
}

/// The cosine of every row with a question.
struct Meanings {
    model: Model,
    rows: Vec<Vec<f32>>,
}

impl Meanings {
    fn of(model: Model, rows: &[Row]) -> Self {
        let mut narrator = Narrator::default();
        let texts: Vec<_> = rows.iter().map(|row| narrator.say(&row.execution, &row.surroundings)).collect();
        let started = std::time::Instant::now();
        let meanings = model.meanings(&texts).expect("the model computes");
        let each = started.elapsed().as_secs_f64() * 1e3 / rows.len() as f64;
        report(&format!("meaning: {each:.1} ms for each of {} executions", rows.len()));
        Self { model, rows: meanings }
    }

    fn to(&self, question: &str) -> Vec<f32> {
        let asked = self.model.meanings(&[question]).expect("the model computes").remove(0);
        self.rows.iter().map(|row| nearness(&asked, row)).collect()
    }
}

#[test]
fn meaning_finds_what_is_asked_for_and_with_words_more() {
    let Some(directory) = directory_or_skip() else { return };
    let rows = recording::made_up();
    let meanings = Meanings::of(model(&directory), &rows);
    let alone = recall(&rows, "meaning", |question| {
        let near = meanings.to(question);
        let mut order: Vec<_> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| near[b].total_cmp(&near[a]).then(a.cmp(&b)));
        order
    });
    let both = recall(&rows, "both", |question| {
        let near = meanings.to(question);
        let candidates = rows.iter().zip(near);
        let candidates = candidates.map(|(row, near)| Candidate { meaning: Some(near), ..row.candidate() });
        let options = Options { limit: TOP, ..Options::default() };
        let hits = Query::parse(question).expect("a question").rank(candidates, &options);
        hits.into_iter().map(|hit| hit.index).collect()
    });
    let words = recall(&rows, "words", |question| by_words(&rows, question, TOP));
    assert!(alone >= 0.9, "recall at {TOP} by meaning fell to {alone:.3}");
    assert!(
        both >= 0.95 && both >= words,
        "recall at {TOP} by both fell to {both:.3}, words alone {words:.3}"
    );
}

#[test]
fn a_model_knows_sentences_and_batches_change_nothing() {
    let Some(directory) = directory_or_skip() else { return };
    let model = model(&directory);
    let texts = ["a cat sits on the mat", "a kitten rests on a rug", "the stock market fell", ""];
    let all = model.meanings(&texts).expect("the model computes");
    for (text, meaning) in texts.iter().zip(&all) {
        assert_eq!(meaning.len(), DIMENSIONS);
        assert!((nearness(meaning, meaning) - 1.0).abs() < 1e-5, "{text:?} is normalised");
        let alone = model.meanings(&[text]).expect("the model computes").remove(0);
        assert!(nearness(&alone, meaning) > 0.9999, "{text:?} is the same alone and among others");
    }
    // The published figures of this pair and this model: .56 and about 0.
    assert!(nearness(&all[0], &all[1]) > 0.5, "{}", nearness(&all[0], &all[1]));
    assert!(nearness(&all[0], &all[2]) < 0.2, "{}", nearness(&all[0], &all[2]));
    let long = "word ".repeat(100_000);
    assert_eq!(model.meanings(&[long]).expect("a long text is cut")[0].len(), DIMENSIONS);
}

#[test]
fn a_model_can_be_asked_from_any_thread() {
    fn from_any_thread<T: Send + Sync>() {}
    from_any_thread::<Model>();
}

#[test]
fn a_model_can_stand_where_the_hashed_features_do() {
    let Some(directory) = directory_or_skip() else { return };
    let embedder: Box<dyn Embedder> = Box::new(model(&directory));
    let vector = |name: &str, line: &str| {
        let execution =
            Execution { name: name.into(), arguments: line.split(' ').collect(), ..Execution::default() };
        let mut embedding = Embedding::default();
        embedder.embed(&execution, &mut embedding);
        embedding
    };
    let (one, same) =
        (vector("curl", "curl -s http://a.example/x"), vector("curl", "curl -s http://a.example/x"));
    let (near, far) = (vector("wget", "wget -q http://a.example/x"), vector("sort", "sort -rn"));
    assert_eq!(one, same);
    assert_ne!(one.key, near.key);
    let cosine = |other: &Embedding| nearness(&one.vector, &other.vector);
    assert!(cosine(&near) > cosine(&far) + 0.1, "{} {}", cosine(&near), cosine(&far));
    assert_eq!(embedder.space().scheme, "sentence");
}

#[test]
fn only_the_files_that_were_meant_are_used() {
    let Some(directory) = directory_or_skip() else { return };
    let other = tempfile::tempdir().expect("a folder");
    let missing = Model::load(other.path(), &BTreeMap::new()).expect_err("an empty folder");
    assert!(matches!(missing, ModelError::Unreadable { .. }), "{missing}");

    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::os::unix::fs::symlink(directory.join(file), other.path().join(file)).expect("a link");
    }
    let changed =
        fs::read_to_string(directory.join("config.json")).expect("it is text").replace("gelu", "relu");
    fs::remove_file(other.path().join("config.json")).expect("it is there");
    fs::write(other.path().join("config.json"), &changed).expect("a file");
    let error = Model::load(other.path(), &BTreeMap::new()).expect_err("another file");
    let ModelError::Digest { found, .. } = &error else { panic!("{error}") };
    // Whoever names the digest means that file.
    let named = BTreeMap::from([("config.json".to_owned(), found.clone())]);
    let ours = Model::load(other.path(), &named).expect("a model of our own");
    assert_ne!(ours.digest(), model(&directory).digest(), "and its meanings are its own");
    let unknown = BTreeMap::from([("vocab.txt".to_owned(), found.clone())]);
    let error = Model::load(other.path(), &unknown).expect_err("no such file of a model");
    assert!(matches!(error, ModelError::UnknownFile(_)), "{error}");
}
