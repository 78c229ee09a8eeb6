//! Nearest neighbours among a workload's learned vectors.
//!
//! A pre-filter: it proposes candidates by cosine of the 128-dimensional vectors, and the exact comparison of features
//! decides among them. So vectors are kept as bytes, a quarter of the memory and of the time of floats. Up to
//! [`EXACT`] rows every vector is compared. Above, they lie in lists around centroids, and the nearest lists are
//! scanned until enough rows were compared: an inverted file that needs no training, because a list that grows too
//! long is split in two on the spot. Time per query is bounded whatever the size; the share of rows compared is known.

use anomaly_vectorizer::{DIMENSIONS, Vector};

/// Up to how many rows a query compares all of them.
const EXACT: usize = 2_048;

/// How many rows a query compares above that, at least, beside a share of all.
const PROBED: usize = 1_024;

/// The share of all rows that a query compares above [`EXACT`]: one in so many, added to [`PROBED`].
const PROBED_SHARE: usize = 32;

/// How many times `k` candidates gather before the best are kept.
const CROWD: usize = 4;

/// How long a list may grow before it is split.
const LIST: usize = 256;

/// Rounds of two-means when a list is split.
const ROUNDS: usize = 4;

type Bytes = [i8; DIMENSIONS];

/// A row's place among the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    list: u32,
    position: u32,
}

/// Vectors that lie near each other.
#[derive(Debug, Clone)]
struct List {
    /// Sum of the vectors, whose direction is the centroid.
    sum: Vec<f32>,
    /// The vectors, one after another.
    bytes: Vec<i8>,
    /// 1 / norm of each vector as quantised.
    inverse_norms: Vec<f32>,
    /// Which row each is.
    rows: Vec<u32>,
}

/// Vectors by row number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    lists: Vec<List>,
    /// The lists' centroids, quantised: one beside the other, because every query and every insertion reads them all.
    centroids: Vec<Bytes>,
    /// By row number.
    places: Vec<Option<Place>>,
    len: usize,
}

/// What a query needs to work in, kept between queries so that none allocates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    order: Vec<(f32, u32)>,
    candidates: Vec<(f32, u32)>,
}

