//! Feature sets in eight bytes a feature, and how much two of them share.
//!
//! A hash's lowest five bits give way to the feature's class: fifty-nine bits are as good as sixty-four for telling
//! features apart, and a row's features are then one sorted slice of integers that is compared by merging.

use anomaly_vectorizer::{Feature, FeatureClass};

/// A feature: fifty-nine bits of hash and five of class.
pub(crate) type Packed = u64;

const CLASS_BITS: u64 = 0x1f;

/// Squared weight by class.
const SQUARES: [f32; CLASS_BITS as usize + 1] = {
    let mut squares = [0.0; CLASS_BITS as usize + 1];
    let mut class = 0;
    while class < FeatureClass::ALL.len() {
        let weight = FeatureClass::ALL[class].weight();
        squares[class] = weight * weight;
        class += 1;
    }
    squares
};

/// Packs one feature.
pub(crate) fn pack(feature: Feature) -> Packed {
    feature.hash & !CLASS_BITS | feature.class as u64
}

/// Packs a set into `packed`, sorted, whatever that held before.
pub(crate) fn pack_all(features: &[Feature], packed: &mut Vec<Packed>) {
    packed.clear();
    packed.extend(features.iter().copied().map(pack));
    packed.sort_unstable();
    packed.dedup();
}

/// Whether a feature is of this class.
pub(crate) fn is_of(packed: Packed, class: FeatureClass) -> bool {
    packed & CLASS_BITS == class as u64
}

/// The class's discriminant.
pub(crate) fn class(packed: Packed) -> Option<FeatureClass> {
    FeatureClass::from_u8((packed & CLASS_BITS) as u8)
}

/// A feature's squared weight.
pub(crate) fn square(packed: Packed) -> f32 {
    SQUARES[(packed & CLASS_BITS) as usize]
}

/// W(S): the sum of squared weights.
pub(crate) fn total(set: &[Packed]) -> f32 {
    set.iter().copied().map(square).sum()
}

/// W of what two sorted sets share.
pub(crate) fn shared(a: &[Packed], b: &[Packed]) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        if x == y {
            sum += square(x);
        }
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    sum
}

/// A set that many others are compared with: a table of its features at places that their hashes name.
///
/// Merging two sorted slices takes a branch per feature that no processor can foresee. Here nearly every look-up finds
/// an empty place at once, which makes the comparison five times as fast.
pub(crate) struct Lookup<'a> {
    set: &'a [Packed],
    places: [Packed; PLACES],
}

/// Places of a [`Lookup`]: four times as many as an execution has features at most.
const PLACES: usize = 512;

/// No feature: no class has this discriminant.
const EMPTY: Packed = Packed::MAX;

impl<'a> Lookup<'a> {
    /// For a sorted set. One that is too large for the table is compared by merging.
    pub(crate) fn new(set: &'a [Packed]) -> Self {
        let mut places = [EMPTY; PLACES];
        if set.len() <= PLACES / 2 {
            for &feature in set {
                let mut place = Self::place(feature);
                while places[place] != EMPTY {
                    place = (place + 1) % PLACES;
                }
                places[place] = feature;
            }
        }
        Self { set, places }
    }

    /// W of what this set shares with another sorted one.
    pub(crate) fn shared(&self, other: &[Packed]) -> f32 {
        if self.set.len() > PLACES / 2 {
            return shared(self.set, other);
        }
        let mut sum = 0.0;
        for &feature in other {
            let mut place = Self::place(feature);
            loop {
                match self.places[place] {
                    EMPTY => break,
                    here if here == feature => {
                        sum += square(feature);
                        break;
                    }
                    _ => place = (place + 1) % PLACES,
                }
            }
        }
        sum
    }

    /// Where a feature stands if nothing stands there: its hash's highest bits.
    fn place(feature: Packed) -> usize {
        (feature >> (Packed::BITS - PLACES.ilog2())) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Features whose hashes often name the same place.
    fn feature() -> impl Strategy<Value = Packed> {
        (0u64..4, 0u64..64, 0u64..21).prop_map(|(high, low, class)| high << 55 | low << 5 | class)
    }

    proptest! {
        #[test]
        fn sharing_is_what_sets_share(
            a in proptest::collection::btree_set(0u64..64, 0..40),
            b in proptest::collection::btree_set(0u64..64, 0..40),
        ) {
            let slow: f32 = a.intersection(&b).copied().map(square).sum();
            let a: Vec<_> = a.into_iter().collect();
            let b: Vec<_> = b.into_iter().collect();
            prop_assert!((shared(&a, &b) - slow).abs() < 1e-4);
            prop_assert!((shared(&a, &a) - total(&a)).abs() < 1e-4);
        }

        #[test]
        fn looking_up_is_merging(
            a in proptest::collection::btree_set(feature(), 0..400),
            b in proptest::collection::btree_set(feature(), 0..100),
        ) {
            let a: Vec<_> = a.into_iter().collect();
            let b: Vec<_> = b.into_iter().collect();
            // To the last bit: both add in the order of the features.
            prop_assert_eq!(Lookup::new(&a).shared(&b).to_bits(), shared(&a, &b).to_bits());
        }
    }
}
