//! A column of numbers as bytes: as the least of them and what each is more, in no more bits than that needs, so that any of
//! them can be read alone; or, where most are the same, which are not.

use crate::store::StoreError;

/// How a column is written.
const SAME: u8 = 0;
/// A column of zeros.
pub(super) const NOTHING: &[u8] = &[SAME, 0];
const PACKED: u8 = 1;
const SPARSE: u8 = 2;

pub(super) fn damaged() -> StoreError {
    StoreError::Damaged("sums of usage that cannot be read".to_owned())
}

pub(super) fn put(to: &mut Vec<u8>, mut number: u64) {
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
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
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

    pub(super) fn size(&mut self, most: usize) -> Result<usize, StoreError> {
        usize::try_from(self.number()?).ok().filter(|size| *size <= most).ok_or_else(damaged)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'b [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Numbers of `bits` bits, side by side.
pub(super) fn pack(numbers: impl Iterator<Item = u64>, bits: u32, to: &mut Vec<u8>) {
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

/// Numbers of as many bits each, side by side, any of which can be read.
#[derive(Clone, Copy)]
struct Side<'b> {
    bytes: &'b [u8],
    wide: usize,
    mask: u64,
}

impl<'b> Side<'b> {
    fn new(bytes: &'b [u8], bits: u32, count: usize) -> Result<Self, StoreError> {
        let wide = bits as usize;
        if wide == 0 || wide > 64 || bytes.len() < (count * wide).div_ceil(8) {
            return Err(damaged());
        }
        Ok(Self { bytes, wide, mask: u64::MAX >> (64 - bits) })
    }

    fn get(&self, at: usize) -> u64 {
        let bit = at * self.wide;
        let (first, shift) = (bit / 8, bit % 8);
        let near = self.bytes.get(first..first + 8).and_then(|near| <[u8; 8]>::try_from(near).ok());
        let number = match near {
            Some(near) if shift + self.wide <= 64 => u64::from_le_bytes(near) >> shift,
            // At the end of the bytes, or wider than what was read.
            _ => {
                let rest = self.bytes.get(first..).unwrap_or_default().iter().take(9).enumerate();
                let number = rest.fold(0_u128, |sum, (place, byte)| sum | u128::from(*byte) << (8 * place));
                (number >> shift) as u64
            }
        };
        number & self.mask
    }
}

/// So many numbers are unpacked together: they end where a word of 64 bits does, whatever their width.
const TOGETHER: usize = 64;

/// [`TOGETHER`] numbers of `BITS` bits, out of as many words. The width is known to the compiler, so that there is nothing to
/// be reckoned for each of them.
fn together<const BITS: usize>(bytes: &[u8], to: &mut [u64; TOGETHER]) {
    let mut words = [0_u64; BITS];
    for (word, eight) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*eight);
    }
    for (at, to) in to.iter_mut().enumerate() {
        let (word, shift) = (at * BITS / 64, at * BITS % 64);
        let mut number = words.get(word).copied().unwrap_or(0) >> shift;
        if shift + BITS > 64 {
            number |= words.get(word + 1).copied().unwrap_or(0) << (64 - shift);
        }
        *to = number & (u64::MAX >> (64 - BITS));
    }
}

type Together = fn(&[u8], &mut [u64; TOGETHER]);

/// How numbers of few bits are unpacked together, by how many bits they have.
macro_rules! together {
    ($($bits:literal)*) => { [$(together::<$bits>),*] };
}

/// From one bit on.
const TOGETHER_BY_BITS: [Together; 32] = together!(
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
);

/// Hands out numbers of as many bits each, in their order, up to [`TOGETHER`] at once.
pub(super) fn unpack(bytes: &[u8], bits: u32, count: usize, mut each: impl FnMut(&[u64])) -> Result<(), StoreError> {
    let side = Side::new(bytes, bits, count)?;
    let mut numbers = [0; TOGETHER];
    let mut from = 0;
    if let Some(together) = TOGETHER_BY_BITS.get(side.wide - 1) {
        for packed in bytes.chunks_exact(side.wide * (TOGETHER / 8)).take(count / TOGETHER) {
            together(packed, &mut numbers);
            each(&numbers);
            from += TOGETHER;
        }
    }
    while from < count {
        let some = numbers.get_mut(..(count - from).min(TOGETHER)).unwrap_or_default();
        for (at, number) in (from..).zip(some.iter_mut()) {
            *number = side.get(at);
        }
        each(some);
        from += TOGETHER;
    }
    Ok(())
}

pub(super) const fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

