//! How much every workload ran and how novel it was, minute by minute.
//!
//! A lane is drawn from sums, so sums are kept: one cell a workload and minute in which something ran. Cells are bounded
//! over all workloads together and the oldest minutes go first, so that neither a week nor a flood of containers grows it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anomaly_api::model::{Bucket, Lane, Timeline as Answer};
use anomaly_baseline::{Day, Score, Timestamp};
use parking_lot::Mutex;

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;

/// Cells over all workloads: 24 bytes each.
const MAX_CELLS: usize = 400_000;

/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// Lanes of one answer, those with the highest scores.
const MAX_LANES: usize = 200;

/// When a workload began, and when it had learned enough: seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Life {
    pub(crate) first_seen: Option<f64>,
    pub(crate) learned_at: Option<f64>,
}

/// What happened, by workload and minute.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// The oldest first; a minute in which nothing ran is not there.
    minutes: VecDeque<Minute>,
    cells: usize,
}

#[derive(Debug)]
struct Minute {
    /// Minutes since the Unix epoch.
    at: i64,
    /// By number of the workload, sorted.
    cells: Vec<(u32, Cell)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    executions: u32,
    novel: u32,
    /// The highest score in ten-thousandths, one more than that; 0 where none had one.
    highest: u16,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.executions = self.executions.saturating_add(other.executions);
        self.novel = self.novel.saturating_add(other.novel);
        self.highest = self.highest.max(other.highest);
    }

    fn score(self) -> Option<f64> {
        self.highest.checked_sub(1).map(|score| Score::from_ten_thousandths(score).value())
    }
}

impl Timeline {
    /// Notes an execution.
    pub fn add(&self, workload: &Arc<str>, time: Timestamp, score: Option<Score>, novel: bool) {
        let highest = score.map_or(0, |score| score.ten_thousandths() + 1);
        let cell = Cell { executions: 1, novel: u32::from(novel), highest };
        self.0.lock().add(workload, time.div_euclid(MINUTE), cell);
    }

    /// Forgets what happened before this day. The time of an execution forgets nothing: a clock may be wrong.
    pub fn forget_before(&self, day: Day) {
        let mut inner = self.0.lock();
        while inner.minutes.front().is_some_and(|minute| minute.at < i64::from(day) * DAY) {
            inner.forget();
        }
    }

    /// What happened from `since` to `until` in steps of `step` seconds, of the workloads that `wanted` takes. When one began
    /// and had learned enough comes from `life`, which says nothing of those that are not known any more.
    pub(crate) fn answer(
        &self,
        since: Timestamp,
        until: Timestamp,
        step: u32,
        critical: Score,
        wanted: &dyn Fn(&str) -> bool,
        life: &dyn Fn(&str) -> Life,
    ) -> Answer {
        let width = i64::from(step.max(60)) / 60;
        let first = since.div_euclid(MINUTE).div_euclid(width) * width;
        let last = until.div_euclid(MINUTE);
        let inner = self.0.lock();
        let mut lanes: HashMap<u32, Vec<(u32, Cell)>> = HashMap::new();
        for minute in inner.minutes.iter().filter(|minute| (first..=last).contains(&minute.at)) {
            let index = u32::try_from((minute.at - first) / width).unwrap_or(u32::MAX);
            for (number, cell) in &minute.cells {
                let lane = lanes.entry(*number).or_default();
                match lane.last_mut() {
                    Some((at, sum)) if *at == index => sum.add(*cell),
                    _ => lane.push((index, *cell)),
                }
            }
        }
        let mut lanes: Vec<_> = lanes
            .into_iter()
            .filter_map(|(number, cells)| Some((Arc::clone(inner.names.get(number as usize)?), cells)))
            .collect();
        drop(inner);
        lanes.retain(|(workload, _)| wanted(workload));
        let highest = |cells: &[(u32, Cell)]| cells.iter().map(|(_, cell)| cell.highest).max();
        lanes.sort_by(|a, b| highest(&b.1).cmp(&highest(&a.1)).then(a.0.cmp(&b.0)));
        let left_out = lanes.len().saturating_sub(MAX_LANES);
        lanes.truncate(MAX_LANES);
        let lane = |(workload, cells): (Arc<str>, Vec<(u32, Cell)>)| {
            let Life { first_seen, learned_at } = life(&workload);
            let bucket = |(index, cell): (u32, Cell)| Bucket {
                index,
                executions: cell.executions.into(),
                novel: cell.novel.into(),
                highest: cell.score(),
            };
            let buckets = cells.into_iter().map(bucket).collect();
            Lane { workload: workload.to_string(), first_seen, learned_at, buckets }
        };
        Answer {
            since: (first * 60) as f64,
            until: ((last + 1) * 60) as f64,
            step: u32::try_from(width * 60).unwrap_or(u32::MAX),
            critical: critical.value(),
            lanes: lanes.into_iter().map(lane).collect(),
            left_out,
        }
    }
}

