//! The original scheme, kept as a rival: position-salted tokens, as the article that this project began with has them.
//!
//! Fields are name, parent, uid, two ports and the command line in lower case, split at blanks and `/ - . :`. Token `i`
//! is hashed with the salt `31 i` for its dimension and `31 i + 1` for its sign. That salt is its weakness: one argument
//! inserted in front moves every later token elsewhere. Two things differ from the article's listing, neither of which
//! changes what collides with what: the hash is SipHash-2-4 where it takes the first 32 bits of a SHA-256, and both
//! ports are its default, 0, because no execution has them. Tokens of any length count, as in its listing.
//!
//! Its score is `min(1, 2 d)` of the cosine distance `d` to the nearest of k = 10, and every execution is learned: that
//! belongs to the engine that back-tests it. There is no feature to compare exactly, so [`Embedding::features`] is empty.

use std::hash::Hasher as _;

use siphasher::{
    sip::SipHasher24,
    sip128::{Hasher128 as _, SipHasher24 as SipHasher128},
};

use crate::{DIMENSIONS, Described, Embedder, Embedding, Execution, FeatureClass, Space, hashed::normalise};

const VERSION: u32 = 1;
const KEY_VERSION: u32 = 1;
const KEY: [u8; 16] = *b"position-salted!";

/// The article's embedder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Article {}

impl Article {
    /// Hands every token with its position to `take`.
    fn tokens(execution: &Execution, mut take: impl FnMut(u64, &str)) {
        let uid = execution.uid.to_string();
        for (position, field) in [&execution.name, &execution.parent, &uid, "0", "0"].into_iter().enumerate()
        {
            take(position as u64, field.trim());
        }
        let command_line = execution.arguments.joined().to_lowercase();
        let separates = |c: char| c.is_whitespace() || matches!(c, '/' | '-' | '.' | ':');
        let tokens = command_line.split(separates).filter(|token| !token.is_empty());
        for (position, token) in (5..).zip(tokens) {
            take(position, token);
        }
    }
}

/// `token:salt` under the key.
fn hash(token: &str, salt: u64) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&KEY);
    hasher.write(token.as_bytes());
    hasher.write(b":");
    hasher.write(&salt.to_le_bytes());
    hasher.finish()
}

impl Embedder for Article {
    fn space(&self) -> Space {
        Space { scheme: "article", version: VERSION, key_version: KEY_VERSION }
    }

    fn embed(&self, execution: &Execution, embedding: &mut Embedding) {
        let Embedding { key, features, vector } = embedding;
        features.clear();
        vector.fill(0.0);
        let mut list = SipHasher128::new_with_key(&KEY);
        Self::tokens(execution, |position, token| {
            list.write(token.as_bytes());
            list.write(b"\0");
            if token.is_empty() {
                return;
            }
            let index = hash(token, 31 * position) % DIMENSIONS as u64;
            let positive = hash(token, 31 * position + 1) % 2 == 1;
            vector[index as usize] += if positive { 1.0 } else { -1.0 };
        });
        *key = list.finish128().as_u128();
        normalise(vector);
    }

    fn describe(&self, execution: &Execution) -> Vec<Described> {
        let mut described: Vec<Described> = Vec::new();
        Self::tokens(execution, |position, token| {
            let hash = hash(token, 31 * position);
            if !token.is_empty() && described.iter().all(|known| known.hash != hash) {
                described.push(Described {
                    hash,
                    class: FeatureClass::Word,
                    text: format!("token {position} {token}"),
                });
            }
        });
        described
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(arguments: &[&str]) -> Embedding {
        let execution =
            Execution { name: "curl".into(), arguments: arguments.iter().collect(), ..Execution::default() };
        let mut embedding = Embedding::default();
        Article::default().embed(&execution, &mut embedding);
        embedding
    }

    fn cosine(a: &Embedding, b: &Embedding) -> f32 {
        a.vector.iter().zip(b.vector).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn tokens_are_split_and_lowered() {
        let execution = Execution {
            name: "Curl".into(),
            uid: 7,
            arguments: ["curl", "-S", "HTTP://host:80/a.b"].iter().collect(),
            ..Execution::default()
        };
        let words: Vec<_> =
            Article::default().describe(&execution).into_iter().map(|token| token.text).collect();
        let expected =
            ["0 Curl", "2 7", "3 0", "4 0", "5 curl", "6 s", "7 http", "8 host", "9 80", "10 a", "11 b"];
        assert_eq!(words, expected.map(|token| format!("token {token}")));
    }

    #[test]
    fn an_inserted_argument_moves_all_that_follow() {
        let before = embedding(&["curl", "-s", "http://host/path/to/some/file", "--retry", "3"]);
        let after = embedding(&["curl", "-v", "-s", "http://host/path/to/some/file", "--retry", "3"]);
        assert!(cosine(&before, &before) > 0.999);
        assert!(cosine(&before, &after) < 0.8);
        assert_ne!(before.key, after.key);
        assert!(before.features.is_empty());
    }
}
