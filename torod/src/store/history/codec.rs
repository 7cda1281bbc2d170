//! Blocks of entries as bytes: a column of small numbers takes no more bits than its greatest one needs, and is read alone.
//!
//! Everything that is read may be damaged: what does not fit is an error, never a panic.

use super::{DIMS, SUMS};
use crate::store::StoreError;
use crate::store::figures::block::{Block, Times};

/// The first byte, so that other forms may come.
const FORM: u8 = 1;

/// How a column is written.
const SAME: u8 = 0;
/// A column of zeros.
const NOTHING: &[u8] = &[SAME, 0];
const PACKED: u8 = 1;
const SPARSE: u8 = 2;

/// So many entries a block has at most.
const MOST: usize = 1 << 18;

fn damaged() -> StoreError {
    StoreError::Damaged("sums of usage that cannot be read".to_owned())
}

fn put(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads numbers one after the other.
#[derive(Clone, Copy)]
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first().ok_or_else(damaged)?;
            self.0 = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    fn size(&mut self, most: usize) -> Result<usize, StoreError> {
        usize::try_from(self.number()?).ok().filter(|size| *size <= most).ok_or_else(damaged)
    }

    fn take(&mut self, bytes: usize) -> Result<&'b [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Numbers of `bits` bits, side by side.
fn pack(numbers: impl Iterator<Item = u64>, bits: u32, to: &mut Vec<u8>) {
    let (mut waiting, mut held) = (0_u128, 0);
    for number in numbers {
        waiting |= u128::from(number) << held;
        held += bits;
        while held >= 8 {
            to.push(waiting as u8);
            waiting >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        to.push(waiting as u8);
    }
}

fn unpack(bytes: &[u8], bits: u32, count: usize, mut each: impl FnMut(u64)) -> Result<(), StoreError> {
    let wide = bits as usize;
    if wide == 0 || wide > 64 || bytes.len() < (count * wide).div_ceil(8) {
        return Err(damaged());
    }
    let mask = u64::MAX >> (64 - bits);
    for at in 0..count {
        let bit = at * wide;
        let (first, shift) = (bit / 8, bit % 8);
        let near = bytes.get(first..first + 8).and_then(|near| <[u8; 8]>::try_from(near).ok());
        let number = match near {
            Some(near) if shift + wide <= 64 => u64::from_le_bytes(near) >> shift,
            // At the end of the bytes, or wider than what was read.
            _ => {
                let rest = bytes.get(first..).unwrap_or_default().iter().take(9).enumerate();
                let number = rest.fold(0_u128, |sum, (place, byte)| sum | u128::from(*byte) << (8 * place));
                (number >> shift) as u64
            }
        };
        each(number & mask);
    }
    Ok(())
}

const fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

/// Numbers as the least of them and what each is more.
fn put_column(numbers: &[i64], to: &mut Vec<u8>) {
    let (least, most) = numbers.iter().fold((i64::MAX, i64::MIN), |(a, b), number| (a.min(*number), b.max(*number)));
    let more = |number: i64| number.wrapping_sub(least).cast_unsigned();
    if numbers.is_empty() || least == most {
        to.push(SAME);
        put(to, zigzag(numbers.first().copied().unwrap_or(0)));
        return;
    }
    let bits = bits_of(more(most));
    let different = numbers.iter().filter(|number| **number != least).count();
    let sparse = different.saturating_mul(bits as usize) + numbers.len() < numbers.len().saturating_mul(bits as usize);
    to.push(if sparse { SPARSE } else { PACKED });
    put(to, zigzag(least));
    put(to, bits.into());
    if sparse {
        pack(numbers.iter().map(|number| u64::from(*number != least)), 1, to);
        pack(numbers.iter().filter(|number| **number != least).map(|number| more(*number)), bits, to);
    } else {
        pack(numbers.iter().map(|number| more(*number)), bits, to);
    }
}

fn column(bytes: &[u8], count: usize, mut each: impl FnMut(i64)) -> Result<(), StoreError> {
    let mut bytes = Bytes(bytes);
    let form = bytes.take(1)?;
    let least = unzigzag(bytes.number()?);
    if form == [SAME] {
        (0..count).for_each(|_| each(least));
        return Ok(());
    }
    let bits = u32::try_from(bytes.size(64)?).map_err(|_| damaged())?;
    let whole = |more: u64| least.wrapping_add(more.cast_signed());
    if form == [PACKED] {
        return unpack(bytes.0, bits, count, |more| each(whole(more)));
    }
    if form != [SPARSE] {
        return Err(damaged());
    }
    let flags = bytes.take(count.div_ceil(8))?;
    let mut others = Vec::new();
    let different = flags.iter().map(|byte| byte.count_ones() as usize).sum();
    unpack(bytes.0, bits, different, |more| others.push(whole(more)))
        .or_else(|e| if different == 0 { Ok(()) } else { Err(e) })?;
    let mut others = others.into_iter();
    unpack(flags, 1, count, |flag| each(if flag == 1 { others.next().unwrap_or(least) } else { least }))
}

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
    unpack(bytes.0, bits, count, |place| {
        to.push(usize::try_from(place).ok().and_then(|place| there.get(place)).copied().unwrap_or(0));
    })
}

/// Bins in the order of their entries: how many each has, which, and how often.
fn put_times(times: &Times, count: usize, to: &mut Vec<u8>) {
    let mut each = vec![0_i64; count];
    for (at, ..) in &times.seen {
        if let Some(bins) = each.get_mut(*at as usize) {
            *bins += 1;
        }
    }
    let bins: Vec<i64> = times.seen.iter().map(|(_, bin, _)| (*bin).into()).collect();
    let counts: Vec<i64> = times.seen.iter().map(|(.., count)| (*count).into()).collect();
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
    let mut lists: [Vec<i64>; 3] = Default::default();
    for list in &mut lists {
        let len = bytes.size(MOST * 16)?;
        let size = bytes.size(usize::MAX)?;
        let packed = bytes.take(size)?;
        // A column of one number says nothing of how many there are: those before it did.
        if len > count.saturating_mul(256) {
            return Err(damaged());
        }
        list.reserve(len);
        column(packed, len, |number| list.push(number))?;
    }
    let [each, bins, counts] = lists;
    let mut seen = bins.into_iter().zip(counts);
    for (at, bins) in (0_u32..).zip(each.into_iter().take(count)) {
        for _ in 0..bins.clamp(0, 256) {
            let (bin, count) = seen.next().ok_or_else(damaged)?;
            let (Ok(bin), Ok(count)) = (u8::try_from(bin), u32::try_from(count)) else { return Err(damaged()) };
            to.seen.push((at, bin, count));
        }
    }
    Ok(())
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
}

impl Wanted {
    /// Everything.
    pub(in crate::store) const ALL: Self = Self { dims: [true; DIMS], sums: [true; SUMS], times: true };
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
    let everything = wanted.times && wanted.dims == [true; DIMS];
    let mut columns = sizes.into_iter().map(|size| bytes.take(size));
    let mut next = || columns.next().unwrap_or_else(|| Err(damaged()));
    column(next()?, count, |at| to.at_ms.push(at.saturating_mul(300_000)))?;
    for (numbers, wanted) in to.dims.iter_mut().zip(wanted.dims) {
        let packed = next()?;
        if wanted {
            dim(packed, count, numbers)?;
        }
    }
    for (numbers, wanted) in to.sums.iter_mut().zip(wanted.sums) {
        let packed = next()?;
        // A column of zeros stays empty where not everything is wanted.
        if wanted && (packed != NOTHING || everything) {
            numbers.reserve(count);
            column(packed, count, |number| numbers.push(number))?;
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
            for at in 0..count {
                times.seen.extend((0..roll(3)).map(|bin| (at as u32, bin as u8, roll(1_000) as u32)));
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
            assert_eq!(read.times.each_ref().map(|t| &t.seen), block.times.each_ref().map(|t| &t.seen));
            let mut wanted = Wanted { dims: [false; DIMS], sums: [false; SUMS], times: false };
            (wanted.dims[3], wanted.sums[5]) = (true, true);
            decode(&bytes, &wanted, &mut read).unwrap();
            assert_eq!((&read.dims[3], &read.sums[5]), (&block.dims[3], &block.sums[5]));
            assert!(read.dims[2].is_empty() && read.sums[4].is_empty() && read.times[0].seen.is_empty());
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
