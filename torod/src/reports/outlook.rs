//! What a month will come to: what was used so far, and what days like those to come used before. Integers throughout.
//!
//! A day to come is taken for the mean of the same weekdays of the last four weeks; with less than two weeks to go by, for
//! the mean of all days. The range is where four of five months end whose days vary as much as those did, with what is not
//! known of the mean itself. With less than three whole days there is no range, and with none no figure.

use tokenrouter_shared::report::{Basis, Outlook};

/// Whole days that are looked back on.
pub const LOOK_BACK: usize = 28;
/// From so many whole days on, weekdays are told apart.
const FOR_WEEKDAYS: usize = 14;
/// From so many on, there is a range.
const FOR_RANGE: usize = 3;
/// So many standard deviations on both sides hold four of five, in thousandths.
const FOUR_OF_FIVE: u128 = 1_282;
/// What shares are told in.
pub const MILLION: u64 = 1_000_000;

/// A day that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since Monday.
    pub weekday: usize,
    /// What was used on it.
    pub amount: u64,
}

/// What is still to come of the month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// How much of each weekday, Monday first, in millionths: a whole day is a million, what is left of today less.
    pub weekdays: [u64; 7],
}

impl Rest {
    fn all(&self) -> u128 {
        self.weekdays.iter().map(|days| u128::from(*days)).sum()
    }
}

/// What a month comes to of which `spent` is there already, by `days` that are over, the oldest first: all since the first
/// use of all, [`LOOK_BACK`] at most.
pub fn outlook(days: &[Day], rest: &Rest, spent: u64) -> Outlook {
    let days = days.get(days.len().saturating_sub(LOOK_BACK)..).unwrap_or(days);
    let mean = |of: &mut dyn Iterator<Item = u64>| {
        let (sum, count) = of.fold((0_u128, 0_u128), |(sum, count), amount| (sum + u128::from(amount), count + 1));
        sum.checked_div(count)
    };
    let of_weekday = |weekday: usize| days.iter().filter(move |day| day.weekday == weekday).map(|day| day.amount);
    let all = mean(&mut days.iter().map(|day| day.amount));
    let basis = match days.len() {
        0 => Basis::Nothing,
        n if n < FOR_WEEKDAYS => Basis::Days,
        _ => Basis::Weekdays,
    };
    let by_weekday: [Option<u64>; 7] = std::array::from_fn(|weekday| {
        let mean = if basis == Basis::Weekdays { mean(&mut of_weekday(weekday)) } else { all };
        mean.map(narrowed)
    });
    let mut outlook = Outlook {
        spent,
        basis,
        days: u32::try_from(days.len()).unwrap_or(u32::MAX),
        expected: None,
        low: None,
        high: None,
        weekdays: if basis == Basis::Weekdays { by_weekday.to_vec() } else { Vec::new() },
        recent: recent(days, 0),
        before: recent(days, 7),
    };
    if rest.all() == 0 {
        // The month is over: what was used is what it came to.
        (outlook.expected, outlook.low, outlook.high) = (Some(spent), Some(spent), Some(spent));
        return outlook;
    }
    if basis == Basis::Nothing {
        return outlook;
    }
    let to_come = by_weekday.iter().zip(rest.weekdays);
    let to_come: u128 = to_come.map(|(mean, part)| u128::from(mean.unwrap_or(0)) * u128::from(part)).sum();
    let expected = u128::from(spent) + to_come / u128::from(MILLION);
    outlook.expected = Some(narrowed(expected));
    if days.len() >= FOR_RANGE {
        let off = FOUR_OF_FIVE * deviation(days, basis, rest) / 1_000;
        outlook.low = Some(narrowed(expected.saturating_sub(off)).max(spent));
        outlook.high = Some(narrowed(expected.saturating_add(off)));
    }
    outlook
}

/// By how much the rest of the month may be off, as a standard deviation.
fn deviation(days: &[Day], basis: Basis, rest: &Rest) -> u128 {
    // Each day against the others of its kind: (x - mean of the others)² · (k - 1) / k.
    let (mut squares, mut freedom) = (0_u128, 0_u128);
    for (at, day) in days.iter().enumerate() {
        let is_kin = |other: &&Day| basis != Basis::Weekdays || other.weekday == day.weekday;
        let others = days.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, day)| day).filter(is_kin);
        let (sum, count) = others.fold((0_u128, 0_u128), |(sum, n), day| (sum + u128::from(day.amount), n + 1));
        let Some(mean) = sum.checked_div(count) else { continue };
        let off = mean.abs_diff(u128::from(day.amount)).min(1 << 60);
        squares = squares.saturating_add(off * off / (count + 1) * count);
        freedom += 1;
    }
    let Some(variance) = squares.checked_div(freedom) else { return 0 };
    // n days to come vary by n times that, and their mean is known from so many days.
    let n = rest.all();
    let observed = u128::try_from(days.len()).unwrap_or(1).max(1);
    let million = u128::from(MILLION);
    let times = n * (million + n / observed) / million;
    let all =
        variance.checked_mul(times).map_or_else(|| (variance / million).saturating_mul(times), |all| all / million);
    all.isqrt()
}

