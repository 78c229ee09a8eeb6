//! Eight machines, killed and cut off at random moments: nothing that was saved is lost, and all end with the same.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::machine::{Machine, View};
use crate::moto::Moto;
use crate::proxy::Proxy;

const MACHINES: usize = 8;

/// Programs that each machine runs by itself; and as many that all of them run.
const PROGRAMS: usize = 12;

/// What names are made of: digits would be taken for versions of one program.
const SYLLABLES: [&str; PROGRAMS] = ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe"];

/// How long the machines may take to agree.
const PATIENCE: Duration = Duration::from_secs(120);

/// Numbers that look random, the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What became of one machine's day.
#[derive(Default)]
struct Day {
    saved: BTreeSet<String>,
    kills: usize,
    cuts: usize,
}

/// Runs a machine's programs, while it is killed and cut off.
fn day(number: usize, folder: &std::path::Path, proxy: &Proxy, seed: u64) -> (Machine, Day) {
    let mut random = Random(seed);
    let mut day = Day::default();
    let mut machine = Machine::start(folder, proxy.address);
    let own = (0..PROGRAMS).map(|program| format!("{}{}", SYLLABLES[number], SYLLABLES[program]));
    let common = (0..PROGRAMS).map(|program| format!("common{}", SYLLABLES[program]));
    for program in own.zip(common).flat_map(|(own, common)| [own, common]) {
        while !day.saved.contains(&program) {
            if machine.run(&program) {
                day.saved.insert(program.clone());
            } else {
                machine = Machine::start(folder, proxy.address);
            }
            std::thread::sleep(Duration::from_millis(random.below(120)));
            match random.below(8) {
                0 => {
                    machine.kill();
                    day.kills += 1;
                    machine = Machine::start(folder, proxy.address);
                }
                1 => {
                    proxy.cut();
                    day.cuts += 1;
                }
                2..=4 => proxy.mend(),
                _ => {}
            }
        }
    }
    proxy.mend();
    (machine, day)
}

#[test]
fn eight_machines_converge_and_nothing_is_lost() {
    let Some(moto) = Moto::or_skip() else { return };
    let folders: Vec<_> = (0..MACHINES).map(|_| tempfile::tempdir().expect("a folder")).collect();
    let days = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for (number, folder) in folders.iter().enumerate() {
            let (days, server) = (Arc::clone(&days), moto.address);
            scope.spawn(move || {
                let day = day(number, folder.path(), &Proxy::to(server), 0x9e37_79b9 + number as u64 * 7_919);
                days.lock().expect("nobody panicked").push(day);
            });
        }
    });
    let mut days = std::mem::take(&mut *days.lock().expect("nobody panicked"));
    let saved: BTreeSet<String> = days.iter().flat_map(|(_, day)| day.saved.iter().cloned()).collect();
    assert_eq!(saved.len(), (MACHINES + 1) * PROGRAMS);

    // What there is in truth: every machine's own, put together.
    let mut truth = View::new();
    for (machine, _) in &mut days {
        for (name, (_, count)) in machine.own() {
            truth.entry(name).or_insert(("learned".into(), 0)).1 += count;
        }
    }
    assert_eq!(truth.keys().cloned().collect::<BTreeSet<_>>(), saved, "what was saved is there");
    let begun = Instant::now();
    loop {
        let views: Vec<View> = days.iter_mut().map(|(machine, _)| machine.view()).collect();
        if views.iter().all(|view| *view == truth) {
            break;
        }
        let of = |view: &View| view.iter().filter(|(name, row)| truth.get(*name) == Some(row)).count();
        assert!(
            begun.elapsed() < PATIENCE,
            "they do not agree: {:?} of {} rows",
            views.iter().map(of).collect::<Vec<_>>(),
            truth.len()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let agreed = begun.elapsed();
    let [mut failed, mut conflicts, mut corrupt] = [0; 3];
    for (machine, _) in &mut days {
        let counters = machine.counters();
        failed += counters[0];
        conflicts += counters[1];
        corrupt += counters[2];
    }
    assert_eq!((conflicts, corrupt), (0, 0));
    let kills: usize = days.iter().map(|(_, day)| day.kills).sum();
    let cuts: usize = days.iter().map(|(_, day)| day.cuts).sum();
    assert!(
        kills >= MACHINES && cuts >= MACHINES,
        "{kills} kills and {cuts} cuts are too few to tell anything"
    );
    println!(
        "{MACHINES} machines, {} rows, {kills} kills, {cuts} partitions: none lost, all agree {agreed:.1?} after the last \
         (rounds that failed in the last processes: {failed})",
        truth.len()
    );
}
