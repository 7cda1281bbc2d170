//! How a CA is called: within bounds, and noting how long it asks to be left alone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokenrouter::call::{Client, Pieces};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of a CA is longer.
const MOST_BYTES: usize = 1 << 20;

/// Calls a CA.
pub(super) struct Caller {
    pub(super) client: Arc<Client>,
    /// How long the CA has asked to be left alone, in milliseconds; 0: it has not.
    pub(super) wait_ms: Arc<AtomicI64>,
}

impl HttpClient for Caller {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (client, wait_ms) = (Arc::clone(&self.client), Arc::clone(&self.wait_ms));
        Box::pin(async move {
            let call = async {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|e| Error::Other(e.into()))?.to_bytes();
                let request = Request::from_parts(head, Pieces::new(vec![body]));
                let answer = client.send(request).await.map_err(|e| Error::Other(Box::new(e)))?;
                let (head, body) = answer.into_parts();
                if let Some(wait) = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok())
                    && (head.status == 429 || head.status == 503)
                {
                    let seconds: i64 = wait.trim().parse().unwrap_or(0);
                    wait_ms.store(seconds.clamp(0, 1 << 32) * 1_000, Ordering::Relaxed);
                }
                let body = Limited::new(body, MOST_BYTES).collect().await.map_err(Error::Other)?.to_bytes();
                Ok(BytesResponse::from(Response::from_parts(head, http_body_util::Full::new(body))))
            };
            let called = tokio::time::timeout(PATIENCE, call).await;
            called.unwrap_or_else(|_| Err(Error::Other("it does not answer".into())))
        })
    }
}
