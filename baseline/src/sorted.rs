//! A sorted map for a million small entries: pages of sorted keys with their values beside them.
//!
//! A hash map of them takes twice the memory and now and then all of it twice over, when it grows; one sorted array
//! would be rewritten whole for every entry. Here an entry costs its own size and little more, and adding one moves a
//! page: some microseconds, however many there are. A page that grows too long is split in two.

/// How many entries a page may have before it is split.
const PAGE: usize = 512;

/// How many entries a page grows by: room that is never used is memory that is.
const GROWTH: usize = 32;

/// A map from keys to values, sorted by key.
#[derive(Debug, Clone)]
pub(crate) struct Sorted<K, V> {
    /// A lower bound of the keys of each page.
    firsts: Vec<K>,
    pages: Vec<Page<K, V>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Page<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { firsts: Vec::new(), pages: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Copy, V: Copy> Sorted<K, V> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.place(key).is_ok()
    }

    pub(crate) fn get(&self, key: K) -> Option<V> {
        let (page, position) = self.place(key).ok()?;
        Some(self.pages[page].values[position])
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let (page, position) = self.place(key).ok()?;
        Some(&mut self.pages[page].values[position])
    }

    /// Adds an entry, or replaces the value of the one that is there, which it returns.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (page, position) = match self.place(key) {
            Ok((page, position)) => {
                return Some(std::mem::replace(&mut self.pages[page].values[position], value));
            }
            Err(place) => place,
        };
        if self.pages.is_empty() {
            self.firsts.push(key);
            self.pages.push(Page { keys: Vec::new(), values: Vec::new() });
        }
        self.firsts[page] = self.firsts[page].min(key);
        self.len += 1;
        let Page { keys, values } = &mut self.pages[page];
        if keys.len() == keys.capacity() {
            keys.reserve_exact(GROWTH);
            values.reserve_exact(GROWTH);
        }
        keys.insert(position, key);
        values.insert(position, value);
        if keys.len() > PAGE {
            let upper = Page { keys: keys.split_off(PAGE / 2), values: values.split_off(PAGE / 2) };
            keys.shrink_to(PAGE / 2 + GROWTH);
            values.shrink_to(PAGE / 2 + GROWTH);
            self.firsts.insert(page + 1, upper.keys[0]);
            self.pages.insert(page + 1, upper);
        }
        None
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let (page, position) = self.place(key).ok()?;
        self.len -= 1;
        let Page { keys, values } = &mut self.pages[page];
        keys.remove(position);
        let value = values.remove(position);
        if keys.is_empty() {
            self.pages.remove(page);
            self.firsts.remove(page);
        }
        Some(value)
    }

    /// Entries with keys above `key`, or from the first on: those of one page, and none at the end. For going through
    /// all of them a page at a time while they change.
    pub(crate) fn after(&self, key: Option<K>) -> impl Iterator<Item = (K, V)> + '_ {
        let page = key.map_or(0, |key| self.page(key));
        let above = |page: &Page<K, V>| key.map_or(0, |key| page.keys.partition_point(|other| *other <= key));
        // The page of a key may end with it.
        let found = self.pages.iter().skip(page).map(|page| (page, above(page)));
        let found = found.into_iter().find(|(page, start)| *start < page.keys.len());
        found.into_iter().flat_map(|(Page { keys, values }, start)| {
            keys[start..].iter().copied().zip(values[start..].iter().copied())
        })
    }

    /// Gives back the room that pages have to grow.
    pub(crate) fn shrink(&mut self) {
        for Page { keys, values } in &mut self.pages {
            keys.shrink_to_fit();
            values.shrink_to_fit();
        }
    }

    /// What it takes in memory beside itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let page = |page: &Page<K, V>| {
            page.keys.capacity() * size_of::<K>() + page.values.capacity() * size_of::<V>() + 2 * ALLOCATION
        };
        self.pages.iter().map(page).sum::<usize>()
            + self.firsts.capacity() * size_of::<K>()
            + self.pages.capacity() * size_of::<Page<K, V>>()
    }

    /// The page that a key is in, if it is in any.
    fn page(&self, key: K) -> usize {
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }

    /// Where a key is, or where it would be.
    fn place(&self, key: K) -> Result<(usize, usize), (usize, usize)> {
        let number = self.page(key);
        let Some(page) = self.pages.get(number) else { return Err((number, 0)) };
        match page.keys.binary_search(&key) {
            Ok(position) => Ok((number, position)),
            Err(position) => Err((number, position)),
        }
    }
}

/// What the allocator adds to each piece of memory, about.
const ALLOCATION: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// All entries, a page at a time.
    fn all(map: &Sorted<u128, u32>) -> Vec<(u128, u32)> {
        let mut all = Vec::new();
        let mut last = None;
        loop {
            let before = all.len();
            all.extend(map.after(last));
            if all.len() == before {
                return all;
            }
            last = all.last().map(|(key, _)| *key);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0u128..3_000, any::<u32>(), prop::bool::weighted(0.7)), 0..6_000)) {
            let (mut map, mut expected) = (Sorted::default(), BTreeMap::new());
            for (key, value, insert) in steps {
                if insert {
                    prop_assert_eq!(map.insert(key, value), expected.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(key), expected.remove(&key));
                }
            }
            prop_assert_eq!(map.len(), expected.len());
            for key in 0..3_000 {
                prop_assert_eq!(map.get(key), expected.get(&key).copied());
            }
            prop_assert_eq!(all(&map), expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_entry_takes_little_more_than_itself() {
        let mut map = Sorted::default();
        let mut key = 1u128;
        for value in 0..200_000u32 {
            key = key.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            map.insert(key, value);
        }
        let each = map.bytes() / map.len();
        assert!((20..=23).contains(&each), "{each}");
    }
}
