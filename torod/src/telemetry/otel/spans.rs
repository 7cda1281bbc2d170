//! A span for each request, and below it one for each attempt that was made for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::say::{dollars, nanos, number, operation, pair, scope, server, text};
use crate::telemetry::trace::{End, Trace, Tracer};
use crate::upstreams::snapshot::Snapshot;
use crate::usage::{Outcome, Record};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokenrouter::count::Source;

/// Spans that wait to be sent.
const MOST_READY: usize = 4_096;
/// Requests of which not everything is known yet.
const MOST_OPEN: usize = 4_096;
/// Spans of one call.
pub(super) const BATCH: usize = 512;

/// The parent is somebody else's (flags of OTLP).
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;

/// What is known of a request until all of it is.
#[derive(Debug, Default)]
struct Open {
    attempts: u32,
    counts: [u64; 6],
    cost_nanos: u64,
    last: Option<Last>,
    end: Option<Box<End>>,
}

#[derive(Debug)]
struct Last {
    model: Arc<str>,
    asked: Arc<str>,
    provider: Arc<str>,
    status: u16,
    outcome: Outcome,
    conversation: Option<String>,
    agent: Option<Arc<str>>,
}

/// Spans on their way.
#[derive(Debug, Default)]
pub(super) struct Spans {
    ready: VecDeque<Span>,
    open: BTreeMap<i64, Open>,
    /// Those that found no room, or never became whole.
    pub(super) lost: u64,
}

impl Spans {
    /// How many could be sent.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// An attempt has a row.
    pub(super) fn attempt(&mut self, live: &Snapshot, tracer: &Tracer, record: &Record) {
        let Some(trace) = record.trace.as_ref().filter(|trace| trace.sampled) else { return };
        self.add(attempt_span(live, tracer, trace, record));
        let exchange = record.exchange_id.0;
        let open = self.open(exchange);
        open.attempts += 1;
        let (counts, cost_nanos) = record.figures();
        for (sum, count) in open.counts.iter_mut().zip(counts) {
            *sum += count;
        }
        open.cost_nanos += cost_nanos;
        // Of two that arrive out of order, the later one is the last.
        open.last = Some(Last {
            model: Arc::clone(&record.model),
            asked: Arc::clone(record.model_asked.as_ref().unwrap_or(&record.model)),
            provider: Arc::clone(&record.provider),
            status: record.status,
            outcome: record.outcome,
            conversation: record.session.as_ref().map(|session| session.id.to_string()),
            agent: record.agent.clone(),
        });
        self.close(live, tracer, exchange);
    }

    /// A request is over.
    pub(super) fn end(&mut self, live: &Snapshot, tracer: &Tracer, end: Box<End>) {
        if !end.trace.sampled {
            return;
        }
        let exchange = end.exchange;
        self.open(exchange).end = Some(end);
        self.close(live, tracer, exchange);
    }

    fn open(&mut self, exchange: i64) -> &mut Open {
        if self.open.len() >= MOST_OPEN && !self.open.contains_key(&exchange) {
            // The oldest: numbers carry the time.
            self.open.pop_first();
            self.lost += 1;
        }
        self.open.entry(exchange).or_default()
    }

    fn close(&mut self, live: &Snapshot, tracer: &Tracer, exchange: i64) {
        let is_whole = |open: &Open| open.end.as_ref().is_some_and(|end| open.attempts >= end.attempts);
        if !self.open.get(&exchange).is_some_and(is_whole) {
            return;
        }
        if let Some(open) = self.open.remove(&exchange)
            && let Some(end) = &open.end
        {
            self.add(request_span(live, tracer, &open, end));
        }
    }

    fn add(&mut self, span: Span) {
        if self.ready.len() >= MOST_READY {
            self.ready.pop_front();
            self.lost += 1;
        }
        self.ready.push_back(span);
    }

    /// Takes a batch out, and says how many spans it holds.
    pub(super) fn take(&mut self, resource: &Resource) -> (ExportTraceServiceRequest, u64) {
        let spans: Vec<Span> = self.ready.drain(..self.ready.len().min(BATCH)).collect();
        let count = spans.len() as u64;
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
        let of = ResourceSpans { resource: Some(resource.clone()), scope_spans, ..ResourceSpans::default() };
        (ExportTraceServiceRequest { resource_spans: vec![of] }, count)
    }
}

/// What is common to both kinds.
fn span(trace: &Trace, id: [u8; 8], name: String, kind: SpanKind) -> Span {
    let state = trace.state.as_ref().and_then(|state| state.to_str().ok()).unwrap_or_default();
    Span {
        trace_id: trace.id.to_vec(),
        span_id: id.to_vec(),
        trace_state: state.to_owned(),
        flags: SAMPLED | REMOTE_KNOWN,
        name,
        kind: kind.into(),
        ..Span::default()
    }
}

