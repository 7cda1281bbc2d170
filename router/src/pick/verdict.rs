//! What an answer, or its absence, says of the endpoint that gave it, and whether another may be asked instead.

use chrono::DateTime;
use http::HeaderMap;

use crate::error::{Kind, Problem};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// There was none.
    Nobody,
    /// The request's: every endpoint would say the same.
    Request,
    /// The provider does not have the model.
    Missing,
    /// The provider cannot be reached.
    Connection,
    /// The endpoint failed.
    Endpoint,
    /// A limit was reached that is set back by itself.
    Limit,
    /// The credential is refused.
    Credential,
    /// The credential's account is empty.
    Exhausted,
}

impl Blame {
    /// The word in explanations and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "ok",
            Self::Request => "refused",
            Self::Missing => "model_missing",
            Self::Connection => "unreachable",
            Self::Endpoint => "failed",
            Self::Limit => "rate_limited",
            Self::Credential => "credential_refused",
            Self::Exhausted => "out_of_credit",
        }
    }
}

/// Who may be asked instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nobody: this is the answer.
    Answer,
    /// Any other endpoint, and after a while the same.
    Any,
    /// Any other endpoint, but not the same again.
    Other,
}

/// What is left of a credential's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the limit that is nearest, in thousandths.
    pub left_permille: u32,
    /// Until it is set back, in milliseconds.
    pub reset_ms: u64,
}

/// The judgement of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whose fault it is.
    pub blame: Blame,
    /// Who may be asked instead.
    pub next: Next,
    /// For how long this endpoint is not to be asked, in milliseconds; 0 leaves it to the breakers.
    pub wait_ms: u64,
    /// Whether the provider itself said for how long.
    pub is_told: bool,
    /// What is left of the credential's limits, if the answer said so.
    pub limits: Option<Limits>,
}

/// After a refusal for a limit that does not say when to come back.
const LIMITED_MS: u64 = 5_000;
/// The same for an empty account.
const EXHAUSTED_MS: u64 = 300_000;
/// Nobody is believed who wants to be left alone for longer.
const LONGEST_MS: u64 = 24 * 3_600_000;

const fn judged(blame: Blame, next: Next) -> Verdict {
    Verdict { blame, next, wait_ms: 0, is_told: false, limits: None }
}

impl Verdict {
    /// All is well.
    pub const FINE: Self = judged(Blame::Nobody, Next::Answer);
    /// There was no connection: refused, reset while it was made, no such name, TLS failed, or too slow.
    pub const UNREACHABLE: Self = judged(Blame::Connection, Next::Any);
    /// The connection broke, or nothing came in time.
    pub const BROKEN: Self = judged(Blame::Endpoint, Next::Any);
    /// The answer is none that this protocol has: a redirect, a page, a body that cannot be read.
    pub const NONSENSE: Self = judged(Blame::Endpoint, Next::Other);
    /// The request cannot be told to this endpoint in its protocol; another may understand it.
    pub const UNFIT: Self = judged(Blame::Request, Next::Other);

    /// Judges an answer that says `problem`, with its headers; `now_unix_ms` is the time of day for dates in them.
    pub fn of(problem: &Problem, status: u16, headers: &HeaderMap, now_unix_ms: i64) -> Self {
        let told = retry_after_ms(headers, now_unix_ms).or(problem.retry_after_s.map(|s| u64::from(s) * 1_000));
        let told = told.map(|ms| ms.min(LONGEST_MS));
        let limits = limits(headers, now_unix_ms);
        let wait = |usual: u64| told.or(limits.filter(|l| l.left_permille == 0).map(|l| l.reset_ms)).unwrap_or(usual);
        let (blame, next, wait_ms) = match problem.kind {
            _ if is_overload(&problem.message) => (Blame::Endpoint, Next::Any, told.unwrap_or(0)),
            // Google says so with the status of a wrong request.
            _ if is_about_key(&problem.message) => (Blame::Credential, Next::Other, 0),
            // A key that may not use one model, or an answer that a filter kept back, is no key that is refused: whoever
            // asks for such a model must not shut it for everybody.
            Kind::Forbidden if is_about_request(&problem.message) => (Blame::Missing, Next::Other, 0),
            Kind::Unauthenticated | Kind::Forbidden => (Blame::Credential, Next::Other, 0),
            Kind::RateLimited if problem.code == "billing" => (Blame::Exhausted, Next::Other, wait(EXHAUSTED_MS)),
            Kind::RateLimited => (Blame::Limit, Next::Any, wait(LIMITED_MS)),
            // A page in place of an answer says no less that there is no such thing.
            Kind::NotFound => (Blame::Missing, Next::Other, 0),
            _ if status == 404 => (Blame::Missing, Next::Other, 0),
            // Conflicts and requests that came too early pass by themselves.
            _ if matches!(status, 408 | 409 | 425) => (Blame::Endpoint, Next::Any, told.unwrap_or(0)),
            Kind::UpstreamFailed | Kind::UpstreamTimeout | Kind::Unavailable | Kind::Internal => {
                (Blame::Endpoint, Next::Any, told.unwrap_or(0))
            }
            Kind::BadRequest if is_about_model(&problem.message) => (Blame::Missing, Next::Other, 0),
            Kind::BadRequest | Kind::MethodNotAllowed | Kind::TooLarge => (Blame::Request, Next::Answer, 0),
        };
        Self { blame, next, wait_ms, is_told: told.is_some(), limits }
    }

