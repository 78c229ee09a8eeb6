//! What a process that only looks knows of the others: what the one that shares knows.

use std::path::Path;

use anomaly_baseline::{Timestamp, utc_day};

use crate::cache::{Cache, Index};
use crate::local::Local;
use crate::merge::{Terms, fold};
use crate::status::{INDEX, Status, status};
use crate::{names, object};

/// How long ago the last round may be, in microseconds. Rounds that fail count: nobody waits longer than five minutes for
/// the next one, and one whose interval is longer is told by it.
const RECENT: Timestamp = 15 * 60 * 1_000_000;

/// Tells an engine what others know of the workloads that it has, from the local copy, where a process shares this
/// database now. How sharing goes, or `None` where nobody does.
pub fn recall(data: &Path, org: &str, local: &dyn Local, now: Timestamp) -> Option<Status> {
    let status = status(data, org)?;
    let interval = Timestamp::try_from(status.interval.saturating_mul(2_000_000)).unwrap_or(Timestamp::MAX);
    if now.saturating_sub(status.tried?) > RECENT.max(interval) {
        return None;
    }
    let cache = Cache::at(data, &names::org(org));
    let index: Index = cache.read(INDEX).unwrap_or_default();
    let terms =
        Terms { today: utc_day(now), retention_days: status.retention_days, agree: status.agree.into() };
    let embedder = local.embedder();
    for (workload, _) in local.workloads() {
        // What goes or is damaged is the sharing process's to tell.
        let portions = index.entries(&workload).filter_map(|(_, entry)| {
            let bytes = cache.get(&entry.object, entry.bytes).ok()?;
            object::decode(&bytes, &entry.object, &workload, &*embedder).ok()
        });
        local.take_elsewhere(&workload, fold(portions, terms));
    }
    Some(status)
}
