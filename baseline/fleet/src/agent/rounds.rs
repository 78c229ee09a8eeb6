//! The thread that talks to the store.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime};

use anomaly_baseline::text::printable;
use anomaly_baseline::{Access, Timestamp};
use tokio::runtime::Builder;

use super::Common;
use crate::bucket::Bucket;
use crate::cache::Index;
use crate::error::FleetError;
use crate::fetch::{Brought, Fetcher, Own};
use crate::identity::random;
use crate::names;
use crate::place::{Address, Place};
use crate::publish::Publisher;
use crate::status::STATUS;

/// How often to look whether the baselines are loaded.
const LOADING: Duration = Duration::from_millis(100);

/// How often a process that only scores looks whether it may write by now.
const READING: Duration = Duration::from_secs(5);

/// How often what was taken is put to use while a round goes on.
const KEEP: Duration = Duration::from_secs(5);

/// The longest pause after a failure, but for intervals that are longer themselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Talks to the store until it is told to stop.
pub(super) fn run(common: &Common, publisher: Publisher, place: Option<Place>) {
    // Two threads for what has no other way than to wait: files of a folder, names of hosts.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_name("anomaly-fleet")
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return common.local.notice(&FleetError::Thread(error).to_string()),
    };
    let fetcher = Fetcher::new(common.cache.clone(), common.counters.clone());
    let rounds = Rounds { common, publisher, fetcher, place, bucket: None, failures: 0 };
    runtime.block_on(async {
        tokio::select! {
            () = common.stopped.notified() => {}
            () = rounds.run() => {}
        }
    });
    // A folder that hangs holds up nobody.
    runtime.shutdown_background();
}

struct Rounds<'a> {
    common: &'a Common,
    publisher: Publisher,
    fetcher: Fetcher,
    place: Option<Place>,
    /// The store, once it was found to be one that can be shared.
    bucket: Option<Bucket>,
    /// Rounds that failed, one after the other.
    failures: u32,
}

