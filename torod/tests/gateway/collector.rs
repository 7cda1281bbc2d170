//! A collector as the OTLP specification describes it: takes protobuf over HTTP, packed or not, and does with it what a test
//! wants.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// What it does with a call.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Answers so.
    Status(u16),
    /// Says that it refused so many spans.
    Refuses(i64),
    /// Answers nonsense.
    Nonsense,
    /// Never answers.
    Hangs,
}

#[derive(Debug, Default)]
pub struct Seen {
    pub calls: usize,
    pub spans: Vec<Span>,
    /// As they were last sent.
    pub metrics: Vec<Metric>,
    pub resource: Vec<KeyValue>,
    pub headers: HeaderMap,
    acts: VecDeque<Act>,
}

#[derive(Clone, Debug, Default)]
pub struct Collector {
    pub seen: Arc<Mutex<Seen>>,
    pub port: u16,
}

impl Collector {
    /// One on a port of this machine; what it does with the first calls stands in `acts`.
    pub async fn start(acts: &[Act]) -> Self {
        Self::at(0, acts).await
    }

    pub async fn at(port: u16, acts: &[Act]) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let me = Self { seen: Arc::default(), port: listener.local_addr().unwrap().port() };
        me.seen.lock().unwrap().acts = acts.iter().copied().collect();
        let serving = me.clone();
        tokio::runtime::Handle::current().spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let me = serving.clone();
                let answer = service_fn(move |request| {
                    let me = me.clone();
                    async move { Ok::<_, std::convert::Infallible>(me.answer(request).await) }
                });
                tokio::runtime::Handle::current().spawn(async move {
                    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await);
                });
            }
        });
        me
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let act = {
            let mut seen = self.seen.lock().unwrap();
            seen.calls += 1;
            seen.acts.pop_front()
        };
        let (head, body) = request.into_parts();
        assert_eq!(head.method, "POST");
        assert_eq!(head.headers["content-type"], "application/x-protobuf");
        let body = body.collect().await.unwrap().to_bytes();
        let mut taken = Vec::new();
        if head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut taken).unwrap();
        } else {
            taken = body.to_vec();
        }
        let status = match act {
            None | Some(Act::Refuses(_) | Act::Nonsense) => 200,
            Some(Act::Status(status)) => status,
            Some(Act::Hangs) => return std::future::pending().await,
        };
        let mut answer = Vec::new();
        if status == 200 {
            self.take(head.uri.path(), &head.headers, &taken);
            if let Some(Act::Refuses(rejected_spans)) = act {
                let part = ExportTracePartialSuccess { rejected_spans, error_message: "too old".into() };
                answer = ExportTraceServiceResponse { partial_success: Some(part) }.encode_to_vec();
            } else if let Some(Act::Nonsense) = act {
                answer = b"<html>no protobuf</html>".to_vec();
            }
        }
        Response::builder().status(status).body(Full::new(answer.into())).unwrap()
    }

    fn take(&self, path: &str, headers: &HeaderMap, body: &[u8]) {
        let mut seen = self.seen.lock().unwrap();
        seen.headers.clone_from(headers);
        match path {
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(body).unwrap();
                for of in request.resource_spans {
                    seen.resource = of.resource.unwrap().attributes;
                    seen.spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            "/v1/metrics" => {
                let request = ExportMetricsServiceRequest::decode(body).unwrap();
                let metrics = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
                seen.metrics = metrics.flat_map(|scope| scope.metrics).collect();
            }
            other => panic!("{other}"),
        }
    }

    pub fn spans(&self) -> Vec<Span> {
        self.seen.lock().unwrap().spans.clone()
    }
}

/// The attribute `name` as a text.
pub fn said(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == name);
    match found.and_then(|pair| pair.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        None => String::new(),
        Some(other) => format!("{other:?}"),
    }
}
