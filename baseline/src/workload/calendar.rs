//! The days of a workload: what begins with one, and what is forgotten by then.
//!
//! Days come from clocks, and clocks jump. One that jumps ahead begins a day like any other. One that jumps back begins
//! none, because out of two feeds, or around midnight, executions come late; but where a second day goes by behind the
//! last one, and nothing on that, it was the last one that was wrong: the calendar is turned back to where the clock is.
//! Otherwise a minute in 2040 would stop the days, and with them the alert budget and the retention, until then.

use super::{Shared, Workload};
use crate::history::{Today, WINDOW};
use crate::retention::{Fate, fate_of};
use crate::row::{Day, DaySet, RowState, Timestamp, WorkloadRecord};
use crate::rows::Unsaved;

impl Workload {
    /// Begins a new day where this is one.
    pub(super) fn roll(&mut self, day: Day, time: Timestamp, shared: &Shared) {
        if day > self.today.day {
            self.behind = None;
            self.today = Today::new(day);
            self.own.roll(day);
            if let Some(cold) = self.cold_mut() {
                cold.roll(day.saturating_sub(WINDOW));
            }
            self.calibrate(shared);
        } else if day >= self.today.day.saturating_sub(1) {
            self.behind = None;
        } else {
            match self.behind {
                Some(first) if day > first => self.turn_back(first, day, time, shared),
                first => self.behind = Some(first.map_or(day, |first| first.min(day))),
            }
        }
    }

    /// Today is `day`, and what was later never was. Rows follow with the next [`sweep`](Self::sweep).
    fn turn_back(&mut self, first: Day, day: Day, time: Timestamp, shared: &Shared) {
        let WorkloadRecord { last_seen, first_day, days, recent, .. } = &mut self.record;
        *days = days.until(day);
        days.insert(first);
        days.insert(day);
        *first_day = first.min(*first_day);
        *last_seen = time.min(*last_seen);
        recent.last_far = time.min(recent.last_far);
        self.behind = None;
        self.today = Today::new(day);
        self.own.turn_back(day);
        self.calibrate(shared);
        self.unsaved.record = true;
    }

    pub(super) fn count_execution(&mut self, time: Timestamp, day: Day) {
        let WorkloadRecord { executions, first_seen, last_seen, days, .. } = &mut self.record;
        *executions = executions.saturating_add(1);
        // A warm-up that began in the future would last until then.
        *first_seen = time.min(*first_seen);
        *last_seen = time.max(*last_seen);
        days.insert(day);
        self.unsaved.record = true;
    }

    /// Forgets rows among the numbers from `start`, at most `most` of them. Returns where to go on, or `None` at the
    /// end. In small steps, because whoever scores an execution waits meanwhile.
    pub(crate) fn sweep(&mut self, start: u32, most: u32, shared: &Shared) -> Option<u32> {
        let calendar = self.record.days;
        let end = self.rows.end().min(start.saturating_add(most));
        for number in start..end {
            self.return_from_the_future(number, &calendar);
            let Some(row) = self.rows.get(number) else { continue };
            // What others alone know is forgotten by whoever tells it.
            let Some(own) = row.own_state() else { continue };
            match fate_of(own, &row.days, &calendar, shared.settings.retention_days) {
                Fate::Keep => {}
                Fate::Forget => {
                    self.settle(number, Some(RowState::Forgotten), shared);
                    self.mark(number, Unsaved::Row);
                }
                Fate::Delete => self.drop_own(number, shared),
            }
        }
        (end < self.rows.end()).then_some(end)
    }

    /// Adds to `due` rows that are not in memory and that a sweep would change today, of some hundred after `start`.
    /// Returns where to go on, or `None` at the end.
    pub(crate) fn due(&self, start: Option<u128>, due: &mut Vec<u128>, shared: &Shared) -> Option<u128> {
        self.cold()?.due(start, &self.record.days, shared.settings.retention_days, due)
    }

    /// Whether a sweep would change nothing today among the rows in memory.
    pub(crate) fn is_swept(&self, shared: &Shared) -> bool {
        let calendar = self.record.days;
        let rows = (0..self.rows.end()).filter_map(|number| self.rows.get(number));
        rows.filter_map(|row| Some((row.own_state()?, row))).all(|(own, row)| {
            let fate = fate_of(own, &row.days, &calendar, shared.settings.retention_days);
            matches!(fate, Fate::Keep) && row.days.last <= calendar.last
        })
    }

    /// A row of days that the calendar was turned back from was seen lately.
    fn return_from_the_future(&mut self, number: u32, calendar: &DaySet) {
        let Some(row) = self.rows.get_mut(number).filter(|row| row.days.last > calendar.last) else { return };
        if calendar.is_empty() {
            return;
        }
        row.days = row.days.until(calendar.last);
        row.days.insert(calendar.last);
        row.first_day = row.first_day.min(calendar.last);
        self.mark(number, Unsaved::Row);
    }
}
