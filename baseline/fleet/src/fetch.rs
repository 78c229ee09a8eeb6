//! Taking what others published.
//!
//! One listing tells which machines have a new head. What is taken is checked before it is used, bounded in size and in
//! number, and kept on the local disk; what is not as it should be is left out, counted, and said once for each machine.
//! No machine can keep this one from taking what the others have.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;

use crate::bucket::{Bucket, Got};
use crate::cache::{Cache, Index, Machine};
use crate::counters::Counters;
use crate::error::FleetError;
use crate::head::{self, Entry, Head, HeadError, object_key};
use crate::object;

/// The most machines of a fleet.
const MAX_MACHINES: usize = 4_096;

/// The most heads that are listed: each machine has its claim, the last two, and what is about to be deleted.
const MAX_HEADS: usize = MAX_MACHINES * 6;

/// The most bytes of one machine, and of all, compressed.
const MAX_OF_ONE: u64 = 256 << 20;
const MAX_OF_ALL: u64 = 1 << 30;

/// The most objects of all machines.
const MAX_OBJECTS: usize = 200_000;

/// Objects that are asked for at a time.
const AT_ONCE: usize = 8;

/// Requests that may fail one after the other before the store counts as out of reach.
const MAX_FAILURES: usize = 3;

/// The one that takes what others published.
pub(crate) struct Fetcher {
    cache: Cache,
    counters: Arc<Counters>,
    /// Heads that were looked at and left out, so that they are not fetched again.
    left_out: HashMap<String, u64>,
    /// Machines of which something was left out, so that it is said once.
    said: HashSet<String>,
}

/// What a round brought.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Workloads of which others know something new.
    pub(crate) changed: HashSet<String>,
    /// What is to be said.
    pub(crate) notices: Vec<String>,
    /// Whether this machine's own heads are there.
    pub(crate) own_is_there: bool,
    /// The first request that failed.
    pub(crate) failed: Option<FleetError>,
    failures: usize,
}

impl Brought {
    fn failure(&mut self, error: FleetError) {
        self.failures += 1;
        self.failed.get_or_insert(error);
    }
}

/// Whose heads are not taken: this machine's own.
pub(crate) struct Own<'a> {
    pub(crate) machine: &'a str,
    pub(crate) identity: &'a str,
}

impl Fetcher {
    pub(crate) fn new(cache: Cache, counters: Arc<Counters>) -> Self {
        Self { cache, counters, left_out: HashMap::new(), said: HashSet::new() }
    }

    /// Brings the index up to date. `here` are the workloads of this machine: theirs come first.
    ///
    /// A machine that is not listed any more stays known: a bucket that was emptied by mistake teaches nobody to forget.
    /// What it knew is forgotten as it grows old, or when an empty head says so.
    ///
    /// `step` is told after each machine how far this is: where there are many, what the first ones know is of use long
    /// before the last one is taken.
    pub(crate) async fn round(
        &mut self,
        bucket: &Bucket,
        own: Own<'_>,
        here: &HashSet<Arc<str>>,
        index: &mut Index,
        mut step: impl FnMut(&Index, &mut HashSet<String>) -> Result<(), FleetError>,
    ) -> Result<Brought, FleetError> {
        let mut newest: BTreeMap<String, u64> = BTreeMap::new();
        for object in bucket.list("heads", MAX_HEADS).await? {
            let Some((machine, sequence)) = Head::parse_key(&object.key) else { continue };
            let known = newest.entry(machine.to_owned()).or_default();
            *known = sequence.max(*known);
        }
        let own_is_there = newest.contains_key(own.machine);
        let mut brought = Brought { own_is_there, ..Brought::default() };
        for (machine, sequence) in newest {
            let known = index.machines.get(&machine).map(|known| known.sequence);
            let is_new = known.is_none_or(|known| sequence != known) && sequence > 0;
            if machine == own.machine || !is_new || self.left_out.get(&machine) == Some(&sequence) {
                continue;
            }
            if known.is_none() && index.machines.len() >= MAX_MACHINES {
                self.counters.over_bounds.add(1);
                continue;
            }
            if brought.failures >= MAX_FAILURES {
                break;
            }
            match self.head(bucket, &machine, sequence, &mut brought).await {
                Some(head) if head.identity == own.identity => {
                    // This machine's own, from when it had another name.
                    self.left_out.insert(machine, sequence);
                }
                Some(head) => {
                    self.take(bucket, &machine, head, here, index, &mut brought).await?;
                    step(index, &mut brought.changed)?;
                }
                None => {}
            }
        }
        Ok(brought)
    }