impl Index {
    /// How many vectors there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What all of this takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let of_list = |list: &List| {
            list.sum.capacity() * size_of::<f32>()
                + list.bytes.capacity()
                + (list.inverse_norms.capacity() + list.rows.capacity()) * size_of::<u32>()
        };
        self.lists.iter().map(of_list).sum::<usize>()
            + self.lists.capacity() * size_of::<List>()
            + self.centroids.capacity() * size_of::<Bytes>()
            + self.places.capacity() * size_of::<Option<Place>>()
    }

    /// Adds a row's vector. The row must not be in it.
    pub(crate) fn insert(&mut self, row: u32, vector: &Vector) {
        let bytes = quantise(vector);
        let list = self.nearest_list(&bytes);
        self.push(list, row, &bytes);
        self.len += 1;
        if self.lists[list].rows.len() > LIST {
            self.split(list);
        }
    }

    /// Removes a row's vector, if it is there.
    pub(crate) fn remove(&mut self, row: u32) {
        let Some(Place { list, position }) = self.places.get_mut(row as usize).and_then(Option::take) else {
            return;
        };
        self.len -= 1;
        let list = &mut self.lists[list as usize];
        let (position, last) = (position as usize, list.rows.len() - 1);
        for (sum, &byte) in list.sum.iter_mut().zip(&list.bytes[position * DIMENSIONS..]) {
            *sum -= f32::from(byte);
        }
        list.bytes.copy_within(last * DIMENSIONS.., position * DIMENSIONS);
        list.bytes.truncate(last * DIMENSIONS);
        list.inverse_norms.swap_remove(position);
        list.rows.swap_remove(position);
        if let Some(&moved) = list.rows.get(position)
            && let Some(place) = &mut self.places[moved as usize]
        {
            place.position = position as u32;
        }
    }

    /// The rows whose vectors are nearest by cosine among all, or, unless `exact`, among enough of them: at most `k`, each with the cosine as far as bytes can tell, in no
    /// order; and how many rows were compared.
    pub(crate) fn nearest<'s>(
        &self,
        vector: &Vector,
        k: usize,
        exact: bool,
        scratch: &'s mut Scratch,
    ) -> (impl Iterator<Item = (f32, u32)> + 's, usize) {
        let query = quantise(vector);
        let Scratch { order, candidates } = scratch;
        candidates.clear();
        let enough = if exact || self.len <= EXACT { self.len } else { PROBED + self.len / PROBED_SHARE };
        order.clear();
        if self.len <= enough {
            order.extend((0..self.lists.len() as u32).map(|list| (0.0, list)));
        } else {
            order.extend(
                self.centroids.iter().zip(0..).map(|(centroid, list)| (dot(&query, centroid) as f32, list)),
            );
            order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        }
        let mut compared = 0;
        // The k-th best similarity so far: what is not above it need not be kept.
        let mut worst = f32::NEG_INFINITY;
        for &(_, list) in &*order {
            if compared >= enough {
                break;
            }
            let List { bytes, inverse_norms, rows, .. } = &self.lists[list as usize];
            let vectors = bytes.as_chunks::<DIMENSIONS>().0;
            for ((bytes, inverse), &row) in vectors.iter().zip(inverse_norms).zip(rows) {
                let similarity = dot(&query, bytes) as f32 * inverse;
                if similarity > worst {
                    candidates.push((similarity, row));
                    if candidates.len() >= CROWD * k {
                        worst = keep_best(candidates, k);
                    }
                }
            }
            compared += rows.len();
        }
        keep_best(candidates, k);
        let inverse = inverse_norm(&query);
        (candidates.iter().map(move |&(similarity, row)| (similarity * inverse, row)), compared)
    }

    fn nearest_list(&mut self, bytes: &Bytes) -> usize {
        if self.lists.is_empty() {
            self.add_list();
        }
        let best = self.centroids.iter().enumerate().max_by_key(|(_, centroid)| dot(bytes, centroid));
        best.map_or(0, |(list, _)| list)
    }

    fn add_list(&mut self) {
        self.lists.push(List::new());
        self.centroids.push([0; DIMENSIONS]);
    }

    fn push(&mut self, number: usize, row: u32, bytes: &Bytes) {
        let list = &mut self.lists[number];
        let position = list.rows.len() as u32;
        if self.places.len() <= row as usize {
            self.places.resize(row as usize + 1, None);
        }
        self.places[row as usize] = Some(Place { list: number as u32, position });
        for (sum, &byte) in list.sum.iter_mut().zip(bytes) {
            *sum += f32::from(byte);
        }
        list.bytes.extend_from_slice(bytes);
        list.inverse_norms.push(inverse_norm(bytes));
        list.rows.push(row);
        self.centroids[number] = direction(&list.sum);
    }

    /// Splits a list in two by two-means, seeded with its first vector and the one farthest from it.
    fn split(&mut self, number: usize) {
        let List { bytes, rows, .. } = std::mem::replace(&mut self.lists[number], List::new());
        let vectors = bytes.as_chunks::<DIMENSIONS>().0;
        let farthest = vectors.iter().min_by_key(|vector| dot(&vectors[0], vector)).unwrap_or(&vectors[0]);
        let mut centres = [vectors[0], *farthest];
        let mut in_second = vec![false; vectors.len()];
        for _ in 0..ROUNDS {
            let mut sums = [[0.0f32; DIMENSIONS]; 2];
            for (vector, second) in vectors.iter().zip(&mut in_second) {
                *second = dot(&centres[1], vector) > dot(&centres[0], vector);
                for (sum, &byte) in sums[usize::from(*second)].iter_mut().zip(vector) {
                    *sum += f32::from(byte);
                }
            }
            centres = sums.map(|sum| direction(&sum));
        }
        // Vectors that are all alike cannot be told apart; halves keep the lists short all the same.
        let same = in_second.iter().all(|&second| second == in_second[0]);
        self.add_list();
        let other = self.lists.len() - 1;
        for (position, (vector, row)) in vectors.iter().zip(rows).enumerate() {
            let second = if same { position % 2 == 1 } else { in_second[position] };
            self.push(if second { other } else { number }, row, vector);
        }
    }
}

