//! Files truncated, zeroed, flipped, gone.

use std::{fs, path::Path};

use anomaly_baseline::Store;
use anomaly_lance::{LanceStore, Schedule};

use crate::common::*;

/// Ten saves of ten rows, and a second workload beside.
fn database(path: &Path) {
    let mut store = open(path);
    for save in 0..10 {
        store.save("host", &record(save), &rows(save * 10..(save + 1) * 10)).unwrap();
    }
    store.save("nginx", &record(1), &rows(0..5)).unwrap();
}

/// What is loaded, with the notices.
fn reload(path: &Path) -> (Loaded, Vec<String>) {
    try_load(&mut open(path)).expect("a damaged table never stops the store")
}

fn quarantined(path: &Path) -> usize {
    if path.join("quarantine").exists() { size(&path.join("quarantine")).0 } else { 0 }
}

/// The store goes on: saves, and says nothing at the next start.
fn goes_on(path: &Path) {
    let mut store = open(path);
    store.load(&mut |_, _, _| {}).unwrap();
    store.save("host", &record(99), &rows(500..510)).unwrap();
    drop(store);
    let loaded = load(&mut open(path));
    assert!((500..510).all(|job| jobs(&loaded, "host").contains_key(&job)));
    assert_eq!(jobs(&loaded, "nginx").len(), 5, "the other workload is untouched");
}

