//! How much is kept, whatever comes. Beyond, alerts are counted and no longer told apart.

/// Rules that are told apart. Falco's own three files have 93.
pub(crate) const RULES: usize = 10_000;

/// Workloads that are told apart within a rule.
pub(crate) const WORKLOADS: usize = 200;

/// Workloads of all rules together.
pub(crate) const ALL_WORKLOADS: usize = 50_000;

/// Groups of alike alerts within a rule: more than that nobody reads.
pub(crate) const GROUPS: usize = 1_000;

/// Groups of all rules together.
pub(crate) const ALL_GROUPS: usize = 50_000;

/// Different days that are told apart: more than ten years.
pub(crate) const DAYS: usize = 4_000;

/// The longest name of a rule, in bytes. Falco's longest has 72.
pub(crate) const NAME: usize = 512;

/// The longest text that is kept of an alert, in bytes.
pub(crate) const TEXT: usize = 240;
