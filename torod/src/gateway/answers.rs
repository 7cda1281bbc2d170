//! `/v1/responses/{id}`: answers that were kept, read and removed by the token that they were made for.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use tokenrouter::call::Pieces;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::responses::state;
use tokenrouter::surface::Surface;

use super::reply::Reply;
use super::request_id::RequestId;
use super::unfit::unfit;
use super::{entry, headers, stateful};
use crate::access::caller;
use crate::app::App;
use crate::memory::Kept;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::provider::Provider;

/// The largest answer that is passed on from a provider that keeps it.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// What a client may say behind the question mark to a provider that keeps the answer.
const QUERY: [&str; 8] =
    ["include", "include[]", "limit", "order", "after", "before", "starting_after", "include_obfuscation"];

/// What is wanted of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Read,
    Remove,
    Items,
    Cancel,
}

/// Answers a request about the answer at `path`: its id and what stands behind.
pub async fn serve(
    app: &Arc<App>,
    peer: Peer,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    path: &str,
) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let request_id = RequestId::of(headers, app.ids.exchange(now_ms).0);
    if app.lifecycle.is_draining() {
        return problem::stopping(Protocol::Responses, &request_id);
    }
    let allow = app.live.load().allow_loopback;
    let done = match caller::identify(headers, peer, &app.tokens, now_ms, allow) {
        Ok(caller) => answer(app, caller.token_id(), method, uri, path, &request_id).await,
        Err(refused) => Err(refused),
    };
    done.unwrap_or_else(|refused| problem::respond(&refused, Protocol::Responses, &request_id))
}

async fn answer(
    app: &Arc<App>,
    token_id: i64,
    method: &Method,
    uri: &Uri,
    path: &str,
    request_id: &RequestId,
) -> Result<Response<Reply>, Problem> {
    let (id, tail) = path.split_once('/').unwrap_or((path, ""));
    let wanted = match (method.as_str(), tail) {
        ("GET" | "HEAD", "") => Wanted::Read,
        ("DELETE", "") => Wanted::Remove,
        ("GET" | "HEAD", "input_items") => Wanted::Items,
        ("POST", "cancel") => Wanted::Cancel,
        (_, "" | "input_items" | "cancel") => {
            let said = format!("{method} means nothing here");
            return Err(Problem::new(Kind::BadRequest, "method_not_allowed", said, "").with_status(405));
        }
        _ => return Err(super::reject::unknown_path(uri.path())),
    };
    let kept = app.memory.find(token_id, id).await.map_err(|e| stateful::unreadable(&e.to_string()))?;
    let kept = kept.ok_or_else(|| unknown(id))?;
    if kept.upstream {
        let live = app.live.load();
        let provider = live.providers.iter().find(|p| p.enabled && *p.name == *kept.provider);
        if let Some(provider) = provider.map(Arc::clone) {
            drop(live);
            let told = ask_all(&provider, method, id, tail, uri.query(), request_id).await?;
            if wanted == Wanted::Remove && told.status().is_success() {
                forget(app, token_id, id).await?;
            }
            return Ok(told);
        }
    }
    let query = Query::of(uri.query().unwrap_or_default())?;
    Ok(match wanted {
        Wanted::Read => entry::json(Bytes::from(kept.body.clone()), request_id),
        Wanted::Remove => {
            forget(app, token_id, id).await?;
            json(&Removed { id, object: "response", deleted: true }, request_id)
        }
        Wanted::Items => {
            let turns = match &kept.previous {
                None => Some(Vec::new()),
                Some(id) => app.memory.turns(token_id, id).await.map_err(|e| stateful::unreadable(&e.to_string()))?,
            };
            items(&kept, &turns.unwrap_or_default(), &query, request_id)
        }
        Wanted::Cancel => {
            let said = "only an answer that is made in the background can be cancelled";
            return Err(Problem::new(Kind::BadRequest, "not_in_background", said, ""));
        }
    })
}

async fn forget(app: &Arc<App>, token_id: i64, id: &str) -> Result<bool, Problem> {
    app.memory.forget(token_id, id).await.map_err(|e| stateful::unreadable(&e.to_string()))
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    let said = format!("there is no answer \"{shown}\" that was made for this token and is kept");
    Problem::new(Kind::NotFound, "response_not_found", said, "Answers are kept unless asked with `store: false`.")
}

#[derive(Serialize)]
struct Removed<'a> {
    id: &'a str,
    object: &'static str,
    deleted: bool,
}

#[derive(Serialize)]
struct Items<'a> {
    object: &'static str,
    data: &'a [state::InputItem],
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

/// What a client says behind the question mark.
struct Query {
    limit: usize,
    ascending: bool,
    after: Option<String>,
}

