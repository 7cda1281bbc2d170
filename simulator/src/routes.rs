//! From a request to its answer: the path, the key, the script.
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use crate::answer::Answer;
use crate::ask::{Ask, require};
use crate::body::AnswerBody;
use crate::openai::{chat, completions, embeddings, models};
use crate::problem::Problem;
use crate::reply::{self, Family, Form};
use crate::script::Kind;
use crate::state::{Flight, State};
use crate::{anthropic, control, responses};

/// The largest request body.
const BODY_BYTES: usize = 64 << 20;

/// A path of the provider, whatever stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Chat,
    Completions,
    Embeddings,
    Responses,
    Response(&'a str),
    Messages,
    CountTokens,
    Models,
    Model(&'a str),
}

impl<'a> Route<'a> {
    fn find(path: &'a str) -> Option<Self> {
        const ENDS: [(&str, Route<'static>); 7] = [
            ("/chat/completions", Route::Chat),
            ("/completions", Route::Completions),
            ("/embeddings", Route::Embeddings),
            ("/responses", Route::Responses),
            ("/messages/count_tokens", Route::CountTokens),
            ("/messages", Route::Messages),
            ("/models", Route::Models),
        ];
        let path = path.trim_end_matches('/');
        if let Some((_, route)) = ENDS.iter().find(|(end, _)| path.ends_with(end)) {
            return Some(*route);
        }
        // A model's id may have slashes, a response's has none.
        if let Some((_, id)) = path.split_once("/models/") {
            return Some(Self::Model(id));
        }
        let (_, id) = path.split_once("/responses/")?;
        (!id.contains('/')).then_some(Self::Response(id))
    }

    fn family(self, headers: &HeaderMap) -> Family {
        let speaks_anthropic = || headers.contains_key("anthropic-version");
        match self {
            Self::Messages | Self::CountTokens => Family::Anthropic,
            Self::Models | Self::Model(_) if speaks_anthropic() => Family::Anthropic,
            _ => Family::OpenAi,
        }
    }

    fn allows(self, method: &Method) -> bool {
        match self {
            Self::Models | Self::Model(_) => method == Method::GET,
            Self::Response(_) => method == Method::GET || method == Method::DELETE,
            _ => method == Method::POST,
        }
    }
}

/// Answers one request. Never fails: what goes wrong is an answer too.
pub(crate) async fn handle(state: Arc<State>, request: Request<Incoming>) -> Response<AnswerBody> {
    if let Some(response) = control::handle(&state, request.method(), request.uri()) {
        return response;
    }
    let mut flight = Flight::begin(&state);
    let (head, body) = request.into_parts();
    let body = match receive(body).await {
        Ok(body) => body,
        Err(problem) => {
            let family = Route::find(head.uri.path()).map_or(Family::OpenAi, |route| route.family(&head.headers));
            flight.record(&head, &Bytes::new());
            return reply::refuse(&state, family, flight, &problem);
        }
    };
    flight.record(&head, &body);
    answer(&state, flight, &head, &body).await
}

/// A whole request body, refused as soon as it is known to be too large.
async fn receive(body: Incoming) -> Result<Bytes, Problem> {
    let too_large = || Problem::of_status(413, "The request body is larger than 64 MiB.");
    if body.size_hint().lower() > BODY_BYTES as u64 {
        return Err(too_large());
    }
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::bad_request("The request body could not be read.")),
    }
}

async fn answer(state: &State, flight: Flight, head: &Parts, body: &Bytes) -> Response<AnswerBody> {
    let path = head.uri.path();
    let Some(route) = Route::find(path) else {
        let problem = Problem::of_status(404, format!("Invalid URL ({} {path})", head.method)).with_code("unknown_url");
        return reply::refuse(state, Family::OpenAi, flight, &problem);
    };
    let family = route.family(&head.headers);
    if !route.allows(&head.method) {
        let problem = Problem::of_status(405, format!("Not allowed to {} on {path}.", head.method));
        return reply::refuse(state, family, flight, &problem);
    }
    if let Some(key) = &state.settings.api_key
        && !carries_key(&head.headers, key)
    {
        let problem = Problem::of_status(401, "Incorrect API key provided.");
        return reply::refuse(state, family, flight, &problem);
    }
    let known = &state.settings.models;
    match route {
        Route::Models => {
            let list = models::list(known, family == Family::Anthropic);
            reply::whole(state, family, flight, StatusCode::OK, list)
        }
        Route::Model(id) if known.iter().any(|model| model == id) => {
            let model = models::one(id, family == Family::Anthropic);
            reply::whole(state, family, flight, StatusCode::OK, model)
        }
        Route::Model(id) => reply::refuse(state, family, flight, &Problem::model_not_found(id)),
        Route::CountTokens => reply::whole(state, family, flight, StatusCode::OK, anthropic::count_tokens(body.len())),
        Route::Response(id) => {
            let found =
                if head.method == Method::DELETE { state.responses.delete(id) } else { state.responses.get(id) };
            match found {
                Some(response) => reply::whole(state, family, flight, StatusCode::OK, response),
                None => reply::refuse(state, family, flight, &responses::not_found(id)),
            }
        }
        Route::Chat | Route::Completions | Route::Embeddings | Route::Responses | Route::Messages => {
            perform(state, flight, route, family, body).await
        }
    }
}

