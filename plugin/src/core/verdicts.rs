//! The verdicts of processes, by a number that fits into one column of Falco's thread table.
//!
//! The number holds the score itself, so that the field that rules compare costs no look-up, and the score outlives
//! the rest. The rest is in one of two rings: verdicts that need explaining are rare and large, those of repeats are
//! frequent and small, and a flood of repeats must not push out the reason why a long-running process is suspicious.

use std::sync::Arc;

use anomaly_baseline::Score;
use parking_lot::RwLock;

use super::judged::Judged;

/// Verdicts of repeats and of learning workloads that are kept: at most some 8 MiB.
const PLAIN: usize = 16_384;

/// Verdicts with a reason that are kept: at most some 14 MiB.
const EXPLAINED: usize = 16_384;

const SCORE_BITS: u32 = 14;
const SCORE_MASK: u64 = (1 << SCORE_BITS) - 1;
/// In place of a score: the verdict was still to come.
const TO_COME: u64 = SCORE_MASK;
const EXPLAINED_BIT: u64 = 1 << SCORE_BITS;

/// A verdict's number, never 0: what a column holds that nobody has written reads 0.
///
/// From the lowest bit: the score in ten-thousandths plus 1 (14 bits, 0 for none, all set for a verdict that was still
/// to come), which ring, the running number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(u64);

impl Handle {
    /// As a column of the thread table has it; `None` for 0.
    pub(crate) fn from_column(value: u64) -> Option<Self> {
        (value != 0).then_some(Self(value))
    }

    /// For a column of the thread table.
    pub(crate) fn column(self) -> u64 {
        self.0
    }

    /// The score, where there was one when the number was made.
    pub(crate) fn score(self) -> Option<Score> {
        if self.came_late() {
            return None;
        }
        let value = (self.0 & SCORE_MASK).checked_sub(1)?;
        Some(Score::from_ten_thousandths(u16::try_from(value).unwrap_or(u16::MAX)))
    }

    /// Whether the verdict was still to come when the number was made.
    pub(crate) fn came_late(self) -> bool {
        self.0 & SCORE_MASK == TO_COME
    }

    fn new(number: u64, explained: bool, score: Option<Score>) -> Self {
        let score = score.map_or(0, |score| u64::from(score.ten_thousandths()) + 1);
        let ring = if explained { EXPLAINED_BIT } else { 0 };
        Self(number << (SCORE_BITS + 1) | ring | score)
    }

    fn number(self) -> u64 {
        self.0 >> (SCORE_BITS + 1)
    }

    /// Whether its verdict has a reason, or may get one.
    pub(crate) fn is_explained(self) -> bool {
        self.0 & EXPLAINED_BIT != 0
    }
}

/// The verdicts.
#[derive(Debug)]
pub(crate) struct Verdicts {
    plain: RwLock<Ring>,
    explained: RwLock<Ring>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self::new(PLAIN, EXPLAINED)
    }
}

impl Verdicts {
    fn new(plain: usize, explained: usize) -> Self {
        Self { plain: RwLock::new(Ring::new(plain)), explained: RwLock::new(Ring::new(explained)) }
    }

    /// Keeps a verdict.
    pub(crate) fn insert(&self, judged: Arc<Judged>) -> Handle {
        let (score, explained) = (judged.score, judged.reason.is_some());
        let number = self.ring(explained).write().push(Some(judged));
        Handle::new(number, explained, score)
    }

    /// Makes a number for a verdict that is still to come.
    pub(crate) fn reserve(&self) -> Handle {
        let number = self.explained.write().push(None);
        Handle(number << (SCORE_BITS + 1) | EXPLAINED_BIT | TO_COME)
    }

    /// Puts the verdict where it was [reserved](Self::reserve), if that is not over already.
    pub(crate) fn settle(&self, handle: Handle, judged: Arc<Judged>) {
        if let Some(slot) = self.ring(handle.is_explained()).write().slot(handle.number()) {
            *slot = Some(judged);
        }
    }

    /// The verdict; `None` where it is still to come, or was pushed out by newer ones.
    pub(crate) fn get(&self, handle: Handle) -> Option<Arc<Judged>> {
        self.ring(handle.is_explained()).read().get(handle.number()).cloned()
    }

    fn ring(&self, explained: bool) -> &RwLock<Ring> {
        if explained { &self.explained } else { &self.plain }
    }
}

