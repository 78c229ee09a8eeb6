//! A scored execution on its way to the sinks: shared by all that want it and written as JSON once for all of them.

use std::sync::{Arc, OnceLock};

use anomaly_scored::ScoredExecution;

/// One scored execution and, once somebody has asked for it, its JSON.
#[derive(Debug)]
pub(crate) struct Event {
    scored: Arc<ScoredExecution>,
    json: OnceLock<Box<[u8]>>,
    weight: usize,
}

impl Event {
    pub(crate) fn new(scored: Arc<ScoredExecution>) -> Self {
        let weight = weight(&scored);
        Self { scored, json: OnceLock::new(), weight }
    }

    /// From the JSON that [`json`](Self::json) gave.
    pub(crate) fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        let event = Self::new(Arc::new(serde_json::from_slice(json)?));
        // Nobody else has it yet, so the cell is empty.
        let _ = event.json.set(json.into());
        Ok(event)
    }

    pub(crate) fn scored(&self) -> &ScoredExecution {
        &self.scored
    }

    /// One line of JSON without its newline, in which nothing can fool a terminal. The work is done by the first who
    /// asks, on the sinks' thread.
    pub(crate) fn json(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(self.weight);
            anomaly_baseline::json::write(&mut out, &*self.scored)
                .expect("a scored execution is text, numbers and lists, and memory takes every byte");
            out.into_boxed_slice()
        })
    }

    /// About how many bytes it takes in memory, and as JSON.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }
}

/// What its strings take, and a flat sum for everything else.
fn weight(scored: &ScoredExecution) -> usize {
    const REST: usize = 600;
    const EACH_ARGUMENT: usize = 32;
    let list = |texts: &Option<Vec<String>>| {
        texts.iter().flatten().map(|text| text.len() + EACH_ARGUMENT).sum::<usize>()
    };
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    REST + scored.host.len()
        + scored.workload.len()
        + scored.name.len()
        + scored.parent.len()
        + scored.grandparent.len()
        + scored.exe.len()
        + scored.command.len()
        + list(&scored.args)
        + list(&scored.flags)
        + text(&scored.object)
        + text(&scored.reason)
        + text(&scored.nearest)
}
