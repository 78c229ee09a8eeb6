//! A batch as JSON Lines.

use std::sync::Arc;

use crate::event::Event;

/// One line for each event, in which nothing can fool a terminal.
pub(crate) fn lines(batch: &[Arc<Event>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.iter().map(|event| event.weight()).sum());
    for event in batch {
        out.extend_from_slice(event.json());
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use anomaly_scored::ScoredExecution;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::execution;

    proptest! {
        #[test]
        fn a_line_each_and_nothing_for_a_terminal(commands in prop::collection::vec("(?s).{0,60}", 1..5)) {
            let sent: Vec<_> = commands.into_iter().map(|command| ScoredExecution { command, ..execution(1) }).collect();
            let batch: Vec<_> = sent.iter().map(|one| Arc::new(Event::new(Arc::new(one.clone())))).collect();
            let text = String::from_utf8(lines(&batch)).expect("text");
            let unsafe_character = |c| c != '\n' && anomaly_baseline::text::needs_escape(c);
            prop_assert!(!text.contains(unsafe_character));
            let read: Vec<ScoredExecution> =
                text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            prop_assert_eq!(read, sent);
        }
    }
}
