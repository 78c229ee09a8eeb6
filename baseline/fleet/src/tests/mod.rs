//! Machines that share, without threads: what happens in which order is chosen here.

mod many;
mod names;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anomaly_baseline::RowState;
use anomaly_vectorizer::{Hashed, Kind};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::agent::{Options, now};
use crate::bucket::{Bucket, Created};
use crate::cache::{Cache, Index};
use crate::counters::Counters;
use crate::error::FleetError;
use crate::faulty::{Faulty, Shared};
use crate::fetch::{Brought, Fetcher, Own};
use crate::head::Head;
use crate::identity::Identity;
use crate::local::Local;
use crate::merge::{Terms, fold};
use crate::object;
use crate::publish::Publisher;
use crate::testing::{Fake, portion, row};
use crate::{Fleet, forget, status};

const TERMS: Terms = Terms { today: 1_000, retention_days: 7, agree: 1 };

/// One machine. Killed, it has what is on its disk.
struct Machine {
    local: Fake,
    data: TempDir,
    store: Faulty,
    named: Option<&'static str>,
    run: Run,
}

/// One run of a program on it.
struct Run {
    publisher: Publisher,
    fetcher: Fetcher,
    index: Index,
    cache: Cache,
    counters: Arc<Counters>,
}

impl Run {
    fn new(data: &std::path::Path, named: Option<&str>) -> Self {
        let cache = Cache::make(data, "default").expect("a folder");
        let counters = Arc::new(Counters::default());
        let identity = Identity::load(&cache, named).expect("an identity");
        // Counts are published with every round.
        let publisher =
            Publisher::new(identity, named.is_some(), cache.clone(), counters.clone(), Duration::ZERO);
        Self {
            publisher: publisher.expect("random numbers"),
            fetcher: Fetcher::new(cache.clone(), counters.clone()),
            index: cache.read("index.json").unwrap_or_default(),
            cache,
            counters,
        }
    }
}

impl Machine {
    fn new(shared: &Arc<Shared>, named: Option<&'static str>) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let run = Run::new(data.path(), named);
        Self { local: Fake::default(), store: Faulty::new(shared), named, run, data }
    }