    /// The same with what the answer's headers say of limits.
    #[must_use]
    pub fn with_limits(self, headers: &HeaderMap, now_unix_ms: i64) -> Self {
        Self { limits: limits(headers, now_unix_ms), ..self }
    }
}

fn is_overload(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.contains("model") && lower.contains("overloaded")
}

fn is_about_key(message: &str) -> bool {
    message.contains("API key not valid") || message.contains("API_KEY_INVALID") || message.contains("API key expired")
}

fn is_about_request(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    ["model", "moderation", "flagged", "content", "policy", "safety"].iter().any(|said| lower.contains(said))
}

/// Vendors that answer 400 to a model they do not have.
fn is_about_model(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.contains("model")
        && ["not exist", "not found", "not a valid model", "invalid model", "unknown model", "no such model"]
            .iter()
            .any(|said| lower.contains(said))
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
    use crate::convert::provider_error;
    use crate::protocol::Protocol;

    const NOW: i64 = 1_700_000_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn judge(protocol: Protocol, status: u16, body: &str) -> (Blame, Next) {
        let verdict = Verdict::of(&provider_error(protocol, status, body.as_bytes()), status, &HeaderMap::new(), NOW);
        (verdict.blame, verdict.next)
    }

    #[test]
    fn every_class_of_error_is_known() {
        use Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
        let any = |blame| (blame, Next::Any);
        let other = |blame| (blame, Next::Other);
        let answer = (Blame::Request, Next::Answer);
        for (protocol, status, body, expected) in [
            (OpenAi, 400, r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#, answer),
            (OpenAi, 413, r#"{"error":{"message":"too big"}}"#, answer),
            (OpenAi, 422, r#"{"error":{"message":"no"}}"#, answer),
            (OpenAi, 400, r#"{"error":{"message":"long","code":"context_length_exceeded"}}"#, answer),
            (OpenAi, 400, r#"{"error":{"message":"filtered","code":"content_filter"}}"#, answer),
            (OpenAi, 401, r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#, other(Blame::Credential)),
            (OpenAi, 403, r#"{"error":{"message":"Project has no access to model x"}}"#, other(Blame::Missing)),
            (OpenAi, 403, r#"{"error":{"message":"Your input was flagged"}}"#, other(Blame::Missing)),
            (Anthropic, 403, r#"{"error":{"type":"permission_error","message":"no"}}"#, other(Blame::Credential)),
            (
                Gemini,
                400,
                r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#,
                other(Blame::Credential),
            ),
            (
                OpenAi,
                404,
                r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#,
                other(Blame::Missing),
            ),
            (OpenAi, 400, r#"{"error":{"message":"Model Not Exist"}}"#, other(Blame::Missing)),
            (OpenAi, 400, r#"{"error":{"message":"x is not a valid model ID"}}"#, other(Blame::Missing)),
            (OpenAi, 402, r#"{"error":{"message":"no credit"}}"#, other(Blame::Exhausted)),
            (OpenAi, 429, r#"{"error":{"message":"quota","code":"insufficient_quota"}}"#, other(Blame::Exhausted)),
            (OpenAi, 429, r#"{"error":{"message":"slow down"}}"#, any(Blame::Limit)),
            (Gemini, 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, any(Blame::Limit)),
            (OpenAi, 408, "{}", any(Blame::Endpoint)),
            (OpenAi, 409, "{}", any(Blame::Endpoint)),
            (OpenAi, 425, "{}", any(Blame::Endpoint)),
            (Responses, 500, "{}", any(Blame::Endpoint)),
            (OpenAi, 502, "<html>bad gateway</html>", any(Blame::Endpoint)),
            (OpenAi, 503, "{}", any(Blame::Endpoint)),
            (Cohere, 504, "{}", any(Blame::Endpoint)),
            (Anthropic, 529, r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#, any(Blame::Endpoint)),
            (
                Anthropic,
                0,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                any(Blame::Endpoint),
            ),
            (OpenAi, 400, r#"{"error":{"message":"The model is overloaded"}}"#, any(Blame::Endpoint)),
        ] {
            assert_eq!(judge(protocol, status, body), expected, "{protocol} {status} {body}");
        }
    }

    #[test]
    fn a_limit_is_kept_for_as_long_as_the_provider_says() {
        let limited = |pairs: &[(&'static str, &str)]| {
            let problem = Problem::new(Kind::RateLimited, "rate_limited", "", "");
            let verdict = Verdict::of(&problem, 429, &headers(pairs), NOW);
            (verdict.wait_ms, verdict.is_told)
        };
        assert_eq!(limited(&[]), (5_000, false));
        assert_eq!(limited(&[("retry-after", "2")]), (2_000, true));
        assert_eq!(limited(&[("retry-after", "0.25")]), (250, true));
        assert_eq!(limited(&[("retry-after-ms", "1500"), ("retry-after", "9")]), (1_500, true));
        assert_eq!(limited(&[("retry-after", "Tue, 14 Nov 2023 22:13:50 GMT")]), (30_000, true));
        assert_eq!(limited(&[("retry-after", "Tue, 14 Nov 2000 22:13:50 GMT")]), (0, true));
        assert_eq!(limited(&[("retry-after", "99999999999")]), (LONGEST_MS, true));
        assert_eq!(limited(&[("retry-after", "-3")]), (5_000, false));
        assert_eq!(limited(&[("retry-after", "soon")]), (5_000, false));
        let empty = [
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
        ];
        assert_eq!(limited(&empty), (360_000, false));
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
