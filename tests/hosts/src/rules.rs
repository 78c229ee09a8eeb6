//! Rules as a host takes them: conditions with macros and lists filled in, and the alert that Falco would send.
//!
//! Where there is no Falco, a rule's condition is sysdig's filter and the fields of its output are what sysdig prints;
//! what Falco does on top of that (the sentence, the shape of its JSON) is done here, as its documentation has it.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError};
use serde_json::{Map, Value, json};

use crate::sysdig::Row;

/// Rules, macros and lists of one file.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// Everything else that stands at the top.
    pub header: Vec<Value>,
    macros: HashMap<String, String>,
    lists: HashMap<String, Vec<String>>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its condition, macros and lists by name.
    pub condition: String,
    /// Its output.
    pub output: String,
    /// Its priority, as Falco writes it in alerts.
    pub priority: String,
    /// Its tags.
    pub tags: Vec<String>,
}

impl Ruleset {
    /// Reads a rules file.
    ///
    /// # Errors
    /// Where it is no YAML.
    ///
    /// # Panics
    /// Where a rule lacks what every rule has.
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        let mut ruleset = Self::default();
        let Value::Array(entries) = yaml(text)? else { panic!("rules are a list") };
        for entry in entries {
            let text = |key: &str| entry[key].as_str().map(|text| text.trim().to_owned());
            let words = |key: &str| {
                let items = entry[key].as_array().map(Vec::as_slice).unwrap_or_default();
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
            };
            if let Some(name) = text("rule") {
                ruleset.rules.push(Rule {
                    name,
                    condition: text("condition").expect("a rule has a condition"),
                    output: text("output").expect("a rule has an output"),
                    priority: capitalised(&text("priority").expect("a rule has a priority")),
                    tags: words("tags"),
                });
            } else if let Some(name) = text("macro") {
                ruleset.macros.insert(name, text("condition").expect("a macro has a condition"));
            } else if let Some(name) = text("list") {
                ruleset.lists.insert(name, words("items"));
            } else {
                ruleset.header.push(entry);
            }
        }
        Ok(ruleset)
    }

    /// Puts another condition in a macro's place, as an override does.
    ///
    /// # Panics
    /// Where there is no such macro.
    pub fn override_macro(&mut self, name: &str, condition: &str) {
        let macro_ = self.macros.get_mut(name).expect("a macro of these rules");
        condition.clone_into(macro_);
    }

    /// A rule by its name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn rule(&self, name: &str) -> &Rule {
        self.rules.iter().find(|rule| rule.name == name).expect("a rule of this name")
    }

    /// A condition with macros and lists filled in, which hosts without Falco's rule loader can compile.
    pub fn expanded(&self, condition: &str) -> String {
        let mut expanded = String::new();
        let mut rest = condition;
        while let Some(character) = rest.chars().next() {
            let is_name =
                |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
            let length = match character {
                '"' | '\'' => rest[1..].find(character).map_or(rest.len(), |end| end + 2),
                _ if is_name(character) => rest.find(|character| !is_name(character)).unwrap_or(rest.len()),
                _ => character.len_utf8(),
            };
            let (word, after) = rest.split_at(length);
            match (self.macros.get(word), self.lists.get(word)) {
                (Some(inner), _) => expanded += &format!("({})", self.expanded(inner)),
                (_, Some(items)) => expanded += &items.join(", "),
                _ => expanded += word,
            }
            rest = after;
        }
        expanded
    }
}

impl Rule {
    /// The alert that Falco would send for an event with these fields, at `time` (RFC 3339).
    pub fn alert(&self, fields: &Row, time: &str) -> Value {
        let mut sentence = String::new();
        let mut named = Map::new();
        let mut rest = self.output.as_str();
        while let Some((before, after)) = rest.split_once('%') {
            let is_field =
                |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
            let end = after.find(|character| !is_field(character)).unwrap_or(after.len());
            let name = after[..end].trim_end_matches('.');
            let value = fields.get(name).cloned().unwrap_or(Value::Null);
            sentence += before;
            match &value {
                Value::String(text) => sentence += text,
                Value::Null => sentence += "<NA>",
                other => sentence += &other.to_string(),
            }
            named.insert(name.to_owned(), value);
            rest = &after[name.len()..];
        }
        sentence += rest;
        let Self { name, priority, tags, .. } = self;
        json!({
            "hostname": "example",
            "output": format!("08:00:00.000000000: {priority} {sentence}"),
            "output_fields": named,
            "priority": priority,
            "rule": name,
            "source": "syscall",
            "tags": tags,
            "time": time,
        })
    }
}

/// `CRITICAL` is `Critical` in an alert.
fn capitalised(word: &str) -> String {
    let lower = word.to_lowercase();
    lower.chars().take(1).flat_map(char::to_uppercase).chain(lower.chars().skip(1)).collect()
}

/// A file of one document as JSON, every scalar a string.
///
/// # Errors
/// Where it is no YAML.
pub fn yaml(text: &str) -> Result<Value, ScanError> {
    /// A collection that is being read, and the key that waits for its value.
    enum Open {
        Sequence(Vec<Value>),
        Mapping(Map<String, Value>, Option<String>),
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(text) {
        let mut value = match event?.0 {
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push(Open::Sequence(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(items)) => Value::Array(items),
                Some(Open::Mapping(map, _)) => Value::Object(map),
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::Sequence(items)) => items.push(value),
            Some(Open::Mapping(map, key)) => match key.take() {
                Some(key) => drop(map.insert(key, value)),
                None => *key = value.as_str().map(str::to_owned),
            },
            None => std::mem::swap(&mut root, &mut value),
        }
    }
    Ok(root)
}
