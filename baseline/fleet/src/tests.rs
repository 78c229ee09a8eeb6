//! Machines that share, without threads: what happens in which order is chosen here.

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
fn a_store_that_overwrites_is_refused() {
    run(async {
        let shared = Arc::new(Shared::default());
        let machine = Machine::new(&shared, None);
        machine.bucket().probe("heads/a/probe-1").await.expect("it honours the condition");
        assert_eq!(machine.store.keys().await, Vec::<String>::new(), "nothing is left of the probe");
        shared.overwrites.store(true, SeqCst);
        let error = machine.bucket().probe("heads/a/probe-1").await.expect_err("it does not");
        assert!(matches!(error, FleetError::Overwrites { .. }), "{error}");
        assert!(error.to_string().contains("If-None-Match"));
    });
}

#[test]
fn machines_of_one_given_name_do_not_overwrite_each_other() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, Some("web-1")), Machine::new(&shared, Some("web-1")));
        a.local.see("web", "a");
        b.local.see("web", "b");
        a.publish().await.expect("the name is free");
        for _ in 0..2 {
            let error = b.publish().await.expect_err("the name is taken");
            assert!(matches!(error, FleetError::NameTaken { .. }), "{error}");
        }
        assert_eq!(b.run.counters.values().conflicts, 1, "it is counted once");
        a.local.see("web", "c");
        a.publish().await.expect("the name is still its own");
        assert_eq!(a.run.counters.values().conflicts, 0);
    });
}

#[test]
fn a_cloned_machine_takes_a_name_of_its_own() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut a = Machine::new(&shared, None);
        a.local.see("web", "a");
        a.publish().await.expect("a head");
        let mut b = Machine::clone_of(&a);
        b.local.see("web", "b");
        b.publish().await.expect("it goes on where the disk was");
        a.local.see("web", "c");
        let said = a.publish().await.expect("it takes another name").expect("and says so");
        assert!(said.contains("cloned"), "{said}");
        for machine in [&mut a, &mut b] {
            machine.publish().await.expect("each has its own");
        }
        for machine in [&mut a, &mut b] {
            machine.round().await;
            let view = machine.local.view("web");
            assert_eq!(view.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        }
        assert_eq!(a.run.counters.values().conflicts + b.run.counters.values().conflicts, 1);
    });
}

#[test]
fn clones_of_a_named_machine_are_told_apart() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut a = Machine::new(&shared, Some("web-1"));
        a.local.see("web", "a");
        a.publish().await.expect("a head");
        let mut b = Machine::clone_of(&a);
        b.local.see("web", "b");
        b.publish().await.expect("nobody can know yet");
        a.local.see("web", "c");
        a.publish().await.expect_err("now it is known");
        for _ in 0..3 {
            b.local.see("web", "b");
            b.publish().await.expect("the one that was faster keeps the name");
            a.publish().await.expect_err("the other publishes nothing");
        }
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

#[test]
fn a_machine_that_is_forgotten_is_gone_everywhere_and_its_name_is_free() {
    let shared = Arc::new(Shared::default());
    let (mut a, mut b) = (Machine::new(&shared, Some("web-1")), Machine::new(&shared, None));
    a.local.see("web", "a");
    run(a.publish()).expect("a head");
    run(b.round());
    assert_eq!(b.local.view("web").len(), 1);
    forget(a.store.place(), "default", "nobody").expect_err("there is none");
    forget(a.store.place(), "default", "../x").expect_err("that is no name");
    assert_eq!(forget(a.store.place(), "default", "web-1").expect("it is there"), 3);
    run(b.round());
    b.local.take_elsewhere("web", fold([], TERMS));
    assert_eq!((b.run.index.workloads().len(), b.local.view("web").len()), (0, 0));
    let mut c = Machine::new(&shared, Some("web-1"));
    c.local.see("web", "c");
    run(c.publish()).expect("the name is free");
    run(b.round());
    assert_eq!(b.local.view("web").keys().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn organisations_do_not_share() {
    run(async {
        let shared = Arc::new(Shared::default());
        let store = Faulty::new(&shared);
        let bucket = |org| Bucket::new(store.place(), org, Arc::default());
        assert_eq!(bucket("a").create("heads/x/1", b"1").await.expect("memory"), Created::New);
        assert_eq!(bucket("a").list("heads", 10).await.expect("memory").len(), 1);
        assert_eq!(bucket("b").list("heads", 10).await.expect("memory").len(), 0);
    });
}

#[test]
fn what_the_local_copy_lost_is_fetched_again() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, None), Machine::new(&shared, None));
        a.local.see("web", "a");
        a.local.see("db", "a");
        a.publish().await.expect("a head");
        b.round().await;
        let entry = b.run.index.entries("web").next().expect("it is there").1.clone();
        b.run.cache.discard(&entry.object);
        b.fetch().await.expect("nothing is new");
        assert!(!b.run.cache.has(&entry.object));
        let cache = b.run.cache.clone();
        b.run.index.fetch_again(|object| cache.has(object));
        b.fetch().await.expect("it is there");
        b.merge();
        assert_eq!((b.run.counters.values().received, b.local.view("web").len()), (3, 1));
    });
}

