//! One problem, told in the shape that each protocol's clients understand.

use std::borrow::Cow;

use bytes::Bytes;

use crate::peek::PeekError;
use crate::protocol::Protocol;

/// What kind of failure it is. Each protocol has its own word and status for these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself is wrong.
    BadRequest,
    /// No key, or one that is not accepted.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// The path or model does not exist.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// Too many requests.
    RateLimited,
    /// The provider failed or gave an answer that makes no sense.
    UpstreamFailed,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// Nothing can serve the request at the moment.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// A failure as the caller is told it.
///
/// ```
/// use tokenrouter::error::{Kind, Problem};
/// use tokenrouter::Protocol;
///
/// let problem = Problem::new(Kind::RateLimited, "rate_limited", "too many requests", "Wait.").retry_after(7);
/// assert_eq!(problem.http_status(Protocol::Anthropic), 429);
/// let body = problem.body(Protocol::Anthropic, "req_1");
/// assert!(body.starts_with(br#"{"type":"error","error":{"type":"rate_limit_error""#));
/// assert!(problem.stream_end(Protocol::OpenAi, "req_1").starts_with(b"data: {"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of failure.
    pub kind: Kind,
    /// A stable word for programs.
    pub code: &'static str,
    /// What happened.
    pub message: Cow<'static, str>,
    /// What to do about it.
    pub advice: Cow<'static, str>,
    /// The request field at fault.
    pub field: Option<Cow<'static, str>>,
    /// When it makes sense to try again, in seconds.
    pub retry_after_s: Option<u32>,
    /// The status to answer with, where it is not the usual one of the kind.
    pub status: Option<u16>,
    /// Whose limit it is that stands in the way and which one, such as `token/requests_per_minute`, for whoever counts them.
    pub limit: Option<&'static str>,
}

impl Problem {
    /// A problem with its sentence and advice.
    pub fn new(
        kind: Kind,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            advice: advice.into(),
            field: None,
            retry_after_s: None,
            status: None,
            limit: None,
        }
    }

    /// Names the limit that stands in the way.
    #[must_use]
    pub const fn of_limit(mut self, limit: &'static str) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn at_field(mut self, field: Option<&'static str>) -> Self {
        self.field = field.map(Cow::Borrowed);
        self
    }

    /// Names the place in the request at fault, as a path.
    #[must_use]
    pub fn at_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        let path = path.into();
        self.field = (!path.is_empty()).then_some(path);
        self
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Answers with `status` instead of the kind's usual one.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The HTTP status for clients of `protocol`.
    pub const fn http_status(&self, protocol: Protocol) -> u16 {
        if let Some(status) = self.status {
            return status;
        }
        match self.kind {
            Kind::BadRequest => 400,
            Kind::Unauthenticated => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::TooLarge => 413,
            Kind::RateLimited => 429,
            Kind::Internal => 500,
            Kind::UpstreamFailed => 502,
            Kind::UpstreamTimeout => 504,
            // Anthropic's own word for overload; its clients retry on it.
            Kind::Unavailable if matches!(protocol, Protocol::Anthropic) => 529,
            Kind::Unavailable => 503,
        }
    }

    /// The response body for clients of `protocol`, as JSON.
    pub fn body(&self, protocol: Protocol, request_id: &str) -> Bytes {
        match protocol {
            Protocol::OpenAi | Protocol::Responses => crate::openai::error::body(self, request_id),
            Protocol::Anthropic => crate::anthropic::error::body(self, request_id),
            Protocol::Gemini => crate::gemini::error::body(self, request_id),
            Protocol::Cohere => crate::cohere::error::body(self, request_id),
        }
    }

    /// The frames that end a stream of `protocol` which has begun already.
    pub fn stream_end(&self, protocol: Protocol, request_id: &str) -> Bytes {
        match protocol {
            Protocol::OpenAi => crate::openai::error::stream_end(self, request_id),
            Protocol::Responses => crate::responses::error::stream_end(self, request_id),
            Protocol::Anthropic => crate::anthropic::error::stream_end(self, request_id),
            Protocol::Gemini => crate::gemini::error::stream_end(self, request_id),
            Protocol::Cohere => crate::cohere::error::stream_end(self, request_id),
        }
    }

    /// What happened and what to do, as one text.
    pub fn sentence(&self) -> String {
        let mut text = self.message.trim_end_matches('.').to_owned();
        if !self.advice.is_empty() {
            text.push_str(". ");
            text.push_str(&self.advice);
        }
        text
    }
}