impl Inner {
    fn add(&mut self, workload: &Arc<str>, minute: i64, cell: Cell) {
        let number = self.number(workload);
        // Nearly always the last: executions come in the order of time, but for clocks that are set.
        let at = match self.minutes.back() {
            Some(last) if last.at == minute => self.minutes.len() - 1,
            Some(last) if last.at > minute => {
                let at = self.minutes.partition_point(|other| other.at < minute);
                if self.minutes[at].at != minute {
                    self.minutes.insert(at, Minute { at: minute, cells: Vec::new() });
                }
                at
            }
            _ => {
                self.minutes.push_back(Minute { at: minute, cells: Vec::new() });
                self.minutes.len() - 1
            }
        };
        let cells = &mut self.minutes[at].cells;
        match cells.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(index) => cells[index].1.add(cell),
            Err(index) => {
                cells.insert(index, (number, cell));
                self.cells += 1;
            }
        }
        while self.cells > MAX_CELLS && self.minutes.len() > 1 {
            self.forget();
        }
    }

    /// A workload that is new gets the next number. Numbers begin anew once there are far more than minutes could show.
    fn number(&mut self, workload: &Arc<str>) -> u32 {
        if let Some(number) = self.numbers.get(workload) {
            return *number;
        }
        if self.names.len() >= MAX_CELLS {
            *self = Self::default();
        }
        let number = self.names.len() as u32;
        self.names.push(Arc::clone(workload));
        self.numbers.insert(Arc::clone(workload), number);
        number
    }

    /// Drops the oldest minute.
    fn forget(&mut self) {
        self.cells -= self.minutes.pop_front().map_or(0, |minute| minute.cells.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn score(value: u16) -> Option<Score> {
        Some(Score::from_ten_thousandths(value))
    }

    #[test]
    fn minutes_become_buckets_and_the_most_novel_lane_comes_first() {
        let timeline = Timeline::default();
        let (web, db): (Arc<str>, Arc<str>) = ("web".into(), "db".into());
        for minute in 0..10 {
            timeline.add(&web, HOUR + minute * MINUTE, score(0), false);
        }
        timeline.add(&db, HOUR + 7 * MINUTE, score(9100), true);
        timeline.add(&db, HOUR + 8 * MINUTE, None, false);
        // A clock that was set back.
        timeline.add(&db, HOUR + MINUTE, score(100), false);
        let life = |name: &str| match name {
            "web" => Life { first_seen: Some(0.5), learned_at: Some(1.0) },
            _ => Life::default(),
        };
        let answer = timeline.answer(HOUR, HOUR + 10 * MINUTE, 300, Score::ZERO, &|_| true, &life);
        assert_eq!((answer.since, answer.step), (3600.0, 300));
        let [first, second] = &answer.lanes[..] else { panic!("two lanes: {answer:?}") };
        assert_eq!((first.workload.as_str(), first.learned_at), ("db", None));
        let bucket = |index, executions, novel, highest| Bucket { index, executions, novel, highest };
        assert_eq!(first.buckets, [bucket(0, 1, 0, Some(0.01)), bucket(1, 2, 1, Some(0.91))]);
        assert_eq!(second.buckets, [bucket(0, 5, 0, Some(0.0)), bucket(1, 5, 0, Some(0.0))]);
        assert_eq!((second.first_seen, second.learned_at), (Some(0.5), Some(1.0)));
    }

    #[test]
    fn the_quietest_lanes_are_left_out_and_can_be_asked_for() {
        let timeline = Timeline::default();
        for n in 0..MAX_LANES as u16 + 50 {
            timeline.add(&format!("w{n}").into(), HOUR, score(9000 - n), true);
        }
        let answer = |wanted: &dyn Fn(&str) -> bool| {
            timeline.answer(HOUR, HOUR + MINUTE, 60, Score::ZERO, wanted, &|_| Life::default())
        };
        let all = answer(&|_| true);
        assert_eq!((all.lanes.len(), all.left_out), (MAX_LANES, 50));
        assert!(all.lanes.iter().all(|lane| lane.workload != "w249"));
        let quiet = answer(&|name| name == "w249");
        assert_eq!((quiet.lanes.len(), quiet.left_out), (1, 0));
        assert_eq!(quiet.lanes[0].buckets[0].executions, 1);
    }

    #[test]
    fn a_flood_of_workloads_and_of_time_stays_bounded() {
        let timeline = Timeline::default();
        for n in 0..MAX_CELLS as i64 + 10 {
            timeline.add(&format!("w{n}").into(), n * MINUTE / 1000, None, false);
        }
        let inner = timeline.0.lock();
        assert!(inner.cells <= MAX_CELLS && inner.names.len() <= MAX_CELLS);
        drop(inner);
        let before = timeline.0.lock().minutes.len();
        timeline.add(&"late".into(), 100 * 24 * HOUR, None, false);
        timeline.add(&"now".into(), 24 * HOUR, None, false);
        assert_eq!(timeline.0.lock().minutes.len(), before + 2, "a clock that was ahead forgets nothing");
        timeline.forget_before(1);
        assert_eq!(timeline.0.lock().minutes.len(), 2);
    }
}
