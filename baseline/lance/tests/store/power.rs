//! The machine loses its power: what is left is what was synced.
//!
//! Twice. First a model that needs no privilege: the store tells of every path that it synced, and the disk after the
//! cut is put together from that record alone: of a file the content that it had when it was synced, of a folder the
//! entries. It is cut between any two syncs, in the midst of saves, deletions, compactions and prunings. Then a real file system: an ext4 image whose writes are cut off at a random moment by the ioctl that the
//! kernel's own file system tests use (`EXT4_IOC_SHUTDOWN` without flushing the log), unmounted and mounted again, so
//! that only what reached the image counts, whatever the store believes. LanceDB without the store goes through the
//! same as a control: were nothing lost there either, the test could not find anything.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anomaly_baseline::Store;
use anomaly_lance::{LanceStore, Schedule};

use crate::{
    common::*,
    helper::{Expected, Role, Writer},
    random::Random,
};

const WHAT: &str = "cutting off a file system's writes";

/// What is on the disk: files with the content and folders with the entries that they had when they were synced.
#[derive(Default)]
struct Disk {
    files: HashMap<PathBuf, Vec<u8>>,
    folders: HashMap<PathBuf, BTreeSet<OsString>>,
}

impl Disk {
    fn synced(&mut self, path: &Path) {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            self.folders.insert(path.to_path_buf(), entries);
        } else {
            self.files.insert(path.to_path_buf(), fs::read(path).unwrap());
        }
    }

    /// Builds what a machine finds below `path` when it has its power again. What was never synced is an empty file
    /// where its folder knows of it, and nothing where not. What was removed since is `gone` or not: a disk may have
    /// written that or not.
    fn after_the_cut(&self, path: &Path, target: &Path, gone: bool) {
        fs::DirBuilder::new().mode(0o700).create(target).unwrap();
        for name in self.folders.get(path).into_iter().flatten() {
            let (from, to) = (path.join(name), target.join(name));
            if gone && !from.exists() {
                continue;
            }
            if self.folders.contains_key(&from) || from.is_dir() {
                self.after_the_cut(&from, &to, gone);
            } else if let Some(content) = self.files.get(&from) {
                fs::write(to, content).unwrap();
            } else {
                fs::write(to, "").unwrap();
            }
        }
    }
}

/// The record of syncs, and the disks that were cut off on the way.
#[derive(Default)]
struct Recorder {
    disk: Disk,
    /// How many operations were acknowledged.
    acknowledged: usize,
    /// What a machine would find, with the number of operations that had been acknowledged.
    cuts: Vec<(PathBuf, usize)>,
}

/// Cuts in the midst of operations, and after them.
const MOMENTS: usize = 50;

#[test]
fn what_was_synced_is_enough() {
    let (mut random, seed) = Random::new();
    println!("seed {seed}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let recorder = Arc::new(Mutex::new(Recorder::default()));
    let mut options = options(&path);
    options.schedule =
        Schedule { commits: 7, keep_for: Duration::ZERO, least_versions: 2, ..Schedule::default() };
    let mut store = LanceStore::open(options).unwrap();
    // Opening the database synced these before anybody could be told.
    recorder.lock().unwrap().disk.synced(store.path());
    recorder.lock().unwrap().disk.synced(&store.path().join("falco-anomaly.json"));
    let (observer, root) = (Arc::clone(&recorder), store.path().to_path_buf());
    let mut chance = Random::of(seed ^ 1);
    let target = directory.path().to_path_buf();
    store.observe_syncs(move |path| {
        let mut recorder = observer.lock().unwrap();
        let Recorder { disk, acknowledged, cuts } = &mut *recorder;
        disk.synced(path);
        if cuts.len() < MOMENTS && chance.below(4) == 0 {
            let cut = target.join(format!("midst-{}", cuts.len()));
            disk.after_the_cut(&root, &cut, chance.below(2) == 0);
            cuts.push((cut, *acknowledged));
        }
    });

    // What the database holds after each operation.
    let mut held = vec![Loaded::new()];
    for round in 0..24 {
        let first = random.below(200);
        let batch = rows(first..first + 1 + random.below(60));
        let workload = ["host", "nginx"][random.below(2) as usize];
        for operation in 0..3 {
            match operation {
                0 => store.save(workload, &record(round), &batch).unwrap(),
                1 if round % 3 == 2 => {
                    let gone: Vec<_> =
                        batch.iter().take(3).map(|row| (row.execution.kind, row.key)).collect();
                    store.delete(workload, &gone).unwrap();
                }
                1 => continue,
                _ => store.maintain().unwrap(),
            }
            let copy = directory.path().join("copy");
            assert!(Command::new("cp").arg("-r").args([&path, &copy]).status().unwrap().success());
            held.push(load(&mut open(&copy)));
            fs::remove_dir_all(&copy).unwrap();
            recorder.lock().unwrap().acknowledged += 1;
        }
        for gone in [false, true] {
            let cut = directory.path().join(format!("cut-{round}-{gone}"));
            recorder.lock().unwrap().disk.after_the_cut(store.path(), &cut, gone);
            assert_eq!(Some(&load(&mut open(&cut))), held.last(), "after round {round}");
            fs::remove_dir_all(&cut).unwrap();
        }
    }
    let recorder = std::mem::take(&mut *recorder.lock().unwrap());
    assert_eq!(recorder.cuts.len(), MOMENTS);
    let mut repaired = 0;
    for (cut, acknowledged) in &recorder.cuts {
        let (found, notices) = try_load(&mut open(cut)).expect("it opens after every cut");
        repaired += usize::from(!notices.is_empty());
        // What was going on when the power failed is there or not.
        let is_saved = held[*acknowledged..].iter().take(2).any(|held| *held == found);
        assert!(is_saved, "{} after {acknowledged} operations: {notices:?}", cut.display());
    }
    println!(
        "faults: power cut, disk rebuilt from the record of syncs: {} tried, {MOMENTS} of them in the midst of an \
         operation, all survived, 0 rows lost; {repaired} times an unacknowledged version was set aside; seed {seed}",
        MOMENTS + 48
    );
}

/// An ext4 file system in a file.
struct Image {
    _directory: tempfile::TempDir,
    file: PathBuf,
    mount_point: PathBuf,
}

impl Image {
    fn new() -> Option<Self> {
        if !is_root(WHAT) {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("image");
        let mount_point = directory.path().join("mounted");
        fs::create_dir(&mount_point).unwrap();
        fs::File::create(&file).unwrap().set_len(256 << 20).unwrap();
        if let Err(cause) = run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file)) {
            println!("skipped: {WHAT}: {cause}");
            return None;
        }
        Some(Self { _directory: directory, file, mount_point })
    }

    fn mount(&self) -> Option<Mount> {
        let file = self.file.to_str().unwrap();
        Mount::new(&["-o", "loop", file], &self.mount_point, WHAT)
    }
}