/// The last so many verdicts. It grows up to its capacity and then overwrites.
#[derive(Debug)]
struct Ring {
    slots: Vec<Option<Arc<Judged>>>,
    capacity: usize,
    /// The next verdict's number; the first is 1.
    next: u64,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        Self { slots: Vec::new(), capacity, next: 1 }
    }

    fn push(&mut self, judged: Option<Arc<Judged>>) -> u64 {
        let number = self.next;
        self.next += 1;
        let position = self.position(number);
        match self.slots.get_mut(position) {
            Some(slot) => *slot = judged,
            None => self.slots.push(judged),
        }
        number
    }

    fn position(&self, number: u64) -> usize {
        ((number - 1) % self.capacity as u64) as usize
    }

    fn holds(&self, number: u64) -> bool {
        number != 0 && number < self.next && self.next - number <= self.capacity as u64
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<Arc<Judged>>> {
        let position = self.holds(number).then(|| self.position(number))?;
        self.slots.get_mut(position)
    }

    fn get(&self, number: u64) -> Option<&Arc<Judged>> {
        let position = self.holds(number).then(|| self.position(number))?;
        self.slots.get(position)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::Level;

    use super::*;

    fn judged(seen: u64, reason: Option<&str>) -> Arc<Judged> {
        Arc::new(Judged {
            name: "nc".into(),
            parent: "sh".into(),
            cmdline: "nc -l 1".into(),
            pid: 7,
            uid: 0,
            workload: "host".into(),
            score: Some(Score::from_ten_thousandths(8731)),
            distance: None,
            smoothed: None,
            threshold: Score::ONE,
            level: Level::Normal,
            novel: false,
            first: false,
            seen,
            reason: reason.map(Into::into),
            nearest: None,
        })
    }

    #[test]
    fn the_number_holds_the_score_and_leads_to_the_rest() {
        let verdicts = Verdicts::new(4, 4);
        let handle = verdicts.insert(judged(7, None));
        assert_eq!(Handle::from_column(handle.column()), Some(handle));
        assert_eq!(handle.score(), Some(Score::from_ten_thousandths(8731)));
        assert_eq!(verdicts.get(handle).map(|judged| judged.seen), Some(7));
        for score in [Score::ZERO, Score::ONE] {
            assert_eq!(Handle::new(u64::MAX >> 16, true, Some(score)).score(), Some(score));
        }
        assert_eq!(Handle::new(1, false, None).score(), None);
        let (least, most) = (Handle::new(1, false, None), Handle::new(1, false, Some(Score::ONE)));
        assert!(!least.came_late() && !most.came_late());
        assert_eq!(Handle::from_column(0), None);
    }

    #[test]
    fn repeats_push_out_repeats_and_leave_what_is_explained() {
        let verdicts = Verdicts::new(4, 4);
        let suspicious = verdicts.insert(judged(0, Some("new: word evil")));
        let first = verdicts.insert(judged(1, None));
        let others: Vec<_> = (2..6).map(|seen| verdicts.insert(judged(seen, None))).collect();
        assert_eq!(verdicts.get(first), None);
        assert_eq!(first.score(), suspicious.score(), "the score outlives the rest");
        for (handle, seen) in others.into_iter().zip(2..) {
            assert_eq!(verdicts.get(handle).map(|judged| judged.seen), Some(seen));
        }
        assert!(verdicts.get(suspicious).is_some());
    }

    #[test]
    fn a_verdict_that_is_to_come_comes_under_its_number() {
        let verdicts = Verdicts::new(2, 2);
        let handle = verdicts.reserve();
        assert_eq!((handle.score(), verdicts.get(handle)), (None, None));
        assert!(handle.came_late());
        verdicts.settle(handle, judged(3, None));
        assert_eq!(verdicts.get(handle).map(|judged| judged.seen), Some(3));
        verdicts.insert(judged(4, Some("new")));
        let last = verdicts.insert(judged(5, Some("new")));
        verdicts.settle(handle, judged(6, None));
        assert_eq!(verdicts.get(handle), None);
        assert_eq!(verdicts.get(last).map(|judged| judged.seen), Some(5), "nobody else's place is taken");
    }

    #[test]
    fn numbers_that_nobody_made_lead_nowhere() {
        let verdicts = Verdicts::new(2, 2);
        for value in [1, EXPLAINED_BIT, u64::MAX, 5 << (SCORE_BITS + 1)] {
            assert_eq!(Handle::from_column(value).and_then(|handle| verdicts.get(handle)), None);
        }
    }
}
