//! From what a protocol made of an answer to an HTTP response: headers, faults, timing.
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::{AnswerBody, Tail, plan_writes};
use crate::problem::{self, Problem};
use crate::script::{Kind, Script};
use crate::sse::Events;
use crate::state::{Flight, State};

/// Whose headers and errors an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    OpenAi,
    Anthropic,
    Gemini,
    Cohere,
}

/// Headers that are the same in every answer, made once.
pub(crate) struct Templates {
    openai: HeaderMap,
    anthropic: HeaderMap,
    gemini: HeaderMap,
    cohere: HeaderMap,
}

impl Templates {
    pub(crate) fn new() -> Self {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            pairs.iter().map(pair).collect()
        };
        Self {
            openai: map(&[
                ("content-type", "application/json"),
                ("openai-organization", "org-simulator"),
                ("openai-processing-ms", "7"),
                ("openai-version", "2020-10-01"),
                ("x-ratelimit-limit-requests", "10000"),
                ("x-ratelimit-limit-tokens", "2000000"),
                ("x-ratelimit-remaining-requests", "9999"),
                ("x-ratelimit-remaining-tokens", "1999900"),
                ("x-ratelimit-reset-requests", "6ms"),
                ("x-ratelimit-reset-tokens", "3ms"),
            ]),
            anthropic: map(&[
                ("content-type", "application/json"),
                ("anthropic-organization-id", "00000000-0000-4000-8000-000000000001"),
                ("anthropic-ratelimit-requests-limit", "4000"),
                ("anthropic-ratelimit-requests-remaining", "3999"),
                ("anthropic-ratelimit-requests-reset", "2026-10-01T00:00:01Z"),
                ("anthropic-ratelimit-tokens-limit", "400000"),
                ("anthropic-ratelimit-tokens-remaining", "399000"),
                ("anthropic-ratelimit-tokens-reset", "2026-10-01T00:00:01Z"),
            ]),
            gemini: map(&[
                ("content-type", "application/json; charset=UTF-8"),
                ("server-timing", "gfet4t7; dur=7"),
                ("vary", "Origin"),
            ]),
            cohere: map(&[
                ("content-type", "application/json"),
                ("x-api-warning", "this is a simulator"),
                ("x-endpoint-monthly-call-limit", "1000"),
            ]),
        }
    }
}

/// An answer as its protocol wants it sent.
pub(crate) enum Form {
    Whole(Vec<u8>),
    Stream(Events),
}

/// The id a response carries in its headers.
pub(crate) fn request_id(id: u64) -> String {
    format!("req_{id:032x}")
}

fn respond(state: &State, family: Family, id: u64, status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let (template, name) = match family {
        Family::OpenAi => (&state.headers.openai, "x-request-id"),
        Family::Anthropic => (&state.headers.anthropic, "request-id"),
        Family::Gemini => (&state.headers.gemini, "x-goog-request-id"),
        Family::Cohere => (&state.headers.cohere, "x-debug-trace-id"),
    };
    response.headers_mut().clone_from(template);
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(request_id(id))) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// A complete body.
pub(crate) fn whole(
    state: &State,
    family: Family,
    flight: Flight,
    status: StatusCode,
    body: impl Into<Bytes>,
) -> Response<AnswerBody> {
    let id = flight.id();
    respond(state, family, id, status, AnswerBody::whole(body.into(), Some(flight)))
}

/// An error in the family's shape.
pub(crate) fn refuse(state: &State, family: Family, flight: Flight, problem: &Problem) -> Response<AnswerBody> {
    let body = error_body(family, problem, flight.id());
    whole(state, family, flight, problem.status, body)
}

fn error_body(family: Family, problem: &Problem, id: u64) -> String {
    match family {
        Family::OpenAi => problem.openai(),
        Family::Anthropic => problem.anthropic(&request_id(id)),
        Family::Gemini => problem.gemini(),
        Family::Cohere => problem.cohere(&format!("{id:016x}")),
    }
}

/// A 429 and the like, with the time after which to come back.
pub(crate) fn refuse_for(
    state: &State,
    family: Family,
    flight: Flight,
    problem: &Problem,
    retry_after_ms: Option<u64>,
) -> Response<AnswerBody> {
    let mut response = refuse(state, family, flight, &problem.clone().with_retry_after(retry_after_ms));
    // Google says it in the body alone.
    if let Some(ms) = retry_after_ms.filter(|_| family != Family::Gemini) {
        let headers = response.headers_mut();
        if ms >= 1_000 {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms / 1_000));
        }
        headers.insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(ms));
    }
    response
}

/// An error page that no provider made.
pub(crate) fn page(flight: Flight, status: u16) -> Response<AnswerBody> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::new(AnswerBody::whole(problem::html_page(status), Some(flight)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// The error of the scripts that fail after a 200.
pub(crate) fn late_problem() -> Problem {
    Problem::of_status(503, "The simulated server failed after it had said 200.")
}

/// Sends an answer as the script wants it.
pub(crate) async fn play(
    state: &State,
    family: Family,
    flight: Flight,
    script: &Script,
    form: Form,
) -> Response<AnswerBody> {
    let id = flight.id();
    match form {
        Form::Whole(body) => match script.kind {
            Kind::Hang => std::future::pending().await,
            Kind::Err200 { .. } => {
                let body = error_body(family, &late_problem(), id);
                whole(state, family, flight, StatusCode::OK, body)
            }
            Kind::Die(_) => {
                let size = body.len() as u64;
                let half = Bytes::from(body).slice(..size as usize / 2);
                let writes = vec![(half, std::time::Duration::ZERO)];
                let body = AnswerBody::paced(writes, Some(size), Tail::Cut, flight);
                respond(state, family, id, StatusCode::OK, body)
            }
            _ => whole(state, family, flight, StatusCode::OK, body),
        },
        Form::Stream(events) => {
            let tail = match script.kind {
                Kind::Hang => Tail::Hang,
                Kind::Die(_) => Tail::Cut,
                _ => Tail::End,
            };
            let array = events.is_array();
            let writes = plan_writes(events.finish(), script.interval, script.piece);
            let body = AnswerBody::paced(writes, None, tail, flight);
            let mut response = respond(state, family, id, StatusCode::OK, body);
            let headers = response.headers_mut();
            if array {
                return response;
            }
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
    }
}

/// What a fault leaves of a stream; true when the protocol has to add its error event.
pub(crate) fn spoil(kind: Kind, events: &mut Events) -> bool {
    match kind {
        Kind::Hang => events.keep(1),
        Kind::Die(pieces) => events.keep_pieces(pieces),
        Kind::NoDone => events.drop_end(),
        Kind::Err200 { after: 0 } => events.keep(0),
        Kind::Err200 { after } => events.keep_pieces(after),
        _ => return false,
    }
    matches!(kind, Kind::Err200 { .. })
}
