//! What the headers of an answer say of limits: what is left of them, and when to come back.

use chrono::DateTime;
use http::HeaderMap;

use crate::quota;
use crate::quota::reset::decimal_ms;

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

/// The limit that is nearest of those that the headers tell, in whichever words.
pub fn limits(headers: &HeaderMap, now_unix_ms: i64) -> Option<Limits> {
    quota::read(headers, now_unix_ms).nearest()
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
