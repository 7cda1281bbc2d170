//! Makes one entry of those that differ in nothing but their time within a stretch.

use super::{DIMS, SUMS};
use crate::store::figures::block::{Block, Sums};
use crate::store::figures::fast::FastMap;

/// When the stretch begins, and the dimensions.
type Key = (i64, [u32; DIMS]);

/// What is being made one of.
#[derive(Default)]
pub(in crate::store) struct Fold {
    places: FastMap<Key, u32>,
    entries: Vec<(Key, Sums)>,
    /// Which entry, which bin, how often; as they came.
    seen: [Vec<(u32, u8, u32)>; 2],
}

impl Fold {
    /// Takes in the entries of a block, by stretches of `stretch_ms`. `apart` says whether dimensions are told apart.
    pub(in crate::store) fn take(&mut self, block: &Block, stretch_ms: i64, apart: bool) {
        let mut places = Vec::with_capacity(block.len());
        for (at, at_ms) in block.at_ms.iter().enumerate() {
            let mut dims = [0; DIMS];
            if apart {
                for (dim, list) in dims.iter_mut().zip(&block.dims) {
                    *dim = list.get(at).copied().unwrap_or(0);
                }
            }
            let key = (at_ms - at_ms.rem_euclid(stretch_ms), dims);
            let new = self.entries.len() as u32;
            let place = *self.places.entry(key).or_insert(new);
            if place == new {
                self.entries.push((key, [0; SUMS]));
            }
            if let Some((_, sums)) = self.entries.get_mut(place as usize) {
                for (sum, list) in sums.iter_mut().zip(&block.sums) {
                    *sum = sum.saturating_add(list.get(at).copied().unwrap_or(0));
                }
            }
            places.push(place);
        }
        for (to, times) in self.seen.iter_mut().zip(&block.times) {
            for (place, (bins, counts)) in places.iter().zip(times.entries()) {
                to.extend(bins.iter().zip(counts).map(|(bin, count)| (*place, *bin, *count)));
            }
        }
    }

    /// One block of all, in the order of time.
    pub(in crate::store) fn block(self) -> Block {
        let Self { entries, seen, .. } = self;
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_unstable_by_key(|at| entries.get(*at as usize).map(|(key, _)| *key));
        let mut block = Block::default();
        let mut places = vec![0_u32; entries.len()];
        for (place, at) in (0_u32..).zip(&order) {
            let Some(((at_ms, dims), sums)) = entries.get(*at as usize) else { continue };
            block.at_ms.push(*at_ms);
            for (list, dim) in block.dims.iter_mut().zip(dims) {
                list.push(*dim);
            }
            for (list, sum) in block.sums.iter_mut().zip(sums) {
                list.push(*sum);
            }
            if let Some(to) = places.get_mut(*at as usize) {
                *to = place;
            }
        }
        for (times, mut seen) in block.times.iter_mut().zip(seen) {
            for (at, ..) in &mut seen {
                *at = places.get(*at as usize).copied().unwrap_or(0);
            }
            seen.sort_unstable();
            let (mut met, mut rest) = (Vec::new(), seen.as_slice());
            for place in 0..entries.len() as u32 {
                let (own, others) = rest.split_at(rest.partition_point(|(at, ..)| *at <= place));
                rest = others;
                met.clear();
                for (_, bin, count) in own {
                    match met.last_mut() {
                        Some((same, counted)) if same == bin => *counted = u32::saturating_add(*counted, *count),
                        _ => met.push((*bin, *count)),
                    }
                }
                times.push(&met);
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::figures::block::{Dim, Entry, Facts, Sum};

    fn entry(at_ms: i64, token: i64, total_us: i64) -> Entry {
        let mut dims = [0; DIMS];
        dims[Dim::Token as usize] = token;
        Entry::of(at_ms, dims, &Facts { total_us, cost_nanos: 5, ..Facts::default() })
    }

    #[test]
    fn entries_of_one_stretch_become_one_and_lose_nothing() {
        let mut block = Block::default();
        for (at_ms, token, us) in
            [(700_000, 1, 900), (10, 2, 300), (20, 1, 5_000), (299_999, 1, 5_000), (300_000, 1, 1)]
        {
            block.push(&entry(at_ms, token, us));
        }
        let mut fold = Fold::default();
        fold.take(&block, 300_000, true);
        let folded = fold.block();
        assert_eq!(folded.at_ms, [0, 0, 300_000, 600_000]);
        assert_eq!(folded.dim(Dim::Token), [1, 2, 1, 1]);
        assert_eq!(folded.sums[Sum::Attempts as usize], [2, 1, 1, 1]);
        assert_eq!(folded.sums[Sum::TotalUs as usize], [10_000, 300, 1, 900]);
        assert_eq!(
            folded.times[0].entries().map(|(_, counts)| counts.to_vec()).collect::<Vec<_>>(),
            [[2], [1], [1], [1]]
        );
        // Folding what was folded is folding it at once.
        let (mut again, mut whole) = (Fold::default(), Fold::default());
        again.take(&folded, 3_600_000, false);
        whole.take(&block, 3_600_000, false);
        let (again, whole) = (again.block(), whole.block());
        assert_eq!((&again.at_ms, &again.sums, &again.times), (&whole.at_ms, &whole.sums, &whole.times));
        assert_eq!(again.len(), 1);
    }
}