/// What is done to a file, and a word for it.
type Damage = (&'static str, fn(&Path));

#[test]
fn a_damaged_newest_manifest_gives_way_to_the_one_before() {
    let damages: [Damage; 5] = [
        ("zeroed", |path| fs::write(path, "").unwrap()),
        ("truncated", |path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap()),
        ("cut by one byte", |path| {
            let content = fs::read(path).unwrap();
            fs::write(path, &content[..content.len() - 1]).unwrap();
        }),
        ("overwritten with zeros", |path| fs::write(path, vec![0; fs::read(path).unwrap().len()]).unwrap()),
        ("overwritten with noise", |path| {
            let noise = fs::read(path).unwrap().iter().map(|byte| byte ^ 0xa5).collect::<Vec<_>>();
            fs::write(path, noise).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let directory = tempfile::tempdir().unwrap();
        database(directory.path());
        let newest = manifests(&table(directory.path(), "host")).remove(0);
        damage(&newest);
        let damaged = fs::read(&newest).unwrap();

        let (loaded, notices) = reload(directory.path());
        assert!(jobs(&loaded, "host").into_keys().eq(0..90), "{name}: all but the last save");
        assert_eq!(jobs(&loaded, "nginx").len(), 5, "{name}");
        assert_eq!(notices.len(), 1, "{name}: {notices:?}");
        assert!(
            notices[0].starts_with("workload host: the newest of its table is damaged ("),
            "{}",
            notices[0]
        );
        let kept = contents(&directory.path().join("quarantine"));
        assert!(kept.values().any(|content| *content == damaged), "{name}: moved, not deleted");
        assert!(
            kept.keys().any(|path| path.extension().is_some_and(|e| e == "lance")),
            "{name}: with its rows"
        );
        goes_on(directory.path());
    }
}

#[test]
fn several_damaged_manifests_give_way_and_a_reader_moves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    database(directory.path());
    for manifest in &manifests(&table(directory.path(), "host"))[..4] {
        fs::write(manifest, "x").unwrap();
    }
    let writer = open(directory.path());
    let before = contents(directory.path());
    let (loaded, notices) = reload(directory.path());
    assert!(jobs(&loaded, "host").into_keys().eq(0..60));
    assert_eq!(notices.len(), 2, "that another process writes, and what is damaged: {notices:?}");
    assert_eq!(contents(directory.path()), before, "a reader moves nothing");
    drop(writer);

    let (loaded, _) = reload(directory.path());
    assert!(jobs(&loaded, "host").into_keys().eq(0..60));
    goes_on(directory.path());
}

#[test]
fn a_table_of_which_nothing_opens_is_set_aside_and_learned_anew() {
    let directory = tempfile::tempdir().unwrap();
    database(directory.path());
    let folder = table(directory.path(), "host");
    for manifest in manifests(&folder) {
        fs::write(manifest, "").unwrap();
    }
    let files = size(&folder).0;
    let (loaded, notices) = reload(directory.path());
    assert_eq!(loaded.keys().collect::<Vec<_>>(), ["nginx"]);
    assert!(notices[0].contains("learns anew"), "{notices:?}");
    assert_eq!(quarantined(directory.path()), files, "moved, not deleted");
    goes_on(directory.path());
}

#[test]
fn a_damaged_newest_data_file_gives_way_to_the_version_before() {
    for bytes in [0, 1000] {
        let directory = tempfile::tempdir().unwrap();
        database(directory.path());
        let newest = newest_file(&table(directory.path(), "host").join("data"));
        fs::write(&newest, &fs::read(&newest).unwrap()[..bytes]).unwrap();
        let (loaded, notices) = reload(directory.path());
        assert!(jobs(&loaded, "host").into_keys().eq(0..90), "all but the last save");
        assert!(notices[0].contains("newest of its table is damaged"), "{notices:?}");
        goes_on(directory.path());
    }
}

#[test]
fn what_is_beside_a_damaged_data_file_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    database(directory.path());
    // The first file, which every version needs, and of which an old version alone would leave nothing.
    let mut files: Vec<_> = contents(&table(directory.path(), "host").join("data")).into_keys().collect();
    files.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    fs::write(&files[0], "").unwrap();
    let (loaded, notices) = reload(directory.path());
    assert!(jobs(&loaded, "host").into_keys().eq(10..100), "all but the first save");
    assert_eq!(loaded["host"].0.executions, 9, "the record is in the newest file");
    assert!(
        notices[0].contains("90 rows of it could be read; 0 rows and 1 parts of it could not"),
        "{notices:?}"
    );
    assert!(quarantined(directory.path()) > 0);
    goes_on(directory.path());
}

#[test]
fn rows_that_only_the_newest_version_has_and_rows_that_only_an_older_one_has_are_both_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(0), &rows(0..10)).unwrap();
    // Replaces rows 0 to 4, so that the newest version has them in its second file alone; then a third file.
    store.save("host", &record(1), &rows(0..5)).unwrap();
    let second = newest_file(&table(directory.path(), "host").join("data"));
    store.save("host", &record(2), &rows(10..15)).unwrap();
    store.save("nginx", &record(1), &rows(0..5)).unwrap();
    drop(store);
    fs::write(&second, "").unwrap();
    let (loaded, _) = reload(directory.path());
    assert!(jobs(&loaded, "host").into_keys().eq(0..15), "{:?}", jobs(&loaded, "host"));
    goes_on(directory.path());
}

#[test]
fn whatever_is_damaged_the_store_opens_and_no_row_is_false() {
    const ROUNDS: u64 = 40;
    let (mut kept, mut said) = (0, 0);
    let original = tempfile::tempdir().unwrap();
    database(original.path());
    let true_rows = load(&mut open(original.path()));
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for round in 0..ROUNDS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("database");
        assert!(
            std::process::Command::new("cp")
                .arg("-r")
                .args([original.path(), &path])
                .status()
                .unwrap()
                .success()
        );
        let files = contents(&table(&path, "host"));
        for _ in 0..=next(3) {
            let (file, content) = files.iter().nth(next(files.len())).unwrap();
            let mut content = content.clone();
            match next(3) {
                0 => content.truncate(next(content.len())),
                1 => content[..].fill(0),
                _ => {
                    for _ in 0..=next(8) {
                        let at = next(content.len());
                        content[at] ^= 1 << next(8);
                    }
                }
            }
            fs::write(file, content).unwrap();
        }
        let (loaded, notices) = reload(&path);
        for (key, row) in loaded.get("host").into_iter().flat_map(|(_, rows)| rows) {
            assert_eq!(Some(row), true_rows["host"].1.get(key), "round {round}: a row that was never saved");
        }
        kept += loaded.get("host").map_or(0, |(_, rows)| rows.len());
        said += usize::from(!notices.is_empty());
        goes_on(&path);
    }
    println!(
        "faults: one to three files truncated, zeroed or flipped: {ROUNDS} tried, {ROUNDS} survived, {} of {} rows lost, \
         none false; {said} said so",
        ROUNDS as usize * 100 - kept,
        ROUNDS * 100
    );
}

