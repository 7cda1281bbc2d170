//! OpenTelemetry: what a collector is told of requests, and that nothing it does is felt.

use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use torod::telemetry::otel::send::Signal;

use crate::collector::{Act, Collector, said};
use crate::support::{TestDaemon, chat_body, until};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn hasty(name: &str) -> Option<String> {
    match name {
        "OTEL_BSP_SCHEDULE_DELAY" | "OTEL_METRIC_EXPORT_INTERVAL" => Some("50".into()),
        "OTEL_EXPORTER_OTLP_TIMEOUT" => Some("300".into()),
        "OTEL_SERVICE_NAME" => Some("gw".into()),
        "COLLECTOR_KEY" => Some("collector-secret".into()),
        _ => None,
    }
}

async fn daemon(collector: &Collector, more: &str) -> TestDaemon {
    let telemetry = format!(
        "telemetry = {{ otlp_endpoint = \"http://127.0.0.1:{}\", otlp_headers = {{ api-key = \"${{COLLECTOR_KEY}}\" }}{more} }}\n\
         [[model_aliases]]\nname = \"both\"\ntargets = [{{ provider = \"sim\", model = \"s500\" }}, {{ provider = \"sim\", model = \"ok\" }}]\n",
        collector.port
    );
    TestDaemon::with_env(&telemetry, hasty).await
}

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<Span> {
    spans.iter().filter(|span| span.kind == i32::from(kind)).cloned().collect()
}

async fn wait_for_spans(collector: &Collector, count: usize) -> Vec<Span> {
    until("the spans", || async { collector.spans().len() >= count }).await;
    collector.spans()
}

