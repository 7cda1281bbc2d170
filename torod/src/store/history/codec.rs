//! Blocks of entries as bytes: a column of small numbers takes no more bits than its greatest one needs, and is read alone.
//!
//! Everything that is read may be damaged: what does not fit is an error, never a panic.

use super::column::{Bytes, NOTHING, bits_of, column, damaged, pack, put, put_column, unpack};
use super::{DIMS, SUMS};
use crate::store::StoreError;
use crate::store::figures::block::{Block, Times};

/// The first byte, so that other forms may come.
const FORM: u8 = 1;

/// So many entries a block has at most.
const MOST: usize = 1 << 18;

/// Numbers as places in a list of those that there are.
fn put_dim(numbers: &[u32], to: &mut Vec<u8>) {
    let mut there = numbers.to_vec();
    there.sort_unstable();
    there.dedup();
    put(to, there.len() as u64);
    let mut before = 0;
    for number in &there {
        put(to, u64::from(number - before));
        before = *number;
    }
    let bits = bits_of(there.len().saturating_sub(1) as u64);
    if bits > 0 {
        let place = |number: &u32| there.binary_search(number).unwrap_or(0) as u64;
        pack(numbers.iter().map(place), bits, to);
    }
}

fn dim(bytes: &[u8], count: usize, to: &mut Vec<u32>) -> Result<(), StoreError> {
    let mut bytes = Bytes(bytes);
    let size = bytes.size(MOST)?;
    let mut there = Vec::with_capacity(size.min(bytes.0.len()));
    let mut before = 0_u32;
    for _ in 0..size {
        let more = u32::try_from(bytes.number()?).map_err(|_| damaged())?;
        before = before.checked_add(more).ok_or_else(damaged)?;
        there.push(before);
    }
    let bits = bits_of(size.saturating_sub(1) as u64);
    to.reserve(count);
    if bits == 0 {
        to.extend(std::iter::repeat_n(there.first().copied().unwrap_or(0), count));
        return Ok(());
    }
    unpack(bytes.0, bits, count, |places| {
        let there = |place: &u64| usize::try_from(*place).ok().and_then(|place| there.get(place)).copied().unwrap_or(0);
        to.extend(places.iter().map(there));
    })
}

/// Bins in the order of their entries: how many each has, which, and how often.
fn put_times(times: &Times, count: usize, to: &mut Vec<u8>) {
    let mut each: Vec<i64> = times.each.iter().map(|bins| (*bins).into()).collect();
    each.resize(count, 0);
    let bins: Vec<i64> = times.bins.iter().map(|bin| (*bin).into()).collect();
    let counts: Vec<i64> = times.counts.iter().map(|count| (*count).into()).collect();
    for list in [&each, &bins, &counts] {
        let mut bytes = Vec::new();
        put_column(list, &mut bytes);
        put(to, list.len() as u64);
        put(to, bytes.len() as u64);
        to.extend(bytes);
    }
}

fn times(bytes: &[u8], count: usize, to: &mut Times) -> Result<(), StoreError> {
    let mut bytes = Bytes(bytes);
    let mut list = || {
        let len = bytes.size(MOST * 16)?;
        let size = bytes.size(usize::MAX)?;
        let packed = bytes.take(size)?;
        // A column of one number says nothing of how many there are: those before it did.
        if len > count.saturating_mul(256) { Err(damaged()) } else { Ok((len, packed)) }
    };
    let ((entries, each), (len, bins), (counts, often)) = (list()?, list()?, list()?);
    if entries != count || counts != len {
        return Err(damaged());
    }
    to.each.reserve(count);
    column(each, count, |some| to.each.extend(some.iter().map(|bins| u32::try_from(*bins).unwrap_or(u32::MAX))))?;
    if to.each.iter().map(|bins| u64::from(*bins)).sum::<u64>() != len as u64 {
        return Err(damaged());
    }
    to.bins.reserve(len);
    column(bins, len, |some| to.bins.extend(some.iter().map(|bin| u8::try_from(*bin).unwrap_or(0))))?;
    to.counts.reserve(len);
    column(often, len, |some| to.counts.extend(some.iter().map(|count| u32::try_from(*count).unwrap_or(0))))
}

/// How many columns there are: time, dimensions, sums, two spreads.
const COLUMNS: usize = 1 + DIMS + SUMS + 2;

/// The bytes of a block.
pub(in crate::store) fn encode(block: &Block) -> Vec<u8> {
    let count = block.len();
    let mut columns: Vec<Vec<u8>> = Vec::with_capacity(COLUMNS);
    let mut column = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        columns.push(bytes);
    };
    column(&|to| put_column(&block.at_ms.iter().map(|at| at / 300_000).collect::<Vec<_>>(), to));
    for numbers in &block.dims {
        column(&|to| put_dim(numbers, to));
    }
    for numbers in &block.sums {
        column(&|to| put_column(numbers, to));
    }
    for spread in &block.times {
        column(&|to| put_times(spread, count, to));
    }
    let mut bytes = vec![FORM];
    put(&mut bytes, count as u64);
    for column in &columns {
        put(&mut bytes, column.len() as u64);
    }
    bytes.extend(columns.into_iter().flatten());
    bytes
}

