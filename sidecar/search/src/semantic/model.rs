//! The sentence model itself, on the processor.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use super::digests::{self, File};
use super::{DIMENSIONS, Meaning, ModelError, TEXT_VERSION};

/// Tokens of a text that count.
const MAX_TOKENS: usize = 128;

/// Texts that are computed together.
const BATCH: usize = 16;

/// A sentence model, loaded.
pub struct Model {
    bert: BertModel,
    tokenizer: Tokenizer,
    digest: [u8; 32],
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("digest", &hexadecimal(&self.digest)).finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a model from a directory with `config.json`, `tokenizer.json` and `model.safetensors`, each with the SHA-256
    /// that `digests` has for its name, or else with the published one.
    ///
    /// # Errors
    /// Where a file is missing, is another one, or is no model of 384 dimensions.
    pub fn load(directory: &Path, digests: &BTreeMap<String, String>) -> Result<Self, ModelError> {
        let unusable = |cause: String| ModelError::Unusable { path: directory.to_path_buf(), cause };
        let mut all = Sha256::new();
        let mut read = |(file, expected): (File, &str)| -> Result<Vec<u8>, ModelError> {
            let (bytes, digest) = checked(directory, file, expected)?;
            all.update(digest);
            Ok(bytes)
        };
        let [config, tokenizer, weights] = digests::expected(digests)?;
        let config: Config = serde_json::from_slice(&read(config)?)
            .map_err(|error| unusable(format!("config.json: {error}")))?;
        if config.hidden_size != DIMENSIONS || config.max_position_embeddings < MAX_TOKENS {
            return Err(unusable(format!("it has {} dimensions and not {DIMENSIONS}", config.hidden_size)));
        }
        let mut tokenizer = Tokenizer::from_bytes(read(tokenizer)?)
            .map_err(|error| unusable(format!("tokenizer.json: {error}")))?;
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams { max_length: MAX_TOKENS, ..TruncationParams::default() }))
            .map_err(|error| unusable(format!("tokenizer.json: {error}")))?;
        let weights = VarBuilder::from_buffered_safetensors(read(weights)?, DType::F32, &Device::Cpu)
            .map_err(|error| unusable(format!("model.safetensors: {error}")))?;
        let bert = BertModel::load(weights, &config).map_err(|error| unusable(error.to_string()))?;
        all.update(TEXT_VERSION.to_be_bytes());
        Ok(Self { bert, tokenizer, digest: all.finalize().into() })
    }

    /// Which model it is, and which version of the text it is given: meanings of two are never compared.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The meanings of texts, in their order. Of each the first 128 tokens count.
    ///
    /// # Errors
    /// Where computing fails.
    pub fn meanings<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Meaning>, ModelError> {
        let failed = |error: candle_core::Error| ModelError::Failed(error.to_string());
        let mut tokens = Vec::with_capacity(texts.len());
        for text in texts {
            let encoding = self
                .tokenizer
                .encode(text.as_ref(), true)
                .map_err(|error| ModelError::Failed(error.to_string()))?;
            tokens.push(encoding.get_ids().to_vec());
        }
        // Texts of like length together: what is padded is computed for nothing.
        let mut order: Vec<_> = (0..tokens.len()).collect();
        order.sort_by_key(|&index| tokens[index].len());
        let mut meanings = vec![Meaning::new(); texts.len()];
        for batch in order.chunks(BATCH) {
            let rows: Vec<_> = batch.iter().map(|&index| &*tokens[index]).collect();
            for (&index, meaning) in batch.iter().zip(self.forward(&rows).map_err(failed)?) {
                meanings[index] = meaning;
            }
        }
        Ok(meanings)
    }

    /// One batch: the mean over each text's own tokens, divided by its length.
    fn forward(&self, rows: &[&[u32]]) -> candle_core::Result<Vec<Meaning>> {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0).max(1);
        let pad = |row: &&[u32], fill: fn(usize, &[u32]) -> u32| -> Vec<u32> {
            (0..width).map(|at| fill(at, row)).collect()
        };
        let stacked = |fill: fn(usize, &[u32]) -> u32| {
            let all: Vec<u32> = rows.iter().flat_map(|row| pad(row, fill)).collect();
            Tensor::from_vec(all, (rows.len(), width), &Device::Cpu)
        };
        let ids = stacked(|at, row| row.get(at).copied().unwrap_or(0))?;
        let mask = stacked(|at, row| u32::from(at < row.len()))?;
        let hidden = self.bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sums = hidden.broadcast_mul(&mask)?.sum(1)?;
        let means = sums.broadcast_div(&mask.sum(1)?)?;
        let lengths = means.sqr()?.sum_keepdim(1)?.sqrt()?;
        means.broadcast_div(&lengths)?.to_vec2()
    }
}

/// The bytes of a file that has the digest which is expected, and that digest.
fn checked(directory: &Path, file: File, expected: &str) -> Result<(Vec<u8>, [u8; 32]), ModelError> {
    let path = directory.join(file.name);
    let unreadable = |cause: String| ModelError::Unreadable { path: path.clone(), cause };
    let opened = fs::File::open(&path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    opened.take(file.max_bytes + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > file.max_bytes {
        return Err(unreadable(format!("it is larger than {} bytes", file.max_bytes)));
    }
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let found = hexadecimal(&digest);
    if found != expected {
        return Err(ModelError::Digest { path, expected: expected.to_owned(), found });
    }
    Ok((bytes, digest))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