impl From<&PeekError> for Problem {
    fn from(e: &PeekError) -> Self {
        let code = match e {
            PeekError::Empty
            | PeekError::Truncated
            | PeekError::Syntax { .. }
            | PeekError::NotUtf8 { .. }
            | PeekError::NotAnObject => "invalid_json",
            PeekError::NoModel => "model_missing",
            PeekError::ModelNotAString | PeekError::ModelLength(_) | PeekError::ModelCharacter(_) => "invalid_model",
            PeekError::Ambiguous(_) => "ambiguous_field",
            PeekError::StreamNotABool => "invalid_stream",
            PeekError::Duplicate(_) => "duplicate_field",
            PeekError::TooDeep => "too_deep",
        };
        Self::new(Kind::BadRequest, code, e.to_string(), "").at_field(e.field())
    }
}

/// `value` as JSON. Error bodies hold strings and numbers only, which cannot fail to serialize.
pub(crate) fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from)
}

/// The most of a provider's sentence that is passed on.
const MAX_TOLD_CHARS: usize = 2000;

/// A provider's error in words that every protocol has. `status` is 0 for an error inside a stream; `code` is the
/// provider's own word.
pub(crate) fn upstream(status: u16, message: &str, code: &str) -> Problem {
    let lower = code.to_ascii_lowercase();
    let says = |word: &str| lower.contains(word);
    let tells = |words: &str| message.contains(words);
    let about_context = says("context_length")
        || says("context_window")
        || tells("prompt is too long")
        // The words of those that have no code for it: vLLM, Gemini, Cohere. Of a limit on the rate they would say the same.
        || (status != 429
            && !says("rate_limit")
            && (tells("maximum context length")
                || tells("exceeds the maximum number of tokens")
                || tells("too many tokens")));
    let (kind, code, usual) = if about_context {
        (Kind::BadRequest, "context_length_exceeded", 400)
    } else if says("insufficient_quota") || says("billing") || status == 402 || tells("credit balance is too low") {
        (Kind::RateLimited, "billing", 429)
    } else if status == 429 || says("rate_limit") || says("resource_exhausted") {
        (Kind::RateLimited, "rate_limited", 429)
    } else if matches!(status, 503 | 529) || says("overloaded") || says("unavailable") {
        (Kind::Unavailable, "overloaded", 503)
    } else if matches!(status, 401 | 498) || says("authentication") || says("invalid_api_key") {
        (Kind::Unauthenticated, "unauthenticated", 401)
    } else if status == 403 || says("permission") {
        (Kind::Forbidden, "forbidden", 403)
    } else if says("model_not_found") || status == 404 || says("not_found") {
        (Kind::NotFound, "model_not_found", 404)
    } else if status == 413 || says("too_large") {
        (Kind::TooLarge, "too_large", 413)
    } else if matches!(status, 408 | 504) || says("timeout") || says("deadline") {
        (Kind::UpstreamTimeout, "upstream_timeout", 504)
    } else if (400..500).contains(&status)
        || says("invalid_request")
        || says("invalid_argument")
        || says("invalid_prompt")
    {
        // A status that is no error's, such as a redirect's, would make the client believe something else.
        (Kind::BadRequest, "invalid_request", if (400..600).contains(&status) { status } else { 400 })
    } else {
        (Kind::UpstreamFailed, "upstream_failed", if status == 500 { 500 } else { 502 })
    };
    let message = if message.trim().is_empty() {
        if status == 0 {
            "the provider failed without an explanation".to_owned()
        } else {
            format!("the provider answered with status {status} and no explanation")
        }
    } else {
        message.chars().filter(|c| !crate::hidden::is_hidden(*c) || *c == '\n').take(MAX_TOLD_CHARS).collect()
    };
    let problem = Problem::new(kind, code, message, "");
    // Overload has a status of its own in each protocol.
    if kind == Kind::Unavailable { problem } else { problem.with_status(usual) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_tells_the_sentence_the_code_and_the_request() {
        let problem = Problem::new(Kind::NotFound, "model_not_found", "no model \"x\"", "Did you mean \"y\"?")
            .at_field(Some("model"));
        for protocol in Protocol::ALL {
            let body = problem.body(protocol, "req_1");
            let end = problem.stream_end(protocol, "req_1");
            for text in [&body, &end] {
                let text = std::str::from_utf8(text).unwrap();
                assert!(text.contains(r#"no model \"x\". Did you mean \"y\"?"#), "{protocol}: {text}");
            }
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            assert!(end.ends_with(b"\n\n"));
            assert_eq!(problem.http_status(protocol), 404);
        }
    }
}
