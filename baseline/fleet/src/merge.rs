//! What many machines know of one workload, as one.
//!
//! It is computed anew from what each machine published last, so telling it twice changes nothing; and everything in it
//! is a sum, a union, a least or a greatest, so the order of machines makes no difference. Of states, a person's *never*
//! on any machine stands before what was learned on enough of them, and that before what merely waits on some.

use std::collections::BTreeMap;

use anomaly_baseline::{Day, DaySet, Elsewhere, Fate, RowState, StoredRow, Timestamp, fate};
use anomaly_exchange::Portion;
use anomaly_vectorizer::{Execution, Kind, Seen};

/// What is taken from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The day. What was last seen too long before is forgotten, and nothing was seen later.
    pub today: Day,
    /// As the engine forgets its own.
    pub retention_days: u16,
    /// On how many machines something has to be active to be normal here; at least 1.
    pub agree: usize,
}

/// An execution as it is known on several machines.
struct Sum {
    row: StoredRow,
    active: usize,
    denied: usize,
    /// What it was seen with where it is active, and where it is denied.
    seen: Seen,
    seen_denied: Seen,
}

/// Puts together what machines know of one workload, each of them once, in any order.
///
/// A machine whose own warm-up is not over has learned whatever ran: of it, only what a person denied counts.
pub fn fold(machines: impl IntoIterator<Item = Portion>, terms: Terms) -> Elsewhere {
    let Terms { today, retention_days, agree } = terms;
    let mut sums: BTreeMap<(Kind, u128), Sum> = BTreeMap::new();
    let mut learned: BTreeMap<Kind, Vec<Timestamp>> = BTreeMap::new();
    // The days on which the workload ran anywhere.
    let mut calendars: BTreeMap<Kind, DaySet> = BTreeMap::new();
    let mut count = 0;
    for Portion { record, rows, .. } in machines {
        count += 1;
        for kind in record.acts.keys().copied().chain([Kind::Exec]) {
            let Some(record) = record.of(kind) else { continue };
            learned.entry(kind).or_default().extend(record.learned_at);
            calendars.entry(kind).or_default().extend(until(record.days, today));
        }
        for mut row in rows {
            // A clock that runs ahead, or says so, keeps nothing for ever.
            row.days = until(row.days, today);
            row.first_day = row.first_day.min(today);
            row.vector = Vec::new();
            let counts = match row.state {
                RowState::Active => {
                    record.of(row.execution.kind).is_some_and(|record| record.learned_at.is_some())
                }
                RowState::Denied => true,
                RowState::Held | RowState::Forgotten => false,
            };
            if counts {
                add(&mut sums, row);
            }
        }
    }
    let is_kept = |row: &StoredRow| {
        let calendar = calendars.get(&row.execution.kind).copied().unwrap_or_default();
        fate(row, &calendar, retention_days) == Fate::Keep
    };
    let rows = sums.into_values().filter_map(|sum| sum.row(agree.max(1))).filter(is_kept).collect();
    let learned = learned.into_iter().filter_map(|(kind, mut at)| {
        at.sort_unstable();
        Some((kind, *at.get(agree.max(1) - 1)?))
    });
    Elsewhere { machines: count, learned: learned.collect(), rows }
}

/// Days that are over or today: later ones count as today.
fn until(days: DaySet, today: Day) -> DaySet {
    DaySet { last: days.last.min(today), ..days }
}

fn add(sums: &mut BTreeMap<(Kind, u128), Sum>, row: StoredRow) {
    let (state, seen) = (row.state, row.seen);
    let sum = match sums.entry((row.execution.kind, row.key)) {
        std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Sum {
            row,
            active: 0,
            denied: 0,
            seen: Seen::default(),
            seen_denied: Seen::default(),
        }),
        std::collections::btree_map::Entry::Occupied(entry) => {
            let sum = entry.into_mut();
            join(&mut sum.row, row);
            sum
        }
    };
    if state == RowState::Denied {
        sum.denied += 1;
        sum.seen_denied.extend(seen);
    } else {
        sum.active += 1;
        sum.seen.extend(seen);
    }
}

/// All but state and surroundings.
fn join(row: &mut StoredRow, other: StoredRow) {
    row.count = row.count.saturating_add(other.count);
    row.first_seen = row.first_seen.min(other.first_seen);
    row.last_seen = row.last_seen.max(other.last_seen);
    row.first_day = row.first_day.min(other.first_day);
    row.days.extend(other.days);
    row.distance = row.distance.max(other.distance);
    // One key stands for all executions of the same features: of several, the first in order is shown.
    if order(&other.execution) < order(&row.execution) {
        row.execution = other.execution;
        row.features = other.features;
    }
}

fn order(execution: &Execution) -> (&str, &str, &str, &str, u32) {
    let Execution { name, parent, grandparent, uid, arguments, .. } = execution;
    (name, arguments.text(), parent, grandparent, *uid)
}

