//! Health and status over time, long streams, connections, hang-ups.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::Value;

use crate::act::{Act, PIECES, Speech};
use crate::rig::{Ending, Rig};
use crate::support::{SOON, chat_body, until};

const HASTY: &str = "timeouts = { connect = \"2s\", first_byte = \"1s\", idle = \"1s\" }";
const QUIET: &str = "[routing]\nprobe = false\n";

async fn health(rig: &Rig) -> (u16, String) {
    let health = rig.daemon.get("/health").await;
    (health.status.as_u16(), health.json()["status"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn row_14_health_is_degraded_when_nothing_can_serve_and_stays_right_for_days() {
    let rig = Rig::equal(2, QUIET).await;
    rig.chat("m").await;
    assert_eq!(health(&rig).await, (200, "ok".to_owned()));
    rig.up[0].close().await;
    for _ in 0..4 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    assert_eq!(health(&rig).await, (200, "ok".to_owned()), "one of two serves");
    rig.up[1].close().await;
    for _ in 0..4 {
        assert_ne!(rig.chat("m").await.status, 200);
    }
    assert_eq!(health(&rig).await, (503, "degraded".to_owned()));
    for _ in 0..3 {
        rig.clock.advance(6 * 60_000);
        assert_ne!(rig.chat("m").await.status, 200);
        assert_eq!(health(&rig).await, (503, "degraded".to_owned()));
    }
    rig.clock.advance(5 * 86_400_000);
    assert_eq!(health(&rig).await.0, 503, "nothing has answered since");
    rig.up[0].reopen();
    rig.clock.advance(5 * 60_000);
    until("it serves again", || async { rig.chat("m").await.status == 200 }).await;
    assert_eq!(health(&rig).await, (200, "ok".to_owned()));
    rig.clock.advance(86_400_000);
    assert_eq!(health(&rig).await, (200, "ok".to_owned()), "a gateway that nobody uses is not ill");
    rig.stop().await;
}

#[tokio::test]
async fn row_14_health_knows_breakers_of_endpoints() {
    let rig = Rig::equal(1, "[routing]\nattempts = 1\nprobe = false\n").await;
    rig.up[0].always(Act::status(503));
    for _ in 0..3 {
        rig.chat("m").await;
        rig.chat("m2").await;
    }
    assert_eq!(health(&rig).await, (503, "degraded".to_owned()));
    rig.stop().await;
}

/// Every object in which some field says `name`.
fn objects<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            if fields.values().any(|field| field == name) {
                found.push(value);
            }
            fields.values().for_each(|field| objects(field, name, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| objects(element, name, found)),
        _ => {}
    }
}

/// What the status says of a model at a provider.
async fn told(rig: &Rig, at: usize, model: &str) -> Vec<String> {
    let status = rig.daemon.get("/v1/status").await;
    assert_eq!(status.status, 200, "{}", status.text());
    let status = status.json();
    let provider = status["providers"].as_array().unwrap().iter().find(|p| p["name"] == format!("p{at}")).unwrap();
    let mut found = Vec::new();
    objects(provider, model, &mut found);
    found.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn row_15_status_lists_every_model_with_its_breaker_after_minutes() {
    let rig = Rig::with_backup("[routing]\nprobe = false\nbreaker = { recovery = \"1h\" }\n").await;
    for provider in ["p0", "p1"] {
        for model in ["m", "m2"] {
            assert_eq!(rig.chat(&format!("{provider}/{model}")).await.status, 200);
        }
    }
    rig.up[0].does(|ask| if ask.model == "m" { Act::status(503) } else { Act::Ok });
    for _ in 0..3 {
        rig.chat("m").await;
    }
    rig.clock.advance(6 * 60_000);
    for (at, model, is_open) in [(0, "m", true), (0, "m2", false), (1, "m", false), (1, "m2", false)] {
        let told = told(&rig, at, model).await;
        assert!(!told.is_empty(), "p{at}/{model} is missing");
        assert_eq!(told.iter().any(|text| text.contains("\"failing\"")), is_open, "p{at}/{model}: {told:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn probe_15_the_list_is_complete_and_the_breaker_kept_after_301_seconds_and_a_reload() {
    let top = "active_model_profile = \"a\"";
    let below = format!(
        "{}[routing]\nprobe = false\nbreaker = {{ recovery = \"10m\" }}\n",
        crate::rig::alias("other", &["a p0 m2", "b p0 m2"])
    );
    let rig = Rig::new(top, &["priority = 0", "priority = 10"], &below).await;
    rig.up[0].always(Act::status(503));
    for _ in 0..3 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    rig.seen();
    rig.clock.advance(301_000);
    for reloads in 0..2 {
        assert!(!told(&rig, 0, "m").await.is_empty() && !told(&rig, 1, "m").await.is_empty(), "{reloads}");
        assert_eq!(rig.chat("m").await.status, 200);
        assert_eq!(rig.seen(), [0, 1], "{reloads}");
        let changed = rig.admin(http::Method::PATCH, "/admin/api/routing", r#"{"active_model_profile":"b"}"#).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_79_long_streams_go_on_and_silent_ones_end() {
    let rig = Rig::new("", &[HASTY], QUIET).await;
    rig.up[0].always(Act::Long(25, 150));
    let long = rig.stream("m").await;
    assert!(long.is_good() && long.pieces == 25, "{long:?}");
    rig.up[0].always(Act::HangAfter(2));
    let hang = rig.stream("m").await;
    assert_eq!((hang.status, hang.ending, hang.pieces), (200, Ending::Error, 2), "{hang:?}");
    assert!(hang.text.contains("upstream_idle"), "{}", hang.text);
    rig.stop().await;
}

#[tokio::test]
async fn probe_8_a_long_stream_completes_and_a_real_cut_is_told_and_counted() {
    let rig = Rig::new("", &[HASTY], "[routing]\nprobe = false\nbreaker = { failures = 1 }\n").await;
    rig.up[0].always(Act::Long(25, 150));
    assert!(rig.stream("m").await.is_good());
    rig.up[0].always(Act::CutAfter(3, false));
    let cut = rig.stream("m").await;
    assert_eq!((cut.ending, cut.pieces), (Ending::Error, 3), "{cut:?}");
    rig.seen();
    rig.chat("m").await;
    assert_eq!(rig.seen(), [0], "a cut is a failure, so the breaker is open");
    rig.stop().await;
}

#[tokio::test]
async fn row_80_a_thousand_calls_share_few_connections() {
    let rig = Rig::equal(2, QUIET).await;
    let before: u64 = rig.up.iter().map(crate::upstream::Upstream::connections).sum();
    for _ in 0..1_000 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    let after: u64 = rig.up.iter().map(crate::upstream::Upstream::connections).sum();
    assert!(after - before <= 4, "{} connections", after - before);
    rig.stop().await;
}

#[tokio::test]
async fn row_83_a_hang_up_ends_the_call_wherever_it_is() {
    // In the first call before its head, in the first call's stream, and in the second call.
    for (first, stream, second) in [
        (Act::held(), false, false),
        (Act::held(), true, false),
        (Act::Long(200, 20), true, false),
        (Act::status(503), false, true),
        (Act::ErrorAfter(0), true, true),
    ] {
        let rig = Rig::with_backup(QUIET).await;
        rig.up[0].always(first.clone());
        rig.up[1].always(Act::held());
        let more = if stream { r#","stream":true"# } else { "" };
        let request = rig.daemon.request("/v1/chat/completions", chat_body("m", more));
        let who = usize::from(second);
        let there = || until("the call is there", || async { rig.up[who].calls() == 1 });
        tokio::select! {
            answer = rig.daemon.client.request(request) => {
                let mut body = answer.unwrap().into_body();
                assert!(tokio::time::timeout(SOON, body.frame()).await.unwrap().is_some());
            }
            () = async { there().await; if matches!(first, Act::Long(..)) { std::future::pending().await } } => {}
        }
        let gone = until("the provider sees it", || async { rig.up[who].hung_up() == 1 });
        assert!(tokio::time::timeout(Duration::from_secs(5), gone).await.is_ok(), "{first:?}");
        // Who hung up says nothing of the provider.
        rig.up[who].always(Act::Ok);
        assert_eq!(rig.chat("m").await.status, 200);
        rig.stop().await;
    }
}

#[tokio::test]
async fn every_protocol_is_served_by_the_rig() {
    let rig = Rig::equal(1, "").await;
    for speech in Speech::ALL {
        for stream in [false, true] {
            let outcome = rig.ask(speech, "m", stream, "hi", &[]).await;
            assert!(outcome.is_good(), "{speech:?} {stream}: {outcome:?}");
            if stream {
                assert_eq!(outcome.pieces, PIECES, "{speech:?}");
            }
        }
    }
    rig.stop().await;
}