impl Query {
    fn of(text: &str) -> Result<Self, Problem> {
        let mut query = Self { limit: 20, ascending: false, after: None };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "limit" => match value.parse() {
                    Ok(limit @ 1..=100) => query.limit = limit,
                    _ => {
                        let said = "`limit` must be a number from 1 to 100";
                        return Err(Problem::new(Kind::BadRequest, "invalid_limit", said, "").at_field(Some("limit")));
                    }
                },
                "order" => query.ascending = value == "asc",
                "after" => query.after = Some(value.into_owned()),
                "stream" if value == "true" => {
                    let said = "an answer that is complete cannot be streamed again";
                    return Err(Problem::new(Kind::BadRequest, "not_in_background", said, "").at_field(Some("stream")));
                }
                _ => {}
            }
        }
        Ok(query)
    }
}

fn items(kept: &Kept, before: &[state::Turn], query: &Query, request_id: &RequestId) -> Response<Reply> {
    let mut all = state::input_items(before, &kept.input, &kept.key);
    if !query.ascending {
        all.reverse();
    }
    if let Some(at) = query.after.as_ref().and_then(|after| all.iter().position(|item| item.id == *after)) {
        all.drain(..=at);
    }
    let has_more = all.len() > query.limit;
    all.truncate(query.limit);
    let (first_id, last_id) = (all.first().map(|item| item.id.as_str()), all.last().map(|item| item.id.as_str()));
    json(&Items { object: "list", data: &all, first_id, last_id, has_more }, request_id)
}

fn json(body: &impl Serialize, id: &RequestId) -> Response<Reply> {
    entry::json(Bytes::from(serde_json::to_vec(body).unwrap_or_default()), id)
}

/// What of `query` the provider's API knows: a client's key may stand there too.
fn known(query: &str) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| QUERY.contains(&&**name)) {
        pairs.append_pair(&name, &value);
    }
    pairs.finish()
}

/// Asks the provider that keeps the answer, with each of its keys: they may be of different accounts.
async fn ask_all(
    provider: &Provider,
    method: &Method,
    id: &str,
    tail: &str,
    query: Option<&str>,
    request_id: &RequestId,
) -> Result<Response<Reply>, Problem> {
    let mut told = ask(provider, 0, method, id, tail, query, request_id).await;
    for credential in 1..provider.credentials().len() {
        let is_elsewhere = match &told {
            Ok(response) => response.status() == http::StatusCode::NOT_FOUND,
            Err(problem) => problem.code == "upstream_refused_credential",
        };
        if !is_elsewhere {
            break;
        }
        told = ask(provider, credential, method, id, tail, query, request_id).await;
    }
    told
}

/// Asks with the credential at `credential`.
pub(super) async fn ask(
    provider: &Provider,
    credential: usize,
    method: &Method,
    id: &str,
    tail: &str,
    query: Option<&str>,
    request_id: &RequestId,
) -> Result<Response<Reply>, Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let route = provider
        .route(Surface::Responses, credential)
        .filter(|_| id.chars().all(is_plain))
        .ok_or_else(|| unknown(id))?;
    let mut url = format!("{}/{id}", route.uri);
    if !tail.is_empty() {
        url.push('/');
        url.push_str(tail);
    }
    let pairs = known(query.unwrap_or_default());
    if !pairs.is_empty() {
        url.push('?');
        url.push_str(&pairs);
    }
    let uri = Uri::try_from(url).map_err(|_| unknown(id))?;
    let mut request = Request::new(Pieces::new(Vec::new()));
    *request.method_mut() = if method == Method::HEAD { Method::GET } else { method.clone() };
    *request.uri_mut() = uri;
    let to = request.headers_mut();
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    route.sign(to);
    let failed = |why: String| {
        let said = format!("the provider \"{}\", which keeps this answer, did not give it: {why}", provider.name);
        Problem::new(Kind::UpstreamFailed, "upstream_failed", said, "Try again.")
    };
    let answer = provider.client.send(request).await.map_err(|e| failed(e.to_string()))?;
    let (head, body) = answer.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if let Some(problem) = unfit(&head, kind, provider, Protocol::Responses) {
        return Err(problem);
    }
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect();
    let body = tokio::time::timeout(provider.client.timeouts().idle, body).await;
    let body = body.map_err(|_| failed("it fell silent".to_owned()))?.map_err(|e| failed(e.to_string()))?;
    let mut response = Response::new(Reply::from(body.to_bytes()));
    *response.status_mut() = head.status;
    headers::filter(&head.headers, response.headers_mut(), headers::goes_downstream);
    response.headers_mut().insert(super::request_id::HEADER, request_id.header().clone());
    Ok(response)
}
