//! Every client protocol with every provider protocol: the same conversation there, the same answer back.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::{Maker, PartKind, Response, Stop};
use tokenrouter::convert::{Asked, Path, translate};
use tokenrouter::{anthropic, cohere, gemini, openai, responses};

use crate::support::{bytes, context, target};

const MODELS: [(Protocol, &str); 5] = [
    (OpenAi, "x/llama"),
    (Responses, "openai/gpt-5.2"),
    (Anthropic, "anthropic/claude-sonnet-4-5"),
    (Gemini, "google/gemini-3-pro"),
    (Cohere, "cohere/command-a"),
];

/// One conversation in each protocol: instructions, an image, a call with its result, a tool, a limit.
fn request(protocol: Protocol, stream: bool) -> String {
    let body = match protocol {
        OpenAi => json!({"model":"m","messages":[
            {"role":"system","content":"sys"},
            {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
            {"role":"tool","tool_call_id":"call_1","content":"done"}],
            "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}],
            "max_tokens":50,"temperature":0}),
        Responses => json!({"model":"m","instructions":"sys","input":[
            {"role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:image/png;base64,aGk="}]},
            {"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"a\":1}"},
            {"type":"function_call_output","call_id":"call_1","output":"done"}],
            "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}],
            "max_output_tokens":50,"temperature":0}),
        Anthropic => json!({"model":"m","system":"sys","messages":[
            {"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"done"}]}],
            "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"integer"}}}}],
            "max_tokens":50,"temperature":0}),
        Gemini => json!({"system_instruction":{"parts":[{"text":"sys"}]},"contents":[
            {"role":"user","parts":[{"text":"look"},{"inlineData":{"mime_type":"image/png","data":"aGk="}}]},
            {"role":"model","parts":[{"functionCall":{"id":"call_1","name":"f","args":{"a":1}}}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"done"}}}]}],
            "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"INTEGER"}}}}]}],
            "generationConfig":{"maxOutputTokens":50,"temperature":0}}),
        Cohere => json!({"model":"m","messages":[
            {"role":"system","content":"sys"},
            {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},
            {"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
            {"role":"tool","tool_call_id":"call_1","content":"done"}],
            "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}],
            "max_tokens":50,"temperature":0}),
    };
    let mut body = body;
    if stream && protocol != Gemini {
        body["stream"] = true.into();
        if protocol == OpenAi {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    body.to_string()
}

/// The same answer in each protocol: text, a call, ten tokens in, four of them cached, six out.
fn answer(protocol: Protocol) -> String {
    match protocol {
        OpenAi => json!({"id":"chatcmpl-u","model":"up","created":5,"choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"so 🦀","tool_calls":[{"id":"call_9","type":"function","function":{"name":"f","arguments":"{\"a\":2}"}}]}}],
            "usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4}}}),
        Responses => json!({"id":"resp_u","model":"up","created_at":5,"status":"completed","output":[
            {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"so 🦀","annotations":[]}]},
            {"type":"function_call","id":"fc_1","call_id":"call_9","name":"f","arguments":"{\"a\":2}"}],
            "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":16}}),
        Anthropic => json!({"id":"msg_u","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"so 🦀"},{"type":"tool_use","id":"call_9","name":"f","input":{"a":2}}],
            "stop_reason":"tool_use","usage":{"input_tokens":6,"cache_read_input_tokens":4,"output_tokens":6}}),
        Gemini => json!({"responseId":"u","modelVersion":"up","candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"text":"so 🦀"},{"functionCall":{"id":"call_9","name":"f","args":{"a":2}}}]}}],
            "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":6,"totalTokenCount":16}}),
        Cohere => json!({"id":"u","finish_reason":"TOOL_CALL","message":{"role":"assistant","content":[{"type":"text","text":"so 🦀"}],"tool_calls":[{"id":"call_9","type":"function","function":{"name":"f","arguments":"{\"a\":2}"}}]},
            "usage":{"billed_units":{"input_tokens":1,"output_tokens":1},"tokens":{"input_tokens":10,"output_tokens":6},"cached_tokens":4}}),
    }
    .to_string()
}

