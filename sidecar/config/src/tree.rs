//! The file as a tree whose every key and value knows where it stands.
//!
//! Typed values are read from this tree and not from the YAML itself, so that a value can be refused with its place after
//! it was understood, one that belongs to an older name can be moved, and reading can go on behind a mistake to find the
//! next.

use std::fmt;

use anomaly_baseline::text::printable;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Spanned};

use crate::problem::{Place, Problem};

/// How deep a file may nest. A configuration needs five levels.
const MAX_DEPTH: usize = 16;

/// How many values a file may have.
const MAX_NODES: usize = 10_000;

/// What is told of a parser's message, in bytes.
const MAX_SAID: usize = 200;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Whole(u64),
    Negative(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    /// Reads a file's text. A file with nothing but comments is an empty mapping.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES, max_anchors: 100 },
            duplicate_keys: DuplicateKeyPolicy::Error,
            merge_keys: MergeKeyPolicy::Error,
            with_snippet: false,
            reject_unsupported_tags: true,
        };
        match serde_saphyr::from_str_with_options::<Option<Self>>(text, options) {
            Ok(root) => {
                let empty = Self { place: Place { line: 1, column: 1 }, content: Content::Map(Vec::new()) };
                Ok(root.filter(|root| root.content != Content::Null).unwrap_or(empty))
            }
            Err(error) => Err(refused(&error)),
        }
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|entry| entry.key == key)
    }

    /// The keys and values of a mapping, to be changed; nothing of another value.
    pub(crate) fn entries(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Takes a key out of a mapping.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let entries = self.entries()?;
        let position = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(position))
    }

    /// What a path of keys and positions leads to.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        match &self.content {
            Content::Map(_) => self.get(step)?.value.find(rest),
            Content::List(items) => items.get(step.parse::<usize>().ok()?)?.find(rest),
            _ => None,
        }
    }

    /// Takes out what a path leads to. Returns whether there was anything.
    pub(crate) fn remove(&mut self, path: &[String]) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        match &mut self.content {
            Content::Map(_) if rest.is_empty() => self.take(step).is_some(),
            Content::Map(entries) => entries
                .iter_mut()
                .find(|entry| entry.key == *step)
                .is_some_and(|entry| entry.value.remove(rest)),
            Content::List(items) => match step.parse::<usize>() {
                Ok(position) if position < items.len() && rest.is_empty() => {
                    items.remove(position);
                    true
                }
                Ok(position) => items.get_mut(position).is_some_and(|item| item.remove(rest)),
                Err(_) => false,
            },
            _ => false,
        }
    }
}

impl fmt::Display for Node {
    /// The value as a sentence shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 64;
        match &self.content {
            Content::Null => f.write_str("nothing"),
            Content::Bool(value) => write!(f, "{value}"),
            Content::Whole(value) => write!(f, "{value}"),
            Content::Negative(value) => write!(f, "{value}"),
            Content::Decimal(value) => write!(f, "{value}"),
            Content::Text(text) => write!(f, "\"{}\"", printable(text, MOST)),
            Content::List(_) => f.write_str("a list"),
            Content::Map(_) => f.write_str("a mapping"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: referenced.into(), content: value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Contents)
    }
}

struct Contents;

impl<'de> Visitor<'de> for Contents {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(u64::try_from(value).map_or(Content::Negative(value), Content::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Decimal(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(key) = map.next_key::<Node>()? {
            let Content::Text(text) = key.content else {
                return Err(A::Error::custom("a key is a word; put it in quotes if it is meant as one"));
            };
            entries.push(Entry { place: key.place, key: text, value: map.next_value()? });
        }
        Ok(Content::Map(entries))
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

/// What is no YAML, or more of it than a configuration has. What the library says to programmers is said to operators.
fn refused(error: &Error) -> Problem {
    let error = error.without_snippet();
    let place = error.location().map_or(Place { line: 1, column: 1 }, Place::from);
    let sentence = match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = printable(key.as_deref().unwrap_or("a key"), MAX_SAID);
            format!("{key} stands here a second time; keep one of them")
        }
        Error::MultipleDocuments { .. } => "a second document begins here; keep one, without ---".to_owned(),
        Error::MergeKeyNotAllowed { .. } => "<< merges nothing here; write the keys themselves".to_owned(),
        Error::NonFiniteFloat { .. } => "this is no number; write one with digits".to_owned(),
        Error::Budget { .. } => {
            "this is larger or deeper than a configuration; take out what is not ours".to_owned()
        }
        other => {
            let text = other.to_string();
            // The place stands before the sentence already.
            let end = text.find(" at line ").or_else(|| text.find('\n')).unwrap_or(text.len());
            let said = printable(text[..end].trim_end_matches('.'), MAX_SAID);
            format!("this is not the YAML of a configuration: {said}; correct it here or just above")
        }
    };
    Problem { place, sentence }
}
