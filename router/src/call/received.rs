//! The body of a provider's answer, whose end gives its connection back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::lane::Lease;

/// Is told of each piece of a body.
type Tap = Box<dyn FnMut(&Bytes) + Send + Sync>;

/// A provider's body as it comes in.
///
/// Read to its end, it leaves the connection to the next request; dropped before, it closes it.
pub struct Received {
    body: Incoming,
    lease: Option<Lease>,
    tap: Option<Tap>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("body", &self.body).field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Received {
    pub(super) fn leased(body: Incoming, lease: Lease) -> Self {
        let mut received = Self { body, lease: None, tap: None };
        if received.body.is_end_stream() {
            lease.give_back();
        } else {
            received.lease = Some(lease);
        }
        received
    }

    /// Has `tap` told of each piece from now on, as the provider sent it, whoever reads it. It is dropped with the body.
    pub fn tap(&mut self, tap: impl FnMut(&Bytes) + Send + Sync + 'static) {
        self.tap = Some(Box::new(tap));
    }
}

impl From<Incoming> for Received {
    /// A body whose connection somebody else looks after.
    fn from(body: Incoming) -> Self {
        Self { body, lease: None, tap: None }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let is_over = match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let this = &mut *self;
                if let Some((tap, data)) = this.tap.as_mut().zip(frame.data_ref()) {
                    tap(data);
                }
                this.body.is_end_stream()
            }
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
