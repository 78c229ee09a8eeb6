//! The sentence model behind the trait that scores: another embedding is one other type.
//!
//! The engine's vectors have 128 dimensions, the model's 384. Each of the 128 is a sum over all 384 with signs drawn by
//! a fixed rule, which keeps cosines about as they are (Achlioptas, *Database-friendly random projections*, 2001). It is
//! there for comparison, in a back-test: it takes milliseconds where the hashed features take one microsecond, and has
//! no features to compare exactly or to explain by. Search uses all 384.

use anomaly_vectorizer::{DIMENSIONS as SCORED, Described, Embedder, Embedding, Execution, Space, Vector};
use sha2::{Digest, Sha256};

use super::{DIMENSIONS, Model};

/// Raised by every change of the projection.
const VERSION: u32 = 1;

impl Embedder for Model {
    /// The beginning of the model's digest stands for the key: vectors of two models are never compared.
    fn space(&self) -> Space {
        let [a, b, c, d, ..] = self.digest();
        Space { scheme: "sentence", version: VERSION, key_version: u32::from_be_bytes([a, b, c, d]) }
    }

    /// A model that fails gives a vector of zeros, which is near nothing.
    fn embed(&self, execution: &Execution, embedding: &mut Embedding) {
        let text = text(execution);
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let (key, _) = digest.split_first_chunk().expect("32 bytes have 16");
        embedding.key = u128::from_be_bytes(*key);
        embedding.features.clear();
        let meaning = self.meanings(&[text]).ok().and_then(|mut meanings| meanings.pop());
        embedding.vector = meaning.map_or([0.0; SCORED], |meaning| project(&meaning));
    }

    fn describe(&self, _execution: &Execution) -> Vec<Described> {
        Vec::new()
    }
}

/// Who runs what. Nothing of the vocabulary: a baseline learns what is there and not what it means.
fn text(execution: &Execution) -> String {
    let Execution { parent, grandparent, .. } = execution;
    format!("{grandparent} runs {parent} runs {}", execution.command_line())
}

/// 384 dimensions in 128.
fn project(meaning: &[f32]) -> Vector {
    let mut vector = [0.0_f32; SCORED];
    for (from, value) in meaning.iter().enumerate().take(DIMENSIONS) {
        for (to, sum) in vector.iter_mut().enumerate() {
            *sum += if sign(from, to) { *value } else { -value };
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// A sign for every pair, spread by the finisher of MurmurHash3.
fn sign(from: usize, to: usize) -> bool {
    let mut mixed = (from * SCORED + to) as u64 + 1;
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        mixed = (mixed ^ mixed >> 33).wrapping_mul(factor);
    }
    mixed >> 63 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantic::nearness;

    /// Two made-up meanings with this cosine.
    fn pair(cosine: f32) -> (Vec<f32>, Vec<f32>) {
        let spread = |salt: usize| -> Vec<f32> {
            let raw: Vec<f32> =
                (0..DIMENSIONS).map(|at| ((at * 31 + salt * 97) as f32 * 0.7).sin()).collect();
            let length = nearness_length(&raw);
            raw.iter().map(|value| value / length).collect()
        };
        let (one, mut other) = (spread(1), spread(5));
        let along: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        other.iter_mut().zip(&one).for_each(|(b, a)| *b -= along * a);
        let length = nearness_length(&other);
        let rest = (1.0 - cosine * cosine).sqrt();
        let mixed = one.iter().zip(&other).map(|(a, b)| cosine * a + rest * b / length).collect();
        (one, mixed)
    }

    fn nearness_length(vector: &[f32]) -> f32 {
        vector.iter().map(|value| value * value).sum::<f32>().sqrt()
    }

    #[test]
    fn cosines_stay_about_what_they_are() {
        for cosine in [0.0, 0.3, 0.6, 0.9, 1.0] {
            let (one, other) = pair(cosine);
            let projected = nearness(&project(&one), &project(&other));
            assert!((projected - cosine).abs() < 0.2, "{projected} for {cosine}");
        }
        let signs = (0..DIMENSIONS * SCORED).filter(|&at| sign(at / SCORED, at % SCORED)).count();
        assert!((23_000..26_000).contains(&signs), "as many of one sign as of the other: {signs}");
    }
}
