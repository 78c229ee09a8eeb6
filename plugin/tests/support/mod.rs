//! A host in place of Falco: the SDK's runner with a plugin that is what libsinsp is to ours. It injects events of
//! system calls, keeps a thread table and updates it from those events before ours sees them, as libsinsp does.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "several programs share it, and what one does not use another one does"
)]

pub mod c_api;
mod containers;
mod events;
mod host;
mod threads;

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use falco_plugin::api::plugin_api;
use falco_plugin_runner::{CapturingPluginRunner, Event, ExtractedField, MetricValue, PluginRunner};
use tempfile::TempDir;

pub use containers::{CONTAINERS, contain, describe};
pub use events::{Exec, clone, connect, connect_to, container_event, exec, execveat, open};
pub use host::{HOST, push, run_before};
pub use threads::Process;

/// Our plugin, as the runner needs it: it asks where an event comes from even of who is no source, and would follow
/// the missing answer.
pub static ANOMALY: LazyLock<plugin_api> = LazyLock::new(|| {
    extern "C-unwind" fn source() -> *const c_char {
        c"syscall".as_ptr()
    }
    let mut api = anomaly::__plugin_base_api();
    api.__bindgen_anon_1.get_event_source = Some(source);
    api
});

/// Whether this is so within some seconds.
pub fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

/// What is configured for nearly every test: it learns until it has seen this many executions.
pub fn config(path: &Path, executions: u64) -> CString {
    configured(path, &format!(r#""feed": "falco", "learn_executions": {executions}"#))
}

/// A configuration with these keys beside the database.
pub fn configured(path: &Path, keys: &str) -> CString {
    CString::new(format!(r#"{{"path": {path:?}, "learn_for": "0s", {keys}}}"#)).expect("no NUL")
}

/// A host with our plugin, capturing.
pub struct Host {
    runner: Option<CapturingPluginRunner>,
}

impl Host {
    /// Starts a capture with a thread table and without a container plugin.
    pub fn new(config: &CStr) -> Self {
        Self::with(&[(&HOST, c""), (&ANOMALY, config)])
    }

    /// Starts a capture with these plugins, in this order.
    pub fn with(plugins: &[(&'static plugin_api, &CStr)]) -> Self {
        let mut runner = PluginRunner::new();
        for (plugin, config) in plugins {
            runner.register_plugin(plugin, config).expect("registered");
        }
        Self { runner: Some(runner.start_capture().expect("started")) }
    }

    fn runner(&mut self) -> &mut CapturingPluginRunner {
        self.runner.as_mut().expect("it captures")
    }

    /// Lets an event happen.
    pub fn event(&mut self, event: Vec<u8>) -> Event {
        push(event);
        self.runner().next_event().expect("the event that was pushed")
    }

    /// The next event that is there by itself: an injected one.
    pub fn next(&mut self) -> Option<Event> {
        self.runner().next_event().ok()
    }

    /// A field of an event as text; `None` where it is absent. Panics where it is an error.
    pub fn field(&mut self, event: &Event, name: &str) -> Option<String> {
        match self.runner().extract_field(event, name).expect("a known field").expect("never an error") {
            ExtractedField::None => None,
            field => Some(field.to_string()),
        }
    }

    /// A metric by its name.
    pub fn metric(&mut self, name: &str) -> u64 {
        let name = format!("anomaly.{name}");
        let metrics = self.runner().get_metrics();
        let metric =
            metrics.into_iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
        match metric.value {
            MetricValue::U64(value) => value,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The names of all metrics.
    pub fn metrics(&mut self) -> Vec<String> {
        let metrics = self.runner().get_metrics();
        metrics.into_iter().map(|metric| metric.name.trim_start_matches("anomaly.").to_owned()).collect()
    }

    /// Lets an execution happen and gives its score.
    pub fn score(&mut self, exec: &Exec) -> Option<String> {
        let event = self.event(exec.event());
        self.field(&event, "anomaly.score")
    }

    /// A host whose one workload has learned to run nginx, and its database's directory.
    pub fn learned() -> (TempDir, Self) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut host = Self::new(&config(directory.path(), 20));
        host.learn();
        (directory, host)
    }

    /// Lets nginx run until that is learned.
    pub fn learn(&mut self) {
        for pid in 100..140 {
            self.event(exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
        }
    }

    /// Ends the capture, and gives the host for the next one.
    pub fn stop(mut self) -> PluginRunner {
        self.runner.take().expect("it captures").stop_capture().expect("stopped")
    }
}
