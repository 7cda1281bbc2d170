//! What an answer, or its absence, says of the endpoint that gave it, and whether another may be asked instead.

use http::HeaderMap;

pub use super::limits::{Limits, limits, retry_after_ms};
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
    /// The credential may not do this, or nobody may.
    Forbidden,
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
            Self::Forbidden => "forbidden",
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
pub(crate) const LONGEST_MS: u64 = 24 * 3_600_000;

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
            // Many sentences quote what the client wrote, some begin with it.
            Kind::BadRequest if is_about_model(&problem.message) => (Blame::Missing, Next::Other, 0),
            // Google says so with the status of a wrong request.
            Kind::BadRequest if matches!(status, 0 | 400) && says(&problem.message, &KEY_REFUSED) => {
                (Blame::Credential, Next::Other, 0)
            }
            Kind::BadRequest if matches!(status, 0 | 400) && says(&problem.message, &OVERLOADED) => {
                (Blame::Endpoint, Next::Any, told.unwrap_or(0))
            }
            // A key that may not use one model, or a filter, is no key that is refused.
            Kind::Forbidden if is_about_request(&problem.message) => (Blame::Missing, Next::Other, 0),
            // A wall in front of the provider that did not like the words, perhaps.
            Kind::Forbidden if problem.message.ends_with("no explanation") => (Blame::Forbidden, Next::Other, 0),
            Kind::Unauthenticated | Kind::Forbidden => (Blame::Credential, Next::Other, 0),
            // This request alone is too large for what is left: others still fit.
            Kind::RateLimited if is_about_size(&problem.message) => (Blame::Request, Next::Other, 0),
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

/// Google's sentences, and those of others that answer as if the request were wrong.
const KEY_REFUSED: [&str; 3] = ["api key not valid", "api key expired", "invalid api key"];
const OVERLOADED: [&str; 6] = [
    "the model is overloaded",
    "the model is currently overloaded",
    "this model is currently overloaded",
    "model is overloaded",
    "model overloaded",
    "overloaded",
];

/// Whether the first sentence of `message` is one of `sentences`.
fn says(message: &str, sentences: &[&str]) -> bool {
    let lower = message.to_ascii_lowercase();
    let ends = |rest: &str| rest.trim_end().is_empty() || rest.starts_with(['.', ',', ';', '!']);
    sentences.iter().any(|said| lower.strip_prefix(said).is_some_and(ends))
}

fn is_about_size(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.starts_with("request too large") || lower.contains("fewer max_tokens")
}

fn is_about_request(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let is_about_key = ["api key", "credential", "identity-based", "policy allows", "billing"];
    ["model", "moderation", "flagged", "safety", "content policy"].iter().any(|said| lower.contains(said))
        && !is_about_key.iter().any(|said| lower.contains(said))
}

/// Vendors that answer 400 to a model they do not have.
fn is_about_model(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.contains("model")
        && ["not exist", "not found", "not a valid model", "invalid model", "unknown model", "no such model"]
            .iter()
            .any(|said| lower.contains(said))
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
                Anthropic,
                403,
                r#"{"error":{"type":"authentication_error","message":"model"}}"#,
                other(Blame::Credential),
            ),
            (OpenAi, 403, "<html>blocked</html>", other(Blame::Forbidden)),
            // What a client wrote comes back in the sentence and says nothing of anybody's key.
            (
                OpenAi,
                404,
                r#"{"error":{"message":"The model `API_KEY_INVALID` does not exist"}}"#,
                other(Blame::Missing),
            ),
            (OpenAi, 404, r#"{"error":{"message":"no model `overloaded`"}}"#, other(Blame::Missing)),
            (OpenAi, 400, r#"{"error":{"message":"reasoning_effort: API key not valid"}}"#, answer),
            (OpenAi, 422, r#"{"error":{"message":"API key not valid."}}"#, answer),
            (OpenAi, 400, r#"{"error":{"message":"API key not valid for you is no size"}}"#, answer),
            (
                OpenAi,
                400,
                r#"{"error":{"message":"API key not valid. is not a valid model ID"}}"#,
                other(Blame::Missing),
            ),
            (OpenAi, 400, r#"{"error":{"message":"The model `is overloaded` does not exist"}}"#, other(Blame::Missing)),
            (OpenAi, 400, r#"{"error":{"message":"The model 'is overloaded' cannot do that"}}"#, answer),
            (
                OpenAi,
                403,
                r#"{"error":{"message":"no identity-based policy allows the model"}}"#,
                other(Blame::Credential),
            ),
            (
                OpenAi,
                429,
                r#"{"error":{"message":"Request too large: limit 30, requested 50"}}"#,
                other(Blame::Request),
            ),
            (OpenAi, 402, r#"{"error":{"message":"more credits, or fewer max_tokens"}}"#, other(Blame::Request)),
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
}
