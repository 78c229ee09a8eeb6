//! Publishing what was seen here.
//!
//! Objects first, then the head that names them, then what the head before the last named goes. Killed in between, a
//! publisher leaves objects that nobody names, and the next one on this machine deletes them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anomaly_baseline::{Revision, Timestamp};

use crate::bucket::{Bucket, Created, Got};
use crate::cache::Cache;
use crate::counters::Counters;
use crate::error::FleetError;
use crate::head::{self, Entry, Head, MAX_WORKLOADS, object_key, parse_object_key};
use crate::identity::{Identity, random};
use crate::local::Local;
use crate::object;

/// How often counts and times alone are reason to publish a workload again.
pub(crate) const COUNTS_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How many times as long as writing a workload took it is left alone, where that was no moment: a large one costs a
/// twentieth of a core at most.
const IDLE: u32 = 19;
const QUICK: Duration = Duration::from_millis(50);

/// Objects that nobody names are left alone for so long: their head may be on its way.
const ORPHAN_AGE: Duration = Duration::from_secs(60 * 60);

/// The most keys of one machine that are looked at.
const MAX_KEYS: usize = 2 * MAX_WORKLOADS + 1_000;

/// What was published of a workload.
#[derive(Debug, Clone)]
struct Published {
    revision: Revision,
    entry: Option<Entry>,
    /// When it may be written again: one that takes long is written less often.
    not_before: Instant,
}

/// The one that publishes for this machine.
pub(crate) struct Publisher {
    pub(crate) identity: Identity,
    /// Whether a person gave the name: then it is not changed.
    named: bool,
    /// Which run this is.
    process: String,
    cache: Cache,
    counters: Arc<Counters>,
    /// What the store has of ours, once it was looked up.
    position: Option<Position>,
    workloads: HashMap<Arc<str>, Published>,
    /// Whether the last head does not name what was sent since.
    dirty: bool,
    /// Whether the name is another's, and that was counted.
    is_taken: bool,
    counts_due: Instant,
    counts_interval: Duration,
}

/// What the store has of ours.
#[derive(Debug, Default)]
struct Position {
    sequence: u64,
    /// The objects of the last head and of the one before it.
    current: HashSet<String>,
    before: HashSet<String>,
    entries: BTreeMap<String, Entry>,
    /// Keys that nobody needs any more.
    garbage: Vec<String>,
}

impl Publisher {
    pub(crate) fn new(
        identity: Identity,
        named: bool,
        cache: Cache,
        counters: Arc<Counters>,
        counts_interval: Duration,
    ) -> Result<Self, FleetError> {
        Ok(Self {
            identity,
            named,
            process: random()?,
            cache,
            counters,
            position: None,
            workloads: HashMap::new(),
            dirty: false,
            is_taken: false,
            counts_due: Instant::now(),
            counts_interval,
        })
    }

    /// Publishes what changed. Tells what to say about it, where there is something.
    pub(crate) async fn round(
        &mut self,
        bucket: &Bucket,
        local: &dyn Local,
        now: Timestamp,
    ) -> Result<Option<String>, FleetError> {
        let mut said = None;
        if self.position.is_none() {
            if !self.claim(bucket, now).await? {
                said = Some(self.conflict(bucket)?);
                if !self.claim(bucket, now).await? {
                    return Err(self.taken(bucket));
                }
            }
            self.is_taken = false;
            let mut position = self.look_up(bucket, now).await?;
            self.find_garbage(bucket, &mut position).await?;
            // A workload that is not in memory now is as it was published last.
            for (workload, entry) in &position.entries {
                let (revision, entry, not_before) =
                    (Revision::default(), Some(entry.clone()), Instant::now());
                let published = Published { revision, entry, not_before };
                self.workloads.entry(workload.as_str().into()).or_insert(published);
            }
            self.position = Some(position);
        }
        let with_counts = Instant::now() >= self.counts_due;
        self.send(bucket, local, with_counts).await?;
        if self.dirty || with_counts {
            // Once an hour in any case: a head that is new says that the machine is there.
            if !self.publish(bucket, now).await? {
                return self.conflict(bucket).map(Some);
            }
            if with_counts {
                self.counts_due = Instant::now() + self.counts_interval;
            }
        }
        self.clean(bucket).await?;
        Ok(said)
    }