#[test]
fn a_flipped_bit_in_a_row_is_noticed() {
    const FLIPS: usize = 30;
    let original = tempfile::tempdir().unwrap();
    open(original.path()).save("host", &record(1), &rows(0..20)).unwrap();
    let true_rows = load(&mut open(original.path()));
    let (file, content) = contents(&table(original.path(), "host").join("data")).pop_first().unwrap();
    let mut noticed = 0;
    for flip in 0..FLIPS {
        let mut damaged = content.clone();
        damaged[flip * content.len() / FLIPS + 7] ^= 1 << (flip % 8);
        fs::write(&file, damaged).unwrap();
        // A reader, so that nothing is put right.
        let _writer = open(original.path());
        let (loaded, notices) = reload(original.path());
        for (key, row) in loaded.get("host").into_iter().flat_map(|(_, rows)| rows) {
            assert_eq!(Some(row), true_rows["host"].1.get(key), "flip {flip}: a row that was never saved");
        }
        noticed += usize::from(notices.len() > 1);
    }
    println!(
        "faults: one flipped bit of a data file: {FLIPS} tried, {noticed} noticed, the others changed no row"
    );
    assert!(noticed > FLIPS / 2, "most of the file is rows");
}

#[test]
fn leavings_of_a_killed_writer_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    database(directory.path());
    let folder = table(directory.path(), "host");
    let leavings = [folder.join("data/.tmpAbCdEf"), folder.join("_versions/1.manifest#3")];
    for path in &leavings {
        fs::write(path, "half").unwrap();
    }
    // A table whose first commit never happened.
    let unborn = table(directory.path(), "unborn").join("data");
    fs::create_dir_all(&unborn).unwrap();
    fs::write(unborn.join("x.lance"), "half").unwrap();
    let mut store = open(directory.path());
    let loaded = load(&mut store);
    assert_eq!(loaded.len(), 2);
    assert!(leavings.iter().all(|path| !path.exists()));
    store.save("unborn", &record(1), &rows(0..3)).unwrap();
    assert_eq!(load(&mut store)["unborn"].1.len(), 3);
}

#[test]
fn a_table_that_is_only_out_of_reach_is_left_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    database(directory.path());
    let mut options = options(directory.path());
    options.schedule = Schedule::default();
    let mut store = LanceStore::open(options).unwrap();
    // A loop of links cannot be opened, and says nothing about the table.
    let folder = table(directory.path(), "host");
    let away = directory.path().join("quarantine-by-hand");
    fs::rename(&folder, &away).unwrap();
    std::os::unix::fs::symlink(&folder, &folder).unwrap();
    let (loaded, notices) = try_load(&mut store).unwrap();
    assert_eq!(loaded.keys().collect::<Vec<_>>(), ["nginx"]);
    assert!(notices[0].contains("cannot be read now"), "{notices:?}");
    assert!(store.save("host", &record(1), &rows(0..1)).is_err(), "nothing is made in its place");
    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(jobs(&load(&mut store), "host").len(), 100);
}

fn newest_file(folder: &Path) -> std::path::PathBuf {
    contents(folder)
        .into_keys()
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .expect("a file")
}