impl Rounds<'_> {
    /// Ends where the store cannot be shared.
    async fn run(mut self) {
        loop {
            let pause = match self.common.local.access() {
                None => LOADING,
                Some(Access::Reader) => READING,
                Some(Access::Writer) => {
                    let result = self.round().await;
                    let fatal = matches!(result, Err(FleetError::Overwrites { .. }));
                    self.note(result);
                    if fatal {
                        return;
                    }
                    self.pause()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn round(&mut self) -> Result<(), FleetError> {
        let bucket = self.bucket().await?;
        let common = self.common;
        // What others know first: of all that may fail here it is what scores gain by.
        let fetched = self.fetch(&bucket).await;
        if let Err(FleetError::Emptied { .. }) = fetched {
            return fetched;
        }
        let published = self.publisher.round(&bucket, &*common.local, now()).await;
        if let Ok(Some(notice)) = &published {
            common.local.notice(notice);
        }
        common.status.lock().machine.clone_from(&self.publisher.identity.machine);
        fetched.and(published.map(|_| ()))
    }

    /// The store. Tried before it is used for the first time.
    async fn bucket(&mut self) -> Result<Bucket, FleetError> {
        if let Some(bucket) = &self.bucket {
            return Ok(bucket.clone());
        }
        let options = &self.common.options;
        let place = match &self.place {
            Some(place) => place.clone(),
            None => Place::open(&options.address)?,
        };
        let bucket = Bucket::new(place, &names::org(&options.org), self.common.counters.clone());
        // Below this machine's own prefix, which is all that it may have to be allowed to write.
        bucket.probe(&format!("heads/{}/probe-{}", self.publisher.identity.machine, random()?)).await?;
        Ok(self.bucket.insert(bucket).clone())
    }

    async fn fetch(&mut self, bucket: &Bucket) -> Result<(), FleetError> {
        let common = self.common;
        let here = common.local.workloads().into_iter().map(|(workload, _)| workload).collect();
        let mut index = common.index.lock().clone();
        // What the round before this one let go: whoever was reading it then has read it.
        common.cache.sweep(&index);
        if common.damaged.swap(false, Relaxed) {
            index.fetch_again(|object| common.cache.has(object));
        }
        let identity = &self.publisher.identity;
        let own = Own { machine: &identity.machine, identity: &identity.identity };
        // Written as it goes on, so that a machine that joins many is warm before it has seen them all.
        let mut keep_due = Instant::now() + KEEP;
        let step = |index: &Index, changed: &mut HashSet<String>| {
            if Instant::now() < keep_due {
                return Ok(());
            }
            keep_due = Instant::now() + KEEP;
            common.keep(index, changed)
        };
        let round = self.fetcher.round(bucket, own, &here, &mut index, step).await;
        let Brought { mut changed, notices, failed, own_is_there, .. } = round?;
        notices.iter().for_each(|notice| common.local.notice(notice));
        common.keep(&index, &mut changed)?;
        if !own_is_there && self.publisher.has_published() {
            // A folder that is not mounted any more would be filled below its mount point.
            if matches!(common.options.address, Address::Folder(_)) {
                return Err(FleetError::Emptied { place: bucket.name().to_owned() });
            }
            self.publisher.start_anew();
        }
        failed.map_or(Ok(()), Err)
    }

    /// Keeps what there is to know of a round, and says what is new of it.
    fn note(&mut self, result: Result<(), FleetError>) {
        let common = self.common;
        let failing = result.as_ref().err().map(|error| printable(&error.to_string(), 1_000));
        let mut status = common.status.lock();
        let was_failing = status.failing.is_some();
        status.tried = Some(now());
        if failing.is_none() {
            status.merged = status.tried;
        }
        status.failing.clone_from(&failing);
        let mut told = status.clone();
        drop(status);
        match (&result, failing) {
            (Ok(()), _) => {
                self.failures = 0;
                if was_failing {
                    common.local.notice("sharing works again");
                }
            }
            (Err(error), Some(failing)) => {
                self.failures = self.failures.saturating_add(1);
                common.counters.failed.add(1);
                if !was_failing {
                    let goes_on = match error {
                        FleetError::Overwrites { .. } | FleetError::NameTaken { .. } => "",
                        _ => "; learning and scoring go on, and it is tried again",
                    };
                    common.local.notice(&format!("{failing}{goes_on}"));
                }
            }
            (Err(_), None) => {}
        }
        told.counters = common.counters.values();
        if let Err(error) = common.cache.write(STATUS, &told)
            && !was_failing
        {
            common.local.notice(&error.to_string());
        }
    }

    fn pause(&self) -> Duration {
        let random = RandomState::new().hash_one(self.failures);
        pause(self.common.options.interval, self.failures, random)
    }
}

/// Until the next round: after failures longer each time, and never the same on two machines.
fn pause(interval: Duration, failures: u32, random: u64) -> Duration {
    let longer = interval.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let pause = longer.min(LONGEST_PAUSE.max(interval));
    pause.mul_f64(0.9 + 0.0001 * (random % 2_001) as f64)
}

/// Whether to go on.
pub(super) fn is_stopping(common: &Common) -> bool {
    common.stopping.load(Relaxed)
}

/// Microseconds since the Unix epoch.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_micros()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_pauses_longer_and_machines_do_not_walk_in_step() {
        let seconds =
            |interval, failures, random| pause(Duration::from_secs(interval), failures, random).as_secs_f64();
        for (failures, expected) in
            [(0, 60.0), (1, 60.0), (2, 120.0), (3, 240.0), (4, 300.0), (u32::MAX, 300.0)]
        {
            assert!((seconds(60, failures, 1_000) - expected).abs() < 0.01, "{failures}");
        }
        assert!((seconds(60, 0, 0) - 54.0).abs() < 0.01 && (seconds(60, 0, 2_000) - 66.0).abs() < 0.01);
        assert!((seconds(3_600, 9, 1_000) - 3_600.0).abs() < 0.01, "never more often than was asked for");
    }
}
