//! The keys of the article that this project follows, where they are not our own.
//!
//! Its template is what people have at hand. What means the same is taken for our key; what states how our method works
//! anyway is checked; what asks for something else is refused with the reason, so that nobody believes it to be in force.

use crate::problem::Problem;
use crate::tree::{Content, Entry, Node};

/// Keys with another name: section, theirs, ours.
const RENAMED: [(&str, &str, &str); 3] = [
    ("agent", "mode", "feed"),
    ("scoring", "threshold_warn", "warn"),
    ("scoring", "threshold_critical", "critical"),
];

/// Keys with one value that is true here: section, key, the value, and why it can be no other.
const FIXED: [(&str, &str, &str, &str); 9] = [
    (
        "ebpf",
        "tracepoint",
        "sched_process_exec",
        "it tells of executions that happened, with the arguments as the kernel has them, while sys_enter_execve tells of \
         every try; that one is agent.feed: ebpf-enter",
    ),
    (
        "ebpf",
        "btf_required",
        "true",
        "the kernel program asks BTF where things are; agent.feed: ebpf-enter is for kernels without, and auto finds it",
    ),
    ("vectorization", "dimension", "128", "baselines of two dimensions cannot be compared"),
    ("vectorization", "normalization", "l2", "the cosine stands on it"),
    ("storage", "provider", "lancedb", "there is no other"),
    (
        "storage",
        "prune_interval_hours",
        "24",
        "what is older than storage.retention_days is forgotten once a day",
    ),
    ("scoring", "distance_metric", "cosine", "scores are calibrated for it"),
    (
        "scoring",
        "temporal_smoothing",
        "true",
        "every execution has a smoothed score beside its score, which nobody has to use",
    ),
    ("scoring", "decay_factor", "0.7", "scores of different machines have to mean the same"),
];

/// Keys that ask for what is done in another way here: section, key, why.
const REFUSED: [(&str, &str, &str); 2] = [
    (
        "vectorization",
        "token_min_length",
        "words are kept whatever their length, because sh, -c and nc say more than most; what is noise is told by its kind",
    ),
    (
        "vectorization",
        "delimiters",
        "how a word is cut depends on what it is (a path, an address, a flag, a script), so that hosts and files stay apart",
    ),
];

/// Keys of a sink that the article has in one place or two.
const SINK: [(&str, &str); 6] = [
    ("backend", "endpoint"),
    ("backend", "auth_header"),
    ("backend", "retry_max"),
    ("backend", "timeout_ms"),
    ("agent", "batch_interval_ms"),
    ("agent", "max_batch_size"),
];

/// Puts our keys in the place of theirs. Returns what is refused.
pub(crate) fn adopt(root: &mut Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse =
        |entry: &Entry, sentence: String| problems.push(Problem { place: entry.place, sentence });
    for (section, theirs, ours) in RENAMED {
        if let Some(entry) = take(root, section, theirs) {
            if let Some(other) = root.get(section).and_then(|section| section.value.get(ours)) {
                let line = other.place.line;
                refuse(
                    &entry,
                    format!(
                        "{section}.{theirs} is {section}.{ours}, which line {line} has; keep one of them"
                    ),
                );
            } else {
                put(root, section, Entry { key: ours.to_owned(), ..entry });
            }
        }
    }
    for (section, key, value, why) in FIXED {
        if let Some(entry) = take(root, section, key)
            && !entry.value.to_string().trim_matches('"').eq_ignore_ascii_case(value)
        {
            let found = &entry.value;
            refuse(
                &entry,
                format!("{section}.{key} is {found}, and here it is {value}: {why}; take the key out"),
            );
        }
    }
    for (section, key, why) in REFUSED {
        if let Some(entry) = take(root, section, key) {
            refuse(&entry, format!("{section}.{key} cannot be chosen: {why}; take the key out"));
        }
    }
    if let Some(entry) = take(root, "scoring", "k_neighbors")
        && !matches!(entry.value.content, Content::Whole(1..))
    {
        // However many are asked for, the least distance counts.
        let found = &entry.value;
        refuse(
            &entry,
            format!("scoring.k_neighbors is {found}: the nearest of all counts; take the key out"),
        );
    }
    if let Some(mut entry) = take(root, "ebpf", "ring_buffer_pages") {
        match entry.value.content {
            Content::Whole(pages @ 1..=0x4_0000) => {
                entry.value.content = Content::Text(format!("{}KiB", pages * 4));
                put(root, "ebpf", Entry { key: "ring".to_owned(), ..entry });
            }
            _ => {
                let found = &entry.value;
                refuse(&entry, format!("ebpf.ring_buffer_pages is {found}; write ebpf.ring: 4MiB"));
            }
        }
    }
    sink(root, &mut refuse);
    problems
}

/// The article's one backend is a sink among others.
fn sink(root: &mut Node, refuse: &mut impl FnMut(&Entry, String)) {
    let keys: Vec<Entry> = SINK.iter().filter_map(|(section, key)| take(root, section, key)).collect();
    let Some(endpoint) = keys.iter().find(|entry| entry.key == "endpoint") else {
        for entry in keys {
            let sentence =
                format!("{} belongs to a sink: write it below an entry of backend.sinks", entry.key);
            refuse(&entry, sentence);
        }
        return;
    };
    let place = endpoint.place;
    let text = |text: &str| Node { place, content: Content::Text(text.to_owned()) };
    let mut entries = vec![Entry { place, key: "type".to_owned(), value: text("http") }];
    entries.extend(keys);
    let item = Node { place, content: Content::Map(entries) };
    let Some(backend) =
        root.entries().and_then(|sections| sections.iter_mut().find(|entry| entry.key == "backend"))
    else {
        return;
    };
    match backend.value.entries().and_then(|entries| entries.iter_mut().find(|entry| entry.key == "sinks")) {
        Some(Entry { value: Node { content: Content::List(items), .. }, .. }) => items.push(item),
        // Something that is no list: told by its own place.
        Some(_) => {}
        None => {
            let list = Node { place, content: Content::List(vec![item]) };
            put(root, "backend", Entry { place, key: "sinks".to_owned(), value: list });
        }
    }
}

fn take(root: &mut Node, section: &str, key: &str) -> Option<Entry> {
    root.entries()?.iter_mut().find(|entry| entry.key == section)?.value.take(key)
}

fn put(root: &mut Node, section: &str, entry: Entry) {
    let sections = root.entries();
    let section = sections.and_then(|sections| sections.iter_mut().find(|entry| entry.key == section));
    if let Some(entries) = section.and_then(|section| section.value.entries()) {
        entries.push(entry);
    }
}