/// What seven days came to, `back` days ago; none where not all of them are there.
fn recent(days: &[Day], back: usize) -> Option<u64> {
    let end = days.len().checked_sub(back)?;
    let week = days.get(end.checked_sub(7)?..end)?;
    Some(week.iter().fold(0_u64, |sum, day| sum.saturating_add(day.amount)))
}

fn narrowed(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(amounts: &[u64]) -> Vec<Day> {
        amounts.iter().enumerate().map(|(at, amount)| Day { weekday: at % 7, amount: *amount }).collect()
    }

    fn whole(days: [u64; 7]) -> Rest {
        Rest { weekdays: days.map(|amount| amount * MILLION) }
    }

    #[test]
    fn little_to_go_by_is_said() {
        let rest = whole([1, 0, 0, 0, 0, 0, 0]);
        let none = outlook(&[], &rest, 7);
        assert_eq!((none.basis, none.expected, none.low, none.days), (Basis::Nothing, None, None, 0));
        let one = outlook(&days(&[10, 20]), &rest, 7);
        assert_eq!((one.basis, one.expected, one.low, one.high), (Basis::Days, Some(22), None, None));
        let three = outlook(&days(&[10, 20, 30]), &rest, 7);
        assert_eq!((three.expected, three.low.is_some()), (Some(27), true));
        assert_eq!(three.weekdays, []);
        let over = outlook(&[], &Rest::default(), 7);
        assert_eq!((over.expected, over.low, over.high), (Some(7), Some(7), Some(7)));
    }

    #[test]
    fn weekdays_are_told_apart_and_steady_ones_leave_no_doubt() {
        let weeks = days(&[100, 100, 100, 100, 100, 0, 0].repeat(4));
        let told = outlook(&weeks, &whole([1, 1, 1, 1, 1, 1, 1]), 40);
        assert_eq!(
            (told.basis, told.expected, told.low, told.high),
            (Basis::Weekdays, Some(540), Some(540), Some(540))
        );
        assert_eq!(told.weekdays[4..], [Some(100), Some(0), Some(0)]);
        assert_eq!((told.recent, told.before), (Some(500), Some(500)));
        let weekend = outlook(&weeks, &whole([0, 0, 0, 0, 0, 1, 1]), 40);
        assert_eq!(weekend.expected, Some(40));
        // Half of a Monday.
        let half = Rest { weekdays: [MILLION / 2, 0, 0, 0, 0, 0, 0] };
        assert_eq!(outlook(&weeks, &half, 40).expected, Some(90));
        // What lies further back is not looked at.
        let long: Vec<u64> = [1_000_000; 28].iter().chain(&[100; 28]).copied().collect();
        assert_eq!(outlook(&days(&long), &half, 0).expected, Some(50));
    }

    #[test]
    fn a_range_is_as_wide_as_days_vary_and_never_below_what_is_spent() {
        let varied: Vec<u64> = (0..28).map(|at| if at % 2 == 0 { 60 } else { 140 }).collect();
        let told = outlook(&days(&varied), &whole([1, 1, 1, 1, 1, 1, 1]), 1_000);
        let (low, high) = (told.low.unwrap(), told.high.unwrap());
        assert_eq!(told.expected, Some(1_700));
        // 40 a day, with the weekday's mean from 4: about 1.28 · 40 · √(7 · 1.25 · 4/3).
        assert!((145..=185).contains(&(high - 1_700)) && high - 1_700 == 1_700 - low, "{low} {high}");
        let wild = outlook(&days(&[0, 0, 0, 1_000_000]), &whole([0, 0, 0, 0, 1, 0, 0]), 5);
        assert_eq!(wild.low, Some(5));
        assert!(wild.high > Some(900_000), "{wild:?}");
    }

    #[test]
    fn the_greatest_amounts_overflow_nothing() {
        let told = outlook(&days(&[u64::MAX, 0, u64::MAX, 1, u64::MAX]), &whole([31; 7]), u64::MAX);
        assert_eq!((told.expected, told.high), (Some(u64::MAX), Some(u64::MAX)));
        let told = outlook(&days(&[u64::MAX / 2; 28]), &whole([31; 7]), u64::MAX);
        assert_eq!(told.expected, Some(u64::MAX));
    }
}
