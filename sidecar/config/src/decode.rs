//! Typed values out of the tree. A value that does not fit is told with the path that led to it; whoever reads the file
//! takes it out and reads again, so that one run finds every mistake.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::tree::{Content, Entry, Node};

/// Why a value does not fit.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Keys and positions from the root; backwards while it is passed up.
    path: Vec<String>,
    pub(crate) what: What,
}

/// What is the matter with it.
#[derive(Debug)]
pub(crate) enum What {
    /// A key that nobody reads. The path leads to its mapping.
    Unknown { key: String, known: &'static [&'static str] },
    /// A value of another kind.
    Other { expected: String, found: String },
    /// A key that has to be there. The path leads to its mapping.
    Missing(&'static str),
    /// Anything else, in words.
    Said(String),
}

impl Fault {
    fn new(what: What) -> Self {
        Self { path: Vec::new(), what }
    }

    fn below(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    /// The way to the value, from the root.
    pub(crate) fn path(&self) -> Vec<String> {
        self.path.iter().rev().cloned().collect()
    }

    /// Says more closely where the fault is that a buffered value (an enum with a tag inside) told without its path: where
    /// the value that was found stands first.
    fn within(mut self, node: &Node) -> Self {
        if self.path.is_empty()
            && let What::Other { found, .. } = &self.what
            && seen(node) != *found
        {
            self.path = way_to(node, found).unwrap_or_default();
        }
        self
    }
}

/// The way, backwards, to the first value below that serde tells of as `found`.
fn way_to(node: &Node, found: &str) -> Option<Vec<String>> {
    let below = |step: String, value: &Node| {
        let mut way = if seen(value) == found { Vec::new() } else { way_to(value, found)? };
        way.push(step);
        Some(way)
    };
    match &node.content {
        Content::Map(entries) => entries.iter().find_map(|entry| below(entry.key.clone(), &entry.value)),
        Content::List(items) => {
            items.iter().enumerate().find_map(|(position, item)| below(position.to_string(), item))
        }
        _ => None,
    }
}

/// A value as serde tells of one that it did not expect.
fn seen(node: &Node) -> String {
    match &node.content {
        Content::Null => Unexpected::Unit.to_string(),
        Content::Bool(value) => Unexpected::Bool(*value).to_string(),
        Content::Whole(value) => Unexpected::Unsigned(*value).to_string(),
        Content::Negative(value) => Unexpected::Signed(*value).to_string(),
        Content::Decimal(value) => Unexpected::Float(*value).to_string(),
        Content::Text(text) => Unexpected::Str(text).to_string(),
        Content::List(_) => Unexpected::Seq.to_string(),
        Content::Map(_) => Unexpected::Map.to_string(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path().join("."), self.what)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Said(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Other { expected: expected.to_string(), found: unexpected.to_string() })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::invalid_type(Unexpected::Str(variant), &format!("one of {}", expected.join(", ")).as_str())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Unknown { key: field.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Whole(value) => visitor.visit_u64(*value),
            Content::Negative(value) => visitor.visit_i64(*value),
            Content::Decimal(value) => visitor.visit_f64(*value),
            Content::Text(text) => visitor.visit_borrowed_str(text),
            Content::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Content::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.content == Content::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Text(word) => visitor.visit_enum(Variant { word, value: None }),
            Content::Map(entries) if entries.len() == 1 => {
                let Entry { key, value, .. } = &entries[0];
                visitor
                    .visit_enum(Variant { word: key, value: Some(value) })
                    .map_err(|fault| if fault.path.is_empty() { fault } else { fault.below(key) })
            }
            _ => Err(Fault::new(What::Other { expected: "a word".to_owned(), found: seen(self) })),
        }
    }

    /// A list is no structure here, whatever serde makes of its items.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.content {
            Content::Map(_) => self.deserialize_any(visitor),
            _ => Err(Fault::new(What::Other { expected: format!("struct {name}"), found: seen(self) })),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let position = self.next;
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|fault| fault.within(item).below(position.to_string()))
    }
}

struct Entries<'de> {
    entries: &'de [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        seed.deserialize(entry.key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let entry = self.entries.get(self.next).expect("a value is asked for behind its key alone");
        self.next += 1;
        seed.deserialize(&entry.value).map_err(|fault| fault.within(&entry.value).below(&entry.key))
    }
}

struct Variant<'de> {
    word: &'de str,
    value: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(self.word))
            .map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(Fault::new(What::Other { expected: "a word".to_owned(), found: seen(value) })),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.value.ok_or_else(|| Fault::new(What::Missing("value")))?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value.ok_or_else(|| Fault::new(What::Missing("value")))?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.value.ok_or_else(|| Fault::new(What::Missing("value")))?.deserialize_any(visitor)
    }
}