    /// A machine whose disk was cloned.
    fn clone_of(other: &Self) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let cache = Cache::make(data.path(), "default").expect("a folder");
        let identity: Identity = other.run.cache.read("identity.json").expect("it has one");
        cache.write("identity.json", &identity).expect("a file");
        let run = Run::new(data.path(), other.named);
        Self {
            local: Fake::default(),
            store: Faulty::new(&other.store.shared),
            named: other.named,
            run,
            data,
        }
    }

    fn kill(&mut self) {
        self.run = Run::new(self.data.path(), self.named);
    }

    fn bucket(&self) -> Bucket {
        Bucket::new(self.store.place(), "default", self.run.counters.clone())
    }

    async fn publish(&mut self) -> Result<Option<String>, FleetError> {
        let bucket = self.bucket();
        self.run.publisher.round(&bucket, &self.local, now()).await
    }

    async fn fetch(&mut self) -> Result<Brought, FleetError> {
        let bucket = self.bucket();
        let Run { publisher, fetcher, index, cache, .. } = &mut self.run;
        let Identity { identity, machine } = &publisher.identity;
        cache.sweep(index);
        let here: HashSet<Arc<str>> = self.local.workloads().into_iter().map(|(name, _)| name).collect();
        let brought = fetcher.round(&bucket, Own { machine, identity }, &here, index, |_, _| Ok(())).await?;
        cache.write("index.json", index)?;
        Ok(brought)
    }

    /// Tells the engine what is on the disk.
    fn merge(&self) {
        for workload in self.run.index.workloads() {
            let portions = self.run.index.entries(workload).map(|(_, entry)| {
                let bytes = self.run.cache.get(&entry.object, entry.bytes).expect("it is in the cache");
                object::decode(&bytes, &entry.object, workload, &*self.local.embedder()).expect("it is whole")
            });
            self.local.take_elsewhere(workload, fold(portions, TERMS));
        }
    }

    async fn round(&mut self) {
        // What failed is tried again by whoever called.
        let _ = self.publish().await;
        let _ = self.fetch().await;
        self.merge();
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Something that happens to one of the machines.
#[derive(Debug, Clone)]
enum Event {
    See(u8),
    Set(u8, RowState),
    Publish,
    Fetch,
    /// A round of which requests fail, from one on; the last is carried out or not.
    Cut(u64, bool),
    Kill,
}

fn event() -> impl Strategy<Value = (usize, Event)> {
    let event = prop_oneof![
        4 => (0..6u8).prop_map(Event::See),
        1 => (0..6u8, 0..3u8).prop_map(|(name, state)| Event::Set(name, RowState::from_u8(state).expect("a state"))),
        2 => Just(Event::Publish),
        2 => Just(Event::Fetch),
        2 => (0..12u64, any::<bool>()).prop_map(|(requests, lost)| Event::Cut(requests, lost)),
        1 => Just(Event::Kill),
    ];
    (0..4usize, event)
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happens_all_converge_and_nothing_is_lost(events in proptest::collection::vec(event(), 0..60)) {
        run(async {
            let shared = Arc::new(Shared::default());
            let mut machines: Vec<_> = (0..4).map(|_| Machine::new(&shared, None)).collect();
            for (number, event) in events {
                let machine = &mut machines[number];
                let workload = if number % 2 == 0 { "web" } else { "db" };
                match event {
                    Event::See(name) => machine.local.see(workload, NAMES[usize::from(name)]),
                    Event::Set(name, state) => machine.local.set(workload, NAMES[usize::from(name)], state),
                    Event::Publish => drop(machine.publish().await),
                    Event::Fetch => drop(machine.fetch().await),
                    Event::Cut(requests, lost) => {
                        machine.store.fail_after(requests, lost);
                        machine.round().await;
                        machine.store.mend();
                    }
                    Event::Kill => machine.kill(),
                }
            }
            for _ in 0..2 {
                for machine in &mut machines {
                    machine.publish().await.expect("nothing is in the way any more");
                }
                for machine in &mut machines {
                    let brought = machine.fetch().await.expect("nothing is in the way any more");
                    assert!(brought.failed.is_none(), "{:?}", brought.failed);
                    machine.merge();
                }
            }
            for workload in ["web", "db"] {
                // What there is in truth: every machine's own, put together.
                let truth = fold(machines.iter().filter_map(|machine| machine.local.own(workload)), TERMS);
                for machine in &machines {
                    let view = machine.local.view(workload);
                    for row in &truth.rows {
                        let (state, count) = view[&row.execution.name];
                        assert_eq!(state, row.state, "{}", row.execution.name);
                        // Own ones that wait count here and not elsewhere.
                        assert!(count >= row.count, "{}: {count} of {}", row.execution.name, row.count);
                    }
                    let normal = |state: RowState| matches!(state, RowState::Active | RowState::Denied);
                    let known = view.values().filter(|(state, _)| normal(*state)).count();
                    assert_eq!(known, truth.rows.len());
                }
                assert_eq!(machines[0].run.counters.values().corrupt, 0);
                assert_eq!(machines[0].run.counters.values().conflicts, 0);
            }
            // What nobody names any more is gone, but for what runs that were killed left within the hour.
            let heads = machines[0].store.keys().await.into_iter().filter(|key| key.contains("/heads/")).count();
            assert!(heads <= 4 * 3, "{heads} heads");
        });
    }
}

#[test]
fn counts_do_not_echo() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut machines: Vec<_> = (0..3).map(|_| Machine::new(&shared, None)).collect();
        for machine in &machines {
            machine.local.see("web", "a");
        }
        for _ in 0..5 {
            for machine in &mut machines {
                machine.round().await;
            }
        }
        for machine in &machines {
            assert_eq!(machine.local.view("web")["a"], (RowState::Active, 3));
        }
    });
}

