//! Rubbish of every kind: an error, never a panic, never a silent success.

use proptest::prelude::*;
use tokenrouter::Protocol;
use tokenrouter::convert::{Asked, Path, translate};

use crate::support::{bytes, context, target};

/// JSON made of the words that the protocols use, in places where they do not belong.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("user"),
        Just("assistant"),
        Just("tool"),
        Just("model"),
        Just("text"),
        Just("tool_use"),
        Just("tool_result"),
        Just("message"),
        Just("function_call"),
        Just("function"),
        Just("reasoning"),
        Just("thinking"),
        Just("image"),
        Just("response.output_item.done"),
        Just("response.completed"),
        Just("content_block_start"),
        Just("message_delta"),
        Just("tool-call-start"),
        Just("message-end"),
        Just("gw1.x.y"),
        Just("data:image/png;base64,%"),
        Just("{\"a\":1}"),
        Just("\u{1f980}"),
        Just(""),
    ];
    let key = prop_oneof![
        Just("model"),
        Just("messages"),
        Just("content"),
        Just("role"),
        Just("type"),
        Just("text"),
        Just("input"),
        Just("id"),
        Just("call_id"),
        Just("tool_calls"),
        Just("function"),
        Just("name"),
        Just("arguments"),
        Just("tools"),
        Just("contents"),
        Just("parts"),
        Just("functionCall"),
        Just("functionResponse"),
        Just("candidates"),
        Just("choices"),
        Just("delta"),
        Just("output"),
        Just("usage"),
        Just("index"),
        Just("item"),
        Just("message"),
        Just("error"),
        Just("finish_reason"),
        Just("signature"),
        Just("max_tokens"),
        Just("source"),
        Just("response"),
        Just("output_index"),
        Just("content_block"),
        Just("response_format"),
        Just("schema"),
        Just("tool_choice"),
        Just("reasoning_details"),
        Just("encrypted_content"),
    ];
    let leaf = prop_oneof![
        4 => word.prop_map(|word| serde_json::to_string(word).unwrap()),
        1 => Just("null".to_owned()),
        1 => Just("-1".to_owned()),
        1 => Just("1e300".to_owned()),
        1 => Just("true".to_owned()),
        1 => any::<u32>().prop_map(|n| n.to_string()),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            3 => proptest::collection::vec((key.clone(), inner), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        Just(Protocol::OpenAi),
        Just(Protocol::Responses),
        Just(Protocol::Anthropic),
        Just(Protocol::Gemini),
        Just(Protocol::Cohere)
    ]
}

/// The least that each protocol accepts.
fn least(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenAi | Protocol::Cohere => {
            r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#
        }
        Protocol::Responses => r#"{"model":"m","stream":true,"input":"x"}"#,
        Protocol::Anthropic => {
            r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#
        }
        Protocol::Gemini => r#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_request_makes_it_panic(from in protocol(), to in protocol(), content in json(), extra in json()) {
        let message = match from {
            Protocol::OpenAi | Protocol::Cohere | Protocol::Anthropic => format!(r#"{{"model":"m","max_tokens":9,"messages":{content},"tools":{extra}}}"#),
            Protocol::Responses => format!(r#"{{"model":"m","input":{content},"tools":{extra}}}"#),
            Protocol::Gemini => format!(r#"{{"contents":{content},"tools":{extra}}}"#),
        };
        for body in [content.as_str(), message.as_str()] {
            let asked = Asked { protocol: from, body: body.as_bytes(), path: Path::default() };
            if let Ok(done) = translate(asked, &target(to, "m"), context()) {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&done.body).is_ok());
            }
        }
    }

    #[test]
    fn no_answer_makes_it_panic(from in protocol(), to in protocol(), answers in proptest::collection::vec(json(), 1..6)) {
        let ask = |stream| {
            let asked = Asked { protocol: from, body: least(from).as_bytes(), path: Path { model: "m", stream, list: false } };
            translate(asked, &target(to, "m"), context()).unwrap().back
        };
        _ = ask(true).whole(answers[0].as_bytes());
        let lines: Vec<&str> = answers.iter().map(String::as_str).collect();
        _ = ask(false).gathered(&bytes(&lines));
        let mut translator = ask(true).stream();
        let mut out = Vec::new();
        for line in lines {
            if let Err(problem) = translator.frame(format!("data: {line}\n\n").as_bytes()) {
                translator.fail(&problem);
            }
            out.extend_from_slice(&translator.take());
        }
        translator.finish();
        out.extend_from_slice(&translator.take());
        // However it ended, the client sees an end.
        prop_assert!(!out.is_empty());
    }
}
