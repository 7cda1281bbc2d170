//! What the headers of an answer say of limits: what is left of them, and when to come back.

use chrono::DateTime;
use http::HeaderMap;

use super::verdict::LONGEST_MS;

/// What is left of a credential's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the limit that is nearest, in thousandths.
    pub left_permille: u32,
    /// Until it is set back, in milliseconds.
    pub reset_ms: u64,
}

/// How long the provider wants to be left alone, in milliseconds: `retry-after-ms`, `retry-after` in seconds or as a date.
pub fn retry_after_ms(headers: &HeaderMap, now_unix_ms: i64) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| decimal_ms(ms, 1)) {
        return Some(ms);
    }
    let after = text("retry-after")?;
    decimal_ms(after, 1_000).or_else(|| {
        let at = DateTime::parse_from_rfc2822(after).ok()?.timestamp_millis();
        Some(u64::try_from(at.saturating_sub(now_unix_ms)).unwrap_or(0))
    })
}

/// The limit that is nearest of those that the headers tell: OpenAI's and Anthropic's names, with or without `x-`.
pub fn limits(headers: &HeaderMap, now_unix_ms: i64) -> Option<Limits> {
    const FAMILIES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];
    let family = FAMILIES.into_iter().find(|f| headers.keys().any(|name| name.as_str().starts_with(f)))?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let mut nearest: Option<Limits> = None;
    for what in ["requests", "tokens", "input-tokens", "output-tokens", ""] {
        let get = |part: &str| {
            let (before, after) = (format!("{family}{part}-{what}"), format!("{family}{what}-{part}"));
            text(before.trim_end_matches('-')).or_else(|| text(&after.replace("--", "-")))
        };
        let number = |part: &str| get(part).and_then(|text| text.parse::<f64>().ok()).filter(|n| *n >= 0.0);
        let (Some(limit), Some(left)) = (number("limit").filter(|n| *n > 0.0), number("remaining")) else { continue };
        let left_permille = decimal(left / limit * 1_000.0).map_or(1_000, |left| left.min(1_000) as u32);
        let reset_ms = get("reset").and_then(|text| reset_ms(text, now_unix_ms)).unwrap_or(60_000).min(LONGEST_MS);
        if nearest.is_none_or(|limits| left_permille < limits.left_permille) {
            nearest = Some(Limits { left_permille, reset_ms });
        }
    }
    nearest
}

/// `12`, `1.5`, `6m0s`, `20ms`, a date of RFC 3339, or seconds since 1970 (some since 1970 in milliseconds).
fn reset_ms(text: &str, now_unix_ms: i64) -> Option<u64> {
    let until = |at_ms: i64| u64::try_from(at_ms.saturating_sub(now_unix_ms)).unwrap_or(0);
    if let Some(whole) = decimal_ms(text, 1) {
        return Some(match i64::try_from(whole).ok()? {
            at_s @ 1_000_000_000..=99_999_999_999 => until(at_s.saturating_mul(1_000)),
            at_ms @ 100_000_000_000.. => until(at_ms),
            _ => decimal_ms(text, 1_000)?,
        });
    }
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(until(date.timestamp_millis()));
    }
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(decimal_ms(number, scale)?)?;
        rest = tail;
    }
    Some(total)
}

/// A number with or without a fraction, times `scale`.
fn decimal_ms(text: &str, scale: u32) -> Option<u64> {
    decimal(text.parse::<f64>().ok()? * f64::from(scale))
}

/// Rounded up; none of what is no number of things.
fn decimal(number: f64) -> Option<u64> {
    #[expect(clippy::cast_sign_loss, reason = "it was looked at")]
    (number.is_finite() && number >= 0.0).then(|| number.ceil().min(1e15) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_nearest_limit_counts_in_every_family_of_headers() {
        let read = |pairs: &[(&'static str, &str)]| limits(&headers(pairs), NOW).map(|l| (l.left_permille, l.reset_ms));
        assert_eq!(read(&[("content-type", "x")]), None);
        assert_eq!(
            read(&[
                ("x-ratelimit-limit-requests", "1000"),
                ("x-ratelimit-remaining-requests", "900"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-limit-tokens", "40000"),
                ("x-ratelimit-remaining-tokens", "1000"),
                ("x-ratelimit-reset-tokens", "1m30.5s"),
            ]),
            Some((25, 90_500))
        );
        assert_eq!(
            read(&[
                ("anthropic-ratelimit-requests-limit", "50"),
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2023-11-14T22:13:30Z"),
                ("anthropic-ratelimit-input-tokens-limit", "1000"),
                ("anthropic-ratelimit-input-tokens-remaining", "10"),
                ("anthropic-ratelimit-input-tokens-reset", "2023-11-14T22:14:20Z"),
            ]),
            Some((10, 60_000))
        );
        assert_eq!(
            read(&[("ratelimit-limit", "10"), ("ratelimit-remaining", "1"), ("ratelimit-reset", "7")]),
            Some((100, 7_000))
        );
        // OpenRouter tells the moment in milliseconds since 1970.
        assert_eq!(
            read(&[
                ("x-ratelimit-limit", "10"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1700000009000")
            ]),
            Some((0, 9_000))
        );
        for nonsense in ["NaN", "-1", "", "inf"] {
            assert_eq!(
                read(&[("ratelimit-limit", "10"), ("ratelimit-remaining", nonsense)])
                    .map(|l| l.0)
                    .filter(|l| *l < 1000),
                None,
                "{nonsense}"
            );
        }
    }
}
