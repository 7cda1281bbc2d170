//! What the gateway answers: whole, or as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::error::ClientError;
use super::line::Line;

/// No whole answer is longer.
const MAX_BYTES: usize = 64 << 20;
/// A stream that says nothing for so long has broken; the gateway gives a sign of life every 15 s.
const SILENCE: Duration = Duration::from_mins(2);

/// An answer whose body may still be on its way.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
    line: Line,
    url: String,
}

impl Answer {
    pub(super) fn new(response: Response<Incoming>, line: Line, url: String) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, body, line, url }
    }

    /// The next part of the body; nothing once it is over.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let broken = |why: String| ClientError::Unreachable { url: self.url.clone(), why };
        loop {
            let frame = tokio::time::timeout(SILENCE, self.line.carry(self.body.frame())).await;
            match frame.map_err(|_| broken("it fell silent in the middle of its answer".to_owned()))? {
                None => return Ok(None),
                Some(Err(e)) => return Err(broken(format!("its answer broke off: {e}"))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// That this is no answer of a gateway of ours.
    pub fn nonsense(&self, why: &str) -> ClientError {
        ClientError::nonsense(&self.url, why)
    }

    /// The whole body.
    pub async fn bytes(mut self) -> Result<Bytes, ClientError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > MAX_BYTES {
                return Err(ClientError::nonsense(&self.url, "its answer is endless"));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// This answer, if it is not an error.
    pub async fn checked(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let (status, url) = (self.status, self.url.clone());
        let again = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = self.bytes().await.unwrap_or_default();
        Err(ClientError::of_body(status, &body, &url).after(again.as_deref()))
    }

    /// The body read as `T`; nothing at all where the status says that there is nothing.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let (url, is_empty) = (self.url.clone(), self.status == StatusCode::NO_CONTENT);
        let bytes = self.bytes().await?;
        let read = if is_empty { serde_json::from_slice(b"null") } else { serde_json::from_slice(&bytes) };
        read.map_err(|e| ClientError::nonsense(&url, &format!("its answer makes no sense ({e})")))
    }
}
