//! The embedder that scores: a set of named features, each hashed with a fixed key into one signed dimension.
//!
//! Feature hashing (Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, 2009) needs no model and
//! no vocabulary: a feature's 64-bit hash says which of the 128 dimensions it adds its class's weight to, and with
//! which sign, so that collisions cancel on average instead of adding up. Features are a set without positions: an
//! argument inserted in front changes nothing about those behind it. Nor does repeating one push others out of sight:
//! what is bounded is the number of distinct features, and the arguments are bounded by their bytes.
//!
//! The hash is SipHash-2-4 under a constant key. The key is no secret, it is in this file: what it buys is that every
//! machine and every release of one version agree. SipHash and not a faster mixer such as xxh3, because for those
//! anybody writes down other inputs with the same 64 bits in microseconds, and so a program whose features *are* those
//! of a learned one; for SipHash with a known key nothing better than a search over 2^64 candidates is known.
//!
//! All arithmetic is IEEE addition, multiplication, division and square root on `f32` in one defined order, which every
//! machine does alike; nothing is fused or reassociated.

mod act;
mod address;
mod collect;
mod kinds;
mod package;
mod path;
mod random;
mod script;
mod shape;
mod tokens;
mod tools;

use std::hash::Hasher as _;

use siphasher::{
    sip::SipHasher24,
    sip128::{Hasher128 as _, SipHasher24 as SipHasher128},
};

use crate::{
    CUT, DIMENSIONS, Described, Embedder, Embedding, Execution, Feature, FeatureClass, Space, Vector,
    hashed::{
        collect::{Collector, Describing, Silent, Words},
        shape::Shapes,
        tokens::Walker,
    },
};

/// Raised by every change that moves a vector: features, weights, arithmetic, scrubbing.
const VERSION: u32 = 1;

/// The version of the key that baselines are learned with.
const KEY_VERSION: u32 = 1;

/// Most features that arguments give, bigrams not counted.
const MAX_ARGUMENT_FEATURES: usize = 64;

/// The most features an execution can have: four of the process, those of the arguments, as many bigrams.
pub const MAX_FEATURES: usize = 4 + 2 * MAX_ARGUMENT_FEATURES;

/// The embedder that scores: named features under a keyed hash.
#[derive(Debug, Clone)]
pub struct Hashed {
    hasher: SipHasher24,
    key: [u8; 16],
    key_version: u32,
}

impl Default for Hashed {
    fn default() -> Self {
        Self::with_key(KEY_VERSION)
    }
}

impl Hashed {
    /// The same scheme under another key: another [`Space`]. Back-tests use it to show what hangs on the key.
    pub fn with_key(key_version: u32) -> Self {
        let mut derive = SipHasher128::new_with_keys(0x0061_6e6f_6d61_6c79, 0x6665_6174_7572_6573);
        derive.write(&key_version.to_le_bytes());
        let key = derive.finish128().as_bytes();
        Self { hasher: SipHasher24::new_with_key(&key), key, key_version }
    }

    /// Collects the features of `execution`: the one implementation behind embedding and describing.
    fn walk<W: Words>(&self, execution: &Execution, features: &mut Vec<Feature>, words: W) -> W {
        let mut collector = Collector::new(self.hasher, features, words);
        for (class, name) in [
            (FeatureClass::Name, &execution.name),
            (FeatureClass::Parent, &execution.parent),
            (FeatureClass::Grandparent, &execution.grandparent),
        ] {
            if name.is_empty() {
                continue;
            }
            collector.open(class);
            if package::of_script(name).is_some() {
                collector.write(package::SCRIPT);
            } else {
                Shapes::default().write(name, |piece| collector.write(piece));
            }
            collector.close();
        }
        collector.open(FeatureClass::Uid);
        collector.decimal(execution.uid);
        collector.close();
        if execution.kind.is_act() {
            return act::write(collector, execution);
        }

        if execution.arguments.text().ends_with(CUT) {
            // Whoever hides something behind padding still shows that there is more than what counts.
            collector.feature(FeatureClass::Word, "<cut>");
        }

        let shapes = Shapes { package: package::of_execution(execution) };
        let mut walker = Walker::new(collector, shapes, &execution.name);
        for (position, argument) in execution.arguments.iter().enumerate() {
            if walker.is_full() {
                break;
            }
            walker.argument(position, argument);
        }
        walker.finish()
    }

    /// 128 bits over the sorted hashes.
    fn key_of(&self, features: &[Feature]) -> u128 {
        let mut hasher = SipHasher128::new_with_key(&self.key);
        for feature in features {
            hasher.write(&feature.hash.to_le_bytes());
        }
        hasher.finish128().as_u128()
    }
}

impl Embedder for Hashed {
    fn space(&self) -> Space {
        Space { scheme: "hashed", version: VERSION, key_version: self.key_version }
    }

    fn embed(&self, execution: &Execution, embedding: &mut Embedding) {
        let Embedding { key, features, vector } = embedding;
        features.clear();
        self.walk(execution, features, Silent);
        features.sort_unstable_by_key(|feature| feature.hash);
        *key = self.key_of(features);
        *vector = project(features);
    }

    fn describe(&self, execution: &Execution) -> Vec<Described> {
        self.walk(execution, &mut Vec::new(), Describing::default()).into_described()
    }
}

/// Adds every feature's weight to its dimension with its sign, then divides by the length.
fn project(features: &[Feature]) -> Vector {
    let mut vector = [0.0_f32; DIMENSIONS];
    for feature in features {
        let weight = feature.class.weight();
        let index = (feature.hash % DIMENSIONS as u64) as usize;
        let negative = feature.hash / DIMENSIONS as u64 % 2 == 1;
        vector[index] += if negative { -weight } else { weight };
    }
    normalise(&mut vector);
    vector
}

/// L2-normalises in place; a vector of zeros stays one.
pub(crate) fn normalise(vector: &mut Vector) {
    let squared: f32 = vector.iter().fold(0.0, |sum, value| sum + value * value);
    if squared > 0.0 {
        let length = squared.sqrt();
        for value in vector {
            *value /= length;
        }
    }
}
