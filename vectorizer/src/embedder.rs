//! What an embedding is, and the one trait behind which another one can take its place.

use crate::Execution;

/// Dimensions of a vector.
pub const DIMENSIONS: usize = 128;

/// An L2-normalised vector; all zeros only where an execution has no feature at all.
pub type Vector = [f32; DIMENSIONS];

/// A kind of feature. Its weight is the same for every feature of the kind.
///
/// The discriminants are stored with every row: never renumber them, add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FeatureClass {
    /// The program's name.
    Name = 0,
    /// The parent's name.
    Parent = 1,
    /// The grandparent's name.
    Grandparent = 2,
    /// The effective user id.
    Uid = 3,
    /// A flag, cut at `=`.
    Flag = 4,
    /// The first two components of a path's directory part.
    Directory = 5,
    /// The shape of a path's basename.
    Basename = 6,
    /// The last directory of a path that is deeper than three.
    ParentDirectory = 7,
    /// A path's extension.
    Extension = 8,
    /// A plain word.
    Word = 9,
    /// The name of a variable that is read or set.
    Variable = 10,
    /// A URL's scheme.
    Scheme = 11,
    /// The shape of a host name, or the class of an address.
    Host = 12,
    /// A shell operator inside script text.
    Operator = 13,
    /// Two consecutive arguments.
    Bigram = 14,
    /// A port of a network tool, a file mode, a signal: numbers that do not drift.
    Number = 15,
    /// What a command in script text runs.
    Command = 16,
    /// Of an act: the program with the directory it lies in and its user.
    Program = 17,
    /// Of an act: its kind and manner.
    Manner = 18,
    /// Of an act: the program, the manner and where its object is.
    Place = 19,
    /// Of an act: the same with the object itself.
    Object = 20,
}

impl FeatureClass {
    /// Every class, in the order of the discriminants.
    pub const ALL: [Self; 21] = [
        Self::Name,
        Self::Parent,
        Self::Grandparent,
        Self::Uid,
        Self::Flag,
        Self::Directory,
        Self::Basename,
        Self::ParentDirectory,
        Self::Extension,
        Self::Word,
        Self::Variable,
        Self::Scheme,
        Self::Host,
        Self::Operator,
        Self::Bigram,
        Self::Number,
        Self::Command,
        Self::Program,
        Self::Manner,
        Self::Place,
        Self::Object,
    ];

    /// The class with this discriminant, as stored with a row.
    pub fn from_u8(discriminant: u8) -> Option<Self> {
        Self::ALL.get(usize::from(discriminant)).copied()
    }

    /// What a feature of this class adds to its dimension of the vector; its square is what the re-rank sums.
    pub const fn weight(self) -> f32 {
        match self {
            Self::Name | Self::Uid | Self::Directory | Self::Word | Self::Variable => 1.0,
            Self::Scheme | Self::Host | Self::Operator | Self::Number => 1.0,
            Self::Program | Self::Manner | Self::Object => 1.0,
            Self::Command | Self::Place => 1.2,
            Self::Parent | Self::Grandparent => 0.85,
            Self::Basename => 0.8,
            Self::Flag => 0.7,
            Self::ParentDirectory | Self::Extension => 0.5,
            Self::Bigram => 0.3,
        }
    }
}

/// One feature of an execution: what it is, hashed, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature {
    /// Keyed 64-bit hash of the class and the feature's text.
    pub hash: u64,
    /// The kind, which fixes the weight.
    pub class: FeatureClass,
}

/// An execution in feature space. Reused between executions, so that embedding allocates nothing in the steady state.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// 128-bit hash of the feature set: equal for two executions exactly when their features are.
    pub key: u128,
    /// The features, sorted by hash, without repetition. Empty for an embedder that has none to compare exactly.
    pub features: Vec<Feature>,
    /// The L2-normalised vector.
    pub vector: Vector,
}

impl Default for Embedding {
    fn default() -> Self {
        Self { key: 0, features: Vec::new(), vector: [0.0; DIMENSIONS] }
    }
}

/// A feature in words, for explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The same hash as in [`Feature`].
    pub hash: u64,
    /// The kind.
    pub class: FeatureClass,
    /// The feature as a person reads it: `parent nginx`, `flag --upload-file`, `host class public`.
    pub text: String,
}

/// Which feature space a vector lives in. Stored with every row: rows of two spaces are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Space {
    /// The scheme's name.
    pub scheme: &'static str,
    /// Raised by every change that moves a vector.
    pub version: u32,
    /// The version of the hash's key.
    pub key_version: u32,
}

/// A way to turn an execution into a vector.
///
/// Implementations are pure and total: any execution, however hostile its text, gives an embedding in bounded time
/// without panicking.
pub trait Embedder: Send + Sync {
    /// The space of the vectors that [`embed`](Self::embed) makes.
    fn space(&self) -> Space;

    /// Writes the embedding of `execution` into `embedding`, whatever that held before.
    fn embed(&self, execution: &Execution, embedding: &mut Embedding);

    /// The same features in words, in the order of the execution: program first, arguments in their order. Each hash
    /// appears once. Off the hot path: it allocates.
    fn describe(&self, execution: &Execution) -> Vec<Described>;
}
