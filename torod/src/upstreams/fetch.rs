//! Asks one provider for its models: bounded in time, bytes, models and pages, whatever the other side does.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use tokenrouter::call::{Pieces, Received};
use tokenrouter::catalog::listed::{self, Bounds, ListError, Listed, MAX_PAGES, Page};

use super::provider::{Provider, Route};
use super::{native, probe};
use crate::clock::Clock;

/// How long one list may take, all its pages together.
pub const DEADLINE: Duration = Duration::from_secs(15);
/// How large it may be, all its pages together.
const MAX_BYTES: usize = 16 << 20;
/// Larger answers are read on a thread of their own, so that no request waits for that.
const LARGE: usize = 256 << 10;

/// A provider's answer.
#[derive(Debug)]
pub enum Fetched {
    /// It is as it was.
    Same,
    /// What it lists now.
    List {
        /// Its models that may be used.
        models: Vec<Listed>,
        /// What it calls this state of its list.
        etag: Option<HeaderValue>,
    },
}

/// Asks `provider`, with one key after the other until one is not refused.
///
/// # Errors
///
/// Why there is no list, in words.
pub async fn list(provider: &Provider, clock: &Clock) -> Result<Fetched, String> {
    let asked = with_any_key(provider, clock);
    // Who is slow with that may well serve: it is nothing against its health.
    let in_time = tokio::time::timeout(DEADLINE, asked).await;
    in_time.unwrap_or_else(|_| Err(format!("no list within {} s", DEADLINE.as_secs())))
}

async fn with_any_key(provider: &Provider, clock: &Clock) -> Result<Fetched, String> {
    let mut refused = String::new();
    for credential in 0..provider.credentials().len().max(1) {
        if !provider.has_key(credential) {
            refused = provider.why_no_key(credential);
            continue;
        }
        let held = provider.credentials().get(credential).map(|key| (&key.held, key.held.number()));
        match with_key(provider, credential, clock).await {
            // One key may be refused where another is not.
            Err(Failed::Status(status @ (401 | 403))) => {
                refused = "its keys are refused".into();
                if let Some((held, number)) = held.filter(|_| status == 401) {
                    held.refused(number, clock.uptime_ms());
                }
            }
            Err(Failed::Status(status)) => return Err(format!("status {status}")),
            Err(Failed::Otherwise(why)) => return Err(why),
            Ok(Fetched::List { mut models, etag }) => {
                models.retain(|model| provider.offers(&model.id));
                native::complete(provider, credential, &mut models).await;
                return Ok(Fetched::List { models, etag });
            }
            Ok(Fetched::Same) => return Ok(Fetched::Same),
        }
    }
    Err(refused)
}

/// Why there is no list.
enum Failed {
    Status(u16),
    Otherwise(String),
}

impl From<ListError> for Failed {
    fn from(error: ListError) -> Self {
        Self::Otherwise(error.to_string())
    }
}

async fn with_key(provider: &Provider, credential: usize, clock: &Clock) -> Result<Fetched, Failed> {
    let otherwise = |why: &str| Failed::Otherwise(why.to_owned());
    let route = provider.list_route_with(credential).ok_or_else(|| otherwise("no URL to ask"))?;
    let plain = route.uri.to_string();
    let mut url = listed::first_page(&plain, route.protocol);
    // Only the first key's list has the state that is known.
    let mut known = provider.listed.etag().filter(|_| credential == 0);
    let mut models: Vec<Listed> = Vec::new();
    let mut ids: HashSet<String> = HashSet::new();
    let mut left = Bounds { bytes: MAX_BYTES, ..Bounds::default() };
    for page in 0..MAX_PAGES {
        let uri = Uri::try_from(&url).map_err(|_| otherwise("its URL is not valid"))?;
        let mut request =
            probe::question(&Route { uri: &uri, ..route }).ok_or_else(|| otherwise("its URL is not valid"))?;
        if let Some(known) = known.take() {
            request.headers_mut().insert(IF_NONE_MATCH, known);
        }
        let answer = match provider.client.send(request).await {
            Ok(answer) => answer,
            Err(e) => {
                provider.health.failed(clock.now_ms());
                return Err(Failed::Otherwise(e.to_string()));
            }
        };
        match answer.status() {
            StatusCode::NOT_MODIFIED if page == 0 => return Ok(Fetched::Same),
            // Who copied a vendor's API may not know how to make pages large.
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if page == 0 && url != plain => {
                url.clone_from(&plain);
                continue;
            }
            status if status.is_success() => {}
            // It answers; that it keeps no list, or refuses the key, a request will tell with more words.
            status => return Err(Failed::Status(status.as_u16())),
        }
        let etag = answer.headers().get(ETAG).filter(|_| page == 0).cloned();
        let body = whole(answer.into_body(), left.bytes).await.map_err(Failed::Otherwise)?;
        let bounds = left;
        left.bytes -= body.len();
        let Page { models: more, is_cut, next, .. } = read(body, bounds).await?;
        models.extend(more.into_iter().filter(|model| ids.insert(model.id.clone())));
        left.models = Bounds::default().models.saturating_sub(models.len());
        match next.map(|next| listed::next_page(&url, &next)).filter(|then| *then != url && !is_cut) {
            Some(then) => url = then,
            None => return Ok(Fetched::List { models, etag }),
        }
    }
    // Whoever has more pages than any vendor makes them up; what came is a list all the same.
    Ok(Fetched::List { models, etag: None })
}

/// A whole body of at most `most` bytes; reading stops at the first byte beyond.
pub(super) async fn whole(body: Received, most: usize) -> Result<Bytes, String> {
    let body = Limited::new(body, most).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|e| {
        if e.is::<http_body_util::LengthLimitError>() { ListError::TooLarge(most).to_string() } else { e.to_string() }
    })
}

async fn read(body: Bytes, bounds: Bounds) -> Result<Page, ListError> {
    if body.len() < LARGE {
        return listed::read(&body, bounds);
    }
    let reading = tokio::task::spawn_blocking(move || listed::read(&body, bounds));
    reading.await.unwrap_or(Err(ListError::NotJson))
}

/// Asks a question of the provider's own API at `url` and reads at most `most` bytes of the answer.
pub(super) async fn ask(
    provider: &Provider,
    route: &Route<'_>,
    url: &str,
    body: Option<Bytes>,
    most: usize,
) -> Option<Bytes> {
    let uri = Uri::try_from(url).ok()?;
    let mut request: Request<Pieces> = probe::question(&Route { uri: &uri, ..*route })?;
    if let Some(body) = body {
        *request.method_mut() = http::Method::POST;
        request.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Pieces::new(vec![body]);
    }
    let answer = provider.client.send(request).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    whole(answer.into_body(), most).await.ok()
}