fn usage(counts: [u64; 6], to: &mut Vec<KeyValue>) {
    let [uncached, read, short, long, output, reasoning] = counts;
    let input = uncached + read + short + long;
    if input + output == 0 {
        return;
    }
    to.push(number("gen_ai.usage.input_tokens", input));
    to.push(number("gen_ai.usage.output_tokens", output));
    for (name, count) in [
        ("gen_ai.usage.cache_read.input_tokens", read),
        ("gen_ai.usage.cache_creation.input_tokens", short + long),
        ("gen_ai.usage.reasoning.output_tokens", reasoning),
    ] {
        if count > 0 {
            to.push(number(name, count));
        }
    }
}

/// What went wrong, as a word of few: the provider's status where it gave one.
pub(super) fn error_type(outcome: Outcome, status: u16) -> Option<String> {
    match outcome {
        Outcome::Ok => None,
        Outcome::UpstreamError if status >= 400 => Some(status.to_string()),
        outcome => Some(outcome.as_str().to_owned()),
    }
}

fn fail(span: &mut Span, error: Option<String>) {
    if let Some(error) = error {
        span.attributes.push(text("error.type", error));
        span.status = Some(Status { code: StatusCode::Error.into(), ..Status::default() });
    }
}

fn attempt_span(live: &Snapshot, tracer: &Tracer, trace: &Trace, record: &Record) -> Span {
    let operation = operation(record.surface);
    let mut span = span(trace, tracer.span(record.id.0), format!("{operation} {}", record.model), SpanKind::Client);
    span.parent_span_id = tracer.span(record.exchange_id.0).to_vec();
    span.start_time_unix_nano = nanos(record.started_ms);
    span.end_time_unix_nano = span.start_time_unix_nano.saturating_add(record.total_us.saturating_mul(1_000));
    let server = server(live, &record.provider);
    let to = &mut span.attributes;
    to.push(text("gen_ai.operation.name", operation));
    to.push(text("gen_ai.provider.name", server.provider));
    to.push(text("gen_ai.request.model", &*record.model));
    to.push(text("tokenrouter.provider", &*record.provider));
    if let Some(address) = server.address {
        to.push(text("server.address", address));
    }
    if let Some(port) = server.port {
        to.push(number("server.port", port));
    }
    if record.status > 0 {
        to.push(number("http.response.status_code", record.status));
    }
    let (counts, cost_nanos) = record.figures();
    usage(counts, to);
    to.push(pair("gen_ai.request.stream", Value::BoolValue(record.stream)));
    to.push(pair("tokenrouter.usage.estimated", Value::BoolValue(record.source == Source::Estimated)));
    to.push(pair("tokenrouter.cost_usd", Value::DoubleValue(dollars(cost_nanos))));
    to.push(text("tokenrouter.outcome", record.outcome.as_str()));
    if record.first_byte_us > 0 && record.stream {
        let at = span.start_time_unix_nano.saturating_add(record.first_byte_us.saturating_mul(1_000));
        span.events.push(Event { time_unix_nano: at, name: "first_token".to_owned(), ..Event::default() });
    }
    fail(&mut span, error_type(record.outcome, record.status));
    span
}

fn request_span(live: &Snapshot, tracer: &Tracer, open: &Open, end: &End) -> Span {
    let operation = operation(end.surface);
    let name = match &open.last {
        Some(last) => format!("{operation} {}", last.asked),
        None => operation.to_owned(),
    };
    let mut span = span(&end.trace, tracer.span(end.exchange), name, SpanKind::Server);
    if let Some(parent) = end.trace.parent {
        span.parent_span_id = parent.to_vec();
        span.flags |= REMOTE;
    }
    span.start_time_unix_nano = nanos(end.trace.began_ms);
    span.end_time_unix_nano = nanos(end.ended_ms).max(span.start_time_unix_nano);
    let to = &mut span.attributes;
    to.push(text("gen_ai.operation.name", operation));
    to.push(text("tokenrouter.request.id", &*end.request_id));
    to.push(text("tokenrouter.token.name", &*end.caller));
    to.push(number("tokenrouter.attempts", end.attempts));
    let mut error = None;
    if let Some(last) = &open.last {
        to.push(text("gen_ai.provider.name", server(live, &last.provider).provider));
        to.push(text("gen_ai.request.model", &*last.asked));
        to.push(text("gen_ai.response.model", &*last.model));
        usage(open.counts, to);
        to.push(pair("tokenrouter.cost_usd", Value::DoubleValue(dollars(open.cost_nanos))));
        if let Some(conversation) = &last.conversation {
            to.push(text("gen_ai.conversation.id", conversation));
        }
        if let Some(agent) = &last.agent {
            to.push(text("gen_ai.agent.name", &**agent));
        }
        if last.status > 0 {
            to.push(number("http.response.status_code", last.status));
        }
        error = error_type(last.outcome, last.status);
    }
    if let Some((code, status)) = end.refused {
        to.push(number("http.response.status_code", status));
        error = Some(code.to_owned());
    }
    fail(&mut span, error);
    span
}
