//! Times and numbers as vendors write them in headers.

use chrono::DateTime;

/// Nothing is believed that lies further ahead, in milliseconds: 400 days.
pub const FURTHEST_MS: u64 = 400 * 86_400_000;

/// In how many milliseconds: `12`, `1.5`, `6m0s`, `20ms`, a date of RFC 3339 or of HTTP, or seconds since 1970 (some since
/// 1970 in milliseconds). At most [`FURTHEST_MS`].
pub fn reset_ms(text: &str, now_unix_ms: i64) -> Option<u64> {
    let until = |at_ms: i64| u64::try_from(at_ms.saturating_sub(now_unix_ms)).unwrap_or(0);
    let told = if let Some(whole) = decimal_ms(text, 1) {
        match i64::try_from(whole).ok()? {
            at_s @ 1_000_000_000..=99_999_999_999 => until(at_s.saturating_mul(1_000)),
            at_ms @ 100_000_000_000.. => until(at_ms),
            _ => decimal_ms(text, 1_000)?,
        }
    } else if let Ok(date) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)) {
        until(date.timestamp_millis())
    } else {
        duration_ms(text)?
    };
    Some(told.min(FURTHEST_MS))
}

/// A duration as Go writes it: `1h2m3.5s`, `7.66s`, `120ms`, `2µs`.
fn duration_ms(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let part = match unit.trim() {
            "ns" | "us" | "µs" | "μs" => decimal_ms(number, 1).map(|_| 0)?,
            "ms" => decimal_ms(number, 1)?,
            "s" => decimal_ms(number, 1_000)?,
            "m" => decimal_ms(number, 60_000)?,
            "h" => decimal_ms(number, 3_600_000)?,
            "d" => decimal_ms(number, 86_400_000)?,
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(total)
}

/// A number with or without a fraction, times `scale`.
pub(crate) fn decimal_ms(text: &str, scale: u32) -> Option<u64> {
    decimal(text.parse::<f64>().ok()? * f64::from(scale))
}

/// Rounded up; none of what is no number of things.
pub(crate) fn decimal(number: f64) -> Option<u64> {
    #[expect(clippy::cast_sign_loss, reason = "it was looked at")]
    (number.is_finite() && number >= 0.0).then(|| number.ceil().min(1e15) as u64)
}

/// How long a window is that is named so, in seconds: `day`, `minute`, `5h`, `1m`.
pub fn window_s(word: &str) -> Option<u32> {
    let usual = match word {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" | "hourly" => 3_600,
        "day" | "daily" => 86_400,
        "week" | "weekly" => 604_800,
        "month" | "monthly" => 2_592_000,
        "year" | "yearly" => 31_536_000,
        _ => 0,
    };
    if usual > 0 {
        return Some(usual);
    }
    let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let unit: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u32>().ok().filter(|n| is_number && *n > 0)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn every_form_of_a_time_to_come() {
        for (text, ms) in [
            ("1s", 1_000),
            ("6m0s", 360_000),
            ("2m59.56s", 179_560),
            ("7.66s", 7_660),
            ("20ms", 20),
            ("1h0m0s", 3_600_000),
            ("1d", 86_400_000),
            ("500µs", 0),
            ("12", 12_000),
            ("1.5", 1_500),
            ("33011.382867", 33_011_383),
            ("1700000009", 9_000),
            ("1700000009000", 9_000),
            ("1600000000", 0),
            ("2023-11-14T22:13:30Z", 10_000),
            ("2023-11-14T23:13:30+01:00", 10_000),
            ("Tue, 14 Nov 2023 22:13:30 GMT", 10_000),
            ("9999-12-31T23:59:59Z", FURTHEST_MS),
            ("99999999999999999999", FURTHEST_MS),
            ("0", 0),
        ] {
            assert_eq!(reset_ms(text, NOW), Some(ms), "{text}");
        }
        for nonsense in ["", "-1", "NaN", "inf", "soon", "1x", "m", "1s1", "ten s", "é", "1h2", "10000-01-01T00:00:00Z"]
        {
            assert_eq!(reset_ms(nonsense, NOW), None, "{nonsense}");
        }
        assert_eq!(reset_ms(&"9h".repeat(40), NOW), None, "nobody writes so");
    }

    #[test]
    fn windows_have_lengths() {
        for (word, s) in
            [("minute", 60), ("day", 86_400), ("5h", 18_000), ("7d", 604_800), ("1m", 60), ("month", 2_592_000)]
        {
            assert_eq!(window_s(word), Some(s), "{word}");
        }
        for none in ["", "h", "0h", "xh", "tokens", "4294967295d", "é", "5é", "-5h", "+5h"] {
            assert_eq!(window_s(none), None, "{none}");
        }
    }
}