/// Stops all writing to the file system at once, without writing out anything. By perl, which every Debian and Ubuntu
/// has, because an ioctl is unsafe in Rust.
fn cut_power(mount_point: &Path) -> bool {
    // EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32); 2 is EXT4_GOING_FLAGS_NOLOGFLUSH.
    let script =
        r#"open(my $f, "<", $ARGV[0]) or die $!; my $v = pack("I", 2); ioctl($f, 0x8004587d, $v) or die $!"#;
    let result = run(Command::new("perl").args(["-e", script]).arg(mount_point));
    if let Err(cause) = &result {
        println!("skipped: {WHAT}: {cause}");
    }
    result.is_ok()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_power_cut() {
    const CUTS: u64 = 50;
    let (mut random, seed) = Random::new();
    println!("seed {seed}");
    let Some(image) = Image::new() else { return };
    let Some(mut mount) = image.mount() else { return };
    let path = image.mount_point.join("database");
    let mut expected = Expected::default();
    let mut repaired = 0;
    for cut in 0..CUTS {
        let mut writer = Writer::start(Role::Store, &path, cut * 10_000);
        writer.wait_for(random.below(7));
        thread::sleep(Duration::from_micros(random.below(150_000)));
        if !cut_power(&image.mount_point) {
            writer.kill();
            return;
        }
        expected.add(&writer.kill());
        drop(mount);
        mount = image.mount().expect("it mounts again");
        let (loaded, notices) = try_load(&mut open(&path)).expect("it opens after every cut");
        assert_eq!(expected.lost(&loaded), [""; 0], "cut {cut}: {notices:?}");
        repaired += usize::from(!notices.is_empty());
    }
    println!(
        "faults: power cut, writes to an ext4 image cut off: {CUTS} tried, {CUTS} survived, 0 rows lost of {} in {} \
         acknowledged batches; {repaired} times an unacknowledged version was set aside; seed {seed}",
        expected.rows(),
        expected.batches,
    );
}

#[test]
fn without_the_store_a_power_cut_loses_what_was_acknowledged() {
    const CUTS: u64 = 3;
    let Some(image) = Image::new() else { return };
    let mut lost = 0;
    for cut in 0..CUTS {
        let Some(mount) = image.mount() else { return };
        let path = image.mount_point.join(format!("bare-{cut}"));
        let mut writer = Writer::start(Role::Bare, &path, 0);
        writer.wait_for(20);
        if !cut_power(&image.mount_point) {
            writer.kill();
            return;
        }
        let acknowledged = writer.kill().len();
        drop(mount);
        let mount = image.mount().expect("it mounts again");
        let found = count_bare(&path);
        lost += u64::from(found < acknowledged);
        drop(mount);
    }
    println!(
        "faults: power cut, control without the store: {CUTS} tried, {lost} of them lost acknowledged rows"
    );
    assert_eq!(lost, CUTS, "these tests find what is lost");
}

/// How many rows of the control's table can be read.
fn count_bare(path: &Path) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        if !path.join("bare.lance").is_dir() {
            return 0;
        }
        let connection = lancedb::connect(path.to_str().unwrap()).execute().await.unwrap();
        match connection.open_table("bare").execute().await {
            Ok(table) => table.count_rows(None).await.unwrap_or(0),
            Err(_) => 0,
        }
    })
}
