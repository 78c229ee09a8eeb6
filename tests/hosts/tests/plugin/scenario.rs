//! The story's machine in a capture, replayed with the plugin.

use std::io;
use std::path::{Path, PathBuf};

use anomaly_hosts::library;
use anomaly_hosts::scap::{Capture, Number};
use anomaly_hosts::story::{self, LEARN_EXECUTIONS, LEARN_FOR};
use anomaly_hosts::sysdig::{Replay, Row, Sysdig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A host, the library, a capture.
pub(crate) struct Scenario {
    sysdig: Sysdig,
    library: PathBuf,
    folder: TempDir,
    configuration: Value,
}

impl Scenario {
    /// A capture of that machine: its server learned, then what happens. `None` where there is no host or no library.
    pub(crate) fn after_learning(happens: impl FnOnce(&mut Capture) -> io::Result<()>) -> Option<Self> {
        Self::of(|capture| {
            story::learn(capture)?;
            happens(capture)
        })
    }

    /// The same, with nothing learned.
    pub(crate) fn of(happens: impl FnOnce(&mut Capture) -> io::Result<()>) -> Option<Self> {
        let (sysdig, library) = (Sysdig::or_skip()?, library::or_skip()?);
        let folder = tempfile::tempdir().expect("a directory");
        let mut capture =
            Capture::create(&folder.path().join("test.scap"), &story::machine()).expect("a capture");
        happens(&mut capture).expect("an event");
        capture.finish().expect("a capture");
        let configuration = json!({
            "feed": "falco",
            "learn_executions": LEARN_EXECUTIONS,
            "learn_for": LEARN_FOR,
        });
        Some(Self { sysdig, library, folder, configuration })
    }

    /// Sets another key of the plugin's configuration.
    pub(crate) fn configured(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.configuration[key] = value.into();
        self
    }

    /// A replay with the plugin.
    pub(crate) fn replay(&self) -> Replay {
        self.sysdig.replay(&self.capture()).plugin(&self.library, &self.configuration().to_string())
    }

    /// The plugin's configuration, with a database of its own each time: nothing is left from the replay before.
    pub(crate) fn configuration(&self) -> Value {
        let data = tempfile::tempdir_in(self.folder.path()).expect("a directory").keep();
        let mut configuration = self.configuration.clone();
        configuration["path"] = json!(data);
        configuration
    }

    /// The capture.
    pub(crate) fn capture(&self) -> PathBuf {
        self.folder.path().join("test.scap")
    }

    /// The built plugin.
    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    /// Where this scenario's files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The numbers of the events that a filter lets through.
    pub(crate) fn numbers(&self, filter: &str) -> Vec<Number> {
        self.replay().filter(filter).fields(&["evt.num"]).expect("a replay").numbers()
    }

    /// These fields of the events that a filter lets through.
    pub(crate) fn rows(&self, filter: &str, fields: &[&str]) -> Vec<Row> {
        self.replay().filter(filter).fields(fields).expect("a replay").rows
    }
}

/// A field's text; empty where it is missing.
pub(crate) fn text<'r>(row: &'r Row, field: &str) -> &'r str {
    row[field].as_str().unwrap_or_default()
}
