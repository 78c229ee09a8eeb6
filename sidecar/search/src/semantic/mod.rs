//! Search by meaning: a sentence model turns a question and executions into vectors, and near ones mean alike.
//!
//! An option, because it costs what words do not: a model of 90 MB, milliseconds for each execution, and a score that
//! nobody can take apart. So it needs a build with the feature `semantic` and a directory with the model on this machine;
//! nothing is ever fetched. Without either, [`Model::load`] says what is missing. It is off the event path: whoever
//! searches gives it executions, in batches.
//!
//! The model is all-MiniLM-L6-v2: 384 dimensions, the mean over the tokens, divided by its length. It was made for
//! English sentences and never saw a shell, so an execution is put to it [as a person would say it](describe).

#[cfg(not(feature = "semantic"))]
mod absent;
mod describe;
mod digests;
#[cfg(feature = "semantic")]
mod embedder;
#[cfg(feature = "semantic")]
mod model;

use std::path::PathBuf;

#[cfg(not(feature = "semantic"))]
pub use absent::Model;
pub use describe::{Narrator, VERSION as TEXT_VERSION};
#[cfg(feature = "semantic")]
pub use model::Model;

/// Dimensions of a meaning.
pub const DIMENSIONS: usize = 384;

/// An L2-normalised vector of [`DIMENSIONS`] numbers.
pub type Meaning = Vec<f32>;

/// How near two meanings are: their cosine, -1 to 1.
pub fn nearness(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
}

/// No meaning can be told.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// This build has no sentence models.
    #[error(
        "this build cannot search by meaning; build it with --features semantic, or leave search.model and --model out \
         to search by words"
    )]
    NotBuilt,
    /// A file of the model is missing or cannot be read.
    #[error(
        "{path} cannot be read: {cause}; name a directory with config.json, tokenizer.json and model.safetensors of \
         all-MiniLM-L6-v2"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A file is not the one that was meant.
    #[error(
        "{path} has the SHA-256 {found} and not {expected}; fetch the model anew, or name the digests of yours in \
         search.digests"
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// What it should have.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A digest is given for a file that no model has.
    #[error("search.digests names {0}; a model has config.json, tokenizer.json and model.safetensors")]
    UnknownFile(String),
    /// The files are no model of this kind.
    #[error("the model in {path} cannot be used: {cause}; use all-MiniLM-L6-v2")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Computing failed.
    #[error("the sentence model failed: {0}; search by words instead")]
    Failed(String),
}
