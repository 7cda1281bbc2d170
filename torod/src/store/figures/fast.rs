//! Maps of small numbers that are asked millions of times: the standard hash guards against strangers, and these are our own.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by numbers of ours.
pub(in crate::store) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// A set of numbers of ours.
pub(in crate::store) type FastSet<K> = HashSet<K, BuildHasherDefault<Mixer>>;

/// Multiplies and turns; good enough for numbers that were counted up.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            self.write_u64(u64::from_le_bytes(*eight));
        }
        for byte in rest {
            self.write_u64((*byte).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
