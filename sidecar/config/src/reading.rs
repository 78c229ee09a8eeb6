//! From text to a configuration, with every mistake of the text.
//!
//! Reading stops at the first value that does not fit. So that nobody corrects a file one run at a time, what does not fit
//! is taken out and the rest is read again: every key has a default, so the file gets shorter and never worse.

use anomaly_baseline::text::{nearest, printable};

use crate::decode::{Fault, What};
use crate::keys::{self, Dotted};
use crate::problem::{Place, Problem};
use crate::tree::{Content, Node};
use crate::{Agent, Api, Backend, Config, Ebpf, Scoring, Search, Storage, Vectorization, article, check};

/// How many mistakes are told of one file.
const MOST: usize = 50;

/// What is shown of a key that nobody knows, in bytes.
const MAX_KEY: usize = 64;

/// Reads a configuration, or tells what is wrong, in the order of the file.
pub(crate) fn read(text: &str) -> Result<Config, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut root = Node::parse(text).map_err(|problem| vec![problem])?;
    // A section whose keys are all commented out is as good as none.
    if let Some(sections) = root.entries() {
        sections.retain(|section| section.value.content != Content::Null);
    }
    let mut problems = article::adopt(&mut root);
    let whole = root.clone();
    let config = loop {
        match serde::Deserialize::deserialize(&root) {
            Ok(config) => break Some(config),
            Err(fault) => {
                problems.push(problem(&root, &whole, &fault));
                if problems.len() >= MOST || !take_out(&mut root, &fault) {
                    break None;
                }
            }
        }
    };
    if let Some(config) = &config {
        problems.extend(check::together(config, &root));
    }
    problems.sort_by_key(|problem| problem.place);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// Takes out what does not fit; of a list the whole item, because an item without one of its keys is another mistake.
fn take_out(root: &mut Node, fault: &Fault) -> bool {
    let mut path = fault.path();
    let item = (1..=path.len()).find(|&steps| {
        root.find(&path[..steps - 1]).is_some_and(|node| matches!(node.content, Content::List(_)))
    });
    if let Some(steps) = item {
        return root.remove(&path[..steps]);
    }
    if let What::Unknown { key, .. } = &fault.what {
        path.push(key.clone());
    }
    root.remove(&path)
}

/// The path in the whole file to what a path leads to after items were taken out of lists.
fn in_the_file(root: &Node, whole: &Node, path: &[String]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for (steps, step) in path.iter().enumerate() {
        let place = root.find(&path[..=steps]).map(|node| node.place);
        let step = match whole.find(&told).map(|node| &node.content) {
            Some(Content::List(items)) => {
                let position = items.iter().position(|item| Some(item.place) == place);
                position.map_or_else(|| step.clone(), |position| position.to_string())
            }
            _ => step.clone(),
        };
        told.push(step);
    }
    told
}

/// A mistake in words.
fn problem(root: &Node, whole: &Node, fault: &Fault) -> Problem {
    let node = root.find(&fault.path()).unwrap_or(root);
    let path = in_the_file(root, whole, &fault.path());
    let name = Dotted(&path);
    match &fault.what {
        What::Unknown { key, known } => {
            let place = node.get(key).map_or(node.place, |entry| entry.place);
            Problem { place, sentence: unknown(&path, key, known) }
        }
        What::Missing(key) if path.is_empty() => {
            problem_at(node.place, format!("{key} is missing; write it"))
        }
        What::Missing(key) => problem_at(node.place, format!("{name} has no {key}; write one below it")),
        What::Other { expected, .. } if node.content == Content::Null => problem_at(
            node.place,
            format!("{name} has no value; write {}, or take the key out", in_words(expected)),
        ),
        What::Other { expected, .. } if path.is_empty() => problem_at(
            node.place,
            format!("the file is {node} and not {}; write sections such as agent:", in_words(expected)),
        ),
        What::Other { expected, .. } => {
            let found = shown(&path, node);
            problem_at(node.place, format!("{name} is {found}; write {}", in_words(expected)))
        }
        What::Said(sentence) => {
            let (found, sentence) = (shown(&path, node), printable(sentence, 500));
            problem_at(node.place, format!("{name} is {found}: {sentence}"))
        }
    }
}

fn problem_at(place: Place, sentence: String) -> Problem {
    Problem { place, sentence }
}

/// A value as it may be repeated in a log: what stands where people put secrets is not.
fn shown(path: &[String], node: &Node) -> String {
    let last = path.last().map_or("", String::as_str);
    // Of these a few words are known, none of them a secret.
    let is_choice = matches!(last, "type" | "events");
    let near_secrets =
        last.starts_with("token") || !is_choice && path.first().is_some_and(|section| section == "backend");
    match node.content {
        Content::Text(_) if near_secrets => "what it cannot be".to_owned(),
        _ => node.to_string(),
    }
}

/// A key that nobody reads, and which one was meant.
fn unknown(path: &[String], key: &str, known: &[&'static str]) -> String {
    let found = printable(key, MAX_KEY);
    let meant = nearest(key, known.iter().copied());
    let elsewhere = elsewhere(key);
    let remedy = match (meant, elsewhere) {
        (_, Some(section)) => format!("it belongs to {section}"),
        (Some(meant), None) => format!("did you mean {meant}?"),
        (None, None) => format!("there are {}", known.join(", ")),
    };
    match path {
        [] => format!("there is no section {found}; {remedy}"),
        path => format!("{} has no key {found}; {remedy}", Dotted(path)),
    }
}

/// The section that has this very key.
fn elsewhere(key: &str) -> Option<&'static str> {
    sections().into_iter().find(|(_, keys)| keys.contains(&key)).map(|(section, _)| section)
}

/// Every section with its keys, in the order in which they are declared.
pub(crate) fn sections() -> [(&'static str, &'static [&'static str]); 8] {
    [
        ("agent", keys::of::<Agent>()),
        ("ebpf", keys::of::<Ebpf>()),
        ("vectorization", keys::of::<Vectorization>()),
        ("storage", keys::of::<Storage>()),
        ("scoring", keys::of::<Scoring>()),
        ("backend", keys::of::<Backend>()),
        ("api", keys::of::<Api>()),
        ("search", keys::of::<Search>()),
    ]
}

/// What serde expects, as people say it.
fn in_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "a borrowed string" | "path string" => {
            "text; a number, true and false are text in quotes".to_owned()
        }
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "KEY: VALUE below it".to_owned(),
        structure if structure.starts_with("struct ") || structure.starts_with("internally tagged") => {
            "its keys below it, each as KEY: VALUE".to_owned()
        }
        other => other.to_owned(),
    }
}
