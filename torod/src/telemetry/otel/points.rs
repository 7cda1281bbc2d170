//! Metrics by the conventions for generative AI, counted since the start and sent as they stand.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::say::{Server, dollars, nanos, number, operation, scope, server, text};
use super::spans::error_type;
use crate::telemetry::metrics::Known;
use crate::telemetry::metrics::known::OTHER;
use crate::upstreams::snapshot::Snapshot;
use crate::usage::{Outcome, Record};

/// Series of one metric at most; what comes on top has no model any more.
const MOST: usize = 1_000;

/// The bounds that the conventions advise.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const SECONDS: [f64; 14] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST: [f64; 16] = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const PER_TOKEN: [f64; 13] = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// By what points are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    operation: &'static str,
    provider: String,
    model: String,
    /// `gen_ai.token.type`.
    token_type: Option<&'static str>,
    error: Option<String>,
}

#[derive(Debug)]
struct Series {
    server: Server,
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

/// A metric while it is counted.
#[derive(Debug)]
struct Counting {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    bounds: &'static [f64],
    series: BTreeMap<Key, Series>,
}

impl Counting {
    const fn new(name: &'static str, unit: &'static str, description: &'static str, bounds: &'static [f64]) -> Self {
        Self { name, unit, description, bounds, series: BTreeMap::new() }
    }

    fn add(&mut self, key: Key, server: &Server, value: f64) {
        let is_full = self.series.len() >= MOST && !self.series.contains_key(&key);
        let key = if is_full { Key { model: OTHER.to_owned(), error: None, ..key } } else { key };
        let buckets = self.bounds.len() + 1;
        let series = self.series.entry(key).or_insert_with(|| Series {
            server: server.clone(),
            counts: vec![0; buckets],
            count: 0,
            sum: 0.0,
        });
        if let Some(count) = series.counts.get_mut(self.bounds.partition_point(|bound| *bound < value)) {
            *count += 1;
        }
        series.count += 1;
        series.sum += value;
    }

    fn metric(&self, since: u64, now: u64) -> Metric {
        let points = self.series.iter().map(|(key, series)| HistogramDataPoint {
            attributes: attributes(key, &series.server),
            start_time_unix_nano: since,
            time_unix_nano: now,
            count: series.count,
            sum: Some(series.sum),
            bucket_counts: series.counts.clone(),
            explicit_bounds: self.bounds.to_vec(),
            ..HistogramDataPoint::default()
        });
        let data = Histogram {
            data_points: points.collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        };
        self.of(Data::Histogram(data))
    }

    /// The same of one whose sum alone is of interest.
    fn sum(&self, since: u64, now: u64) -> Metric {
        let points = self.series.iter().map(|(key, series)| NumberDataPoint {
            attributes: attributes(key, &series.server),
            start_time_unix_nano: since,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(series.sum)),
            ..NumberDataPoint::default()
        });
        let data = Sum {
            data_points: points.collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        };
        self.of(Data::Sum(data))
    }

    fn of(&self, data: Data) -> Metric {
        Metric {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            description: self.description.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }
}

fn attributes(key: &Key, server: &Server) -> Vec<KeyValue> {
    let mut all = vec![
        text("gen_ai.operation.name", key.operation),
        text("gen_ai.provider.name", &key.provider),
        text("gen_ai.request.model", &key.model),
    ];
    all.extend(key.token_type.map(|kind| text("gen_ai.token.type", kind)));
    all.extend(key.error.as_ref().map(|error| text("error.type", error)));
    all.extend(server.address.as_ref().map(|address| text("server.address", address)));
    all.extend(server.port.map(|port| number("server.port", port)));
    all
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Points {
    known: Known,
    since_ms: i64,
    tokens: Counting,
    duration: Counting,
    first: Counting,
    per_token: Counting,
    cost: Counting,
}

impl Points {
    pub(super) const fn new(known: Known, since_ms: i64) -> Self {
        Self {
            known,
            since_ms,
            tokens: Counting::new(
                "gen_ai.client.token.usage",
                "{token}",
                "Number of input and output tokens used.",
                &TOKENS,
            ),
            duration: Counting::new("gen_ai.client.operation.duration", "s", "GenAI operation duration.", &SECONDS),
            first: Counting::new(
                "gen_ai.client.operation.time_to_first_chunk",
                "s",
                "Time from the call to the first piece of a streamed answer.",
                &FIRST,
            ),
            per_token: Counting::new(
                "gen_ai.server.time_per_output_token",
                "s",
                "Time per output token generated after the first token.",
                &PER_TOKEN,
            ),
            cost: Counting::new("tokenrouter.cost", "{USD}", "What was spent, in US dollars.", &[]),
        }
    }

    /// The world by which names are known, as it is now.
    pub(super) fn look(&mut self) -> std::sync::Arc<Snapshot> {
        self.known.look()
    }

    pub(super) fn add(&mut self, live: &Snapshot, record: &Record) {
        let names = self.known.names(live, &record.provider, &record.model);
        let server = server(live, &record.provider);
        let key = |token_type| Key {
            operation: operation(record.surface),
            provider: server.provider.clone(),
            model: names.model.to_string(),
            token_type,
            error: None,
        };
        let ([uncached, read, short, long, output, _], cost_nanos) = record.figures();
        let input = uncached + read + short + long;
        if input + output > 0 {
            self.tokens.add(key(Some("input")), &server, input as f64);
            self.tokens.add(key(Some("output")), &server, output as f64);
        }
        let seconds = |us: u64| us as f64 / 1e6;
        let error = error_type(record.outcome, record.status);
        self.duration.add(Key { error, ..key(None) }, &server, seconds(record.total_us));
        if cost_nanos > 0 {
            self.cost.add(key(None), &server, dollars(cost_nanos));
        }
        if record.stream && record.first_byte_us > 0 && record.status < 400 {
            self.first.add(key(None), &server, seconds(record.first_byte_us));
            if record.outcome == Outcome::Ok && output > 1 {
                let rest = record.total_us.saturating_sub(record.first_byte_us);
                self.per_token.add(key(None), &server, seconds(rest) / (output - 1) as f64);
            }
        }
    }

    /// All of it as it stands, and how many points that are; none where nothing was counted yet.
    pub(super) fn request(&self, resource: &Resource, now_ms: i64) -> Option<(ExportMetricsServiceRequest, u64)> {
        let (since, now) = (nanos(self.since_ms), nanos(now_ms));
        let histograms = [&self.tokens, &self.duration, &self.first, &self.per_token];
        let all = || histograms.into_iter().chain([&self.cost]).filter(|one| !one.series.is_empty());
        let points: usize = all().map(|one| one.series.len()).sum();
        let is_sum = |one: &Counting| one.bounds.is_empty();
        let metrics = all().map(|one| if is_sum(one) { one.sum(since, now) } else { one.metric(since, now) }).collect();
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let of = ResourceMetrics { resource: Some(resource.clone()), scope_metrics, ..ResourceMetrics::default() };
        (points > 0).then(|| (ExportMetricsServiceRequest { resource_metrics: vec![of] }, points as u64))
    }
}
