//! What of a rules file concerns the plugin's fields: rules and macros with their conditions, outputs and exceptions.

use crate::LintError;
use crate::condition::{self, Compare, Expr, Right, SyntaxError, Word};
use crate::text::{Position, Text};
use crate::yaml::{Content, NodeId, Tree};

/// A rule or a macro as one file has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) name: String,
    /// Which of the files it is in.
    pub(crate) file: usize,
    pub(crate) mode: Mode,
    pub(crate) condition: Option<Condition>,
    /// The text of the output, also where it is appended.
    pub(crate) output: Option<Text>,
    /// Each exception's comparisons.
    pub(crate) exceptions: Vec<Compare>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Rule,
    Macro,
}

/// What an entry does to a condition that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is the first, or takes the place of the whole.
    Define,
    /// It continues the condition.
    Append,
    /// It takes the condition's place.
    Replace,
}

/// A condition, parsed or not.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) expr: Result<Expr, SyntaxError>,
    /// Whether its text names one of our fields at all.
    pub(crate) mentions_us: bool,
    /// Whether one pair of parentheses is around all of it.
    pub(crate) is_enclosed: bool,
}

/// Reads a file's entries.
pub(crate) fn read(tree: &Tree, file: usize, name: &str) -> Result<Vec<Entry>, LintError> {
    let mut reader = Reader { tree, file, left: 2 * tree.source.len() + SLACK };
    let mut entries = Vec::new();
    for &root in &tree.roots {
        let node = tree.node(root);
        let (line, column) = (node.span.start.line(), node.span.start.col() + 1);
        match &node.content {
            Content::Sequence(items) => {
                for &item in items {
                    entries.extend(reader.entry(item));
                    if reader.left == 0 {
                        return Err(LintError::Repeats { file: name.to_owned() });
                    }
                }
            }
            // An empty document.
            Content::Scalar(value, _) if value.is_empty() => {}
            _ => return Err(LintError::NotRules { file: name.to_owned(), line, column }),
        }
    }
    Ok(entries)
}

/// How many characters may be read beyond what is in the file. Aliases let a file be read over and over.
const SLACK: usize = 1 << 20;

struct Reader<'t> {
    tree: &'t Tree,
    file: usize,
    /// How many characters may still be read.
    left: usize,
}

impl Reader<'_> {
    fn entry(&mut self, item: NodeId) -> Option<Entry> {
        let tree = self.tree;
        self.left = self.left.saturating_sub(1);
        let (kind, name) = [("rule", EntryKind::Rule), ("macro", EntryKind::Macro)]
            .into_iter()
            .find_map(|(key, kind)| Some((kind, tree.scalar(tree.get(item, key)?)?)))?;
        let condition = self.text(item, "condition").map(|text| Condition {
            expr: condition::parse(&text),
            mentions_us: text.characters.iter().collect::<String>().contains("anomaly."),
            is_enclosed: is_enclosed(&text.characters),
        });
        Some(Entry {
            kind,
            name: name.to_owned(),
            file: self.file,
            mode: mode(tree, item),
            condition,
            output: self.text(item, "output"),
            exceptions: self.exceptions(item),
        })
    }

    fn text(&mut self, item: NodeId, key: &str) -> Option<Text> {
        let id = self.tree.get(item, key)?;
        self.left = self.left.saturating_sub(self.tree.scalar(id)?.len());
        if self.left == 0 { None } else { Text::of(self.tree, id) }
    }

    /// Exceptions are comparisons in another shape: names of fields, operators, and tuples of values.
    fn exceptions(&mut self, item: NodeId) -> Vec<Compare> {
        let mut compares = Vec::new();
        for exception in self.items(item, "exceptions") {
            let fields = self.words(exception, "fields");
            if !fields.iter().any(|field| field.text.starts_with("anomaly.")) {
                continue;
            }
            let operators = self.words(exception, "comps");
            let tuples = self.items(exception, "values");
            for (index, field) in fields.iter().enumerate() {
                if !field.text.starts_with("anomaly.") {
                    continue;
                }
                let default = if fields.len() == 1 { "in" } else { "=" };
                let default = Word { text: default.to_owned(), ..field.clone() };
                let operator = operators.get(index).cloned().unwrap_or(default);
                let compare = |right| Compare {
                    field: field.clone(),
                    transformed: false,
                    operator: operator.clone(),
                    right,
                };
                if tuples.is_empty() {
                    compares.push(compare(Right::Nothing));
                }
                for &tuple in &tuples {
                    // With a single field, values need no tuple.
                    let value = if fields.len() == 1 {
                        Some(tuple)
                    } else {
                        self.children(tuple).get(index).copied()
                    };
                    let Some(value) = value else { continue };
                    let mut values: Vec<_> =
                        self.children(value).into_iter().filter_map(|id| self.word(id)).collect();
                    compares.push(compare(match values.len() {
                        1 => Right::Value(values.remove(0)),
                        _ => Right::Values(values),
                    }));
                }
            }
        }
        compares
    }

    fn words(&mut self, item: NodeId, key: &str) -> Vec<Word> {
        self.items(item, key).into_iter().filter_map(|id| self.word(id)).collect()
    }

    fn items(&mut self, item: NodeId, key: &str) -> Vec<NodeId> {
        self.tree.get(item, key).map_or_else(Vec::new, |id| self.children(id))
    }

    fn children(&mut self, id: NodeId) -> Vec<NodeId> {
        let children = self.tree.items(&id);
        self.left = self.left.saturating_sub(children.len());
        if self.left == 0 { Vec::new() } else { children.to_vec() }
    }

    fn word(&mut self, id: NodeId) -> Option<Word> {
        let text = self.tree.scalar(id)?;
        self.left = self.left.saturating_sub(text.len());
        let start = self.tree.node(id).span.start;
        let at = Position { line: start.line(), column: start.col() + 1 };
        Some(Word { text: text.to_owned(), at, quoted: false })
    }
}

/// Whether the parenthesis that opens a text is closed at its end.
fn is_enclosed(text: &[char]) -> bool {
    let solid = |character: &char| !character.is_whitespace();
    let Some((start, end)) = text.iter().position(solid).zip(text.iter().rposition(solid)) else {
        return false;
    };
    let text = &text[start..=end];
    let (mut depth, mut quote) = (0_usize, None);
    for (index, &character) in text.iter().enumerate() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && quote.is_none() {
            return index > 0 && index + 1 == text.len();
        }
    }
    false
}

fn mode(tree: &Tree, item: NodeId) -> Mode {
    let overridden = tree.get(item, "override").and_then(|id| tree.get(id, "condition"));
    match overridden.and_then(|id| tree.scalar(id)) {
        Some("append") => Mode::Append,
        Some(_) => Mode::Replace,
        // The older way to say it.
        None if tree.get(item, "append").and_then(|id| tree.scalar(id)) == Some("true") => Mode::Append,
        None => Mode::Define,
    }
}

impl EntryKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Macro => "macro",
        }
    }
}