/// Numbers as the least of them and what each is more.
pub(super) fn put_column(numbers: &[i64], to: &mut Vec<u8>) {
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

/// Hands out the numbers of a column in their order, up to [`TOGETHER`] at once.
pub(super) fn column(bytes: &[u8], count: usize, mut each: impl FnMut(&[i64])) -> Result<(), StoreError> {
    let mut bytes = Bytes(bytes);
    let form = bytes.take(1)?;
    let least = unzigzag(bytes.number()?);
    let mut numbers = [least; TOGETHER];
    if form == [SAME] {
        for from in (0..count).step_by(TOGETHER) {
            each(numbers.get(..(count - from).min(TOGETHER)).unwrap_or_default());
        }
        return Ok(());
    }
    let bits = u32::try_from(bytes.size(64)?).map_err(|_| damaged())?;
    let whole = |more: u64| least.wrapping_add(more.cast_signed());
    if form == [PACKED] {
        return unpack(bytes.0, bits, count, |some| {
            for (number, more) in numbers.iter_mut().zip(some) {
                *number = whole(*more);
            }
            each(numbers.get(..some.len()).unwrap_or_default());
        });
    }
    if form != [SPARSE] {
        return Err(damaged());
    }
    let flags = bytes.take(count.div_ceil(8))?;
    let different = flags.iter().map(|byte| byte.count_ones() as usize).sum();
    let mut others = Vec::with_capacity(different);
    if different > 0 {
        unpack(bytes.0, bits, different, |some| others.extend(some.iter().map(|more| whole(*more))))?;
    }
    let mut others = others.into_iter();
    for (flags, from) in flags.chunks(TOGETHER / 8).zip((0..count).step_by(TOGETHER)) {
        numbers.fill(least);
        let mut word = flags.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        while word != 0 {
            if let Some(number) = numbers.get_mut(word.trailing_zeros() as usize) {
                *number = others.next().unwrap_or(least);
            }
            word &= word - 1;
        }
        each(numbers.get(..(count - from).min(TOGETHER)).unwrap_or_default());
    }
    Ok(())
}

/// Those entries of a column of `count` that `of` names, which ascend: `each` is told which of `of` it is, and the number.
pub(in crate::store) fn pick(
    bytes: &[u8],
    count: usize,
    of: &[u32],
    mut each: impl FnMut(usize, i64),
) -> Result<(), StoreError> {
    if of.last().is_some_and(|last| *last as usize >= count) {
        return Err(damaged());
    }
    if of.len() == count {
        let mut place = 0;
        return column(bytes, count, |some| {
            for number in some {
                each(place, *number);
                place += 1;
            }
        });
    }
    let mut bytes = Bytes(bytes);
    let form = bytes.take(1)?;
    let least = unzigzag(bytes.number()?);
    if form == [SAME] {
        (0..of.len()).for_each(|place| each(place, least));
        return Ok(());
    }
    let bits = u32::try_from(bytes.size(64)?).map_err(|_| damaged())?;
    let whole = |more: u64| least.wrapping_add(more.cast_signed());
    if form == [PACKED] {
        let side = Side::new(bytes.0, bits, count)?;
        of.iter().enumerate().for_each(|(place, at)| each(place, whole(side.get(*at as usize))));
        return Ok(());
    }
    if form != [SPARSE] {
        return Err(damaged());
    }
    let flags = bytes.take(count.div_ceil(8))?;
    let different: usize = flags.iter().map(|byte| byte.count_ones() as usize).sum();
    let others = if different == 0 { None } else { Some(Side::new(bytes.0, bits, different)?) };
    // How many others there are in the bytes of flags before this one.
    let (mut byte, mut before) = (0, 0);
    for (place, at) in of.iter().enumerate() {
        let (here, bit) = (*at as usize / 8, at % 8);
        before +=
            flags.get(byte..here).unwrap_or_default().iter().map(|flags| flags.count_ones() as usize).sum::<usize>();
        byte = here;
        let flags = flags.get(here).copied().unwrap_or(0);
        let nth = before + (flags & ((1 << bit) - 1)).count_ones() as usize;
        let other = others.filter(|_| flags >> bit & 1 == 1);
        each(place, other.map_or(least, |others| whole(others.get(nth))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Columns of every form: of one number, of few others, of many; with the least and greatest that there are.
    fn columns() -> impl Strategy<Value = Vec<i64>> {
        let number = prop_oneof![6 => Just(0_i64), 2 => 0..70_i64, 1 => any::<i64>(), 1 => Just(i64::MIN)];
        prop_oneof![
            proptest::collection::vec(number, 0..70),
            proptest::collection::vec(-3..1_000_000_i64, 0..300),
            (0..40_u32).prop_flat_map(|bits| proptest::collection::vec(0..1_i64 << bits, 0..300)),
            (any::<i64>(), 0..20_usize).prop_map(|(number, count)| vec![number; count]),
        ]
    }

    proptest! {
        #[test]
        fn any_part_of_a_column_is_read_as_it_stands(numbers in columns(), which in proptest::collection::vec(any::<bool>(), 300)) {
            let mut bytes = Vec::new();
            put_column(&numbers, &mut bytes);
            let mut all = Vec::new();
            column(&bytes, numbers.len(), |some| all.extend_from_slice(some)).unwrap();
            prop_assert_eq!(&all, &numbers);
            let of: Vec<u32> = (0_u32..).zip(&which).take(numbers.len()).filter(|(_, is)| **is).map(|(at, _)| at).collect();
            let mut found = Vec::new();
            pick(&bytes, numbers.len(), &of, |place, number| found.push((place, number))).unwrap();
            let wanted: Vec<_> = of.iter().enumerate().map(|(place, at)| (place, numbers[*at as usize])).collect();
            prop_assert_eq!(found, wanted);
            prop_assert!(pick(&bytes, numbers.len(), &[numbers.len() as u32], |_, _| ()).is_err());
        }

        #[test]
        fn damage_is_an_error_or_other_numbers(numbers in columns(), at in 0..64_usize, flip in 1..=255_u8, of in 0..70_u32) {
            let mut bytes = Vec::new();
            put_column(&numbers, &mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let _ = pick(&bytes, numbers.len(), &[of], |_, _| ());
            let _ = pick(&bytes[..at], numbers.len(), &[of], |_, _| ());
            let _ = column(&bytes, numbers.len(), |_| ());
        }
    }
}
