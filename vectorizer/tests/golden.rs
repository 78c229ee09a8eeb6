//! The vector of a given execution is the same bytes on every machine and in every release of one version.
//!
//! Each line of `golden/*.jsonl` holds what a feed delivered and what became of it: the canonical arguments, the exact
//! key, and the vector's 128 `f32` as little-endian bytes in hexadecimal. The first line names the space.
//!
//! Whoever changes what these tests compare makes every baseline out there useless, and so raises the scheme's version
//! first. `GOLDEN=write cargo test -p anomaly-vectorizer --test golden` then writes the files anew; under the version
//! that they were written with it only fills in lines that have no result yet.

use std::{fmt::Write as _, fs, path::PathBuf};

use anomaly_vectorizer::{
    Act, Article, Embedder, Embedding, Execution, Hashed, Kind,
    canonical::{Raw, area},
    scrub::Scrubber,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Header {
    scheme: String,
    version: u32,
    key_version: u32,
}

#[derive(Serialize, Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
struct Input {
    name: String,
    parent: String,
    grandparent: String,
    uid: u32,
    /// The arguments as text ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    /// ... or the area's bytes in hexadecimal ...
    #[serde(skip_serializing_if = "String::is_empty")]
    area: String,
    /// ... or a text and how often it is repeated as one argument.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<(String, usize)>,
    /// Or it is another act than an execution ...
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// ... with this object ...
    #[serde(skip_serializing_if = "String::is_empty")]
    object: String,
    /// ... with these flags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    executable: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    filename: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    interp: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
struct Output {
    args: Vec<String>,
    features: usize,
    key: String,
    vector: String,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Golden {
    input: Input,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
}

impl Input {
    fn execution(&self) -> Execution {
        if let Some(kind) = self.kind {
            let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
            return Act {
                kind,
                name: self.name.as_bytes(),
                parent: self.parent.as_bytes(),
                uid: self.uid,
                executable: self.executable.as_bytes(),
                object: self.object.as_bytes(),
                flags: &flags,
            }
            .execution(&Scrubber::default());
        }
        let bytes = if let Some((text, times)) = &self.repeated {
            area([self.name.clone(), "-c".into(), text.repeat(*times)])
        } else if self.area.is_empty() {
            area(&self.args)
        } else {
            let byte = |at: usize| u8::from_str_radix(&self.area[at..at + 2], 16).expect("hexadecimal");
            (0..self.area.len()).step_by(2).map(byte).collect()
        };
        Raw {
            name: self.name.as_bytes(),
            parent: self.parent.as_bytes(),
            grandparent: self.grandparent.as_bytes(),
            uid: self.uid,
            arguments: &bytes,
            executable: self.executable.as_bytes(),
            filename: self.filename.as_bytes(),
            interp: self.interp.as_bytes(),
        }
        .execution(&Scrubber::default())
    }
}

fn output(embedder: &dyn Embedder, input: &Input) -> Output {
    let execution = input.execution();
    let mut embedding = Embedding::default();
    embedder.embed(&execution, &mut embedding);
    let mut vector = String::new();
    for byte in embedding.vector.iter().flat_map(|value| value.to_le_bytes()) {
        write!(vector, "{byte:02x}").expect("a string takes anything");
    }
    Output {
        args: execution.arguments.iter().map(str::to_owned).collect(),
        features: embedding.features.len(),
        key: format!("{:032x}", embedding.key),
        vector,
    }
}

fn check(embedder: &dyn Embedder) {
    let space = embedder.space();
    let header =
        Header { scheme: space.scheme.into(), version: space.version, key_version: space.key_version };
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{}.jsonl", space.scheme));
    let text = fs::read_to_string(&path).expect("the golden file is part of the repository");
    let mut lines = text.lines();
    let first = lines.next().expect("a golden file begins with its space");
    let written: Header = serde_json::from_str(first).expect("the first line names the space");
    let goldens: Vec<Golden> = lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(goldens.len() >= 40, "{} executions are too few", goldens.len());

    let writes = std::env::var("GOLDEN").is_ok_and(|value| value == "write");
    let mut anew = serde_json::to_string(&header).expect("JSON") + "\n";
    for golden in &goldens {
        let output = output(embedder, &golden.input);
        match &golden.output {
            Some(expected) if !writes || written == header => assert_eq!(
                &output,
                expected,
                "the {} scheme gives another vector than in {}: raise its version or take the change back",
                space.scheme,
                path.display(),
            ),
            None if !writes => panic!("a line of {} has no result: run with GOLDEN=write", path.display()),
            _ => {}
        }
        let golden = Golden { input: golden.input.clone(), output: Some(output) };
        writeln!(anew, "{}", serde_json::to_string(&golden).expect("JSON")).expect("a string takes anything");
    }
    if writes {
        fs::write(&path, anew).expect("the golden file can be written");
    } else {
        assert_eq!(written, header, "the scheme's version was raised: run with GOLDEN=write");
    }
}

#[test]
fn hashed_vectors_are_the_same_bytes() {
    check(&Hashed::default());
}

#[test]
fn article_vectors_are_the_same_bytes() {
    check(&Article::default());
}
