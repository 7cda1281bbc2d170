//! Money as people read and type it: US dollars, from and to nano-dollars.

/// Decimals of a dollar that count.
pub const DOLLAR_PLACES: u32 = 9;

/// `$12.35`, `$0.0042`, `$0.000018`: two decimals from a dollar on, else four digits that mean something. What is not
/// nothing never looks like nothing.
pub fn dollars(nanos: u64) -> String {
    const DOLLAR: u64 = 1_000_000_000;
    if nanos == 0 {
        return "$0".to_owned();
    }
    if nanos >= DOLLAR {
        let cents = nanos.saturating_add(5_000_000) / 10_000_000;
        return format!("${}.{:02}", cents / 100, cents % 100);
    }
    // Decimals until two digits are told, but at least four.
    let leading = 9 - (nanos.ilog10() + 1);
    let places = (leading + 2).clamp(4, 9);
    let unit = 10_u64.pow(9 - places);
    let rounded = (nanos + unit / 2) / unit;
    let width = usize::try_from(places).unwrap_or(9);
    let whole = 10_u64.pow(places);
    format!("${}.{:0width$}", rounded / whole, rounded % whole)
}

/// `1.5M` with so many places below one, exactly; nothing where that cannot be.
pub fn scaled(text: &str, places: u32) -> Option<u64> {
    let sizes = [('k', 3), ('M', 6), ('G', 9)];
    let (digits, power) = match sizes.iter().find_map(|(word, power)| Some((text.strip_suffix(*word)?, *power))) {
        Some((digits, power)) => (digits, power + places),
        None => (text, places),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fraction = fraction.trim_end_matches('0');
    let length = u32::try_from(fraction.len()).ok().filter(|length| *length <= power)?;
    if !is_digits(whole) || !(fraction.is_empty() || is_digits(fraction)) || digits.ends_with('.') {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(power)?)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    whole.checked_add(part.checked_mul(10_u64.checked_pow(power - length)?)?)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_nothing_never_looks_like_nothing() {
        for (nanos, text) in [
            (0, "$0"),
            (1, "$0.000000001"),
            (18_000, "$0.000018"),
            (180_400, "$0.00018"),
            (4_200_000, "$0.0042"),
            (12_345_678, "$0.0123"),
            (999_960_000, "$1.0000"),
            (1_000_000_000, "$1.00"),
            (12_345_000_000, "$12.35"),
            (u64::MAX, "$18446744073.70"),
        ] {
            assert_eq!(dollars(nanos), text, "{nanos}");
        }
    }
}