#[test]
fn what_is_not_in_memory_stays_published() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, None), Machine::new(&shared, None));
        a.local.see("web", "a");
        a.local.see("db", "a");
        a.publish().await.expect("a head");
        let kept = a.local.own.lock().remove("db").expect("it was seen");
        a.local.see("web", "b");
        a.publish().await.expect("a head");
        a.kill();
        a.local.see("web", "c");
        a.publish().await.expect("a head");
        b.round().await;
        assert_eq!((b.local.view("web").len(), b.local.view("db").len()), (3, 1));
        a.local.own.lock().insert("db".into(), kept);
        a.local.see("db", "d");
        a.publish().await.expect("a head");
        b.round().await;
        assert_eq!(b.local.view("db").len(), 2);
        a.local.lose("db");
        a.publish().await.expect("a head");
        b.round().await;
        assert_eq!(b.run.index.entries("db").count(), 0, "what was forgotten is not");
    });
}

#[test]
fn only_what_changed_is_sent_and_fetched() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, None), Machine::new(&shared, None));
        for workload in ["web", "db", "mail"] {
            a.local.see(workload, "a");
        }
        a.round().await;
        b.round().await;
        a.local.see("db", "b");
        a.round().await;
        b.round().await;
        let values = |machine: &Machine| machine.run.counters.values();
        assert_eq!((values(&a).sent, values(&b).received), (4, 4));
        a.kill();
        a.round().await;
        assert_eq!(values(&a).sent, 0, "after a restart nothing is sent that is there");
        assert_eq!((values(&a).failed, values(&b).corrupt), (0, 0));
        assert_eq!(b.local.view("db").len(), 2);
    });
}

#[test]
fn a_new_machine_starts_warm_and_again_without_the_store() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, None), Machine::new(&shared, None));
        a.local.see("web", "a");
        a.local.set("web", "b", RowState::Denied);
        a.publish().await.expect("a head");
        b.fetch().await.expect("a head");
        b.kill();
        b.store.fail_after(0, false);
        b.merge();
        let elsewhere = b.local.elsewhere.lock()["web"].clone();
        assert_eq!(elsewhere.learned[&Kind::Exec], 8);
        assert_eq!(elsewhere.rows.len(), 2);
        assert_eq!(b.local.view("web")["b"].0, RowState::Denied);
    });
}

#[test]
fn what_is_damaged_is_left_out_and_said_once_and_the_others_count() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut machines: Vec<_> = (0..3).map(|_| Machine::new(&shared, None)).collect();
        for (machine, name) in machines.iter().zip(["a", "b", "c"]) {
            machine.local.see("web", name);
        }
        for machine in &mut machines {
            machine.publish().await.expect("a head");
        }
        let memory = &shared.memory;
        let broken = machines[0].run.publisher.identity.machine.clone();
        for key in
            machines[0].store.keys().await.iter().filter(|key| key.contains(&format!("rows/{broken}/")))
        {
            memory.put(&Path::from(key.as_str()), b"nonsense".to_vec().into()).await.expect("memory");
        }
        for sequence in [5, 6] {
            let key = format!("some/prefix/v1/default/{}", Head::key("nobody", sequence));
            memory.put(&Path::from(key), vec![0xff; 1_000].into()).await.expect("memory");
        }
        let brought = machines[2].fetch().await.expect("the others are taken");
        machines[2].merge();
        assert_eq!(brought.notices.len(), 2, "{:?}", brought.notices);
        assert_eq!(machines[2].run.counters.values().corrupt, 2);
        assert_eq!(machines[2].local.view("web").keys().collect::<Vec<_>>(), ["b", "c"]);
        let again = machines[2].fetch().await.expect("nothing is new");
        assert_eq!(again.notices, Vec::<String>::new());
    });
}

#[test]
fn a_bucket_that_was_emptied_teaches_nobody_to_forget() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, None), Machine::new(&shared, None));
        a.local.see("web", "a");
        a.publish().await.expect("a head");
        b.round().await;
        for key in a.store.keys().await {
            shared.memory.delete(&Path::from(key)).await.expect("memory");
        }
        let brought = b.fetch().await.expect("it is empty");
        assert!(!brought.own_is_there && b.run.publisher.has_published());
        b.merge();
        assert_eq!(b.local.view("web").len(), 1);
        a.run.publisher.start_anew();
        a.local.see("web", "b");
        a.publish().await.expect("it publishes anew");
        b.round().await;
        assert_eq!(b.local.view("web").len(), 2);
    });
}