/// The same as a stream's payloads.
fn frames(protocol: Protocol) -> Vec<String> {
    let list = match protocol {
        OpenAi => json!([
            {"id":"chatcmpl-u","model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":"so "}}]},
            {"id":"chatcmpl-u","choices":[{"index":0,"delta":{"content":"🦀"}}]},
            {"id":"chatcmpl-u","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_9","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}}]},
            {"id":"chatcmpl-u","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":2}"}}]}}]},
            {"id":"chatcmpl-u","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]},
            {"id":"chatcmpl-u","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4}}}]),
        Responses => json!([
            {"type":"response.created","response":{"id":"resp_u","model":"up","created_at":5,"status":"in_progress","output":[]}},
            {"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}},
            {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"so "},
            {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"🦀"},
            {"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"other","role":"assistant","content":[{"type":"output_text","text":"so 🦀","annotations":[]}]}},
            {"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_9","name":"f","arguments":""}},
            {"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a\""},
            {"type":"response.function_call_arguments.done","output_index":1,"arguments":"{\"a\":2}"},
            {"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_9","name":"f","arguments":"{\"a\":2}"}},
            {"type":"response.completed","response":serde_json::from_str::<Value>(&answer(Responses)).unwrap()}]),
        Anthropic => json!([
            {"type":"message_start","message":{"id":"msg_u","model":"up","content":[],"usage":{"input_tokens":6,"cache_read_input_tokens":4,"output_tokens":1}}},
            {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}},
            {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so 🦀"}},
            {"type":"content_block_stop","index":0},
            {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_9","name":"f","input":{}}},
            {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":2}"}},
            {"type":"content_block_stop","index":1},
            {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":6}},
            {"type":"message_stop"}]),
        Gemini => json!([
            {"responseId":"u","modelVersion":"up","candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"so "}]}}]},
            {"responseId":"u","candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"🦀"}]}}]},
            {"responseId":"u","candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"functionCall":{"id":"call_9","name":"f","args":{"a":2}}}]}}],
                "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":6,"totalTokenCount":16}}]),
        Cohere => json!([
            {"type":"message-start","id":"u","delta":{"message":{"role":"assistant","content":[]}}},
            {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}},
            {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"so 🦀"}}}},
            {"type":"content-end","index":0},
            {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"call_9","type":"function","function":{"name":"f","arguments":""}}}}},
            {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":2}"}}}}},
            {"type":"tool-call-end","index":0},
            {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":10,"output_tokens":6},"cached_tokens":4}}}]),
    };
    list.as_array().unwrap().iter().map(Value::to_string).collect()
}

fn ask(from: Protocol, stream: bool, to: Protocol, model: &str) -> tokenrouter::convert::Translated {
    let body = request(from, stream);
    let path = Path { model: "m", stream, list: false };
    let asked = Asked { protocol: from, body: body.as_bytes(), path };
    translate(asked, &target(to, model), context()).unwrap_or_else(|e| panic!("{from} to {to}: {}", e.message))
}

fn maker(protocol: Protocol) -> Maker {
    Maker { protocol, family: "up".into() }
}

/// What a client of `protocol` reads out of an answer in one piece.
fn read(protocol: Protocol, body: &[u8]) -> Response {
    let maker = maker(protocol);
    match protocol {
        OpenAi => openai::response::read(body, &maker),
        Responses => responses::response::read(body, &maker),
        Anthropic => anthropic::response::read(body, &maker),
        Gemini => gemini::response::read(body, &maker),
        Cohere => cohere::response::read(body, &maker),
    }
    .unwrap_or_else(|e| panic!("{protocol}: {e}: {}", String::from_utf8_lossy(body)))
}

/// The answer is as the provider gave it.
fn assert_answer(case: &str, client: Protocol, response: &Response) {
    let choice = &response.choices[0];
    let text: String = choice.parts.iter().filter_map(|part| part.as_text()).collect();
    assert_eq!(text, "so 🦀", "{case}");
    let calls: Vec<_> = choice
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some((call.id.as_str(), call.name.as_str(), call.input.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("call_9", "f", "{\"a\":2}")], "{case}");
    // Responses and Gemini say so by the call itself.
    let stop = if matches!(client, Responses | Gemini) { Stop::End } else { Stop::Calls };
    assert_eq!(choice.stop, stop, "{case}");
    let usage = response.usage.unwrap();
    assert_eq!((usage.input(), usage.cache_read, usage.output), (10, 4, 6), "{case}");
}