impl Sum {
    fn row(self, agree: usize) -> Option<StoredRow> {
        let Self { row, active, denied, seen, seen_denied } = self;
        if denied > 0 {
            Some(StoredRow { state: RowState::Denied, seen: seen_denied, ..row })
        } else {
            (active >= agree).then_some(StoredRow { state: RowState::Active, seen, ..row })
        }
    }
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::WorkloadRecord;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{any_portion, portion, row};

    const TERMS: Terms = Terms { today: 1_000, retention_days: 7, agree: 1 };

    fn one(state: RowState, count: u64) -> Portion {
        portion("web", vec![StoredRow { state, count, ..row("curl") }])
    }

    #[test]
    fn denied_stands_before_active_and_active_before_held() {
        use RowState::{Active, Denied, Forgotten, Held};
        let state = |states: &[RowState]| {
            let rows = fold(states.iter().map(|state| one(*state, 1)), TERMS).rows;
            rows.first().map(|row| row.state)
        };
        assert_eq!(state(&[Held, Active, Denied]), Some(Denied));
        assert_eq!(state(&[Held, Active, Forgotten]), Some(Active));
        assert_eq!(state(&[Held, Forgotten]), None, "what waits elsewhere says nothing here");
        assert_eq!(state(&[]), None);
    }

    #[test]
    fn counts_are_kept_per_machine_and_summed() {
        let rows = fold([one(RowState::Active, 3), one(RowState::Active, 4)], TERMS).rows;
        assert_eq!(rows[0].count, 7);
        assert_eq!(
            fold([one(RowState::Active, u64::MAX), one(RowState::Active, 4)], TERMS).rows[0].count,
            u64::MAX
        );
    }

    #[test]
    fn as_many_machines_as_were_asked_for_have_to_agree() {
        let terms = Terms { agree: 2, ..TERMS };
        let alone = fold([one(RowState::Active, 3)], terms);
        assert_eq!((alone.rows.len(), alone.learned.len()), (0, 0));
        assert_eq!(fold([one(RowState::Active, 3), one(RowState::Active, 3)], terms).rows.len(), 1);
        let denied = fold([one(RowState::Denied, 3)], terms).rows;
        assert_eq!(denied[0].state, RowState::Denied, "one machine is enough to deny");
    }

    #[test]
    fn a_machine_that_still_learns_teaches_nothing() {
        let learning = |state| Portion {
            record: WorkloadRecord { learned_at: None, ..portion("web", vec![]).record },
            ..one(state, 1)
        };
        assert_eq!(fold([learning(RowState::Active)], TERMS).rows, []);
        assert_eq!(fold([learning(RowState::Denied)], TERMS).rows.len(), 1);
    }

    #[test]
    fn what_was_not_seen_for_long_is_forgotten_and_the_future_is_today() {
        // The workload ran every day.
        let mut daily = portion("web", vec![]);
        daily.record.days = DaySet { last: 1_000, bits: u64::MAX };
        let on =
            |day| Portion { rows: vec![StoredRow { days: DaySet::of(day), ..row("curl") }], ..daily.clone() };
        assert_eq!(fold([on(992)], TERMS).rows.len(), 0);
        assert_eq!(fold([on(993)], TERMS).rows.len(), 1);
        let future = fold([on(5_000)], TERMS).rows;
        assert_eq!(future[0].days.last, 1_000);
        assert_eq!(fold([on(5_000)], Terms { today: 4_000, ..TERMS }).rows[0].days.last, 4_000);
    }

    proptest! {
        #[test]
        fn the_order_of_machines_makes_no_difference(
            machines in proptest::collection::vec(any_portion(), 0..6), turn in 0..6usize, agree in 0..3usize,
        ) {
            let terms = Terms { agree, ..TERMS };
            let before = fold(machines.clone(), terms);
            let mut turned = machines.clone();
            turned.reverse();
            let middle = turn.min(turned.len());
            turned.rotate_left(middle);
            prop_assert_eq!(&before, &fold(turned, terms));
            prop_assert_eq!(&before, &fold(machines, terms), "again");
        }

        #[test]
        fn putting_together_in_parts_gives_the_same(
            a in any_portion(), b in any_portion(), c in any_portion(),
        ) {
            // What some know, as if one machine had published it.
            let as_one = |portions: Vec<Portion>| {
                let Elsewhere { learned, rows, .. } = fold(portions.clone(), TERMS);
                let learned_at = learned.get(&Kind::Exec).copied();
                let record = WorkloadRecord { learned_at, ..portions[0].record.clone() };
                Portion { record, rows, ..portions[0].clone() }
            };
            let whole = fold([a.clone(), b.clone(), c.clone()], TERMS);
            let left = fold([as_one(vec![a.clone(), b.clone()]), c.clone()], TERMS);
            let right = fold([a, as_one(vec![b, c])], TERMS);
            prop_assert_eq!(&left.learned, &whole.learned);
            for (name, part) in [("left", left), ("right", right)] {
                prop_assert_eq!(part.rows.len(), whole.rows.len(), "{}", name);
                for (part, whole) in part.rows.iter().zip(&whole.rows) {
                    prop_assert_eq!((part.key, part.state, part.days), (whole.key, whole.state, whole.days));
                    prop_assert_eq!(part.count, whole.count);
                }
            }
        }
    }
}