/// Plays a script.
async fn perform(state: &State, flight: Flight, route: Route<'_>, family: Family, body: &[u8]) -> Response<AnswerBody> {
    let asked = Ask::read(body, &state.settings, flight.id(), state.now_s());
    let ask = match asked.and_then(|ask| check(route, state, &ask).map(|()| ask)) {
        Ok(ask) => ask,
        Err(problem) => return reply::refuse(state, family, flight, &problem),
    };
    let script = &ask.script;
    if !script.first.is_zero() {
        tokio::time::sleep(script.first).await;
    }
    match script.kind {
        Kind::HangHeaders => return std::future::pending().await,
        Kind::Html(status) => return reply::page(flight, status),
        Kind::Status { status, retry_after_ms, times }
            if times.is_none_or(|times| state.fails_now(&ask.model, times)) =>
        {
            let problem = Problem::of_status(status, format!("The simulated server answers {status}."));
            return reply::refuse_for(state, family, flight, &problem, retry_after_ms);
        }
        _ => {}
    }
    let answer = Answer::compose(&ask);
    let streams = ask.streams();
    let form = match route {
        Route::Embeddings => match embeddings::whole(&ask, &answer) {
            Ok(body) => Form::Whole(body),
            Err(problem) => return reply::refuse(state, family, flight, &problem),
        },
        Route::Completions if streams => Form::Stream(completions::stream(&ask, &answer)),
        Route::Completions => Form::Whole(completions::whole(&ask, &answer)),
        Route::Responses if streams => Form::Stream(responses::stream(&state.responses, &ask, &answer)),
        Route::Responses => Form::Whole(responses::whole(&state.responses, &ask, &answer)),
        Route::Messages if streams => Form::Stream(anthropic::stream(&ask, &answer)),
        Route::Messages => Form::Whole(anthropic::whole(&ask, &answer)),
        _ if streams => Form::Stream(chat::stream(&ask, &answer)),
        _ => Form::Whole(chat::whole(&ask, &answer)),
    };
    reply::play(state, family, flight, script, form).await
}

/// What a path insists on beside a model.
fn check(route: Route<'_>, state: &State, ask: &Ask<'_>) -> Result<(), Problem> {
    match route {
        Route::Chat => require(ask.wire.messages, "messages"),
        Route::Completions => require(ask.wire.prompt, "prompt"),
        Route::Messages => anthropic::check(ask),
        Route::Responses => responses::check(&state.responses, ask),
        _ => Ok(()),
    }
}

/// Whether one of the usual headers holds the key.
fn carries_key(headers: &HeaderMap, key: &str) -> bool {
    let bearer = headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    if bearer.and_then(|value| value.strip_prefix(b"Bearer ")) == Some(key.as_bytes()) {
        return true;
    }
    let names = ["x-api-key", "api-key", "x-goog-api-key"];
    names.iter().any(|name| headers.get(*name).is_some_and(|value| value.as_bytes() == key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, route) in [
            ("/v1/chat/completions", Route::Chat),
            ("/chat/completions/", Route::Chat),
            ("/v1/completions", Route::Completions),
            ("/anthropic/v1/messages", Route::Messages),
            ("/v1/messages/count_tokens", Route::CountTokens),
            ("/models", Route::Models),
            ("/v1/models/vendor/ok", Route::Model("vendor/ok")),
            ("/openai/v1/responses/resp_1", Route::Response("resp_1")),
        ] {
            assert_eq!(Route::find(path), Some(route), "{path}");
        }
        assert_eq!(Route::find("/v1/responses/resp_1/cancel"), None);
        assert_eq!(Route::find("/"), None);
    }
}
