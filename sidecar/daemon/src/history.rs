//! What was novel, grouped as alerts are, and the latest executions of any kind.
//!
//! A person looks at alert groups, so groups are what is kept: of each the execution that scored highest and the latest
//! ones. A flood of one program is therefore one group with a large count, and a flood of different ones drops the
//! oldest groups; both are bounded in bytes, and what was dropped is counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use anomaly_baseline::{Day, Timestamp, utc_day};
use anomaly_scored::ScoredExecution;
use parking_lot::Mutex;

use crate::ids::Id;

/// Executions of one group that are kept whole beside the one that scored highest.
const LATEST: usize = 100;

/// What an execution takes beside its texts.
const OVERHEAD: usize = 600;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of novel executions, estimated.
    pub findings: usize,
    /// Bytes of the latest executions of any kind, estimated.
    pub recent: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { findings: 32 << 20, recent: 4 << 20 }
    }
}

/// What was novel, and what happened last.
#[derive(Debug)]
pub struct History {
    bounds: Bounds,
    inner: Mutex<Inner>,
}

/// An alert group of one day.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) id: String,
    pub(crate) group: Id,
    pub(crate) day: Day,
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// The one that scored highest.
    pub(crate) example: Arc<ScoredExecution>,
    /// The latest, the latest last.
    pub(crate) executions: VecDeque<Arc<ScoredExecution>>,
    /// Breaks ties of `last`.
    number: u64,
}

/// Findings of one question.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) findings: Vec<Finding>,
    /// How many there are with those of the other pages.
    pub(crate) total: usize,
    /// Whether there are any behind these.
    pub(crate) more: bool,
}

#[derive(Debug, Default)]
struct Inner {
    findings: HashMap<(Day, Id), Finding>,
    /// By time of the last execution, then number.
    order: BTreeMap<(Timestamp, u64), (Day, Id)>,
    /// Where novel executions are, by id.
    places: HashMap<String, (Day, Id)>,
    /// Where findings are, by id.
    ids: HashMap<String, (Day, Id)>,
    bytes: usize,
    recent: VecDeque<Arc<ScoredExecution>>,
    recent_bytes: usize,
    numbers: u64,
    dropped: u64,
    /// The last moment of the latest group that was dropped for room or age.
    forgotten_until: Option<Timestamp>,
}

impl History {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, inner: Mutex::default() }
    }

    /// Remembers an execution. Of a novel one, returns how many executions its group has now.
    pub fn add(&self, execution: &Arc<ScoredExecution>) -> Option<u64> {
        let mut inner = self.inner.lock();
        inner.recent_bytes += size(execution);
        inner.recent.push_back(Arc::clone(execution));
        while inner.recent_bytes > self.bounds.recent {
            let Some(oldest) = inner.recent.pop_front() else { break };
            inner.recent_bytes -= size(&oldest);
        }
        execution.novel.then(|| inner.add_novel(execution, 1, &self.bounds))
    }

    /// Forgets the groups of days before this one. That is no loss.
    pub fn forget_before(&self, day: Day) {
        let mut inner = self.inner.lock();
        while inner.order.first_key_value().is_some_and(|(_, place)| place.0 < day) {
            inner.drop_oldest();
        }
    }

    /// Remembers a novel execution of which a journal tells: the group had `count` executions then.
    pub fn recall(&self, execution: ScoredExecution, count: u64) {
        let mut inner = self.inner.lock();
        let execution = Arc::new(execution);
        let known = inner.findings.get(&key(&execution)).map_or(0, |finding| finding.count);
        inner.add_novel(&execution, count.saturating_sub(known).max(1), &self.bounds);
    }

    /// One execution that is remembered, and the id of its finding where it was novel.
    pub(crate) fn execution(&self, id: &str) -> Option<(Arc<ScoredExecution>, Option<String>)> {
        let inner = self.inner.lock();
        if let Some(finding) = inner.places.get(id).and_then(|place| inner.findings.get(place)) {
            let mut all = finding.executions.iter().chain([&finding.example]);
            return all
                .find(|execution| execution.id == id)
                .map(|execution| (Arc::clone(execution), Some(finding.id.clone())));
        }
        inner.recent.iter().rev().find(|execution| execution.id == id).map(|found| (Arc::clone(found), None))
    }

    /// One finding that is remembered.
    pub(crate) fn finding(&self, id: &str) -> Option<Finding> {
        let inner = self.inner.lock();
        inner.findings.get(inner.ids.get(id)?).cloned()
    }

    /// At most `limit` findings that `wanted` takes, the latest first, from behind the one of the id `after`; `None` where
    /// none of them has that id. No more than these are copied, because the loop waits for the lock.
    pub(crate) fn findings(
        &self,
        wanted: &dyn Fn(&Finding) -> bool,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Page> {
        let inner = self.inner.lock();
        let mut page = Page { findings: Vec::new(), total: 0, more: false };
        let mut begun = after.is_none();
        let latest_first = inner.order.values().rev().filter_map(|place| inner.findings.get(place));
        for finding in latest_first.filter(|finding| wanted(finding)) {
            page.total += 1;
            if !begun {
                begun = after.is_some_and(|after| finding.id == after);
            } else if page.findings.len() < limit {
                page.findings.push(finding.clone());
            } else {
                page.more = true;
            }
        }
        begun.then_some(page)
    }

    /// Since when findings are remembered, where any was forgotten.
    pub(crate) fn remembered_since(&self) -> Option<Timestamp> {
        self.inner.lock().forgotten_until
    }

    /// Findings that are remembered, and novel executions that are not any more because there was no room.
    pub fn counts(&self) -> (usize, u64) {
        let inner = self.inner.lock();
        (inner.findings.len(), inner.dropped)
    }
}

