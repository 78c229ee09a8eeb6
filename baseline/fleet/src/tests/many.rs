//! The local copy, what many machines cost, and two that share with their threads.

use super::*;

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
