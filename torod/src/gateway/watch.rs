//! Has a request watched where its conversation is kept, and its answer heard on the way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

use super::entry::Call;
use super::reply::Reply;
use crate::conversations::watch::{Hearing, Opened, Watch};
use crate::server::connection::Peer;

/// Begins to watch `call`, if somebody wants that.
pub(super) fn begin(call: &Call, peer: Peer) -> Option<Arc<Watch>> {
    let token = call.caller.token();
    call.app.conversations.watch(call.surface, token, &call.headers, || Opened {
        id: call.exchange_id.0,
        given_id: call.request_id.given().map(Into::into),
        now_ms: call.now_ms,
        token: token.cloned(),
        agent: call.asker.agent.clone(),
        session: call.asker.session.clone(),
        named: None,
        path: (call.in_path.model.as_str().into(), call.in_path.stream, call.in_path.list),
        body: call.body.clone(),
        address: peer.address(),
        headers: None,
    })
}

/// Has the answer heard.
pub(super) fn hear(watch: &Arc<Watch>, response: Response<Reply>) -> Response<Reply> {
    let hearing = watch.hear(response.status().as_u16(), response.headers());
    response.map(|reply| {
        let mut heard = Box::new(Heard { reply, hearing });
        heard.see_end();
        Reply::Heard(heard)
    })
}

/// An answer that is heard on its way. The answer itself ends first: only then all is known of it.
pub struct Heard {
    reply: Reply,
    hearing: Hearing,
}

impl Heard {
    fn see_end(&mut self) {
        if self.reply.is_end_stream() {
            self.hearing.end();
        }
    }
}

impl Body for Heard {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.reply).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.hearing.more(data);
                }
                this.see_end();
            }
            Poll::Ready(None) => this.hearing.end(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.reply.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reply.size_hint()
    }
}
