//! Bars of eighths of a character: a chart that stands beside its figures.

/// From one eighth to a whole character.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A bar for `value` where `most` fills `width` characters. What is not nothing is seen.
pub(super) fn bar(value: u64, most: u64, width: usize) -> String {
    if value == 0 || most == 0 {
        return String::new();
    }
    let all = u128::try_from(width).unwrap_or(0) * 8;
    let eighths = (u128::from(value.min(most)) * all).div_ceil(u128::from(most)).max(1);
    let (whole, rest) = (usize::try_from(eighths / 8).unwrap_or(width), usize::try_from(eighths % 8).unwrap_or(0));
    let mut bar = "█".repeat(whole);
    bar.extend(rest.checked_sub(1).and_then(|at| EIGHTHS.get(at)));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_too_long() {
        assert_eq!([0, 1, 50, 100, 1_000].map(|n| bar(n, 100, 4)), ["", "▏", "██", "████", "████"]);
        assert_eq!((bar(1, u64::MAX, 10), bar(u64::MAX, u64::MAX, 2)), ("▏".into(), "██".into()));
        assert_eq!(bar(5, 0, 10), "");
    }
}
