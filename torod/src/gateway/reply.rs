//! The body of every response: a text, a relayed answer, or what the admin router made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokenrouter::call::{Begun, Relay};

use super::exchange::Exchange;
use super::watch::Heard;

/// What ends an answer whose handling panicked.
const DEFECT: &str = "a defect of torod";

/// A response body.
pub enum Reply {
    /// A text that is there already.
    Text(Option<Bytes>),
    /// A provider's answer on its way.
    Relay(Box<Relay<Box<Exchange>, Begun>>),
    /// One of these, listened to on its way.
    Heard(Box<Heard>),
    /// From the admin router.
    Admin(axum::body::Body),
}

impl From<Bytes> for Reply {
    fn from(text: Bytes) -> Self {
        Self::Text((!text.is_empty()).then_some(text))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|t| Ok(Frame::data(t)))),
            // A defect met on the way ends this answer, and no other on the connection.
            Self::Relay(relay) => {
                let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(relay.as_mut()).poll_frame(cx)));
                polled.map_or_else(|_| Poll::Ready(Some(Err(DEFECT.into()))), |polled| polled.map_err(Into::into))
            }
            Self::Heard(heard) => Pin::new(heard.as_mut()).poll_frame(cx),
            Self::Admin(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
            Self::Heard(heard) => heard.is_end_stream(),
            Self::Admin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Self::Relay(relay) => relay.size_hint(),
            Self::Heard(heard) => heard.size_hint(),
            Self::Admin(body) => body.size_hint(),
        }
    }
}
