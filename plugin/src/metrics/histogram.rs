//! How long things take, countable from many threads and readable by another.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets per doubling: bounds grow by a quarter, so a quantile is at most a quarter too high.
const PER_DOUBLING: u32 = 4;

/// Doublings, from 2^5 ns up to 2^33 ns, some 8.6 s.
const DOUBLINGS: u32 = 28;

/// The shortest time that is told from shorter ones is 2^5 ns.
const SMALLEST: u32 = 5;

const BUCKETS: usize = (DOUBLINGS * PER_DOUBLING) as usize;

/// Counts by duration.
#[derive(Debug)]
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0[bucket(nanoseconds)].fetch_add(1, Relaxed);
    }

    /// The smallest bound, in nanoseconds, that at least this share of all counts is not above; 0 without any count.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in counts.into_iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return bound(bucket);
            }
        }
        0
    }
}

/// The bucket of a duration: those below and above all bounds go to the first and to the last.
fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < 1 << SMALLEST {
        return 0;
    }
    let doubling = nanoseconds.ilog2();
    let quarter = (nanoseconds >> (doubling - 2)) & 3;
    let position = (doubling - SMALLEST) * PER_DOUBLING + quarter as u32;
    (position as usize).min(BUCKETS - 1)
}

/// The end of a bucket, in nanoseconds.
fn bound(bucket: usize) -> u64 {
    let (doubling, quarter) = (bucket as u32 / PER_DOUBLING + SMALLEST, bucket as u64 % 4);
    (1 << doubling) + ((quarter + 1) << (doubling - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_below_the_end_of_its_bucket_and_not_far() {
        for nanoseconds in (32..100_000).chain([1 << 20, (1 << 30) + 12_345, 8_000_000_000]) {
            let end = bound(bucket(nanoseconds));
            assert!(end > nanoseconds, "{nanoseconds} in a bucket that ends at {end}");
            assert!(end <= nanoseconds + nanoseconds / 4 + 1, "{nanoseconds} in a bucket that ends at {end}");
        }
        for extreme in [0, 1, u64::MAX] {
            assert!(bucket(extreme) < BUCKETS);
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), 0);
        for _ in 0..99 {
            histogram.record(Duration::from_nanos(1_000));
        }
        histogram.record(Duration::from_micros(100));
        assert_eq!(histogram.quantile(0.5), 1_024);
        assert_eq!(histogram.quantile(0.99), 1_024);
        assert_eq!(histogram.quantile(1.0), 114_688);
    }
}
