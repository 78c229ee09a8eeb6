//! YAML with positions: a rules file as a tree that remembers where everything stands.
//!
//! Values are kept as the parser's events tell them, in one list, with an alias as another reference to the same node.
//! Nothing is expanded, so a file of aliases to aliases is as small here as it is on the disk. What is walked later is
//! only the few levels that rules have.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::LintError;

/// How deep a file may nest. Rules need four levels.
const MAX_DEPTH: usize = 64;

/// The place of a node in its [`Tree`].
pub(crate) type NodeId = usize;

/// One file.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The file's characters: the parser counts in them.
    pub(crate) source: Vec<char>,
    nodes: Vec<Node>,
    /// What each document of the file holds.
    pub(crate) roots: Vec<NodeId>,
}

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// A value.
#[derive(Debug)]
pub(crate) enum Content {
    Scalar(String, ScalarStyle),
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
}

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    items: Vec<NodeId>,
}

impl Tree {
    /// Parses a file.
    ///
    /// A closing bracket that is indented no more than what it belongs to is no YAML to the letter, but Falco reads it, and
    /// its own rules have some: those are moved by a blank and the file is read once more.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, LintError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::read(file, text).or_else(|error| {
            let closes = |line: &&str| line.trim_start().starts_with([']', '}']);
            if !text.lines().any(|line| closes(&line)) {
                return Err(error);
            }
            let lines = text.split_inclusive('\n');
            let moved: String = lines.flat_map(|line| [if closes(&line) { " " } else { "" }, line]).collect();
            Self::read(file, &moved).map_err(|_| error)
        })
    }

    fn read(file: &str, text: &str) -> Result<Self, LintError> {
        let mut tree = Self { source: text.chars().collect(), nodes: Vec::new(), roots: Vec::new() };
        let mut open: Vec<Open> = Vec::new();
        let mut anchors: HashMap<usize, NodeId> = HashMap::new();
        let invalid =
            |line, column, problem: String| LintError::Yaml { file: file.to_owned(), line, column, problem };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                invalid(error.marker().line(), error.marker().col() + 1, error.info().to_owned())
            })?;
            let at = |problem: &str| invalid(span.start.line(), span.start.col() + 1, problem.to_owned());
            let (content, anchor) = match event {
                Event::Scalar(value, style, anchor, _) => {
                    (Content::Scalar(value.into_owned(), style), anchor)
                }
                Event::SequenceStart(anchor, _) => (Content::Sequence(Vec::new()), anchor),
                Event::MappingStart(anchor, _) => (Content::Mapping(Vec::new()), anchor),
                Event::Alias(anchor) => {
                    let target = anchors.get(&anchor).copied();
                    let target = target.filter(|&id| !open.iter().any(|open| open.id == id));
                    let id = target.ok_or_else(|| at("an alias of nothing, or of what contains it"))?;
                    tree.place(&mut open, id);
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    tree.close(open.pop());
                    continue;
                }
                _ => continue,
            };
            let starts_collection = !matches!(content, Content::Scalar(..));
            let id = tree.nodes.len();
            tree.nodes.push(Node { content, span });
            tree.place(&mut open, id);
            if anchor != 0 {
                anchors.insert(anchor, id);
            }
            if starts_collection {
                if open.len() == MAX_DEPTH {
                    return Err(at("nested deeper than rules ever are"));
                }
                open.push(Open { id, items: Vec::new() });
            }
        }
        Ok(tree)
    }

    /// Puts a node where the file has it.
    fn place(&mut self, open: &mut [Open], id: NodeId) {
        match open.last_mut() {
            Some(open) => open.items.push(id),
            None => self.roots.push(id),
        }
    }

    fn close(&mut self, open: Option<Open>) {
        let Some(Open { id, items }) = open else { return };
        match &mut self.nodes[id].content {
            Content::Sequence(sequence) => *sequence = items,
            Content::Mapping(mapping) => {
                *mapping = items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            }
            Content::Scalar(..) => {}
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The value of a mapping's key.
    pub(crate) fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        let Content::Mapping(pairs) = &self.node(id).content else { return None };
        pairs.iter().find(|(name, _)| self.scalar(*name) == Some(key)).map(|(_, value)| *value)
    }

    pub(crate) fn scalar(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).content {
            Content::Scalar(value, _) => Some(value),
            _ => None,
        }
    }

    /// A sequence's items; a value that is none counts as a sequence of itself.
    pub(crate) fn items<'t>(&'t self, id: &'t NodeId) -> &'t [NodeId] {
        match &self.node(*id).content {
            Content::Sequence(items) => items,
            _ => std::slice::from_ref(id),
        }
    }
}