impl Inner {
    fn add_novel(&mut self, execution: &Arc<ScoredExecution>, times: u64, bounds: &Bounds) -> u64 {
        let time = execution.micros();
        let key = key(execution);
        self.numbers += 1;
        let number = self.numbers;
        let finding = self.findings.entry(key).or_insert_with(|| Finding {
            id: finding_id(key),
            group: key.1,
            day: key.0,
            count: 0,
            first: time,
            last: time,
            example: Arc::clone(execution),
            executions: VecDeque::new(),
            number,
        });
        self.order.remove(&(finding.last, finding.number));
        finding.count = finding.count.saturating_add(times);
        finding.first = finding.first.min(time);
        finding.last = finding.last.max(time);
        self.order.insert((finding.last, finding.number), key);
        let is_new = finding.executions.is_empty();
        if is_new {
            self.ids.insert(finding.id.clone(), key);
        }
        let mut gone = None;
        if execution.score > finding.example.score || is_new {
            let before = std::mem::replace(&mut finding.example, Arc::clone(execution));
            gone = Some(before).filter(|before| !is_new && !has(&finding.executions, &before.id));
        }
        finding.executions.push_back(Arc::clone(execution));
        self.bytes += size(execution);
        self.places.insert(execution.id.clone(), key);
        let example = Arc::clone(&finding.example);
        let oldest = if finding.executions.len() > LATEST { finding.executions.pop_front() } else { None };
        let count = finding.count;
        // The oldest may stay as the example.
        for execution in oldest.into_iter().filter(|oldest| oldest.id != example.id).chain(gone) {
            self.forget(&execution);
        }
        self.keep_within(bounds);
        count
    }

    fn forget(&mut self, execution: &ScoredExecution) {
        self.bytes = self.bytes.saturating_sub(size(execution));
        self.places.remove(&execution.id);
    }

    /// Drops the oldest groups while there are too many.
    fn keep_within(&mut self, bounds: &Bounds) {
        while self.bytes > bounds.findings && self.order.len() > 1 {
            self.dropped += self.drop_oldest();
        }
    }

    /// Drops the group that is longest ago, and returns how many executions it had.
    fn drop_oldest(&mut self) -> u64 {
        let Some(((last, _), place)) = self.order.pop_first() else { return 0 };
        let Some(finding) = self.findings.remove(&place) else { return 0 };
        self.ids.remove(&finding.id);
        self.forgotten_until = self.forgotten_until.max(Some(last));
        let example = (!has(&finding.executions, &finding.example.id)).then_some(&finding.example);
        for execution in finding.executions.iter().chain(example) {
            self.forget(execution);
        }
        finding.count
    }
}

fn has(executions: &VecDeque<Arc<ScoredExecution>>, id: &str) -> bool {
    executions.iter().any(|execution| execution.id == id)
}

/// The day and the alert group.
fn key(execution: &ScoredExecution) -> (Day, Id) {
    let ScoredExecution { workload, parent, name, uid, .. } = execution;
    (utc_day(execution.micros()), Id::of_names(workload, parent, name, *uid))
}

/// `f`, the day and the group in one.
fn finding_id((day, group): (Day, Id)) -> String {
    group.on_day(day)
}

/// What an execution takes, estimated.
fn size(execution: &ScoredExecution) -> usize {
    // The command line has the arguments once more.
    OVERHEAD + 3 * execution.command.len() + execution.exe.len() + execution.workload.len()
}

#[cfg(test)]
pub(crate) mod tests {
    use anomaly_baseline::Score;

    use super::*;

