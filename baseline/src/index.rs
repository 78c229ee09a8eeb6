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
const PROBED: usize = 2_048;

/// The share of all rows that a query compares above [`EXACT`]: one in so many, added to [`PROBED`].
const PROBED_SHARE: usize = 16;

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
#[derive(Debug, Clone, Default)]
struct List {
    /// Sum of the vectors, for the centroid.
    sum: Vec<f32>,
    /// The sum's direction, quantised.
    centroid: Vec<i8>,
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

    /// The rows whose vectors are nearest by cosine, at most `k`, each with the cosine as far as bytes can tell, in no
    /// order; and how many rows were compared.
    pub(crate) fn nearest<'s>(
        &self,
        vector: &Vector,
        k: usize,
        scratch: &'s mut Scratch,
    ) -> (impl Iterator<Item = (f32, u32)> + 's, usize) {
        let query = quantise(vector);
        let Scratch { order, candidates } = scratch;
        candidates.clear();
        let enough = if self.len <= EXACT { self.len } else { PROBED + self.len / PROBED_SHARE };
        order.clear();
        if self.len <= enough {
            order.extend((0..self.lists.len() as u32).map(|list| (0.0, list)));
        } else {
            let similarity = |list: &List| dot(&query, &list.centroid) as f32;
            order.extend(self.lists.iter().zip(0..).map(|(list, number)| (similarity(list), number)));
            order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        }
        let mut compared = 0;
        for &(_, list) in &*order {
            if compared >= enough {
                break;
            }
            let List { bytes, inverse_norms, rows, .. } = &self.lists[list as usize];
            let vectors = bytes.as_chunks::<DIMENSIONS>().0;
            candidates.extend(
                vectors
                    .iter()
                    .zip(inverse_norms)
                    .zip(rows)
                    .map(|((bytes, inverse), &row)| (dot(&query, bytes) as f32 * inverse, row)),
            );
            compared += rows.len();
        }
        if candidates.len() > k {
            candidates.select_nth_unstable_by(k, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            candidates.truncate(k);
        }
        let inverse = inverse_norm(&query);
        (candidates.iter().map(move |&(similarity, row)| (similarity * inverse, row)), compared)
    }

    fn nearest_list(&mut self, bytes: &Bytes) -> usize {
        if self.lists.is_empty() {
            self.lists.push(List {
                sum: vec![0.0; DIMENSIONS],
                centroid: vec![0; DIMENSIONS],
                ..List::default()
            });
        }
        let best = self.lists.iter().enumerate().max_by_key(|(_, list)| dot(bytes, &list.centroid));
        best.map_or(0, |(number, _)| number)
    }

    fn push(&mut self, list: usize, row: u32, bytes: &Bytes) {
        let position = self.lists[list].rows.len() as u32;
        if self.places.len() <= row as usize {
            self.places.resize(row as usize + 1, None);
        }
        self.places[row as usize] = Some(Place { list: list as u32, position });
        let list = &mut self.lists[list];
        for (sum, &byte) in list.sum.iter_mut().zip(bytes) {
            *sum += f32::from(byte);
        }
        list.bytes.extend_from_slice(bytes);
        list.inverse_norms.push(inverse_norm(bytes));
        list.rows.push(row);
        list.recentre();
    }

    /// Splits a list in two by two-means, seeded with its first vector and the one farthest from it.
    fn split(&mut self, number: usize) {
        let List { bytes, rows, .. } = std::mem::take(&mut self.lists[number]);
        let vectors = bytes.as_chunks::<DIMENSIONS>().0;
        let farthest = vectors.iter().min_by_key(|vector| dot(&vectors[0], *vector)).unwrap_or(&vectors[0]);
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
        let empty = || List { sum: vec![0.0; DIMENSIONS], centroid: vec![0; DIMENSIONS], ..List::default() };
        self.lists[number] = empty();
        self.lists.push(empty());
        let other = self.lists.len() - 1;
        for (position, (vector, row)) in vectors.iter().zip(rows).enumerate() {
            let second = if same { position % 2 == 1 } else { in_second[position] };
            self.push(if second { other } else { number }, row, vector);
        }
    }
}

impl List {
    fn recentre(&mut self) {
        self.centroid.copy_from_slice(&direction(&self.sum));
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
fn dot(a: &Bytes, b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