/// Keeps the `k` best, the lower row where two tie, and tells the worst of them.
fn keep_best(candidates: &mut Vec<(f32, u32)>, k: usize) -> f32 {
    if candidates.len() <= k || k == 0 {
        return f32::NEG_INFINITY;
    }
    let (_, &mut (worst, _), _) =
        candidates.select_nth_unstable_by(k - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    candidates.truncate(k);
    worst
}

impl List {
    fn new() -> Self {
        Self { sum: vec![0.0; DIMENSIONS], bytes: Vec::new(), inverse_norms: Vec::new(), rows: Vec::new() }
    }
}

/// A unit vector's components in 127ths.
fn quantise(vector: &Vector) -> Bytes {
    vector.map(|component| (component * 127.0).round() as i8)
}

/// The direction of a sum of vectors, in 127ths.
fn direction(sum: &[f32]) -> Bytes {
    let norm = sum.iter().map(|component| component * component).sum::<f32>().sqrt();
    let scale = if norm > 0.0 { 127.0 / norm } else { 0.0 };
    std::array::from_fn(|dimension| (sum[dimension] * scale).round() as i8)
}

fn inverse_norm(bytes: &Bytes) -> f32 {
    match dot(bytes, bytes) {
        0 => 0.0,
        square => 1.0 / (square as f32).sqrt(),
    }
}

/// The dot product of two quantised vectors.
fn dot(a: &Bytes, b: &Bytes) -> i32 {
    <i8 as simsimd::SpatialSimilarity>::dot(a, b).unwrap_or(0.0) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Unit vectors with about as many components as an execution has features, in loose groups.
    fn vector(seed: u64) -> Vector {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut group = (seed % 40) * 3;
        let mut vector = [0.0; DIMENSIONS];
        for component in 0..18 {
            let dimension = if component < 9 { group as usize } else { (next() % 128) as usize };
            group = (group * 7 + 5) % 128;
            vector[dimension] += if next() % 2 == 0 || component < 9 { 1.0 } else { -1.0 };
        }
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.map(|component| component / norm)
    }

    fn filled(rows: u32) -> Index {
        let mut index = Index::default();
        (0..rows).for_each(|row| index.insert(row, &vector(u64::from(row) + 1)));
        index
    }

    fn best(index: &Index, query: &Vector, exact: bool) -> (i32, usize) {
        let mut scratch = Scratch::default();
        let (found, compared) = index.nearest(query, 64, exact, &mut scratch);
        let best = found.map(|(similarity, _)| similarity).max_by(f32::total_cmp).unwrap_or(-1.0);
        ((best * 1e5) as i32, compared)
    }

    #[test]
    fn a_part_of_the_rows_is_compared_and_the_best_is_found_all_the_same() {
        let index = filled(20_000);
        let queries = 400;
        let mut found = 0;
        for query in 0..queries {
            let query = vector(1_000_000 + query);
            let (near, compared) = best(&index, &query, false);
            let (exact, all) = best(&index, &query, true);
            assert_eq!(all, 20_000);
            assert!(compared < 20_000 / 8, "{compared}");
            found += u64::from(near == exact);
        }
        assert!(found * 100 >= queries * 97, "{found} of {queries}");
    }

    #[test]
    fn a_vector_finds_itself() {
        let index = filled(5_000);
        for row in (0..5_000).step_by(37) {
            let mut scratch = Scratch::default();
            let (mut found, _) = index.nearest(&vector(u64::from(row) + 1), 64, false, &mut scratch);
            assert!(found.any(|(_, candidate)| candidate == row), "{row}");
        }
    }

    #[test]
    fn vectors_that_are_all_alike_do_not_make_one_long_list() {
        let mut index = Index::default();
        (0..5_000).for_each(|row| index.insert(row, &vector(1)));
        assert!(index.lists.iter().all(|list| list.rows.len() <= LIST));
        assert_eq!(index.len(), 5_000);
    }

    #[test]
    fn nothing_is_near_in_an_empty_index() {
        let mut scratch = Scratch::default();
        assert_eq!(Index::default().nearest(&vector(1), 64, false, &mut scratch).0.count(), 0);
    }

    proptest! {
        /// Whatever is inserted and removed, exactly what is left is found.
        #[test]
        fn what_is_removed_is_gone(removed in proptest::collection::vec(0u32..600, 0..600)) {
            let mut index = filled(600);
            let mut left: std::collections::BTreeSet<u32> = (0..600).collect();
            for row in removed {
                index.remove(row);
                left.remove(&row);
            }
            prop_assert_eq!(index.len(), left.len());
            let mut scratch = Scratch::default();
            let (found, _) = index.nearest(&vector(1), 1_000, true, &mut scratch);
            prop_assert_eq!(found.map(|(_, row)| row).collect::<std::collections::BTreeSet<_>>(), left);
        }
    }
}