/// Which columns of a block are wanted; times always are.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Wanted {
    /// By their place in an entry.
    pub(in crate::store) dims: [bool; DIMS],
    /// By their place in an entry.
    pub(in crate::store) sums: [bool; SUMS],
    /// The spreads.
    pub(in crate::store) times: bool,
    /// Sums stay as they are written, to be read by [`Block::each`]: of few entries, often, or not at all.
    pub(in crate::store) packed: bool,
}

impl Wanted {
    /// Everything.
    pub(in crate::store) const ALL: Self = Self { dims: [true; DIMS], sums: [true; SUMS], times: true, packed: false };
}

/// Reads what is wanted of a block; what was in `to` is gone.
pub(in crate::store) fn decode(bytes: &[u8], wanted: &Wanted, to: &mut Block) -> Result<(), StoreError> {
    to.clear();
    let mut bytes = Bytes(bytes);
    if bytes.take(1)? != [FORM] {
        return Err(damaged());
    }
    let count = bytes.size(MOST)?;
    let mut sizes = [0; COLUMNS];
    for size in &mut sizes {
        *size = bytes.size(usize::MAX)?;
    }
    let mut columns = sizes.into_iter().map(|size| bytes.take(size));
    let mut next = || columns.next().unwrap_or_else(|| Err(damaged()));
    column(next()?, count, |some| to.at_ms.extend(some.iter().map(|at| at.saturating_mul(300_000))))?;
    for (numbers, wanted) in to.dims.iter_mut().zip(wanted.dims) {
        let packed = next()?;
        if wanted {
            dim(packed, count, numbers)?;
        }
    }
    for ((numbers, kept), is_wanted) in to.sums.iter_mut().zip(&mut to.packed.columns).zip(wanted.sums) {
        let packed = next()?;
        if is_wanted && !wanted.packed {
            numbers.reserve(count);
            column(packed, count, |some| numbers.extend_from_slice(some))?;
        } else if is_wanted && packed != NOTHING {
            let from = to.packed.bytes.len();
            to.packed.bytes.extend_from_slice(packed);
            *kept = from..to.packed.bytes.len();
        }
    }
    for spread in &mut to.times {
        let packed = next()?;
        if wanted.times {
            times(packed, count, spread)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(seed: u64, count: u64) -> Block {
        let mut state = seed;
        let mut roll = move |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 20) % most
        };
        let at_ms = (0..count).map(|_| 300_000 * roll(7).cast_signed()).collect();
        let mut block = Block { at_ms, ..Block::default() };
        for (at, numbers) in (0..).zip(&mut block.dims) {
            *numbers = (0..count).map(|_| if at == 0 { 9 } else { roll(1 << at) as u32 }).collect();
        }
        for (at, numbers) in (0..).zip(&mut block.sums) {
            let one = |n: u64| if at % 3 == 0 && !n.is_multiple_of(5) { 7 } else { n.cast_signed() - 40 };
            *numbers = (0..count).map(|_| one(roll(1 << (2 * at)))).collect();
        }
        if let (Some(last), true) = (block.sums.last_mut(), count > 2) {
            (last[0], last[1]) = (i64::MIN, i64::MAX);
        }
        for times in &mut block.times {
            for _ in 0..count {
                let seen: Vec<_> = (0..roll(3)).map(|bin| (bin as u8, roll(1_000) as u32)).collect();
                times.push(&seen);
            }
        }
        block
    }

    #[test]
    fn what_is_written_is_read_and_columns_are_read_alone() {
        for (seed, count) in [(1, 0), (2, 1), (3, 2), (4, 7), (5, 8), (6, 1_000)] {
            let (block, mut read) = (block(seed, count), Block::default());
            let bytes = encode(&block);
            decode(&bytes, &Wanted::ALL, &mut read).unwrap();
            assert_eq!((&read.at_ms, &read.dims, &read.sums), (&block.at_ms, &block.dims, &block.sums), "{count}");
            assert_eq!(read.times, block.times);
            let mut wanted = Wanted { dims: [false; DIMS], sums: [false; SUMS], times: false, packed: false };
            (wanted.dims[3], wanted.sums[5]) = (true, true);
            decode(&bytes, &wanted, &mut read).unwrap();
            assert_eq!((&read.dims[3], &read.sums[5]), (&block.dims[3], &block.sums[5]));
            assert!(read.dims[2].is_empty() && read.sums[4].is_empty() && read.times[0].each.is_empty());
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_numbers_and_never_a_panic() {
        let bytes = encode(&block(9, 60));
        let mut read = Block::default();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], &Wanted::ALL, &mut read).is_err(), "{end} bytes");
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut other = bytes.clone();
                other[at] ^= flip;
                let _ = decode(&other, &Wanted::ALL, &mut read);
                assert!(read.at_ms.len() <= MOST);
            }
        }
    }
}
