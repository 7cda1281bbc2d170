//! A request's body: a JSON object. The small one is read in a short time, also from those who have shown no token yet.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_ENCODING;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::answer::Failure;
use super::strict;

const MAX_BYTES: usize = 16 << 10;
/// Nobody needs longer for so little.
const TIME: Duration = Duration::from_secs(10);

/// A body that is read, and not looked at until [`Small::read`].
pub struct Small<T> {
    read: Result<Bytes, Failure>,
    wanted: std::marker::PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Small<T> {
    /// The value; `advice` says how it is to be written. A body that is none may hold a secret in the wrong place: it
    /// is not quoted.
    pub fn read(self, advice: &str) -> Result<T, Failure> {
        let bytes = self.read?;
        // What has defaults for everything may be left out.
        let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
        if !is_object(bytes) {
            return Err(Failure::bad_request("The body is no JSON object.", advice));
        }
        strict::read(bytes).map_err(|wrong| {
            Failure::bad_request(format!("The body is not what is expected: {}.", wrong.masked()), advice)
        })
    }
}

/// A body that must be a JSON object. A list of values, which serde would take for one, leaves too much to be guessed.
pub struct Object<T>(pub T);

/// Why a body is no such object, in a sentence.
pub struct NoObject {
    text: String,
    masked: String,
}

impl NoObject {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), masked: text.to_owned() }
    }

    /// The sentence.
    pub fn body_text(self) -> String {
        self.text
    }

    /// The sentence without what was sent, where that may be a secret.
    pub fn masked(self) -> String {
        self.masked
    }
}

impl IntoResponse for NoObject {
    fn into_response(self) -> Response {
        Failure::bad_request(self.text, "Send a JSON object; /admin/api/openapi.json says of what.").into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = NoObject;

    async fn from_request(request: Request, state: &S) -> Result<Self, NoObject> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| NoObject::new(&e.body_text()))?;
        Self::read(&bytes)
    }
}

impl<T: DeserializeOwned> Object<T> {
    /// The object in `body`.
    pub fn read(body: &[u8]) -> Result<Self, NoObject> {
        if !is_object(body) {
            return Err(NoObject::new("The body is no JSON object."));
        }
        let told = |said: String| format!("The body is not what is expected: {said}.");
        strict::read(body)
            .map(Self)
            .map_err(|wrong| NoObject { text: told(wrong.whole()), masked: told(wrong.masked()) })
    }
}

fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

impl<S: Send + Sync, T> FromRequest<S> for Small<T> {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(Self { read: collect(request).await, wanted: std::marker::PhantomData })
    }
}

async fn collect(request: Request) -> Result<Bytes, Failure> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        let said = "This operation takes no compressed body.";
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            said,
            "Send it as it is.",
        ));
    }
    match tokio::time::timeout(TIME, to_bytes(request.into_body(), MAX_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let said = format!("The body is longer than {MAX_BYTES} bytes, or broke off.");
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", said, "Send less."))
        }
        Err(_) => {
            let said = "The request body came too slowly.";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", said, "Send it at once."))
        }
    }
}
