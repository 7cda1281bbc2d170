//! One call to the collector, repeated as the specification says: what is sent counts as taken, lost, or neither yet.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokenrouter::call::{Client, Pieces, Timeouts};

use crate::access::Random;
use crate::config::Egress;

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 64 << 10;
/// How often one batch is sent at most.
const TRIES: u32 = 5;
/// The first pause; each one after it is twice as long, and up to half of it by chance.
const PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, whatever the collector says.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Points of metrics.
    Metrics,
}

impl Signal {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) signal: Signal,
    /// How much it held.
    pub(super) items: u64,
    /// How much of it the collector refused, or never got.
    pub(super) lost: u64,
    /// Why, where it was so.
    pub(super) why: Option<String>,
}

/// Calls the collector.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
    random: Random,
}

/// Why a call came to nothing.
enum Failed {
    /// It may be better later, at the earliest after so long.
    ForNow(String, Option<Duration>),
    /// Nothing will change that.
    ForGood(String),
}

impl Sender {
    pub(super) fn new(headers: &HeaderMap, timeout: Duration, gzip: bool, egress: &Egress, random: Random) -> Self {
        let timeouts = Timeouts { connect: timeout, first_byte: timeout, idle: timeout };
        let mut headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tokenrouter/", env!("CARGO_PKG_VERSION"))));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let client = Client::guarded(timeouts, 1, egress.guard());
        Self { client, headers, timeout, gzip, random }
    }

    /// Sends a batch, again and again as long as there is hope.
    pub(super) async fn send(&self, signal: Signal, url: &Uri, message: impl Message, items: u64) -> Sent {
        let body = self.packed(&message.encode_to_vec());
        drop(message);
        let mut pause = PAUSE;
        for tried in 1.. {
            let why = match tokio::time::timeout(self.timeout, self.once(signal, url, body.clone())).await {
                Ok(Ok((lost, why))) => return Sent { signal, items, lost: lost.min(items), why },
                Ok(Err(Failed::ForGood(why))) => return Sent { signal, items, lost: items, why: Some(why) },
                Ok(Err(Failed::ForNow(why, after))) => {
                    pause = pause.max(after.unwrap_or_default()).min(LONGEST_PAUSE);
                    why
                }
                Err(_) => format!("no answer within {} ms", self.timeout.as_millis()),
            };
            if tried >= TRIES {
                return Sent { signal, items, lost: items, why: Some(why) };
            }
            tokio::time::sleep(pause + pause.mul_f64(self.chance() / 2.0)).await;
            pause *= 2;
        }
        Sent { signal, items, lost: items, why: None }
    }

    /// From 0 to 1.
    fn chance(&self) -> f64 {
        let mut byte = [0];
        // Without chance it is no worse than without jitter.
        _ = (self.random)(&mut byte);
        f64::from(byte[0]) / 255.0
    }

    fn packed(&self, plain: &[u8]) -> Bytes {
        if !self.gzip {
            return Bytes::copy_from_slice(plain);
        }
        let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        // Writing into a Vec cannot fail.
        _ = packer.write_all(plain);
        packer.finish().unwrap_or_default().into()
    }

    /// How much of it was refused, and why.
    async fn once(&self, signal: Signal, url: &Uri, body: Bytes) -> Result<(u64, Option<String>), Failed> {
        let mut request = Request::new(Pieces::new(vec![body.clone()]));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.clone();
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let answer = self.client.send(request).await.map_err(|error| Failed::ForNow(error.to_string(), None))?;
        let status = answer.status();
        if status.is_success() {
            let answer = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
            let answer = answer.map_err(|_| Failed::ForGood("its answer is too long, or broke off".to_owned()))?;
            return Ok(refused(signal, answer.to_bytes()));
        }
        let said = format!("it answers with status {}", status.as_u16());
        let may_repeat = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if !may_repeat.contains(&status) {
            return Err(Failed::ForGood(said));
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(Failed::ForNow(said, after.map(Duration::from_secs)))
    }
}

/// What the collector says of parts that it did not take. What makes no sense says nothing.
fn refused(signal: Signal, answer: Bytes) -> (u64, Option<String>) {
    let (count, message) = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(answer)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|part| (part.rejected_spans, part.error_message)),
        Signal::Metrics => ExportMetricsServiceResponse::decode(answer)
            .ok()
            .and_then(|answer| answer.partial_success)
            .map(|part| (part.rejected_data_points, part.error_message)),
    }
    .unwrap_or_default();
    let count = u64::try_from(count).unwrap_or(0);
    let why = (count > 0).then(|| {
        let said: String = message.chars().take(200).collect();
        format!("it refused {count} of what it was sent: {said}")
    });
    (count, why)
}
