//! Where features end up: hashed into a list, and in words beside it where somebody wants to read them.
//!
//! Embedding and describing run through this one type and differ only in the [`Words`] it carries, so they cannot
//! disagree about what a feature is.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::{Described, Feature, FeatureClass, hashed::MAX_ARGUMENT_FEATURES};

/// Takes the text of features along, or does not.
pub(super) trait Words {
    /// A feature begins.
    fn open(&mut self, class: FeatureClass);
    /// The next piece of its text.
    fn write(&mut self, piece: &str);
    /// It ended; `new` where no feature before had this hash.
    fn close(&mut self, feature: Feature, new: bool);
    /// Two features became a third.
    fn pair(&mut self, first: u64, second: u64, feature: Feature);
}

/// No words: the hot path.
pub(super) struct Silent;

impl Words for Silent {
    fn open(&mut self, _: FeatureClass) {}
    fn write(&mut self, _: &str) {}
    fn close(&mut self, _: Feature, _: bool) {}
    fn pair(&mut self, _: u64, _: u64, _: Feature) {}
}

/// Features in words, in the order of the execution.
#[derive(Default)]
pub(super) struct Describing {
    described: Vec<Described>,
    text: String,
}

impl Describing {
    pub(super) fn into_described(self) -> Vec<Described> {
        self.described
    }

    /// The bare text of a feature described before.
    fn bare(&self, hash: u64) -> &str {
        let found = self.described.iter().find(|described| described.hash == hash);
        found.map_or("", |described| {
            described.text.strip_prefix(label(described.class)).unwrap_or_default().trim_start()
        })
    }
}

impl Words for Describing {
    fn open(&mut self, class: FeatureClass) {
        self.text.clear();
        self.text.push_str(label(class));
        self.text.push(' ');
    }

    fn write(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn close(&mut self, Feature { hash, class }: Feature, new: bool) {
        if new {
            self.described.push(Described { hash, class, text: self.text.clone() });
        }
    }

    fn pair(&mut self, first: u64, second: u64, Feature { hash, class }: Feature) {
        let text = format!("{} {} {}", label(class), self.bare(first), self.bare(second));
        self.described.push(Described { hash, class, text });
    }
}

/// What a feature's text begins with in words.
const fn label(class: FeatureClass) -> &'static str {
    match class {
        FeatureClass::Name => "name",
        FeatureClass::Parent => "parent",
        FeatureClass::Grandparent => "grandparent",
        FeatureClass::Uid => "uid",
        FeatureClass::Flag => "flag",
        FeatureClass::Directory => "directory",
        FeatureClass::Basename => "file",
        FeatureClass::ParentDirectory => "folder",
        FeatureClass::Extension => "extension",
        FeatureClass::Word => "word",
        FeatureClass::Variable => "variable",
        FeatureClass::Scheme => "scheme",
        FeatureClass::Host => "host",
        FeatureClass::Operator => "operator",
        FeatureClass::Bigram => "sequence",
        FeatureClass::Number => "number",
        FeatureClass::Command => "command",
        FeatureClass::Program => "program",
        FeatureClass::Manner => "manner",
        FeatureClass::Place => "act",
        FeatureClass::Object => "object",
    }
}

/// Hashes features into a list without repetition.
pub(super) struct Collector<'f, W> {
    keyed: SipHasher24,
    features: &'f mut Vec<Feature>,
    words: W,
    /// The open feature.
    class: FeatureClass,
    hasher: SipHasher24,
    /// Features of arguments so far, bigrams not counted.
    of_arguments: usize,
    /// A bit for every feature, by its hash: a bit that is not set spares the look through the list.
    filter: [u64; FILTER_WORDS],
}

/// 1,024 bits for at most 132 features: one look in eight at the end is for nothing.
const FILTER_WORDS: usize = 16;

impl<'f, W: Words> Collector<'f, W> {
    pub(super) fn new(keyed: SipHasher24, features: &'f mut Vec<Feature>, words: W) -> Self {
        Self {
            keyed,
            features,
            words,
            class: FeatureClass::Name,
            hasher: keyed,
            of_arguments: 0,
            filter: [0; FILTER_WORDS],
        }
    }

    /// Whether arguments have given as many features as they may.
    pub(super) fn is_full(&self) -> bool {
        self.of_arguments >= MAX_ARGUMENT_FEATURES
    }

    pub(super) fn into_words(self) -> W {
        self.words
    }

    /// Begins a feature.
    pub(super) fn open(&mut self, class: FeatureClass) {
        self.class = class;
        self.hasher = self.keyed;
        self.hasher.write(&[class as u8]);
        self.words.open(class);
    }

    /// The next piece of its text; where pieces are cut makes no difference.
    pub(super) fn write(&mut self, piece: &str) {
        self.hasher.write(piece.as_bytes());
        self.words.write(piece);
    }

    /// A number as its text.
    pub(super) fn decimal(&mut self, number: u32) {
        let mut digits = [0_u8; 10];
        let mut start = digits.len();
        let mut rest = number;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.write(str::from_utf8(&digits[start..]).expect("decimal digits are ASCII"));
    }

    /// Ends the feature and says what it hashes to. Beyond the limit on features of arguments it is not kept.
    pub(super) fn close(&mut self) -> u64 {
        let feature = Feature { hash: self.hasher.finish(), class: self.class };
        let of_process = matches!(
            self.class,
            FeatureClass::Name | FeatureClass::Parent | FeatureClass::Grandparent | FeatureClass::Uid
        );
        let new = (of_process || !self.is_full()) && self.insert(feature);
        self.of_arguments += usize::from(new && !of_process);
        self.words.close(feature, new);
        feature.hash
    }

    /// A whole feature at once.
    pub(super) fn feature(&mut self, class: FeatureClass, text: &str) -> u64 {
        self.open(class);
        self.write(text);
        self.close()
    }

    /// The feature that two consecutive tokens make.
    pub(super) fn pair(&mut self, first: u64, second: u64) {
        if self.is_full() {
            return;
        }
        let mut bytes = [FeatureClass::Bigram as u8; 17];
        bytes[1..9].copy_from_slice(&first.to_le_bytes());
        bytes[9..].copy_from_slice(&second.to_le_bytes());
        let feature = Feature { hash: self.keyed.hash(&bytes), class: FeatureClass::Bigram };
        if self.insert(feature) {
            self.words.pair(first, second, feature);
        }
    }

    fn insert(&mut self, feature: Feature) -> bool {
        let bit = feature.hash >> (u64::BITS - 10);
        let word = &mut self.filter[(bit / 64) as usize];
        let mask = 1 << (bit % 64);
        let new = *word & mask == 0 || !self.features.iter().any(|known| known.hash == feature.hash);
        *word |= mask;
        if new {
            self.features.push(feature);
        }
        new
    }
}
