//! The keys of `init_config`, declared once: the schema, the checks and the README come from this table.

use serde_json::{Value, json};

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number from 0 to 1, or the same as text.
    Score,
    /// The same, or `auto`.
    Threshold,
    /// A list of `PATTERN=THRESHOLD`.
    Thresholds,
    Names,
    /// A whole number.
    Count,
    /// A duration.
    Duration,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) example: &'static str,
}

/// The feeds that can be asked for.
pub(super) const FEEDS: &[&str] = &["auto", "ebpf", "ebpf-enter", "connector", "proc", "falco"];

/// All of them.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key { name: "path", kind: Kind::Text, title: "Database directory",
        description: "Where the baselines are kept, one writer per directory on a machine. The default is \
                      $XDG_DATA_HOME/falco-anomaly for a user who is not root.",
        example: "/data/anomaly" },
    Key { name: "org", kind: Kind::Text, title: "Organisation",
        description: "Whose baselines of the database are used.",
        example: "shop" },
    Key { name: "workload", kind: Kind::Text, title: "Workload",
        description: "How workloads are named: text with {image}, {unit}, {namespace} and {container}. Where one of \
                      them has no value, the image names the workload, else the systemd unit, else `host`.",
        example: "{namespace}/{container}" },
    Key { name: "feed", kind: Kind::Word(FEEDS), title: "Feed",
        description: "Where executions come from. `auto` is the kernel program where it can be loaded, else Falco's \
                      own events, else (without a driver) the next best; any other choice is used or nothing.",
        example: "falco" },
    Key { name: "learn_below", kind: Kind::Score, title: "Learn below",
        description: "An execution at least this far from everything learned is held instead of learned.",
        example: "0.3" },
    Key { name: "learn_executions", kind: Kind::Count, title: "Executions to learn",
        description: "A workload has no score before it was seen to execute this often.",
        example: "500" },
    Key { name: "learn_for", kind: Kind::Duration, title: "Time to learn",
        description: "A workload has no score before this much time has passed since its first execution.",
        example: "1d" },
    Key { name: "learn_acts_for", kind: Kind::Duration, title: "Time to learn acts",
        description: "A kind of act (open, connect, ...) that rules ask about has no anomaly.event_score before this \
                      much time has passed since the first of its kind; the rules fire as before meanwhile.",
        example: "7d" },
    Key { name: "threshold", kind: Kind::Threshold, title: "Threshold",
        description: "From which score an execution is novel. `auto` is 0.85 on a quiet day and rises while a flood \
                      of novelty spends the day's budget.",
        example: "0.9" },
    Key { name: "thresholds", kind: Kind::Thresholds, title: "Thresholds of some workloads",
        description: "The threshold of workloads whose name a pattern matches (* and ?), each as PATTERN=THRESHOLD; of \
                      several the closest counts.",
        example: "[\"ci*=0.95\"]" },
    Key { name: "warn", kind: Kind::Score, title: "Warning",
        description: "From which score the level is `warn`.",
        example: "0.8" },
    Key { name: "critical", kind: Kind::Score, title: "Critical",
        description: "From which score the level is `critical`.",
        example: "0.97" },
    Key { name: "retention_days", kind: Kind::Count, title: "Retention in days",
        description: "What was not seen for this many days is forgotten.",
        example: "30" },
    Key { name: "memory_budget", kind: Kind::Count, title: "Memory in MiB",
        description: "What the baselines of all workloads may take in memory, in MiB. Those that nothing asked for \
                      longest are kept as exact keys and read back when they are needed.",
        example: "256" },
    Key { name: "max_rows", kind: Kind::Count, title: "Executions learned",
        description: "How many different executions, and other acts of each kind, a workload learns at most. What goes \
                      beyond is scored and not learned.",
        example: "100000" },
    Key { name: "max_held", kind: Kind::Count, title: "Executions held",
        description: "How many different executions, and other acts of each kind, are held or denied at most in a \
                      workload. What goes beyond is scored and not kept.",
        example: "1000" },
    Key { name: "max_new_workloads", kind: Kind::Count, title: "New workloads an hour",
        description: "How many workloads may begin within an hour: what starts containers without end under ever new \
                      names would otherwise fill the database. Others have no score.",
        example: "5000" },
    Key { name: "scrub", kind: Kind::Names, title: "Names of secrets",
        description: "Flags, variables, fields and headers of these names have secret values, beside the many that are \
                      known; capitals make no difference.",
        example: "[\"licence-number\"]" },
    Key { name: "scrub_patterns", kind: Kind::Names, title: "Forms of secrets",
        description: "What these regular expressions match in an argument is secret, or their first group where they \
                      have any.",
        example: "[\"EMP-[0-9]{6}\"]" },
    Key { name: "shared", kind: Kind::Text, title: "Shared with",
        description: "Where baselines are shared with other machines: `s3://bucket/prefix` or `file:///folder`. \
                      Credentials, region and endpoint come from the environment.",
        example: "s3://baselines/production" },
    Key { name: "shared_machine", kind: Kind::Text, title: "Name of this machine",
        description: "The name of this machine in what is shared. `auto` is the host's and eight digits of its own.",
        example: "web-1" },
    Key { name: "shared_interval", kind: Kind::Duration, title: "Time between rounds of sharing",
        description: "How often to publish what was seen here and to look for what others published.",
        example: "5m" },
    Key { name: "shared_agree", kind: Kind::Count, title: "Machines that have to agree",
        description: "On how many other machines something has to be learned to be normal here.",
        example: "2" },
];

impl Key {
    /// The key as JSON schema has it; `default` as people write it.
    pub(super) fn schema(&self, default: &str) -> Value {
        let Self { name: _, kind, title, description, example } = self;
        let mut schema = match kind {
            Kind::Text | Kind::Duration => json!({ "type": "string" }),
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::Score | Kind::Threshold => json!({ "type": ["number", "string"] }),
            Kind::Thresholds | Kind::Names => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        };
        schema["title"] = json!(title);
        schema["description"] = json!(description);
        schema["default"] = self.value(default);
        schema["examples"] = json!([self.value(example)]);
        schema
    }

    /// A value as people write it, in the key's own type.
    fn value(&self, text: &str) -> Value {
        match self.kind {
            Kind::Score | Kind::Thresholds | Kind::Names | Kind::Count => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
            Kind::Text | Kind::Word(_) | Kind::Threshold | Kind::Duration => json!(text),
        }
    }
}
