//! `/v1/responses/compact` over any provider: asked of one that has it, else a summary that its model writes.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::Peek;
use tokenrouter::protocol::Protocol;
use tokenrouter::responses::compact;
use tokenrouter::surface::Surface;

use super::entry::{self, Call};
use super::reply::Reply;
use super::{reject, stateful};
use crate::problem;

/// The longest answer that a summary is taken from.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Answers a request to compact a conversation.
pub(super) async fn run(mut call: Call) -> Response<Reply> {
    let has_path = {
        let live = call.app.live.load();
        let found = Peek::read(&call.body).map_err(|e| reject::unreadable(&e)).and_then(|peek| {
            let seen = (&call.headers, &call.caller, &call.body);
            let (name, may) = entry::named(&call.app, &live, &peek.model, Protocol::Responses, seen)?;
            let (provider, _, model) = entry::find(&live, &name, &may, &call.app.clock)?;
            Ok(provider.speaks(Protocol::Responses) && stateful::keeps_answers(&provider, model))
        });
        match found {
            Ok(has_path) => has_path,
            Err(problem) => return problem::respond(&problem, Protocol::Responses, &call.request_id),
        }
    };
    if has_path {
        return entry::run(&mut call).await;
    }
    let request_id = call.request_id.clone();
    let sealer = call.app.sealer.clone();
    let asked = call.body.clone();
    match compact::request(&asked) {
        Ok(body) => call.body = body.into(),
        Err(e) => return problem::respond(&e.problem(), Protocol::Responses, &request_id),
    }
    call.surface = Surface::Responses;
    let answer = entry::run(&mut call).await;
    if !answer.status().is_success() {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    let whole = Limited::new(body, MAX_ANSWER_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes);
    match whole.and_then(|answer| compact::answer(&asked, &answer, &sealer)) {
        Some(body) => {
            head.headers.remove(CONTENT_LENGTH);
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Response::from_parts(head, Reply::from(Bytes::from(body)))
        }
        None => {
            let said = "the model gave no summary of the conversation";
            let problem = Problem::new(Kind::UpstreamFailed, "no_summary", said, "Try again, or with another model.");
            problem::respond(&problem, Protocol::Responses, &request_id)
        }
    }
}