    /// Whether the store has, or had, something of this run.
    pub(crate) fn has_published(&self) -> bool {
        self.position.is_some()
    }

    /// Publishes everything anew with the next round: the store has lost it.
    pub(crate) fn start_anew(&mut self) {
        self.position = None;
        self.workloads.clear();
        self.dirty = true;
    }

    /// Claims the name. `false` where it is another's.
    async fn claim(&self, bucket: &Bucket, now: Timestamp) -> Result<bool, FleetError> {
        let Identity { identity, machine } = &self.identity;
        let claim = Head::new(machine, identity, &self.process, 0, now);
        let key = Head::key(machine, 0);
        if bucket.create(&key, &claim.encode()).await? == Created::New {
            return Ok(true);
        }
        let Got::Bytes(bytes) = bucket.get(&key, head::MAX_BYTES).await? else { return Ok(false) };
        // A claim that makes no sense is not ours.
        Ok(Head::decode(&bytes, machine, 0).is_ok_and(|head| head.identity == *identity))
    }

    /// Another machine has the name: where nobody chose it, this one takes another.
    fn conflict(&mut self, bucket: &Bucket) -> Result<String, FleetError> {
        self.position = None;
        self.workloads.clear();
        if !std::mem::replace(&mut self.is_taken, true) {
            self.counters.conflicts.add(1);
            // A clone has the same identity. With another, the claim tells the two apart from now on.
            let name = self.named.then(|| self.identity.machine.clone());
            let before = std::mem::replace(&mut self.identity, Identity::new(&self.cache, name.as_deref())?);
            if !self.named {
                return Ok(format!(
                    "another machine publishes as {} in {}, as happens where a disk was cloned; this one is {} from \
                     now on",
                    before.machine,
                    bucket.name(),
                    self.identity.machine
                ));
            }
        }
        Err(self.taken(bucket))
    }

    fn taken(&self, bucket: &Bucket) -> FleetError {
        FleetError::NameTaken { machine: self.identity.machine.clone(), place: bucket.name().to_owned() }
    }

    /// What the store has of ours from earlier runs.
    async fn look_up(&self, bucket: &Bucket, now: Timestamp) -> Result<Position, FleetError> {
        let machine = &self.identity.machine;
        let listed = bucket.list(&Head::folder(machine), MAX_KEYS).await?;
        let mut sequences: Vec<_> = listed
            .iter()
            .filter_map(|object| Head::parse_key(&object.key))
            .map(|(_, sequence)| sequence)
            .collect();
        sequences.sort_unstable();
        let sequence = sequences.last().copied().unwrap_or(0);
        if sequence == 0 {
            // Later than all that it may have published before the store was emptied.
            let sequence = u64::try_from(now).unwrap_or(0);
            return Ok(Position { sequence, ..Position::default() });
        }
        let mut position = Position { sequence, ..Position::default() };
        if let Got::Bytes(bytes) = bucket.get(&Head::key(machine, sequence), head::MAX_BYTES).await?
            && let Ok(head) = Head::decode(&bytes, machine, sequence)
        {
            position.current = head.workloads.iter().map(|entry| entry.object.clone()).collect();
            position.before = position.current.clone();
            position.entries =
                head.workloads.into_iter().map(|entry| (entry.workload.clone(), entry)).collect();
        }
        Ok(position)
    }

    /// Finds what runs that were killed left behind.
    async fn find_garbage(&self, bucket: &Bucket, position: &mut Position) -> Result<(), FleetError> {
        let machine = &self.identity.machine;
        for object in bucket.list(&Head::folder(machine), MAX_KEYS).await? {
            let old = Head::parse_key(&object.key).is_some_and(|(_, sequence)| {
                // The claim stays, and the head before the last, which somebody may be reading.
                sequence > 0 && sequence + 1 < position.sequence
            });
            if old {
                position.garbage.push(object.key);
            }
        }
        let before = SystemTime::now().checked_sub(ORPHAN_AGE);
        for object in bucket.list(&format!("rows/{machine}"), MAX_KEYS).await? {
            let named = parse_object_key(&object.key, machine)
                .is_some_and(|digest| position.current.contains(digest));
            if !named && before.is_some_and(|before| object.modified < before) {
                position.garbage.push(object.key);
            }
        }
        Ok(())
    }

