//! A map that is never changed: another one is made of it, which costs in proportion to what changes.
//!
//! The entries are spread over many small tables. A changed map shares with the old one every table that did not change.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

/// The number of tables. A change copies one of them, and as many pointers as there are tables.
const TABLES: usize = 1024;

/// Takes eight bytes of a key as they are: the key must be as good as random in them, or a running number.
#[derive(Clone, Default)]
pub struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_i64(&mut self, number: i64) {
        // Neighbours land in different tables and differ in the bits that a table looks at.
        self.0 = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    // The length of an array, which `Hash` for slices announces, must not overwrite anything.
    fn write_usize(&mut self, _: usize) {}
}

type Table<K, V> = HashMap<K, V, BuildHasherDefault<Plain>>;

/// The map.
#[derive(Clone, Debug)]
pub struct Shards<K, V> {
    tables: Box<[Arc<Table<K, V>>]>,
    len: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(Table::default());
        Self { tables: vec![empty; TABLES].into(), len: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    fn table_of(key: &K) -> usize {
        // The middle bits: a table looks at the lowest and the highest ones.
        (BuildHasherDefault::<Plain>::default().hash_one(key) >> 32) as usize % TABLES
    }

    /// What stands under `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.tables.get(Self::table_of(key))?.get(key)
    }

    /// Puts `value` under `key`; tables that another map shares are copied first.
    pub fn insert(&mut self, key: K, value: V) {
        if let Some(table) = self.tables.get_mut(Self::table_of(&key))
            && Arc::make_mut(table).insert(key, value).is_none()
        {
            self.len += 1;
        }
    }

    /// Takes away what stands under `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let table = self.tables.get_mut(Self::table_of(key)).filter(|table| table.contains_key(key))?;
        let removed = Arc::make_mut(table).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Everything, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.tables.iter().flat_map(|table| table.values())
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_map_leaves_the_first_as_it_was() {
        let mut first = Shards::<i64, i64>::default();
        for n in 0..10_000 {
            first.insert(n, n);
        }
        let mut second = first.clone();
        second.insert(7, 70);
        second.insert(10_000, 1);
        assert_eq!((second.remove(&8), second.remove(&8), second.remove(&-1)), (Some(8), None, None));
        assert_eq!(
            (first.get(&7), first.get(&8), first.get(&10_000), first.count()),
            (Some(&7), Some(&8), None, 10_000)
        );
        assert_eq!((second.get(&7), second.get(&8), second.get(&10_000)), (Some(&70), None, Some(&1)));
        assert_eq!((second.count(), second.values().count()), (10_000, 10_000));
        let shared = first.tables.iter().zip(&second.tables).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert!(shared >= TABLES - 3, "{shared}");
    }

    #[test]
    fn keys_are_spread() {
        let mut map = Shards::<i64, ()>::default();
        for n in 0..100_000 {
            map.insert(n, ());
        }
        let fullest = map.tables.iter().map(|table| table.len()).max();
        assert!(fullest < Some(300), "{fullest:?}");
        let hash = |bytes: [u8; 32]| BuildHasherDefault::<Plain>::default().hash_one(bytes);
        assert_eq!(hash([1; 32]), 0x0101_0101_0101_0101);
    }
}
