//! Percentiles and medians, in integers.

/// The smallest value that at least `per_mille` thousandths of the values do not exceed; none when there are none.
pub(crate) fn percentile(values: &mut [u64], per_mille: usize) -> Option<u64> {
    let rank = (values.len() * per_mille).div_ceil(1_000).max(1);
    if rank > values.len() {
        return None;
    }
    let (_, value, _) = values.select_nth_unstable(rank - 1);
    Some(*value)
}

/// The middle value; of an even number of values the lower one of the two, which was really measured.
pub(crate) fn median(values: &mut [u64]) -> Option<u64> {
    percentile(values, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let mut values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 500), Some(50));
        assert_eq!(percentile(&mut values, 990), Some(99));
        assert_eq!(percentile(&mut values, 991), Some(100));
        assert_eq!(percentile(&mut values, 1_000), Some(100));
        assert_eq!(percentile(&mut values, 0), Some(1));
        assert_eq!(percentile(&mut [], 500), None);
    }

    #[test]
    fn medians_were_measured() {
        assert_eq!(median(&mut [9, 1, 5]), Some(5));
        assert_eq!(median(&mut [4, 1, 3, 2]), Some(2));
        assert_eq!(median(&mut [7]), Some(7));
    }
}
