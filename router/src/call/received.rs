//! The body of a provider's answer, whose end gives its connection back.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::lane::Lease;

/// A provider's body as it comes in.
///
/// Read to its end, it leaves the connection to the next request; dropped before, it closes it.
#[derive(Debug)]
pub struct Received {
    body: Incoming,
    lease: Option<Lease>,
}

impl Received {
    pub(super) fn leased(body: Incoming, lease: Lease) -> Self {
        let mut received = Self { body, lease: None };
        if received.body.is_end_stream() {
            lease.give_back();
        } else {
            received.lease = Some(lease);
        }
        received
    }
}

impl From<Incoming> for Received {
    /// A body whose connection somebody else looks after.
    fn from(body: Incoming) -> Self {
        Self { body, lease: None }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let is_over = match &polled {
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if is_over && let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
