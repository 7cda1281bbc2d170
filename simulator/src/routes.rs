//! From a request to its answer: the path, the key, the script.
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::{Ask, require};
use crate::body::AnswerBody;
use crate::gemini::Verb;
use crate::openai::{chat, completions, embeddings, models};
use crate::problem::Problem;
use crate::reply::{self, Family, Form};
use crate::script::{Kind, Script};
use crate::state::{Flight, State};
use crate::{anthropic, cohere, control, gemini, openai, responses};

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
    Compact,
    InputTokens,
    Messages,
    CountTokens,
    Models,
    Model(&'a str),
    /// A model and what is asked of it, both in the path.
    Gemini(&'a str, Verb),
    CohereChat,
    CohereEmbed,
}

impl<'a> Route<'a> {
    fn find(path: &'a str) -> Option<Self> {
        const ENDS: [(&str, Route<'static>); 11] = [
            ("/chat/completions", Route::Chat),
            ("/completions", Route::Completions),
            ("/embeddings", Route::Embeddings),
            ("/responses", Route::Responses),
            ("/responses/compact", Route::Compact),
            ("/responses/input_tokens", Route::InputTokens),
            ("/messages/count_tokens", Route::CountTokens),
            ("/messages", Route::Messages),
            ("/models", Route::Models),
            ("/v2/chat", Route::CohereChat),
            ("/v2/embed", Route::CohereEmbed),
        ];
        let path = path.trim_end_matches('/');
        if let Some((_, route)) = ENDS.iter().find(|(end, _)| path.ends_with(end)) {
            return Some(*route);
        }
        // A model's id may have slashes, a response's has none.
        if let Some((_, id)) = path.split_once("/models/") {
            let called = Verb::split(id).map(|(model, verb)| Self::Gemini(model, verb));
            return Some(called.unwrap_or(Self::Model(id)));
        }
        let (_, id) = path.split_once("/responses/")?;
        (!id.contains('/')).then_some(Self::Response(id))
    }

    /// Lists of models have one path in all protocols: headers and what stands before it tell them apart.
    fn family(self, head: &Parts) -> Family {
        let sent = |name: &str| head.headers.contains_key(name);
        let below = |folder: &str| head.uri.path().split('/').any(|part| part == folder);
        match self {
            Self::Messages | Self::CountTokens => Family::Anthropic,
            Self::Gemini(..) => Family::Gemini,
            Self::CohereChat | Self::CohereEmbed => Family::Cohere,
            Self::Models | Self::Model(_) if below("cohere") || sent("x-client-name") || says_cohere(head) => {
                Family::Cohere
            }
            Self::Models | Self::Model(_) if sent("anthropic-version") => Family::Anthropic,
            Self::Models | Self::Model(_)
                if sent("x-goog-api-key")
                    || sent("x-goog-api-client")
                    || query(head, "key").is_some()
                    || below("v1beta") =>
            {
                Family::Gemini
            }
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
            let family = Route::find(head.uri.path()).map_or(Family::OpenAi, |route| route.family(&head));
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
    let family = route.family(head);
    if route == Route::Responses && head.headers.contains_key(http::header::UPGRADE) {
        return reply::refuse(state, family, flight, &responses::no_web_socket());
    }
    if !route.allows(&head.method) {
        let problem = Problem::of_status(405, format!("Not allowed to {} on {path}.", head.method));
        return reply::refuse(state, family, flight, &problem);
    }
    if let Some(key) = &state.settings.api_key
        && !carries_key(head, key)
    {
        let problem = if family == Family::Gemini {
            gemini::bad_key()
        } else {
            Problem::of_status(401, "Incorrect API key provided.")
        };
        return reply::refuse(state, family, flight, &problem);
    }
    let known = &state.settings.models;
    match route {
        Route::Models => reply::whole(state, family, flight, StatusCode::OK, list(known, family)),
        Route::Model(id) => match known.iter().find(|model| **model == gemini::unescape(id)) {
            Some(id) => reply::whole(state, family, flight, StatusCode::OK, one(id, family)),
            None => reply::refuse(state, family, flight, &Problem::model_not_found(id)),
        },
        Route::Response(id) => {
            let found =
                if head.method == Method::DELETE { state.responses.delete(id) } else { state.responses.get(id) };
            match found {
                Some(response) => reply::whole(state, family, flight, StatusCode::OK, response),
                None => reply::refuse(state, family, flight, &responses::not_found(id)),
            }
        }
        _ => perform(state, flight, route, head, body).await,
    }
}

/// All models, as the family lists them.
fn list(known: &[String], family: Family) -> String {
    match family {
        Family::Gemini => gemini::list(known),
        Family::Cohere => cohere::list(known),
        _ => models::list(known, family == Family::Anthropic),
    }
}

/// One model, as the family describes it.
fn one(id: &str, family: Family) -> String {
    match family {
        Family::Gemini => gemini::one(id),
        Family::Cohere => cohere::one(id),
        _ => models::one(id, family == Family::Anthropic),
    }
}

/// Plays a script.
async fn perform(state: &State, flight: Flight, route: Route<'_>, head: &Parts, body: &[u8]) -> Response<AnswerBody> {
    let family = route.family(head);
    // What a Gemini request says in its path and in names of its own, said as the others say it.
    let lowered = match route {
        Route::Gemini(model, verb) => Some(gemini::lower(body, &gemini::unescape(model), verb == Verb::Stream)),
        _ => None,
    };
    let read = lowered.as_deref().map_or(body, str::as_bytes);
    let asked = Ask::read(read, &state.settings, flight.id(), state.now_s(), |script| {
        if state.settings.strict { check_strictly(route, state, script, body) } else { Ok(()) }
    });
    let ask = match asked.and_then(|ask| check(route, state, &ask).map(|()| Ask { body, ..ask })) {
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
        Route::Gemini(_, Verb::Stream) => {
            Form::Stream(gemini::stream(&ask, &answer, query(head, "alt") == Some("sse")))
        }
        Route::Gemini(_, Verb::Generate) => Form::Whole(gemini::whole(&ask, &answer)),
        Route::Gemini(_, Verb::CountTokens) => Form::Whole(gemini::count_tokens(body.len()).into_bytes()),
        Route::Gemini(_, verb) => Form::Whole(gemini::embeddings(body, verb).into_bytes()),
        Route::CohereChat if streams => Form::Stream(cohere::stream(&ask, &answer)),
        Route::CohereChat => Form::Whole(cohere::whole(&ask, &answer)),
        Route::CohereEmbed => Form::Whole(cohere::embeddings(body, ask.id).into_bytes()),
        Route::Completions if streams => Form::Stream(completions::stream(&ask, &answer)),
        Route::Completions => Form::Whole(completions::whole(&ask, &answer)),
        Route::Responses if streams => Form::Stream(responses::stream(&state.responses, &ask, &answer)),
        Route::Responses => Form::Whole(responses::whole(&state.responses, &ask, &answer)),
        Route::Compact => Form::Whole(responses::compact(&ask, &answer)),
        Route::InputTokens => Form::Whole(responses::input_tokens(body.len()).into_bytes()),
        Route::CountTokens => Form::Whole(anthropic::count_tokens(body.len()).into_bytes()),
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
        Route::Messages => anthropic::require(ask),
        Route::Responses | Route::Compact => responses::check(&state.responses, ask),
        _ => Ok(()),
    }
}

/// What the real provider would refuse.
fn check_strictly(route: Route<'_>, state: &State, script: &Script, body: &[u8]) -> Result<(), Problem> {
    let parsed = serde_json::from_slice(body);
    let body: Value =
        parsed.map_err(|error| Problem::bad_request(format!("Invalid JSON payload received. {error}.")))?;
    match route {
        Route::Gemini(_, Verb::Generate | Verb::Stream) => gemini::check(&body, script),
        Route::Gemini(_, Verb::CountTokens) => gemini::check_count(&body),
        Route::Gemini(_, verb) => gemini::check_embed(&body, verb == Verb::BatchEmbed),
        Route::CohereChat => cohere::check(&body),
        Route::Messages => anthropic::check(&body),
        Route::CountTokens => anthropic::check_count(&body),
        Route::CohereEmbed => cohere::check_embed(&body),
        Route::Chat => openai::check::check(&body, script),
        Route::Completions => openai::check::check_completion(&body),
        Route::Embeddings => openai::check::check_embedding(&body),
        Route::Responses => {
            let previous = body.get("previous_response_id").and_then(Value::as_str);
            let previous = previous.and_then(|id| state.responses.get(id));
            responses::check_strictly(&body, script, previous.as_ref())
        }
        Route::Compact => responses::check_compact(&body),
        Route::InputTokens => responses::check_count(&body),
        Route::Models | Route::Model(_) | Route::Response(_) => Ok(()),
    }
}

/// Whether Cohere's own client asks.
fn says_cohere(head: &Parts) -> bool {
    let named = head.headers.get("x-fern-sdk-name").or_else(|| head.headers.get(http::header::USER_AGENT));
    named.is_some_and(|name| name.as_bytes().starts_with(b"cohere"))
}

/// A parameter of the query, as it was sent.
fn query<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

/// Whether one of the usual headers holds the key, or the query as Google allows.
fn carries_key(head: &Parts, key: &str) -> bool {
    let bearer = head.headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    if bearer.and_then(|value| value.strip_prefix(b"Bearer ")) == Some(key.as_bytes()) {
        return true;
    }
    let names = ["x-api-key", "api-key", "x-goog-api-key"];
    names.iter().any(|name| head.headers.get(*name).is_some_and(|value| value.as_bytes() == key.as_bytes()))
        || query(head, "key").is_some_and(|sent| gemini::unescape(sent) == key)
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
            ("/v1beta/models/a/b:c:generateContent", Route::Gemini("a/b:c", Verb::Generate)),
            ("/models/ok:countTokens", Route::Gemini("ok", Verb::CountTokens)),
            ("/cohere/v2/chat", Route::CohereChat),
            ("/openai/v1/responses/resp_1", Route::Response("resp_1")),
        ] {
            assert_eq!(Route::find(path), Some(route), "{path}");
        }
        assert_eq!(Route::find("/v1/responses/resp_1/cancel"), None);
        assert_eq!(Route::find("/"), None);
    }
}
