//! Chance that can be had again.

use std::env;

/// Gives the same numbers for the same seed.
pub(crate) struct Random(u64);

impl Random {
    /// From `ANOMALY_TEST_SEED`, else from the clock: what fails once is run again with the seed that it printed.
    pub(crate) fn new() -> (Self, u64) {
        let chosen = env::var("ANOMALY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = chosen.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| u64::from(now.subsec_nanos()) + now.as_secs())
        });
        (Self::of(seed), seed)
    }

    pub(crate) fn of(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike; zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one: xorshift64*.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }
}
