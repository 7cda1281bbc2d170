//! A listener that is tried: whoever comes by it is marked, so that a change can be confirmed from there alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::admin::network::ByTrial;
use crate::gateway::reply::Reply;
use crate::server::connection::{Peer, Service};

/// What answers there.
pub struct Tried {
    /// What would answer if nothing were tried.
    pub service: Arc<dyn Service>,
    /// The change's number.
    pub id: u64,
}

impl Service for Tried {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        mut request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        request.extensions_mut().insert(ByTrial(self.id));
        Arc::clone(&self.service).call(peer, request)
    }

    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        self.service.misread(status, beginning)
    }
}
