//! The body of a batch, and the key by which a server knows it again.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::event::Event;

/// `{"host": ..., "events": [...]}`; each event as the API shows it, with its `id`.
pub(crate) fn body(host: &str, batch: &[Arc<Event>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.iter().map(|event| event.weight()).sum::<usize>() + 64);
    out.extend_from_slice(b"{\"host\":");
    anomaly_baseline::json::write(&mut out, &host).expect("text is JSON, and memory takes every byte");
    out.extend_from_slice(b",\"events\":[");
    for (index, event) in batch.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(event.json());
    }
    out.extend_from_slice(b"]}");
    out
}

/// 32 hexadecimal digits that are the same whenever these events are sent together, also after a restart.
pub(crate) fn key(batch: &[Arc<Event>]) -> String {
    let mut hasher = SipHasher13::new();
    for event in batch {
        hasher.write(event.scored().id.as_bytes());
        hasher.write_u8(0xff);
    }
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

#[cfg(test)]
mod tests {
    use anomaly_scored::ScoredExecution;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::testing::execution;

    #[derive(Deserialize)]
    struct Body {
        host: String,
        events: Vec<ScoredExecution>,
    }

    fn batch(numbers: impl IntoIterator<Item = u32>) -> Vec<Arc<Event>> {
        numbers.into_iter().map(|number| Arc::new(Event::new(Arc::new(execution(number))))).collect()
    }

    #[test]
    fn a_key_stands_for_these_events_in_this_order() {
        let keys =
            [vec![1, 2], vec![2, 1], vec![1], vec![2], vec![1, 2, 3]].map(|numbers| key(&batch(numbers)));
        for (index, one) in keys.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!keys[..index].contains(one), "{keys:?}");
        }
        assert_eq!(keys[0], key(&batch([1, 2])));
    }

    proptest! {
        #[test]
        fn a_body_says_what_was_executed(host in "(?s).{0,40}", command in "(?s).{0,80}", count in 1u32..5) {
            let mut batch = batch(0..count);
            batch.push(Arc::new(Event::new(Arc::new(ScoredExecution { command, ..execution(count) }))));
            let read: Body = serde_json::from_slice(&body(&host, &batch)).expect("JSON");
            prop_assert_eq!(read.host, host);
            let sent: Vec<_> = batch.iter().map(|event| event.scored().clone()).collect();
            prop_assert_eq!(read.events, sent);
        }
    }
}
