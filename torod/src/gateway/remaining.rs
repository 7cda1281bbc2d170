//! Tells a client what is left of its limits, in the headers that the SDKs of its protocol know.

use chrono::{DateTime, SecondsFormat};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::Protocol;

use crate::access::caller::Caller;
use crate::access::remaining::{Remaining, Tightest};
use crate::access::wall::Moment;

/// Limit, remaining, reset.
type Names = [HeaderName; 3];

const OPENAI_REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const OPENAI_TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
const ANTHROPIC_REQUESTS: Names = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];
const ANTHROPIC_TOKENS: Names = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];
/// No protocol has a name for money.
const USD: Names = [
    HeaderName::from_static("x-tokenrouter-budget-limit-usd"),
    HeaderName::from_static("x-tokenrouter-budget-remaining-usd"),
    HeaderName::from_static("x-tokenrouter-budget-reset"),
];

/// Puts into `to` what is left for `caller`, where it has limits at all.
pub(super) fn tell(caller: &Caller, protocol: Protocol, now: Moment, to: &mut HeaderMap) {
    let Some(remaining) = caller.token().and_then(|token| Remaining::of(token, now)) else { return };
    let is_anthropic = protocol == Protocol::Anthropic;
    let (requests, tokens) =
        if is_anthropic { (ANTHROPIC_REQUESTS, ANTHROPIC_TOKENS) } else { (OPENAI_REQUESTS, OPENAI_TOKENS) };
    let reset = |ms: u64| if is_anthropic { date(now, ms) } else { Some(duration(ms)) };
    for (names, tightest) in [(requests, remaining.requests), (tokens, remaining.tokens)] {
        let Some(Tightest { limit, left, resets_in_ms }) = tightest else { continue };
        let reset = resets_in_ms.and_then(reset).and_then(|text| HeaderValue::try_from(text).ok());
        put(to, names, [Some(limit.into()), Some(left.into()), reset]);
    }
    if let Some(Tightest { limit, left, resets_in_ms }) = remaining.nanos {
        let text = |text: String| HeaderValue::try_from(text).ok();
        let reset = resets_in_ms.and_then(|ms| date(now, ms)).and_then(text);
        put(to, USD, [text(dollars(limit)), text(dollars(left)), reset]);
    }
}

fn put(to: &mut HeaderMap, names: Names, values: [Option<HeaderValue>; 3]) {
    for (name, value) in names.into_iter().zip(values) {
        if let Some(value) = value {
            to.insert(name, value);
        }
    }
}

/// `12ms`, `1.5s`, `6m0s`, `2h0m0s`: as OpenAI writes it.
fn duration(ms: u64) -> String {
    if ms < 1_000 {
        return if ms == 0 { "0s".to_owned() } else { format!("{ms}ms") };
    }
    let seconds = ms.div_ceil(1_000);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

/// `2026-12-01T00:00:00Z`: as Anthropic writes it.
fn date(now: Moment, ms: u64) -> Option<String> {
    let at = now.now_ms.checked_add(i64::try_from(ms).ok()?)?;
    let at = DateTime::from_timestamp(at.checked_add(999)?.div_euclid(1_000), 0)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// All digits that mean something.
fn dollars(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_money_are_told_as_the_vendors_do() {
        for (ms, text) in [(0, "0s"), (12, "12ms"), (1_001, "2s"), (360_000, "6m0s"), (7_260_000, "2h1m0s")] {
            assert_eq!(duration(ms), text);
        }
        let now = Moment { now_ms: 1_796_000_000_001, uptime_ms: 0 };
        assert_eq!(date(now, 59_999).as_deref(), Some("2026-11-30T00:54:20Z"));
        assert_eq!(date(now, u64::MAX), None);
        for (nanos, text) in [(0, "0"), (1, "0.000000001"), (5_000_000_000, "5"), (120_000_000, "0.12")] {
            assert_eq!(dollars(nanos), text);
        }
    }
}