#[tokio::test]
async fn a_request_is_a_span_with_one_below_it_for_each_attempt() {
    let collector = Collector::start(&[]).await;
    let daemon = daemon(&collector, "").await;
    let mut request = daemon.request("/v1/chat/completions", chat_body("both", r#","stream":true"#));
    request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
    request.headers_mut().insert("tracestate", "v=1".parse().unwrap());
    let answer = daemon.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let spans = wait_for_spans(&collector, 3).await;
    let (server, client) = (of_kind(&spans, SpanKind::Server), of_kind(&spans, SpanKind::Client));
    assert_eq!((server.len(), client.len()), (1, 2), "{spans:?}");
    let root = &server[0];
    assert_eq!(root.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(root.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!((root.name.as_str(), root.trace_state.as_str()), ("chat both", "v=1"));
    for span in &client {
        assert_eq!((&span.parent_span_id, &span.trace_id), (&root.span_id, &root.trace_id));
        assert!(span.start_time_unix_nano > 0 && span.end_time_unix_nano >= span.start_time_unix_nano);
        assert_ne!(span.span_id, root.span_id);
    }
    assert_ne!(client[0].span_id, client[1].span_id);
    let at = |span: &Span, name: &str| said(&span.attributes, name);
    assert_eq!((at(&client[0], "error.type"), at(&client[0], "gen_ai.request.model")), ("500".into(), "s500".into()));
    assert_eq!(client[0].status.as_ref().unwrap().code, 2);
    let good = &client[1];
    for (name, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "sim"),
        ("gen_ai.request.model", "ok"),
        ("gen_ai.request.stream", "true"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("error.type", ""),
        ("tokenrouter.outcome", "ok"),
    ] {
        assert_eq!(at(good, name), expected, "{name}");
    }
    assert_eq!(good.events.len(), 1);
    assert_eq!(good.events[0].name, "first_token");
    let row = &daemon.rows("input_uncached + cache_read + cache_write_5m + cache_write_1h, output").await[1];
    assert_eq!([at(good, "gen_ai.usage.input_tokens"), at(good, "gen_ai.usage.output_tokens")], row[..]);
    for (name, expected) in [
        ("gen_ai.request.model", "both"),
        ("gen_ai.response.model", "ok"),
        ("tokenrouter.attempts", "2"),
        ("tokenrouter.token.name", "test"),
        ("tokenrouter.request.id", answer.header("x-request-id")),
        ("error.type", ""),
    ] {
        assert_eq!(at(root, name), expected, "{name}");
    }
    let (service, headers) = {
        let seen = collector.seen.lock().unwrap();
        (said(&seen.resource, "service.name"), seen.headers.clone())
    };
    assert_eq!((service, headers["api-key"].to_str().unwrap()), ("gw".into(), "collector-secret"));
    assert_eq!(headers["content-encoding"], "gzip");
    daemon.stop().await;
}

#[tokio::test]
async fn refusals_and_failures_are_spans_and_what_a_client_left_out_is_none() {
    let collector = Collector::start(&[]).await;
    let daemon = daemon(&collector, "").await;
    let mut request = daemon.request("/v1/chat/completions", chat_body("ok", ""));
    request.headers_mut().insert("traceparent", PARENT.replace("-01", "-00").parse().unwrap());
    assert_eq!(daemon.send(request).await.status, 200);
    assert_eq!(daemon.chat("absent", "").await.status, 404);
    assert_eq!(daemon.chat("s500", "").await.status, 500);
    let spans = wait_for_spans(&collector, 3).await;
    let server = of_kind(&spans, SpanKind::Server);
    let errors: Vec<_> = server.iter().map(|span| said(&span.attributes, "error.type")).collect();
    assert_eq!((spans.len(), server.len()), (3, 2), "{spans:?}");
    assert!(errors.contains(&"500".to_owned()) && errors.iter().any(|error| error.contains("model")), "{errors:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn providers_hear_of_a_trace_only_where_that_is_wanted() {
    for (more, is_told) in [("", false), (", forward_trace = true", true)] {
        let collector = Collector::start(&[]).await;
        let daemon = daemon(&collector, more).await;
        daemon.chat("ok", "").await;
        let seen = daemon.simulator.calls().pop().unwrap();
        let header = seen.header("traceparent").map(str::to_owned);
        assert_eq!(header.is_some(), is_told, "{header:?}");
        if let Some(header) = header {
            let spans = wait_for_spans(&collector, 2).await;
            let id = <[u8; 8]>::try_from(&*of_kind(&spans, SpanKind::Client)[0].span_id).unwrap();
            let id = format!("{:016x}", u64::from_be_bytes(id));
            assert!(header.contains(&id), "{header} and {id}");
        }
        daemon.stop().await;
    }
}

#[tokio::test]
async fn metrics_are_those_of_the_conventions_and_equal_the_rows() {
    let collector = Collector::start(&[]).await;
    let daemon = daemon(&collector, ", trace_permille = 0").await;
    for _ in 0..3 {
        daemon.chat("ok", r#","stream":true"#).await;
    }
    daemon.chat("s500", "").await;
    let rows = daemon.rows("input_uncached + cache_read + cache_write_5m + cache_write_1h, output, cost_nanos").await;
    let sum = |column: usize| rows.iter().map(|row| row[column].parse::<f64>().unwrap()).sum::<f64>();
    let count = |name: &str| {
        let seen = collector.seen.lock().unwrap();
        let metric = seen.metrics.iter().find(|metric| metric.name == name).cloned();
        match metric.and_then(|metric| metric.data) {
            Some(Data::Histogram(histogram)) => {
                assert_eq!(histogram.aggregation_temporality, 2, "cumulative");
                for point in &histogram.data_points {
                    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                }
                let of = |kind: &str| {
                    let points = histogram.data_points.iter();
                    let points = points.filter(|point| said(&point.attributes, "gen_ai.token.type") == kind);
                    points.map(|point| (point.count, point.sum.unwrap())).fold((0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
                };
                vec![of(""), of("input"), of("output")]
            }
            Some(Data::Sum(sum)) => {
                assert!(sum.is_monotonic);
                let total = sum.data_points.iter().map(|point| match point.value {
                    Some(Value::AsDouble(value)) => value,
                    _ => panic!("{point:?}"),
                });
                vec![(sum.data_points.len() as u64, total.sum())]
            }
            _ => Vec::new(),
        }
    };
    let duration = "gen_ai.client.operation.duration";
    until("all four", || async { count(duration).first().is_some_and(|all| all.0 == 4) }).await;
    let tokens = count("gen_ai.client.token.usage");
    assert_eq!((tokens[1], tokens[2].1), ((3, sum(0)), sum(1)));
    assert_eq!(count("gen_ai.client.operation.time_to_first_chunk")[0].0, 3);
    assert_eq!(count("gen_ai.server.time_per_output_token")[0].0, 3);
    assert!((count("tokenrouter.cost")[0].1 * 1e9 - sum(2)).abs() < 1.0);
    assert_eq!(collector.spans(), []);
    daemon.stop().await;
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let collector = Collector::start(&[Act::Status(503), Act::Status(429), Act::Nonsense]).await;
    let one = daemon(&collector, "").await;
    one.chat("ok", "").await;
    wait_for_spans(&collector, 2).await;
    assert!(collector.seen.lock().unwrap().calls >= 3);
    one.stop().await;
    let collector = Collector::start(&[Act::Status(400); 50]).await;
    let other = daemon(&collector, "").await;
    let counts = other.app.exports.clone().unwrap();
    other.chat("ok", "").await;
    until("the loss", || async { counts.of(Signal::Traces) == (0, 2) }).await;
    other.stop().await;
    let collector = Collector::start(&[Act::Refuses(1)]).await;
    let third = daemon(&collector, "").await;
    let counts = third.app.exports.clone().unwrap();
    third.chat("ok", "").await;
    until("the part", || async { counts.of(Signal::Traces).1 == 1 || counts.of(Signal::Metrics).0 > 0 }).await;
    third.stop().await;
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_is_not_felt_and_comes_back() {
    let collector = Collector::start(&[Act::Hangs; 3]).await;
    let hung = daemon(&collector, "").await;
    for _ in 0..20 {
        assert_eq!(hung.chat("ok", "").await.status, 200);
    }
    assert_eq!(hung.rows("id").await.len(), 20);
    hung.stop().await;
    // Nobody listens there, and later somebody does.
    let away = Collector { port: tokenrouter_simulator::free_port().unwrap(), ..Collector::default() };
    let daemon = daemon(&away, "").await;
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    assert_eq!(daemon.rows("id").await.len(), 1);
    let back = Collector::at(away.port, &[]).await;
    until("it is back", || async { !back.spans().is_empty() || !back.seen.lock().unwrap().metrics.is_empty() }).await;
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_collector_nothing_of_it_exists() {
    let daemon = TestDaemon::start().await;
    assert!(daemon.app.tracer.is_none() && daemon.app.exports.is_none());
    let mut request = daemon.request("/v1/chat/completions", chat_body("ok", r#","stream":true"#));
    request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
    let (_, body) = daemon.head(request).await.into_parts();
    assert!(body.collect().await.is_ok());
    // A client's own header reaches the provider as it is.
    assert_eq!(daemon.simulator.calls().pop().unwrap().header("traceparent"), Some(PARENT));
    daemon.stop().await;
}
