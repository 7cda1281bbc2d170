//! Prices from decimal text into whole nano-dollars per million tokens, without a floating point in between.

/// What a number of dollars is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Per {
    /// One token.
    Token,
    /// A million of them.
    Million,
    /// One request, one search.
    Piece,
}

/// No model costs that many dollars per million tokens: such a number means something else.
const TOO_DEAR: u64 = 10_000 * 1_000_000_000;
/// Nor does one request cost a hundred dollars by itself.
const TOO_DEAR_PIECE: u64 = 100 * 1_000_000 * 1_000_000_000;

/// `text` dollars as nano-dollars per million tokens, rounded to the nearest; none for what is no price, for less than
/// nothing (which some vendors write for "it depends"), and for what nobody would pay.
pub(super) fn nanos(text: &str, per: Per) -> Option<u64> {
    let (digits, exponent) = decimal(text.trim())?;
    // A dollar is 10^9 nano-dollars, and 10^6 tokens are asked about.
    let exponent = exponent.checked_add(match per {
        Per::Token | Per::Piece => 15,
        Per::Million => 9,
    })?;
    let power = |by: i32| u32::try_from(by).ok().and_then(|by| 10_u128.checked_pow(by));
    let nanos = if digits == 0 {
        0
    } else if exponent >= 0 {
        digits.checked_mul(power(exponent)?)?
    } else {
        // What is too small for the divisor rounds to nothing.
        power(exponent.checked_neg()?).map_or(0, |by| (digits + by / 2) / by)
    };
    let too_dear = if per == Per::Piece { TOO_DEAR_PIECE } else { TOO_DEAR };
    u64::try_from(nanos).ok().filter(|nanos| *nanos < too_dear)
}

/// The significant digits of a decimal and the power of ten that they are to be multiplied with.
fn decimal(text: &str) -> Option<(u128, i32)> {
    /// Nobody writes a price longer than this.
    const LONGEST: usize = 64;
    /// As many digits as surely fit.
    const DIGITS: u128 = 10_u128.pow(36);
    if text.len() > LONGEST {
        return None;
    }
    let text = text.strip_prefix('$').unwrap_or(text);
    let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i32 = power.parse().ok().filter(|power| (-64..=64).contains(power))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits: u128 = 0;
    let places = whole.bytes().map(|byte| (byte, 0)).chain(fraction.bytes().map(|byte| (byte, 1)));
    for (byte, places) in places {
        let digit = byte.is_ascii_digit().then(|| u128::from(byte - b'0'))?;
        if digits < DIGITS {
            digits = digits * 10 + digit;
            exponent -= places;
        } else {
            exponent += 1 - places;
        }
    }
    Some((digits, exponent))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_are_exact_however_they_are_written() {
        for (text, per, expected) in [
            ("0.0000025", Per::Token, Some(2_500_000_000)),
            ("2.5e-06", Per::Token, Some(2_500_000_000)),
            ("2.5E-6", Per::Token, Some(2_500_000_000)),
            ("0.00000015", Per::Token, Some(150_000_000)),
            ("1.0000000000000001e-07", Per::Token, Some(100_000_000)),
            ("0", Per::Token, Some(0)),
            ("0.000", Per::Million, Some(0)),
            ("0e9", Per::Token, Some(0)),
            ("$3.00", Per::Million, Some(3_000_000_000)),
            ("0.15", Per::Million, Some(150_000_000)),
            ("600", Per::Million, Some(600_000_000_000)),
            (".5", Per::Million, Some(500_000_000)),
            ("0.0000000004", Per::Million, Some(0)),
            ("0.0000000005", Per::Million, Some(1)),
            ("1e-64", Per::Million, Some(0)),
            ("0.01", Per::Piece, Some(10_000_000_000_000)),
            ("100", Per::Piece, None),
            // "It depends", and numbers in another unit.
            ("-1", Per::Token, None),
            ("0.15", Per::Token, None),
            ("10000", Per::Million, None),
            ("1e64", Per::Million, None),
            ("1e999999999999", Per::Million, None),
            ("", Per::Token, None),
            (".", Per::Token, None),
            ("1,5", Per::Million, None),
            ("NaN", Per::Million, None),
            ("+1", Per::Million, None),
            ("99999999999999999999999999999999999999999999999999999999999", Per::Million, None),
        ] {
            assert_eq!(nanos(text, per), expected, "{text} {per:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_the_nano_dollar_and_its_text(price in 0..TOO_DEAR) {
            let (whole, rest) = (price / 1_000_000_000, price % 1_000_000_000);
            prop_assert_eq!(nanos(&format!("{whole}.{rest:09}"), Per::Million), Some(price));
            prop_assert_eq!(nanos(&format!("{price}e-15"), Per::Token), Some(price));
        }

        #[test]
        fn no_text_is_too_odd(text in "[-+0-9.eE$ ]{0,80}") {
            let read = nanos(&text, Per::Token);
            prop_assert!(read.is_none_or(|nanos| nanos < TOO_DEAR));
        }
    }
}