    /// A novel execution of `sh -c COMMAND` under nginx, `minute` minutes into the day.
    pub(crate) fn novel(command: &str, minute: i64, score: u16) -> Arc<ScoredExecution> {
        let line = serde_json::json!({
            "id": format!("{command}{minute}"), "host": "h", "org": "default", "workload": "web",
            "time": (86_400 * 20_000 + minute * 60) as f64, "feed": "ebpf", "pid": 7, "ppid": 1, "name": "sh",
            "parent": "nginx", "grandparent": "systemd", "uid": 33, "exe": "/bin/sh", "args": ["sh", "-c", command],
            "command": format!("sh -c {command}"), "score": null, "score_permille": null, "distance": null,
            "smoothed": null, "threshold": 0.85, "level": "warn", "novel": true, "first": false, "seen": 1,
            "standing": "held", "held": true, "reason": "new", "nearest": null, "nearest_seen": null,
        });
        let mut execution: ScoredExecution = serde_json::from_value(line).expect("all keys are there");
        execution.score = Some(Score::from_ten_thousandths(score));
        Arc::new(execution)
    }

    pub(crate) fn all(history: &History) -> Vec<Finding> {
        history.findings(&|_| true, None, usize::MAX).expect("no id is asked for").findings
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let history = History::new(Bounds::default());
        for day in 0..5 {
            history.add(&novel(&format!("day {day} "), day * 24 * 60, 9000));
        }
        let wanted = |finding: &Finding| finding.example.id != "day 2 2880";
        let mut after: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let page = history.findings(&wanted, after.as_deref(), 2).expect("the last of the page before");
            assert_eq!(page.total, 4);
            seen.extend(page.findings.iter().map(|finding| finding.example.id.clone()));
            if !page.more {
                break;
            }
            after = page.findings.last().map(|finding| finding.id.clone());
        }
        assert_eq!(seen, ["day 4 5760", "day 3 4320", "day 1 1440", "day 0 0"]);
        assert!(history.findings(&wanted, Some("none"), 2).is_none());
    }

    #[test]
    fn a_group_keeps_the_highest_and_the_latest() {
        let history = History::new(Bounds::default());
        for minute in 0..300 {
            let score = if minute == 5 { 9900 } else { 9000 };
            assert_eq!(history.add(&novel("id", minute, score)), Some(minute as u64 + 1));
        }
        let findings = all(&history);
        let [finding] = &findings[..] else { panic!("one group: {findings:?}") };
        assert_eq!((finding.count, finding.executions.len()), (300, LATEST));
        assert_eq!(finding.example.id, "id5");
        assert!(finding.id.starts_with('f') && finding.id.len() == 17, "{}", finding.id);
        let of = |id: &str| history.execution(id).map(|(_, finding)| finding);
        assert_eq!(of("id5"), Some(Some(finding.id.clone())), "the example can be asked for");
        assert_eq!(of("id299"), Some(Some(finding.id.clone())));
        assert_eq!(of("nothing"), None);
        let inner = history.inner.lock();
        assert_eq!(inner.places.len(), LATEST + 1);
        assert_eq!(inner.ids.len(), 1);
        let kept: usize = finding.executions.iter().chain([&finding.example]).map(|kept| size(kept)).sum();
        assert_eq!(inner.bytes, kept, "every byte is accounted for");
    }

    #[test]
    fn a_flood_drops_the_oldest_groups_and_says_so() {
        let history = History::new(Bounds { findings: 40_000, ..Bounds::default() });
        for minute in 0..500 {
            let mut execution = (*novel("x", minute, 9000)).clone();
            execution.name = format!("program{minute}");
            history.add(&Arc::new(execution));
        }
        let (kept, dropped) = history.counts();
        assert!(kept < 70 && kept > 30, "{kept}");
        assert_eq!(kept as u64 + dropped, 500);
        assert!(history.remembered_since().is_some());
        assert_eq!(history.inner.lock().places.len(), kept);
        assert_eq!(history.inner.lock().ids.len(), kept);
        for finding in all(&history) {
            assert_eq!(history.finding(&finding.id).map(|found| found.last), Some(finding.last));
        }
        assert!(history.finding("f0000000000000000").is_none());
        let times: Vec<_> = all(&history).iter().map(|finding| finding.last).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "the latest first");
    }

    #[test]
    fn a_week_later_it_is_forgotten() {
        let history = History::new(Bounds::default());
        history.add(&novel("old", 0, 9000));
        history.add(&novel("new", 8 * 24 * 60, 9000));
        assert_eq!(all(&history).len(), 2, "an execution's time forgets nothing: a clock may be wrong");
        history.forget_before(20_001);
        assert_eq!(all(&history).len(), 1);
        assert_eq!(history.counts().1, 0, "age is no loss");
    }
}
