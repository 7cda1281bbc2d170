//! `/v1/models` and `/v1/models/{id}`: what this gateway can be asked for.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use tokenrouter::catalog::listing::{self, Card, Page, Shape};
use tokenrouter::error::Problem;
use tokenrouter::peek::MAX_MODEL_BYTES;
use tokenrouter::pick::name::Unknown;
use tokenrouter::protocol::Protocol;

use super::model_query::ModelQuery;
use super::reply::Reply;
use super::request_id::RequestId;
use super::rights::May;
use super::{entry, in_path, reject};
use crate::access::caller;
use crate::app::App;
use crate::clock::Clock;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::known;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::told::{Cards, Text};

/// Whose list it is depends on the key, and it is asked for anew each time; mostly the answer is that it is the same.
const KEPT: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Answers `GET /v1/models`, or with `id` `GET /v1/models/{id}`, in the form that the caller reads.
pub fn serve(app: &Arc<App>, peer: Peer, uri: &Uri, headers: &HeaderMap, id: Option<&str>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let request_id = RequestId::of(headers, app.ids.exchange(now_ms).0);
    let protocol = speaks(uri, headers);
    if app.lifecycle.is_draining() {
        return problem::stopping(protocol, &request_id);
    }
    let live = app.live.load();
    let asked = in_path::key_in_query(uri, headers);
    let told = caller::identify(&asked, peer, &app.tokens, now_ms, live.allow_loopback).and_then(|caller| {
        let may = May::of(&caller);
        match id {
            None => list(&live, &may, protocol, uri.query().unwrap_or_default(), now_ms),
            Some(id) => one(&live, &may, protocol, id, &app.clock),
        }
    });
    match told {
        Ok(text) => answer(text, headers, protocol, &request_id),
        Err(refused) => problem::respond(&refused, protocol, &request_id),
    }
}

fn list(live: &Snapshot, may: &May, protocol: Protocol, query: &str, now_ms: i64) -> Result<Text, Problem> {
    let asked = ModelQuery::read(protocol, query)?;
    let cards = live.told.cards(live, now_ms);
    let window = asked.window();
    if !may.is_everything() {
        // A list of its own: pages are pages of what the token may use, and its name tells it from others.
        let seen: Vec<Card> = cards.list.iter().filter_map(|card| may.shown(live, card)).collect();
        if !asked.selection.is_everything() {
            let chosen: Vec<Card> = asked.selection.of(&seen).into_iter().cloned().collect();
            return Ok(Text::new(listing::list(asked.shape, Page::whole(&chosen))));
        }
        let page = window.cut(&seen).ok_or_else(|| asked.lost())?;
        return Ok(Text::new(listing::list(asked.shape, page)));
    }
    if !asked.selection.is_everything() {
        let chosen: Vec<Card> = asked.selection.of(&cards.list).into_iter().cloned().collect();
        return Ok(Text::new(listing::list(asked.shape, Page::whole(&chosen))));
    }
    if window.is_whole() {
        return Ok(cards.text(asked.shape));
    }
    let page = window.cut(&cards.list).ok_or_else(|| asked.lost())?;
    Ok(Text::new(listing::list(asked.shape, page)))
}

fn one(live: &Snapshot, may: &May, protocol: Protocol, id: &str, clock: &Clock) -> Result<Text, Problem> {
    // No model has such a name, and looking for the closest would take long.
    if id.len() > MAX_MODEL_BYTES {
        return Err(reject::unknown_model(id, Unknown::Model(Vec::new())));
    }
    let cards = live.told.cards(live, clock.now_ms());
    let card = match cards.find(id) {
        Some(card) => may.shown(live, card).ok_or_else(|| may.refusal(live, id, clock.now_ms()))?,
        None => unlisted(live, &cards, may, id, clock)?,
    };
    Ok(Text::new(listing::one(Shape::of(protocol), &card)))
}

/// A model that goes by another name in the list, or of a provider without a list, which may have it: asking is the only
/// way to know.
fn unlisted(live: &Snapshot, cards: &Cards, may: &May, id: &str, clock: &Clock) -> Result<Card, Problem> {
    let (provider, _, model) = entry::find(live, id, may, clock)?;
    if !live.table.names().may_have(&provider.name, model) {
        let closest = Unknown::Model(live.table.names().closest(id));
        return Err(reject::unknown_model(id, may.unknown(live, closest)));
    }
    // An alias may have such a name too.
    let own = cards.find(&format!("{}/{model}", provider.name)).filter(|card| card.targets.is_empty());
    let known = own.cloned();
    let card = known.unwrap_or_else(|| known::card(live, &provider, model, None, clock.now_ms()));
    Ok(Card { id: id.to_owned(), ..card })
}

/// The text, or that it is the one which the client has already.
fn answer(text: Text, headers: &HeaderMap, protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let is_same = has(headers, &text.etag);
    let mut response = entry::json(if is_same { bytes::Bytes::new() } else { text.body }, id);
    if is_same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        // What these would say of the body is not so.
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response.headers_mut().insert(ETAG, text.etag);
    response.headers_mut().insert(CACHE_CONTROL, KEPT);
    id.say(protocol, response.headers_mut());
    response
}

/// Whether the client has the text of this name (RFC 9110, 13.1.2: compared weakly).
fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
}

/// What a client speaks that asks for something which all protocols have at the same path: decided by the path where it
/// says so, else by headers that only its SDKs send.
pub fn speaks(uri: &Uri, headers: &HeaderMap) -> Protocol {
    let path = uri.path().trim_start_matches('/');
    let leads = [
        ("anthropic/", Protocol::Anthropic),
        ("gemini/", Protocol::Gemini),
        ("v1beta/", Protocol::Gemini),
        ("v1alpha/", Protocol::Gemini),
        ("cohere/", Protocol::Cohere),
        ("v2/", Protocol::Cohere),
        ("openai/", Protocol::OpenAi),
    ];
    if let Some((_, protocol)) = leads.iter().find(|(lead, _)| path.starts_with(lead)) {
        return *protocol;
    }
    let says = |name: &str, word: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.to_ascii_lowercase().contains(word))
    };
    let has_key = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")));
    if headers.contains_key("anthropic-version") {
        Protocol::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") || has_key {
        Protocol::Gemini
    } else if says("x-fern-sdk-name", "cohere") || says("user-agent", "cohere") || says("x-client-name", "cohere") {
        Protocol::Cohere
    } else if says("user-agent", "google-genai-sdk") {
        Protocol::Gemini
    } else {
        Protocol::OpenAi
    }
}