    /// Deletes what nobody needs. What cannot be deleted now is tried again with the next round.
    async fn clean(&mut self, bucket: &Bucket) -> Result<(), FleetError> {
        let Some(position) = &mut self.position else { return Ok(()) };
        while let Some(key) = position.garbage.last() {
            bucket.delete(key).await?;
            position.garbage.pop();
        }
        Ok(())
    }

    /// Sends the objects of workloads that changed.
    async fn send(
        &mut self,
        bucket: &Bucket,
        local: &dyn Local,
        with_counts: bool,
    ) -> Result<(), FleetError> {
        let embedder = local.embedder();
        let all = local.workloads();
        let mut over = all.len().saturating_sub(MAX_WORKLOADS);
        for (workload, revision) in all.into_iter().take(MAX_WORKLOADS) {
            let before = self.workloads.get(&workload);
            let due = before.is_none_or(|before| {
                let changed =
                    before.revision.rows != revision.rows || (with_counts && before.revision != revision);
                changed && Instant::now() >= before.not_before
            });
            if !due {
                continue;
            }
            let was_there = before.is_some_and(|before| before.entry.is_some());
            let begun = Instant::now();
            let Some(portion) = local.own(&workload) else {
                self.dirty |= was_there;
                let not_before = begun;
                self.workloads.insert(workload, Published { revision, entry: None, not_before });
                continue;
            };
            let rows = portion.rows.len() as u64;
            let encoded = object::encode(&portion, &*embedder);
            drop(portion);
            let Ok(object) = encoded else { continue };
            let took = begun.elapsed();
            let not_before = if took < QUICK { begun } else { Instant::now() + took * IDLE };
            let bytes = object.bytes.len() as u64;
            if bytes > head::MAX_OBJECT {
                over += 1;
                continue;
            }
            let entry =
                Entry { workload: workload.as_ref().to_owned(), object: object.digest.clone(), bytes, rows };
            let position = self.position.as_ref();
            let there = position.is_some_and(|position| position.entries.get(&*workload) == Some(&entry));
            if !there {
                bucket.put(&object_key(&self.identity.machine, &object.digest), object.bytes).await?;
                self.counters.sent.add(1);
                self.dirty = true;
            }
            self.workloads.insert(workload, Published { revision, entry: Some(entry), not_before });
        }
        self.counters.over_bounds.add(over as u64);
        Ok(())
    }

    /// Publishes the next head. `false` where another machine published it.
    async fn publish(&mut self, bucket: &Bucket, now: Timestamp) -> Result<bool, FleetError> {
        let Identity { identity, machine } = &self.identity;
        let Some(position) = &mut self.position else { return Ok(true) };
        let mut head = Head::new(machine, identity, &self.process, position.sequence + 1, now);
        head.workloads = self.workloads.values().filter_map(|published| published.entry.clone()).collect();
        head.workloads.sort_by(|a, b| a.workload.cmp(&b.workload));
        let key = Head::key(machine, head.sequence);
        if bucket.create(&key, &head.encode()).await? == Created::Exists {
            // An earlier attempt whose answer was lost, or somebody else.
            let Got::Bytes(bytes) = bucket.get(&key, head::MAX_BYTES).await? else { return Ok(false) };
            let Ok(there) = Head::decode(&bytes, machine, head.sequence) else { return Ok(false) };
            if there.process != self.process {
                return Ok(false);
            }
            self.dirty = there.workloads != head.workloads;
            head = there;
        } else {
            self.dirty = false;
        }
        self.counters.published.add(1);
        let named: HashSet<String> = head.workloads.iter().map(|entry| entry.object.clone()).collect();
        position.sequence = head.sequence;
        position.entries = head.workloads.into_iter().map(|entry| (entry.workload.clone(), entry)).collect();
        let before = std::mem::replace(&mut position.current, named);
        let gone = std::mem::replace(&mut position.before, before);
        // Whoever reads the head before this one still finds its objects.
        let gone = gone.difference(&position.before).filter(|digest| !position.current.contains(*digest));
        position.garbage.extend(gone.map(|digest| object_key(machine, digest)));
        // One that is needed again was sent again.
        let Position { garbage, current, .. } = position;
        garbage.retain(|key| !parse_object_key(key, machine).is_some_and(|digest| current.contains(digest)));
        let old = position.sequence.checked_sub(2).filter(|old| *old > 0);
        position.garbage.extend(old.map(|old| Head::key(machine, old)));
        Ok(true)
    }
}
