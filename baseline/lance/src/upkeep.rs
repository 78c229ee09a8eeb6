//! When a table is compacted and pruned.
//!
//! Every commit leaves a manifest, a transaction, a data file and often a deletion file, and every version names all
//! fragments. So commits are what is counted, not time: a table at rest costs nothing, a busy one is compacted every
//! [`Schedule::commits`]. Deletions are another matter: the rows must leave the disk, so they are due by time.
//!
//! Old versions are kept for readers in other processes that are in the middle of loading, and for recovery from a
//! damaged newest one: an hour's worth, but never more than [`Schedule::most_versions`], and always the last few.

use std::time::Duration;

/// The rhythm of housekeeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Commits to a table after which it is compacted and pruned.
    pub commits: u32,
    /// How long deleted rows may stay on the disk, and how long a table that is at rest keeps versions that are old
    /// enough to be pruned.
    pub rest: Duration,
    /// How long old versions are kept.
    pub keep_for: Duration,
    /// How many versions are kept at most, whatever their age.
    pub most_versions: usize,
    /// How many versions are always kept, whatever their age and number.
    pub least_versions: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            commits: 64,
            rest: Duration::from_secs(600),
            keep_for: Duration::from_secs(3600),
            most_versions: 64,
            least_versions: 4,
        }
    }
}

/// What is remembered of a table between two rounds of housekeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upkeep {
    /// Commits since the last round.
    pub(crate) commits: u32,
    /// Whether rows were deleted since.
    pub(crate) deleted: bool,
    /// The time since the last round, or since the table was first seen.
    pub(crate) since: Duration,
    /// Manifests in the directory.
    pub(crate) versions: usize,
    /// How long ago the oldest of them was written.
    pub(crate) oldest: Duration,
}

/// What is to be done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Compact it, so that deleted rows leave their files if there are any, then prune.
    Compact {
        /// Rewrite every file that has a deleted row.
        purge: bool,
    },
    /// Prune old versions alone.
    Prune,
}

impl Schedule {
    pub(crate) fn due(&self, upkeep: &Upkeep) -> Option<Due> {
        let Upkeep { commits, deleted, since, versions, oldest } = *upkeep;
        let rested = since >= self.rest;
        if commits >= self.commits || (deleted && rested) {
            Some(Due::Compact { purge: deleted })
        } else if versions > self.most_versions.saturating_mul(2)
            || (rested && versions > self.least_versions && oldest >= self.keep_for)
        {
            Some(Due::Prune)
        } else {
            None
        }
    }

    /// How many of the oldest versions may go, of `ages` sorted from the newest version to the oldest. An age can
    /// be anything: clocks jump.
    pub(crate) fn prunable(&self, ages: &[Duration]) -> usize {
        let kept = ages.iter().take(self.most_versions).take_while(|age| **age < self.keep_for).count();
        ages.len() - kept.max(self.least_versions.max(1)).min(ages.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Upkeep =
        Upkeep { commits: 0, deleted: false, since: Duration::ZERO, versions: 1, oldest: Duration::ZERO };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn commits_make_a_table_due_and_deletions_do_after_a_while() {
        let schedule = Schedule::default();
        assert_eq!(schedule.due(&Upkeep { since: seconds(100_000), ..REST }), None, "a table at rest");
        assert_eq!(schedule.due(&Upkeep { commits: 63, since: seconds(100_000), ..REST }), None);
        assert_eq!(schedule.due(&Upkeep { commits: 64, ..REST }), Some(Due::Compact { purge: false }));
        let deleted = Upkeep { commits: 1, deleted: true, ..REST };
        assert_eq!(schedule.due(&deleted), None, "not more often than that");
        let rested = Upkeep { since: seconds(600), ..deleted };
        assert_eq!(schedule.due(&rested), Some(Due::Compact { purge: true }));
    }

    #[test]
    fn old_versions_make_a_table_due_for_pruning_until_few_are_left() {
        let schedule = Schedule::default();
        let old = Upkeep { versions: 5, oldest: seconds(3600), since: seconds(600), ..REST };
        assert_eq!(schedule.due(&old), Some(Due::Prune));
        assert_eq!(schedule.due(&Upkeep { versions: 4, ..old }), None, "the last few stay");
        assert_eq!(schedule.due(&Upkeep { oldest: seconds(3599), ..old }), None);
        assert_eq!(schedule.due(&Upkeep { since: seconds(599), ..old }), None, "not more often than that");
        assert_eq!(
            schedule.due(&Upkeep { versions: 129, ..REST }),
            Some(Due::Prune),
            "a predecessor's leavings"
        );
    }

    #[test]
    fn an_hour_of_versions_is_kept_within_bounds() {
        let schedule = Schedule::default();
        let ages = |range: std::ops::Range<u64>| range.map(seconds).collect::<Vec<_>>();
        assert_eq!(schedule.prunable(&[]), 0);
        assert_eq!(schedule.prunable(&ages(0..10)), 0);
        assert_eq!(schedule.prunable(&ages(0..300)), 236, "64 are the most");
        assert_eq!(schedule.prunable(&ages(3595..3605)), 5, "five are younger than an hour");
        assert_eq!(schedule.prunable(&ages(9000..9010)), 6, "four are the least");
        // The clock jumped back a year in between: the old ones look young, and the bound on their number holds.
        let mut jumped = ages(0..70);
        jumped.extend([Duration::ZERO; 30]);
        assert_eq!(schedule.prunable(&jumped), 36);
    }
}
