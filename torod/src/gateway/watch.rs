//! Has a request watched where its conversation is kept, and its answer heard on the way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokenrouter::call::{CallError, Pieces, Received};

use super::entry::Call;
use super::reply::Reply;
use crate::conversations::watch::{Got, Hearing, Opened, Tried, Watch, Wire};
use crate::server::connection::Peer;
use crate::usage::Record;

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
        target: call.target.as_deref().unwrap_or_default().into(),
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

/// What is gathered of a watched request's attempts. Handed over when it is dropped.
pub struct Seen {
    watch: Arc<Watch>,
    tried: Vec<Tried>,
    /// What the attempt under way has sent, what came back, and why nothing did.
    sent: Option<Wire>,
    got: Got,
    failure: Option<String>,
}

impl Seen {
    /// Nothing yet.
    pub(super) fn by(watch: Arc<Watch>) -> Box<Self> {
        Box::new(Self { watch, tried: Vec::new(), sent: None, got: Got::default(), failure: None })
    }

    /// `request` goes to the provider.
    pub(super) fn sends(&mut self, request: &Request<Pieces>) {
        let Some(mut sent) = self.watch.wire(|| line(request), request.headers()) else { return };
        for piece in request.body().as_slice() {
            self.watch.add(&mut sent, piece);
        }
        (self.sent, self.got, self.failure) = (Some(sent), Got::default(), None);
    }

    /// The provider answers, or does not: whoever reads the body, all of it is gathered.
    pub(super) fn gets(&mut self, answer: &mut Result<Response<Received>, CallError>) {
        match answer {
            Ok(answer) => {
                let Some(wire) = self.watch.wire(|| answer.status().to_string(), answer.headers()) else { return };
                let (got, mut listening) = self.watch.listen(wire);
                self.got = got;
                answer.body_mut().tap(move |chunk| listening.more(chunk));
            }
            Err(error) => self.failure = self.watch.inspects.then(|| error.to_string()),
        }
    }

    /// The attempt is over.
    pub(super) fn tried(&mut self, record: &Record) {
        let (sent, got, failure) = (self.sent.take(), std::mem::take(&mut self.got), self.failure.take());
        self.tried.push(Tried { record: record.clone(), sent, got, failure });
    }
}

/// Where `request` goes, without what may be a secret: the query, and who signs in by the URL.
fn line(request: &Request<Pieces>) -> String {
    let uri = request.uri();
    let mut line = request.method().to_string();
    line.push(' ');
    if let Some((scheme, host)) = uri.scheme_str().zip(uri.host()) {
        line = line + scheme + "://" + host;
        if let Some(port) = uri.port() {
            line = line + ":" + port.as_str();
        }
    }
    line + uri.path()
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.watch.tried(std::mem::take(&mut self.tried));
    }
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
