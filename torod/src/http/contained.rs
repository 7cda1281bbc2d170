//! A request whose handling panics: its client hears of it in its own protocol, and nobody else notices. And the one place
//! that sees every answer.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use futures_util::future::CatchUnwind;
use http::Response;
use pin_project_lite::pin_project;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;

use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::problem::{self, Code};

/// Who watches over answers.
pub trait Witness {
    /// An id for a request whose own is lost.
    fn fresh_id(&self) -> RequestId;
    /// An answer tells of a problem with this code.
    fn saw(&self, code: Code);
}

pin_project! {
    /// A request that is answered. No `async fn`, which would keep the place of `answer` twice: it is large, and there is one
    /// for each request.
    pub struct Contained<F, W> {
        #[pin]
        answer: CatchUnwind<AssertUnwindSafe<F>>,
        witness: W,
        protocol: Protocol,
    }
}

/// `answer`, or where it panics a 500 in `protocol`; `witness` sees it.
pub fn contained<F: Future<Output = Response<Reply>>, W: Witness>(
    protocol: Protocol,
    witness: W,
    answer: F,
) -> Contained<F, W> {
    // Nothing is looked at afterwards that may be half done: what a request holds is dropped, and what is shared
    // between requests is changed in one step or behind a lock that forgives.
    Contained { answer: AssertUnwindSafe(answer).catch_unwind(), witness, protocol }
}

impl<F: Future<Output = Response<Reply>>, W: Witness> Future for Contained<F, W> {
    type Output = Response<Reply>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.answer.poll(context)) {
            Ok(response) => response,
            Err(panicked) => broken(*this.protocol, &this.witness.fresh_id(), panicked),
        };
        if let Some(code) = response.extensions().get::<Code>() {
            this.witness.saw(*code);
        }
        Poll::Ready(response)
    }
}

fn broken(protocol: Protocol, id: &RequestId, panicked: Box<dyn Any + Send>) -> Response<Reply> {
    // Whatever its own drop does is contained as well.
    _ = std::panic::catch_unwind(AssertUnwindSafe(move || drop(panicked)));
    tracing::error!(id = id.as_str(), "a request met a defect of torod; the line before this one says where");
    let said = "the gateway met a defect of its own";
    let problem = Problem::new(Kind::Internal, "internal_error", said, "Try again; report it with the request id.");
    problem::respond(&problem, protocol, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http_body_util::BodyExt as _;

    struct Seen<'a>(&'a std::cell::Cell<&'static str>);

    impl Witness for Seen<'_> {
        fn fresh_id(&self) -> RequestId {
            RequestId::of(&HeaderMap::new(), 7)
        }

        fn saw(&self, code: Code) {
            self.0.set(code.0);
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_in_every_protocol() {
        for protocol in Protocol::ALL {
            let seen = std::cell::Cell::new("");
            let answer = contained(protocol, Seen(&seen), async { panic!("a secret of somebody") }).await;
            assert_eq!(seen.get(), "internal_error");
            assert_eq!(answer.status(), 500, "{protocol}");
            assert!(answer.headers().contains_key("x-request-id") || answer.headers().contains_key("request-id"));
            let body = answer.into_body().collect().await.unwrap_or_else(|e| panic!("{e}")).to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(body.to_string().contains("defect of its own") && !body.to_string().contains("secret"), "{body}");
        }
    }
}
