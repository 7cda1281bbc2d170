//! Why an answer ended, in the words of every client; and requests that have no end, or no beginning.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

use crate::support::{ask, streamed, whole};

const MODELS: [(Protocol, &str); 5] = [
    (OpenAi, "openai/gpt-4o"),
    (Responses, "openai/gpt-5.2"),
    (Anthropic, "anthropic/claude-sonnet-4-5"),
    (Gemini, "gemini/gemini-3-pro"),
    (Cohere, "cohere/command-a"),
];

fn request(from: Protocol, tools: Option<&Value>) -> String {
    let mut body = match from {
        OpenAi | Cohere => json!({"model":"m","messages":[{"role":"user","content":"hi"}]}),
        Responses => json!({"model":"m","input":"hi"}),
        Anthropic => json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}),
        Gemini => json!({"contents":[{"role":"user","parts":[{"text":"hi"}]}]}),
    };
    if let Some(schema) = tools {
        body["tools"] = match from {
            OpenAi | Cohere => {
                json!([{"type":"function","function":{"name":"f","description":"d","parameters":schema}}])
            }
            Responses => json!([{"type":"function","name":"f","parameters":schema}]),
            Anthropic => json!([{"name":"f","input_schema":schema}]),
            Gemini => json!([{"functionDeclarations":[{"name":"f","parametersJsonSchema":schema}]}]),
        };
    }
    body.to_string()
}

/// An answer that ended with `word`.
fn answer(to: Protocol, word: &str) -> String {
    match to {
        OpenAi => json!({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"so"},"finish_reason":word}]}),
        Anthropic => json!({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"so"}],"stop_reason":word,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}),
        Gemini => json!({"candidates":[{"index":0,"finishReason":word,"content":{"role":"model","parts":[{"text":"so"}]}}]}),
        Cohere => json!({"id":"u","finish_reason":word,"message":{"role":"assistant","content":[{"type":"text","text":"so"}]}}),
        Responses => unreachable!("it has a status instead"),
    }
    .to_string()
}

/// Row 35 of the feature table, and its sixth rule of conversion: each reason of each provider as each client knows it.
#[test]
fn row_35_every_reason_to_end_is_told_in_the_clients_words() {
    // What clients of Chat, Responses, Messages, Gemini and Cohere read.
    let ended = ["stop", "completed", "end_turn", "STOP", "COMPLETE"];
    let length = ["length", "incomplete", "max_tokens", "MAX_TOKENS", "MAX_TOKENS"];
    let sequence = ["stop", "completed", "stop_sequence", "STOP", "STOP_SEQUENCE"];
    let safety = ["content_filter", "incomplete", "refusal", "SAFETY", "ERROR"];
    for (to, word, expected) in [
        (OpenAi, "stop", ended),
        (OpenAi, "length", length),
        (OpenAi, "content_filter", safety),
        (Anthropic, "end_turn", ended),
        (Anthropic, "max_tokens", length),
        (
            Anthropic,
            "model_context_window_exceeded",
            ["length", "incomplete", "model_context_window_exceeded", "MAX_TOKENS", "MAX_TOKENS"],
        ),
        (Anthropic, "stop_sequence", sequence),
        (Anthropic, "refusal", safety),
        (Gemini, "STOP", ended),
        (Gemini, "MAX_TOKENS", length),
        (Gemini, "SAFETY", safety),
        (Gemini, "RECITATION", safety),
        (Gemini, "PROHIBITED_CONTENT", safety),
        (Cohere, "COMPLETE", ended),
        (Cohere, "MAX_TOKENS", length),
        (Cohere, "STOP_SEQUENCE", sequence),
    ] {
        let model = MODELS.iter().find(|(protocol, _)| *protocol == to).unwrap().1;
        for ((from, _), expected) in MODELS.iter().zip(expected) {
            if *from == to {
                continue;
            }
            let told = whole(*from, &request(*from, None), to, model, &answer(to, word));
            let pointer = match from {
                OpenAi => "/choices/0/finish_reason",
                Responses => "/status",
                Anthropic => "/stop_reason",
                Gemini => "/candidates/0/finishReason",
                Cohere => "/finish_reason",
            };
            assert_eq!(told.pointer(pointer), Some(&json!(expected)), "{word} of {to} to {from}: {told}");
        }
    }
}

/// Schemas that refer to themselves, that are deep, or that are large: converted or refused, never followed for ever.
#[test]
fn schemas_without_end_are_converted_or_refused() {
    let mut deep = json!({"type":"string"});
    for _ in 0..30 {
        deep = json!({"type":"object","properties":{"a":deep}});
    }
    let wide: serde_json::Map<String, Value> =
        (0..5_000).map(|n| (format!("p{n}"), json!({"type":"string","description":"d"}))).collect();
    for schema in [
        json!({"type":"object","properties":{"self":{"$ref":"#"}}}),
        json!({"type":"object","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"properties":{"x":{"$ref":"#/$defs/a"}}}),
        json!({"type":"object","properties":{"x":{"$ref":"#/nowhere"}}}),
        deep,
        json!({"type":"object","properties":wide}),
    ] {
        for (from, _) in MODELS {
            for (to, model) in MODELS {
                match ask(from, &request(from, Some(&schema)), to, model) {
                    Ok(done) => assert!(serde_json::from_slice::<Value>(&done.body).is_ok(), "{from} to {to}"),
                    Err(problem) => assert_eq!(problem.http_status(from), 400, "{from} to {to}: {}", problem.message),
                }
            }
        }
    }
}

/// A file whose base64 is none is refused in the client's words, wherever it goes.
#[test]
fn a_file_that_is_no_base64_is_refused() {
    for (from, body) in [
        (
            OpenAi,
            json!({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%%%"}}]}]}),
        ),
        (
            Responses,
            json!({"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,%%%"}]}]}),
        ),
        (
            Anthropic,
            json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"%%%"}}]}]}),
        ),
        (Gemini, json!({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"%%%"}}]}]})),
    ] {
        for (to, model) in MODELS {
            if to != from {
                let Err(problem) = ask(from, &body.to_string(), to, model) else { panic!("{from} to {to} took it") };
                assert_eq!(problem.http_status(from), 400, "{from} to {to}: {}", problem.message);
            }
        }
    }
}

/// A stream that ends before it began is told as an error.
#[test]
fn a_stream_that_says_nothing_is_no_clean_end() {
    for (from, _) in MODELS {
        let body = request(from, None).replacen('{', r#"{"stream":true,"#, 1);
        let told = streamed(from, &body, if from == OpenAi { Anthropic } else { OpenAi }, "x/m", &[]);
        assert!(told.to_lowercase().contains("error"), "{from}: {told}");
        assert!(
            !told.contains("[DONE]") && !told.contains("message_stop") && !told.contains("COMPLETE"),
            "{from}: {told}"
        );
    }
}
