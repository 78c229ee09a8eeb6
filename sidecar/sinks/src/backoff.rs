//! How long to wait before a batch is sent again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(250);

/// After many.
const LONGEST: Duration = Duration::from_secs(30);

/// However long a server asks to be left alone, it is asked again after this.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Twice as long after each failure up to half a minute, of which a random half is left out: machines that lost the same
/// server do not come back to it in the same moment. `failures` counts from 1; `asked` is what the server asked for.
pub(crate) fn delay(failures: u32, asked: Option<Duration>, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let fraction = 0.5 + 0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64;
    longest.mul_f64(fraction).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// A number that other machines do not draw at the same time.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_up_to_half_a_minute() {
        let seconds =
            [1, 2, 3, 7, 8, 40].map(|failures| delay(failures, None, u64::MAX).as_secs_f64().round());
        assert_eq!(seconds, [0.0, 1.0, 1.0, 16.0, 30.0, 30.0]);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_up_to_a_bound() {
        assert_eq!(delay(1, Some(Duration::from_secs(9)), 0), Duration::from_secs(9));
        assert_eq!(delay(1, Some(Duration::from_secs(90_000)), 0), LONGEST_ASKED);
    }

    proptest! {
        #[test]
        fn at_least_half_and_never_more(failures in any::<u32>(), random in any::<u64>()) {
            let (least, most) = (delay(failures, None, 0), delay(failures, None, u64::MAX));
            let drawn = delay(failures, None, random);
            prop_assert!(least <= drawn && drawn <= most && most <= LONGEST && most <= least * 2);
        }
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(random(), random());
    }
}
