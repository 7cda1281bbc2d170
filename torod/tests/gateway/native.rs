//! Bodies and answers pass as they are, whatever stands in them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tokenrouter::peek::Peek;
use tokenrouter::splice;

use crate::support::{TestDaemon, chat_body, events, whole};

/// Objects as clients may send them: odd numbers, escapes, nesting, white space, `model` where it means nothing.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("123456789012345678901234567890".to_owned()),
        Just("1e400".to_owned()),
        Just("-0.0".to_owned()),
        Just("1.10".to_owned()),
        Just("null".to_owned()),
        Just(" true ".to_owned()),
        Just(r#""\ud83e\udd80 \/ \u0041 \"model\":\"x\"""#.to_owned()),
        Just("\"日本 🦀 é\"".to_owned()),
        "[a-z ]{0,12}".prop_map(|s| format!("\"{s}\"")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            proptest::collection::vec(("(model|x|tools|messages|stream)", inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                format!("{{\n{}\t}}", fields.join(",\r\n"))
            }),
        ]
    })
}

/// A whole request: fields before and after the model, which is written in one of several ways.
fn request() -> impl Strategy<Value = (String, String, String)> {
    let fields = || proptest::collection::vec(("[a-ln-z_]{1,8}", value()), 0..5);
    let model = prop_oneof![Just(r#""old""#), Just(r#""ol\u0064""#), Just(r#" "old" "#)];
    (fields(), model, fields()).prop_map(|(before, model, after)| {
        let text = |fields: Vec<(String, String)>| {
            fields
                .into_iter()
                .filter(|(name, _)| !name.starts_with("stream"))
                .map(|(name, value)| format!("\"{name}\": {value}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let (before, after) = (text(before), text(after));
        let head = format!("{{{before}{}\"model\":", if before.is_empty() { "" } else { "," });
        let tail = format!("{}{after}}}", if after.is_empty() { "" } else { "," });
        (head, model.to_owned(), tail)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]
    #[test]
    fn ten_thousand_bodies_differ_in_the_model_alone((head, model, tail) in request()) {
        let body = Bytes::from(format!("{head}{model}{tail}"));
        let peek = Peek::read(&body).unwrap();
        prop_assert_eq!(peek.model.as_ref(), "old");
        let sent = splice::apply(&body, splice::set_model(&peek, "n\"ew").into_iter().collect()).concat();
        let blank = |text: &str| (text.len() - text.trim_start().len(), text.len() - text.trim_end().len());
        let (before, after) = blank(&model);
        let expected = format!("{head}{}\"n\\\"ew\"{}{tail}", " ".repeat(before), " ".repeat(after));
        prop_assert_eq!(String::from_utf8(sent).unwrap(), expected);
    }
}

#[tokio::test]
async fn generated_bodies_arrive_upstream_as_they_were() {
    let daemon = TestDaemon::start().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sent = Vec::new();
    for _ in 0..200 {
        let (head, _, tail) = request().new_tree(&mut runner).unwrap().current();
        let body = format!("{head}\"sim/ok\"{tail}");
        drop(daemon.post("/v1/embeddings", body).await);
        sent.push(format!("{head}\"ok\"{tail}"));
    }
    let received: Vec<_> =
        daemon.simulator.calls().iter().map(|c| String::from_utf8(c.body.to_vec()).unwrap()).collect();
    assert_eq!(received, sent);
    daemon.stop().await;
}

#[tokio::test]
async fn unknown_fields_and_the_clients_order_survive() {
    let daemon = TestDaemon::start().await;
    let body = r#"{ "x_new":{"b":1,"a":[1.0,1e2]}, "messages":[{"role":"user","content":"the model is sim/ok"}] ,"model":"sim/ok"}"#;
    // The provider refuses what it does not know: that is its to say.
    assert_eq!(daemon.post("/v1/chat/completions", body).await.status, 400);
    let seen = daemon.simulator.calls().remove(0);
    assert_eq!(seen.body, body.replacen(r#""model":"sim/ok""#, r#""model":"ok""#, 1).as_bytes());
    assert_eq!(seen.header("content-length"), Some(&*seen.body.len().to_string()));
    daemon.stop().await;
}

#[tokio::test]
async fn answers_come_back_as_the_provider_sent_them() {
    let daemon = TestDaemon::start().await;
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"ok","input":"x"}"#.to_owned()),
        ("/v1/chat/completions", chat_body("bigbody", "")),
        ("/v1/chat/completions", chat_body("s503", "")),
    ] {
        // The ids count up, so they are told apart by taking them out.
        let strip = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let ids = ["\"id\":\"", "\"created\":"];
            ids.iter().fold(text, |text, mark| match text.split_once(mark) {
                Some((head, tail)) => format!("{head}{}", tail.trim_start_matches(|c: char| c != '"' && c != ',')),
                None => text,
            })
        };
        let through = daemon.post(path, body.clone()).await;
        let direct = Request::post(format!("{}{path}", daemon.simulator.url()))
            .header("authorization", "Bearer x")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let direct = whole(daemon.head(direct).await).await;
        assert_eq!(through.status, direct.status);
        assert_eq!(strip(&through.body), strip(&direct.body), "{path}");
        assert_eq!(through.header("content-type"), direct.header("content-type"));
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_provider_with_two_urls_is_called_natively_by_both_protocols() {
    let daemon = TestDaemon::start().await;
    let messages = r#"{"model":"ok","max_tokens":64,"top_k":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut request = daemon.request("/v1/messages", messages);
    request.headers_mut().insert("anthropic-version", "2023-06-01".parse().unwrap());
    request.headers_mut().insert("anthropic-beta", "some-new-beta".parse().unwrap());
    let answer = daemon.send(request).await;
    assert_eq!(
        (answer.json()["type"].as_str(), answer.json()["stop_reason"].as_str()),
        (Some("message"), Some("end_turn"))
    );
    daemon.chat("ok", "").await;
    let calls = daemon.simulator.calls();
    assert_eq!(calls[0].path, "/anthropic/v1/messages");
    assert_eq!(calls[0].body, messages.as_bytes());
    assert_eq!(calls[0].header("anthropic-beta"), Some("some-new-beta"));
    assert_eq!(calls[0].header("x-api-key"), Some(crate::support::PROVIDER_KEY));
    assert_eq!(calls[1].path, "/v1/chat/completions");
    daemon.stop().await;
}

#[tokio::test]
async fn compressed_bodies_are_unpacked_and_bombs_are_not() {
    use std::io::Write;
    let daemon = TestDaemon::with("[limits]\nrequest_body = \"1MiB\"\n", "").await;
    let body = chat_body("ok", "");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(body.as_bytes()).unwrap();
    // Made once with the reference tools from {"model":"ok","messages":[{"role":"user","content":"hi"}]}.
    let brotli = include_bytes!("hi.json.br");
    let zstd = include_bytes!("hi.json.zst");
    for (coding, packed, status) in [
        ("gzip", gzip(body.as_bytes()), 200),
        ("deflate", zlib.finish().unwrap(), 200),
        ("br", brotli.to_vec(), 200),
        ("zstd", zstd.to_vec(), 200),
        ("gzip", gzip(&vec![b' '; 40 << 20]), 413),
        ("gzip", b"not gzip".to_vec(), 400),
        ("compress", body.clone().into_bytes(), 415),
    ] {
        let mut request = daemon.request("/v1/chat/completions", packed);
        request.headers_mut().insert("content-encoding", coding.parse().unwrap());
        let answer = daemon.send(request).await;
        assert_eq!(answer.status, status, "{coding}: {}", answer.text());
    }
    let calls = daemon.simulator.calls();
    assert_eq!(calls.len(), 4);
    for call in calls {
        assert_eq!(call.body, body.as_bytes());
        assert_eq!(call.header("content-encoding"), None);
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_stream_is_relayed_whole_however_it_was_cut() {
    let daemon = TestDaemon::start().await;
    for piece in [1, 7, 97, 1500] {
        let model = format!("sim/ok+chunks=400+interval_ms=0+piece={piece}");
        let answer = daemon.chat(&model, r#","stream":true,"stream_options":{"include_usage":true}"#).await;
        let found = events(&answer.body);
        let direct = Request::post(format!("{}/v1/chat/completions", daemon.simulator.url()))
            .header("authorization", "Bearer x")
            .body(Full::new(Bytes::from(chat_body(
                &model[4..],
                r#","stream":true,"stream_options":{"include_usage":true}"#,
            ))))
            .unwrap();
        let direct = events(&whole(daemon.head(direct).await).await.body);
        assert!(found.len() > 400, "{}", found.len());
        let strip = |events: &[String]| -> Vec<String> {
            events.iter().map(|e| e.split_once("\"object\"").map_or(e.clone(), |(_, tail)| tail.to_owned())).collect()
        };
        let without_time = |events: Vec<String>| -> Vec<String> {
            events.iter().map(|e| e.split_once("\"model\"").map_or(e.clone(), |(_, tail)| tail.to_owned())).collect()
        };
        assert_eq!(without_time(strip(&found)), without_time(strip(&direct)), "pieces of {piece}");
        assert_eq!(found.last().unwrap(), "[DONE]");
    }
    daemon.stop().await;
}
