//! What the engine did and what it lost, readable from any thread without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($name: AtomicU64,)*
        }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl std::ops::AddAssign for CounterValues {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl Counters {
            /// All values. Not one instant for all of them: each is true by itself.
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.load(Relaxed),)* }
            }

            $(
                /// Adds to the counter of this name.
                pub(crate) fn $name(&self, by: u64) {
                    self.$name.fetch_add(by, Relaxed);
                }
            )*
        }
    };
}

counters! {
    /// Executions that got a score.
    scored,
    /// Executions of workloads that were still learning.
    learning,
    /// Executions that were learned, repeats included.
    learned,
    /// Executions that were held.
    held,
    /// Executions at or above their threshold.
    novel,
    /// Executions without a score because the baselines were not loaded yet.
    while_loading,
    /// Executions without a score because there were too many workloads, or too many new ones within an hour.
    refused,
    /// Answers that were put off because the rows had to be read back into memory first.
    while_waking,
    /// Baselines whose rows were given back to keep the memory budget.
    slept,
    /// Baselines whose rows were read back.
    woken,
    /// Rows that were read back one by one, because they were needed or had run.
    rows_read_back,
    /// Times that rows could not be read back.
    failed_wakes,
    /// Executions about whose surroundings the feed could not tell everything.
    unknown_context,
    /// Executions that got no row because there was no room.
    without_room,
    /// Acts other than executions that got a score.
    acts_scored,
    /// Acts of kinds that were still being learned.
    acts_learning,
    /// Acts that were held.
    acts_held,
    /// Searches among neighbours.
    searches,
    /// Rows that searches compared.
    rows_compared,
    /// Rows that they would have compared in full: all that are learned, in memory or not.
    rows_in_reach,
    /// Rows written to the store.
    rows_saved,
    /// Writes that failed and were tried again.
    failed_saves,
    /// People's decisions that were applied.
    feedback,
    /// Writes that could not be finished before the end.
    unsaved_at_close,
}

impl Counters {
    /// Notes a search among `all` rows that compared `compared`.
    pub(crate) fn compared(&self, compared: usize, all: usize) {
        self.searches(1);
        self.rows_compared(compared as u64);
        self.rows_in_reach(all as u64);
    }

    /// Notes that there was no room for a row.
    pub(crate) fn no_room(&self) {
        self.without_room(1);
    }
}
