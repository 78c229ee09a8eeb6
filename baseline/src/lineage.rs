//! Smoothing along the process tree: what an anomalous process starts stays suspicious for a while.

use std::collections::HashMap;

use crate::score::Score;

/// Processes remembered per generation; two generations are kept.
const GENERATION: usize = 32_768;

/// The smoothed scores of processes by pid.
///
/// Bounded by generations: when the younger is full it becomes the older, and the older is dropped. A process that is
/// asked about moves to the younger, so long-lived parents stay.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    young: HashMap<u32, Score>,
    old: HashMap<u32, Score>,
}

impl Lineage {
    /// The smoothed score of a process that just executed: `max(score, 0.7 x the parent's smoothed score)`, the parent
    /// being the process itself where it executes again.
    pub(crate) fn smooth(&mut self, pid: u32, ppid: u32, score: Score) -> Score {
        let before = [pid, ppid].into_iter().filter(|&id| id != 0).filter_map(|id| self.get(id)).max();
        let inherited = before.map_or(0, |before| u32::from(before.ten_thousandths()) * 7 / 10);
        let smoothed = score.max(Score::from_ten_thousandths(inherited as u16));
        // Most processes are unsuspicious; only the others take room.
        if pid != 0 {
            if smoothed > Score::ZERO {
                self.insert(pid, smoothed);
            } else {
                self.young.remove(&pid);
                self.old.remove(&pid);
            }
        }
        smoothed
    }

    fn get(&mut self, pid: u32) -> Option<Score> {
        if let Some(&score) = self.young.get(&pid) {
            return Some(score);
        }
        let score = self.old.remove(&pid)?;
        self.insert(pid, score);
        Some(score)
    }

    fn insert(&mut self, pid: u32, score: Score) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(pid, score);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicion_fades_down_the_tree() {
        let mut lineage = Lineage::default();
        assert_eq!(lineage.smooth(10, 1, Score::ONE).to_string(), "1.0000");
        assert_eq!(lineage.smooth(11, 10, Score::ZERO).to_string(), "0.7000");
        assert_eq!(lineage.smooth(12, 11, Score::ZERO).to_string(), "0.4900");
        assert_eq!(lineage.smooth(13, 1, Score::ZERO), Score::ZERO);
    }

    #[test]
    fn a_process_that_executes_again_is_its_own_parent() {
        let mut lineage = Lineage::default();
        lineage.smooth(10, 1, Score::ONE);
        assert_eq!(lineage.smooth(10, 1, Score::ZERO).to_string(), "0.7000");
    }

    #[test]
    fn it_is_bounded_and_forgets_the_least_recent() {
        let mut lineage = Lineage::default();
        lineage.smooth(1, 0, Score::ONE);
        for pid in 2..200_000 {
            lineage.smooth(pid, 0, Score::ONE);
            if pid % 1_000 == 0 {
                assert!(
                    lineage.smooth(pid, 1, Score::ZERO) > Score::ZERO,
                    "a parent that is asked about stays"
                );
            }
        }
        assert!(lineage.young.len() + lineage.old.len() <= 2 * GENERATION);
    }
}
