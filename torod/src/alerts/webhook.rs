//! One webhook: how a message is put to it, and what became of that.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tokenrouter::call::{CallError, Client, Pieces, Timeouts};
use tokenrouter::pick::verdict::retry_after_ms;
use tokenrouter_shared::Secret;
use tokenrouter_shared::alert::AlertKind;
use tokenrouter_shared::hex;

use super::signature::sign;
use crate::config::Webhook;

/// Nobody is believed who wants to be left alone for longer, in milliseconds.
const LONGEST_MS: u64 = 6 * 3_600_000;

/// A webhook with what it takes to call it.
#[derive(Debug)]
pub(super) struct Hook {
    /// Tells it from others, without telling its URL.
    pub id: String,
    /// What may be shown of its URL.
    pub origin: String,
    /// Which alerts go there.
    pub kinds: Vec<AlertKind>,
    url: String,
    secret: Option<Secret>,
    /// Why messages cannot be signed as they should be.
    pub fault: Option<String>,
    timeout: Duration,
    client: Client,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// The status; none where none came.
    pub status: Option<u16>,
    /// In words, without the URL.
    pub why: String,
    /// How long it wants to be left alone, in milliseconds.
    pub wait_ms: Option<u64>,
    /// Whether it wants no message of this kind, ever: 410.
    pub is_gone: bool,
}

impl Hook {
    /// The webhook of the configuration, with its secret, or why that cannot be had.
    pub(super) fn new(config: &Webhook, secret: Result<Option<Secret>, String>) -> Self {
        let hash = Sha256::digest(config.url.as_bytes());
        let timeouts = Timeouts { connect: config.timeout, first_byte: config.timeout, idle: config.timeout };
        let (secret, fault) = match secret {
            Ok(secret) => (secret, None),
            Err(why) => (None, Some(why)),
        };
        Self {
            id: hex::of(hash.iter().take(8)),
            origin: config.origin(),
            kinds: config.kinds.clone(),
            url: config.url.clone(),
            secret,
            fault,
            timeout: config.timeout,
            client: Client::guarded(timeouts, 1, config.egress.guard()),
        }
    }

    /// Sends a message at `now_ms`; whatever answer of success comes means that it was taken. Its status.
    pub(super) async fn send(&self, message_id: &str, body: &str, now_ms: i64) -> Result<u16, Refused> {
        let fail = |why: &str| Refused { status: None, why: why.to_owned(), wait_ms: None, is_gone: false };
        if let Some(fault) = &self.fault {
            return Err(fail(&format!("its secret cannot be had: {fault}")));
        }
        let request = self.request(message_id, body, now_ms).ok_or_else(|| fail("its URL or secret is not valid"))?;
        let answered = tokio::time::timeout(self.timeout, self.client.send(request)).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(CallError::FirstByteTimeout)) | Err(_) => {
                return Err(fail(&format!("no answer within {} ms", self.timeout.as_millis())));
            }
            // The sentences of a connector name hosts and addresses and nothing of the path.
            Ok(Err(CallError::Connect(why))) => return Err(fail(&format!("it cannot be reached: {why}"))),
            Ok(Err(CallError::Broken(_))) => return Err(fail("it closed the connection without an answer")),
        };
        let status = answer.status();
        let wait_ms = told_wait_ms(answer.headers(), now_ms);
        // Read to its end, a little of it, so that the connection may serve again; what it says is of no interest.
        let body = http_body_util::Limited::new(answer.into_body(), 64 << 10);
        drop(tokio::time::timeout(self.timeout, body.collect()).await);
        if status.is_success() {
            return Ok(status.as_u16());
        }
        let why = if status.is_redirection() {
            format!("status {}: redirects are not followed, write where it is", status.as_u16())
        } else {
            format!("status {}", status.as_u16())
        };
        Err(Refused { status: Some(status.as_u16()), why, wait_ms, is_gone: status.as_u16() == 410 })
    }

    fn request(&self, message_id: &str, body: &str, now_ms: i64) -> Option<Request<Pieces>> {
        let at_s = now_ms.div_euclid(1_000);
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let mut request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, bytes.len())
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("tokenrouter/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", message_id)
            .header("webhook-timestamp", at_s)
            .body(Pieces::new(vec![bytes]))
            .ok()?;
        if let Some(secret) = &self.secret {
            let signature = sign(secret.expose(), message_id, at_s, body)?;
            request.headers_mut().insert("webhook-signature", HeaderValue::try_from(signature).ok()?);
        }
        Some(request)
    }
}

fn told_wait_ms(headers: &HeaderMap, now_ms: i64) -> Option<u64> {
    headers.get(RETRY_AFTER)?;
    retry_after_ms(headers, now_ms).map(|ms| ms.min(LONGEST_MS))
}
