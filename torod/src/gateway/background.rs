//! Work in the background (`background` of the Responses API): the provider answers at once that it will answer, and says
//! what that costs only to whoever asks later. Asked it is, so that the exchange ends with one record of what was used.
//!
//! Until then it is under way: among its token's requests, its provider's calls, and what a stop waits for. What cannot be
//! learnt — the daemon stops, the answer is removed, or is not there after hours — is recorded as an estimate.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt as _, Limited};
use memchr::memmem;
use serde::Deserialize;
use tokenrouter::asides::Asides;
use tokenrouter::call::{End, Finish, Keepsake, Observer as _};
use tokenrouter::count::{Report, body as usage};
use tokenrouter::protocol::Protocol;

use super::entry::Call;
use super::exchange::Exchange;
use super::judge::Good;
use super::reply::Reply;
use super::{answers, headers};
use crate::app::App;
use crate::problem;
use crate::upstreams::provider::Provider;

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Between two questions: the first time, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// So long a provider is asked at all.
const PATIENCE: Duration = Duration::from_hours(6);
/// So often it may say that there is no such answer.
const MOST_MISSED: u32 = 3;

/// Whether `call` asks for work in the background whose answer `good` is not a stream.
pub(super) fn is_asked(call: &Call, good: &Good) -> bool {
    let is_stream = || {
        let kind = good.head.headers.get(CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    };
    mentions(&call.body, br#""background""#) && !is_stream() && Asides::of(&call.body).in_background
}

/// Whether `name`, with its quotes, may be a name in `body`: as it is, or with letters escaped.
pub(super) fn mentions(body: &[u8], name: &[u8]) -> bool {
    memmem::find(body, name).is_some() || memmem::find(body, br"\u00").is_some()
}

/// How an answer in the background stands.
enum Standing {
    /// It is being made, under this id.
    Working(String),
    /// It has ended, and cost this.
    Ended(Option<Report>),
}

impl Standing {
    fn of(answer: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
            #[serde(borrow)]
            status: Cow<'a, str>,
        }
        match serde_json::from_slice::<Head<'_>>(answer) {
            Ok(head) if matches!(&*head.status, "queued" | "in_progress") => Self::Working(head.id.into_owned()),
            _ => Self::Ended(usage::read(Protocol::Responses, answer)),
        }
    }
}

/// Passes the provider's answer on and stays with the work.
pub(super) async fn answer(
    call: &Call,
    mut exchange: Box<Exchange>,
    good: Good,
    mut said: HeaderMap,
    provider: &Arc<Provider>,
) -> Response<Reply> {
    let Good { head, body, .. } = good;
    let whole = tokio::time::timeout(provider.client.timeouts().idle, Limited::new(body, MAX_ANSWER_BYTES).collect());
    let finish = match whole.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) => Err(Finish::Cut(e.to_string())),
        Err(_) => Err(Finish::Idle),
    };
    let body = match finish {
        Ok(body) => body,
        Err(finish) => {
            let problem = exchange.problem(&finish);
            exchange.end(End { finish, reported: None, estimated_output: 0 });
            return problem::respond(&problem, call.surface.protocol(), &call.request_id);
        }
    };
    exchange.first_byte();
    exchange.keep(Keepsake { answer: Some(body.clone()), carried: Vec::new() });
    call.request_id.say(call.surface.protocol(), &mut said);
    headers::hand_on(head.headers, &mut said, headers::goes_downstream);
    match Standing::of(&body) {
        Standing::Ended(reported) => end(&mut exchange, reported),
        Standing::Working(id) => {
            let followed = follow(Arc::clone(&call.app), exchange, Arc::clone(provider), id);
            call.app.lifecycle.spawn_connection(followed);
        }
    }
    let mut response = Response::new(Reply::from(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = said;
    response
}

fn end(exchange: &mut Exchange, reported: Option<Report>) {
    exchange.end(End { finish: Finish::Whole, reported, estimated_output: 0 });
}

/// Asks until the answer `id` has ended, and ends the exchange with what it cost.
async fn follow(app: Arc<App>, mut exchange: Box<Exchange>, provider: Arc<Provider>, id: String) {
    let credential = exchange.endpoint().credential;
    let asking = async {
        let (mut pause, mut missed) = (FIRST, 0);
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
            let request_id = exchange.request_id();
            let told = answers::ask(&provider, credential, &Method::GET, &id, "", None, request_id).await;
            match told.map(|told| (told.status().as_u16(), told.into_body())) {
                Ok((200, Reply::Text(Some(body)))) => match Standing::of(&body) {
                    Standing::Ended(reported) => return reported,
                    Standing::Working(_) => missed = 0,
                },
                Ok((404 | 410, _)) if missed >= MOST_MISSED => return None,
                Ok((404 | 410, _)) => missed += 1,
                // It may be back later.
                _ => {}
            }
        }
    };
    let reported = tokio::select! {
        told = tokio::time::timeout(PATIENCE, asking) => told.unwrap_or(None),
        () = app.lifecycle.soft_stop() => None,
    };
    if reported.is_none() {
        tracing::info!(id = exchange.request_id().as_str(), "what work in the background cost is estimated");
    }
    end(&mut exchange, reported);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_under_way_or_has_ended() {
        let of = |text: &str| match Standing::of(text.as_bytes()) {
            Standing::Working(id) => (id, None),
            Standing::Ended(report) => (String::new(), report.map(|report| report.counts.total())),
        };
        assert_eq!(of(r#"{"id":"resp_1","status":"queued","usage":null}"#), ("resp_1".into(), None));
        assert_eq!(of(r#"{"id":"resp_1","status":"in_progress"}"#), ("resp_1".into(), None));
        let ended = r#"{"id":"r","status":"completed","usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}"#;
        assert_eq!(of(ended), (String::new(), Some(10)));
        for odd in [r#"{"id":"r","status":"cancelled","usage":null}"#, r#"{"status":"queued"}"#, "[]", ""] {
            assert_eq!(of(odd), (String::new(), None), "{odd}");
        }
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for body in [r#"{"background":true}"#, r#"{"back\u0067round":true}"#] {
            assert!(mentions(body.as_bytes(), br#""background""#), "{body}");
        }
        assert!(!mentions(br#"{"input":"in the \"background\""}"#, br#""background""#));
    }
}