#[test]
fn the_answer_of_every_provider_reaches_every_client_unchanged() {
    for (to, model) in MODELS {
        for (from, _) in MODELS {
            let case = format!("{from} client, {to} provider");
            let whole = ask(from, false, to, model).back.whole(answer(to).as_bytes()).unwrap().body;
            assert_answer(&format!("{case}, whole"), from, &read(from, &whole));

            let payloads = frames(to);
            let mut lines: Vec<&str> = payloads.iter().map(String::as_str).collect();
            if to == OpenAi {
                lines.push("[DONE]");
            }
            let gathered = ask(from, false, to, model).back.gathered(&bytes(&lines)).unwrap().body;
            assert_answer(&format!("{case}, gathered"), from, &read(from, &gathered));

            // Streamed, and read again by this library as a client of that protocol would.
            let mut translator = ask(from, true, to, model).back.stream();
            let mut stream = Vec::new();
            for line in &lines {
                translator
                    .frame(format!("data: {line}\n\n").as_bytes())
                    .unwrap_or_else(|e| panic!("{case}: {}", e.message));
                stream.extend_from_slice(&translator.take());
            }
            translator.finish();
            stream.extend_from_slice(&translator.take());
            let reader = translate(
                Asked { protocol: Cohere, body: request(Cohere, false).as_bytes(), path: Path::default() },
                &target(from, "m"),
                context(),
            )
            .unwrap();
            let again = reader.back.gathered(&stream.clone().into());
            let again = again.unwrap_or_else(|e| panic!("{case}: {}: {}", e.message, String::from_utf8_lossy(&stream)));
            assert_answer(&format!("{case}, streamed"), Cohere, &read(Cohere, &again.body));

            // Asked for a stream, answered whole.
            let replayed = ask(from, true, to, model).back.whole(answer(to).as_bytes()).unwrap().body;
            assert!(replayed.starts_with(b"data: ") || replayed.starts_with(b"event: "), "{case}");

            // Cut anywhere, it is never a clean end.
            for end in 0..payloads.len() - if to == OpenAi { 2 } else { 1 } {
                let mut translator = ask(from, true, to, model).back.stream();
                let mut stream = Vec::new();
                for line in &lines[..end] {
                    _ = translator.frame(format!("data: {line}\n\n").as_bytes());
                    stream.extend_from_slice(&translator.take());
                }
                translator.finish();
                stream.extend_from_slice(&translator.take());
                let text = String::from_utf8_lossy(&stream).into_owned();
                let clean = [
                    "[DONE]",
                    "response.completed",
                    "message_stop",
                    "\"finishReason\":\"STOP\"",
                    "TOOL_CALL",
                    "COMPLETE",
                ];
                assert!(!clean.iter().any(|mark| text.contains(mark)), "{case} cut after {end}: {text}");
                assert!(text.to_lowercase().contains("error"), "{case} cut after {end}: {text}");
            }
        }
    }
}

#[test]
fn the_request_of_every_client_reaches_every_provider_whole() {
    for (to, model) in MODELS {
        for (from, _) in MODELS {
            let done = ask(from, false, to, model);
            let out: Value = serde_json::from_slice(&done.body).unwrap();
            let case = format!("{from} to {to}: {out}");
            let (system, image, arguments, result, schema) = match to {
                OpenAi | Cohere => (
                    &out["messages"][0]["content"],
                    &out["messages"][1]["content"][1]["image_url"]["url"],
                    &out["messages"][2]["tool_calls"][0]["function"]["arguments"],
                    &out["messages"][3]["content"],
                    &out["tools"][0]["function"]["parameters"],
                ),
                Responses => (
                    &out["instructions"],
                    &out["input"][0]["content"][1]["image_url"],
                    &out["input"][1]["arguments"],
                    &out["input"][2]["output"],
                    &out["tools"][0]["parameters"],
                ),
                Anthropic => (
                    &out["system"][0]["text"],
                    &out["messages"][0]["content"][1]["source"]["data"],
                    &out["messages"][1]["content"][0]["input"],
                    &out["messages"][2]["content"][0]["content"][0]["text"],
                    &out["tools"][0]["input_schema"],
                ),
                Gemini => (
                    &out["systemInstruction"]["parts"][0]["text"],
                    &out["contents"][0]["parts"][1]["inlineData"]["data"],
                    &out["contents"][1]["parts"][0]["functionCall"]["args"],
                    &out["contents"][2]["parts"][0]["functionResponse"]["response"]["output"],
                    &out["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"],
                ),
            };
            assert_eq!(system, "sys", "{case}");
            assert!(image.as_str().unwrap_or_default().ends_with("aGk="), "{case}");
            let arguments = arguments.as_str().map_or_else(|| arguments.clone(), |a| serde_json::from_str(a).unwrap());
            assert_eq!(arguments, json!({"a": 1}), "{case}");
            assert_eq!(result, "done", "{case}");
            assert_eq!(schema, &json!({"type":"object","properties":{"a":{"type":"integer"}}}), "{case}");
            if to == Gemini {
                // Row 35: a call that another model made gets the documented stand-in for a signature.
                assert!(out["contents"][1]["parts"][0]["thoughtSignature"].is_string() || from == Gemini, "{case}");
            }
            let lost = done.losses.header().unwrap_or_default();
            let expected = if to == Responses { ["temperature", "generationConfig.temperature"] } else { ["", ""] };
            assert!(expected.contains(&lost.as_str()), "{case} lost {lost}");
        }
    }
}