/// What it costs to take in what a fleet knows, and that nothing of it grows faster than the rows that are read.
#[test]
fn the_cost_of_many_machines() {
    const MACHINES: usize = 100;
    const ROWS: usize = 500;
    let names: Vec<String> = (0..ROWS)
        .map(|number| format!("{}{}", ["ba", "ce", "di", "fo", "gu"][number % 5], letters(number / 5)))
        .collect();
    let portion = portion("web", names.iter().map(|name| row(name)).collect());
    let embedder = Hashed::default();
    let begun = Instant::now();
    let object = object::encode(&portion, &embedder).expect("memory");
    let encoded = begun.elapsed();
    let begun = Instant::now();
    let one = object::decode(&object.bytes, &object.digest, "web", &embedder).expect("it is whole");
    let decoded = begun.elapsed();
    assert_eq!(one.rows.len(), ROWS);
    let begun = Instant::now();
    let portions = (0..MACHINES)
        .map(|_| object::decode(&object.bytes, &object.digest, "web", &embedder).expect("it is whole"));
    let elsewhere = fold(portions, TERMS);
    let all = begun.elapsed();
    assert_eq!((elsewhere.rows.len(), elsewhere.rows[0].count), (ROWS, MACHINES as u64));
    println!(
        "{ROWS} rows: {} bytes, written in {encoded:.1?}, read in {decoded:.1?}; of {MACHINES} machines, put together in \
         {all:.1?}",
        object.bytes.len()
    );
}

fn letters(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

/// With its threads: shares in a folder, tells how it goes, and ends at once.
#[test]
fn two_machines_meet_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let address = format!("file://{}", folder.path().display()).parse().expect("an address");
    let today = anomaly_baseline::utc_day(now());
    let machines = data.each_ref().map(|data| {
        let local = Arc::new(Fake { day: today, ..Fake::default() });
        let options = Options {
            interval: Duration::from_millis(50),
            ..Options::new(Clone::clone(&address), data.path().to_owned())
        };
        let fleet = Fleet::start(options, Arc::clone(&local) as Arc<dyn Local>).expect("it begins");
        (local, fleet)
    });
    machines[0].0.see("web", "a");
    machines[1].0.see("web", "b");
    let both = || machines.iter().all(|(local, _)| local.view("web").len() == 2);
    for _ in 0..200 {
        if both() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(both(), "{:?}", machines[0].0.notices);
    assert!(machines[0].0.announced.lock().contains("web"));
    let known = status(data[0].path(), "default").expect("it shares");
    assert_eq!((known.machines.len(), known.machines[0].rows, known.failing), (1, 1, None));
    assert!(known.counters.published > 0 && known.merged.is_some());
    // The folder goes, as one that is unmounted.
    drop(folder);
    for _ in 0..200 {
        if machines[0].1.status().failing.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(machines[0].1.status().failing.is_some());
    assert_eq!(machines[0].0.view("web").len(), 2, "what is known stays known");
    drop(machines);
}