    async fn head(
        &mut self,
        bucket: &Bucket,
        machine: &str,
        sequence: u64,
        brought: &mut Brought,
    ) -> Option<Head> {
        let error = match bucket.get(&Head::key(machine, sequence), head::MAX_BYTES).await {
            Ok(Got::Bytes(bytes)) => match Head::decode(&bytes, machine, sequence) {
                Ok(head) => return Some(head),
                Err(error) => error,
            },
            Ok(Got::TooLarge) => HeadError::Damaged("too large"),
            // It has moved on: the next round finds where to.
            Ok(Got::Nothing) => return None,
            Err(error) => {
                brought.failure(error);
                return None;
            }
        };
        self.leave_out(machine, &format!("its head {sequence} is left out: {error}"), brought);
        self.left_out.insert(machine.to_owned(), sequence);
        None
    }

    /// Counts what is left out of a machine, and says so once.
    pub(crate) fn leave_out(&mut self, machine: &str, why: &str, brought: &mut Brought) {
        self.counters.corrupt.add(1);
        if self.said.insert(machine.to_owned()) {
            brought.notices.push(format!("machine {machine} of the fleet: {why}"));
        }
    }

    /// Takes a machine's objects, those of workloads that run here first.
    async fn take(
        &mut self,
        bucket: &Bucket,
        name: &str,
        head: Head,
        here: &HashSet<Arc<str>>,
        index: &mut Index,
        brought: &mut Brought,
    ) -> Result<(), FleetError> {
        let Head { sequence, time, identity, workloads, .. } = head;
        let of_others = index.bytes() - index.machines.get(name).map_or(0, of_machine);
        let mut entries = workloads;
        entries.sort_by_key(|entry| (!here.contains(entry.workload.as_str()), entry.workload.clone()));
        let known = index.machines.get(name).map_or(0, |machine| machine.workloads.len());
        let mut room = MAX_OBJECTS.saturating_sub(index.objects() - known);
        let mut sum = 0;
        entries.retain(|entry| {
            let fits =
                room > 0 && sum + entry.bytes <= MAX_OF_ONE && of_others + sum + entry.bytes <= MAX_OF_ALL;
            room -= usize::from(fits);
            sum += if fits { entry.bytes } else { 0 };
            self.counters.over_bounds.add(u64::from(!fits));
            fits
        });

        let machine = index.machines.entry(name.to_owned()).or_default();
        let named: HashSet<String> = entries.iter().map(|entry| entry.workload.clone()).collect();
        let before = std::mem::take(&mut machine.workloads);
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            before.into_iter().partition(|(workload, _)| named.contains(workload));
        machine.workloads = kept;
        brought.changed.extend(gone.into_keys());

        let wanted: Vec<_> = entries
            .into_iter()
            .filter(|entry| {
                machine.workloads.get(&entry.workload).map(|known| &known.object) != Some(&entry.object)
            })
            .collect();
        let mut whole = true;
        for entries in wanted.chunks(AT_ONCE) {
            let fetched = join_all(entries.iter().map(|entry| self.object(bucket, name, entry))).await;
            for (entry, fetched) in entries.iter().zip(fetched) {
                match fetched {
                    Ok(Fetched::Here) => {
                        self.counters.received.add(1);
                        brought.changed.insert(entry.workload.clone());
                        machine.workloads.insert(entry.workload.clone(), entry.clone());
                    }
                    Ok(Fetched::Gone) => whole = false,
                    Ok(Fetched::Damaged) => {
                        let workload = anomaly_baseline::text::printable(&entry.workload, 100);
                        let why = format!(
                            "its rows of workload {workload} are left out: they are not what its head says"
                        );
                        self.leave_out(name, &why, brought);
                    }
                    Err(error @ FleetError::File { .. }) => return Err(error),
                    Err(error) => {
                        brought.failure(error);
                        whole = false;
                    }
                }
            }
            if brought.failures >= MAX_FAILURES {
                break;
            }
        }
        machine.time = time;
        machine.identity = identity;
        if whole {
            machine.sequence = sequence;
        }
        Ok(())
    }

    async fn object(&self, bucket: &Bucket, machine: &str, entry: &Entry) -> Result<Fetched, FleetError> {
        if self.cache.has(&entry.object) {
            return Ok(Fetched::Here);
        }
        let bytes = match bucket.get(&object_key(machine, &entry.object), entry.bytes).await? {
            Got::Bytes(bytes) => bytes,
            Got::Nothing => return Ok(Fetched::Gone),
            Got::TooLarge => return Ok(Fetched::Damaged),
        };
        if object::digest(&bytes) != entry.object {
            return Ok(Fetched::Damaged);
        }
        self.cache.put(&entry.object, &bytes)?;
        Ok(Fetched::Here)
    }
}

/// What became of an object.
enum Fetched {
    /// It is in the cache.
    Here,
    /// Its machine has moved on, or somebody deleted it.
    Gone,
    Damaged,
}

fn of_machine(machine: &Machine) -> u64 {
    machine.workloads.values().map(|entry| entry.bytes).sum()
}
