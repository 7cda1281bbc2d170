//! Gemini: shapes, streams in both framings, signatures, and each thing Google refuses.
use crate::client::{Answer, get, post, quick, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};

const IMAGE: &str = "YWJj";

fn ask() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]})
}

fn with_tools() -> Value {
    let mut body = ask();
    let schema = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]});
    body["tools"] = json!([{"functionDeclarations": [
        {"name": "weather", "parameters": schema},
        {"name": "clock", "parametersJsonSchema": {"$schema": "x", "type": "object", "additionalProperties": false}},
    ]}]);
    body
}

async fn call(simulator: &Simulator, model: &str, verb: &str, body: &Value) -> Answer {
    post(simulator, &format!("/v1beta/models/{model}:{verb}"), body).await
}

/// The texts of all parts that are thoughts, or none.
fn text(value: &Value, thoughts: bool) -> String {
    let parts = value["candidates"][0]["content"]["parts"].as_array().unwrap();
    let texts = parts.iter().filter(|part| part["thought"].as_bool().unwrap_or(false) == thoughts);
    texts.filter_map(|part| part["text"].as_str()).collect()
}

#[tokio::test]
async fn streams_say_what_whole_answers_say() {
    let simulator = quick().await;
    for model in ["ok", "ok%2Bchunks=3", "crlf", "think", "cache", "zero", "nousage", "redact", "events400"] {
        let whole = call(&simulator, model, "generateContent", &ask()).await.json();
        let events = call(&simulator, model, "streamGenerateContent?alt=sse", &ask()).await;
        assert!(events.complete && events.header("content-type").unwrap().starts_with("text/event-stream"));
        assert!(!events.text().contains("[DONE]"));
        let array = call(&simulator, model, "streamGenerateContent", &ask()).await;
        assert!(array.header("content-type").unwrap().starts_with("application/json"), "{}", array.head);
        let array = array.json();
        let values = events.values();
        assert_eq!(array.as_array().unwrap().len(), values.len());
        for chunks in [&values, array.as_array().unwrap()] {
            for thoughts in [false, true] {
                let pieces: String = chunks.iter().map(|chunk| text(chunk, thoughts)).collect();
                assert_eq!(pieces, text(&whole, thoughts), "{model}");
            }
            assert_eq!(text(&whole, true).is_empty(), model != "think");
            let (last, others) = chunks.split_last().unwrap();
            assert_eq!(last["candidates"][0]["finishReason"], "STOP");
            assert!(others.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
            assert_eq!(last["usageMetadata"], whole["usageMetadata"], "{model}");
        }
        let usage = &whole["usageMetadata"];
        let n = |name: &str| usage[name].as_u64().unwrap_or(0);
        assert_eq!(n("totalTokenCount"), n("promptTokenCount") + n("candidatesTokenCount") + n("thoughtsTokenCount"));
        assert_eq!(usage.is_null(), model == "nousage");
        assert_eq!(n("cachedContentTokenCount") > 0, model == "cache");
        assert_eq!(n("totalTokenCount") == 0, matches!(model, "zero" | "nousage"));
        assert_eq!(n("thoughtsTokenCount") > 0, model == "think");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn calls_are_whole_and_the_first_is_signed() {
    let simulator = quick().await;
    for model in ["parallel", "parallel+ids=1"] {
        let whole = call(&simulator, model, "generateContent", &with_tools()).await.json();
        let parts = whole["candidates"][0]["content"]["parts"].as_array().unwrap();
        let values = call(&simulator, model, "streamGenerateContent?alt=sse", &with_tools()).await.values();
        let streamed: Vec<_> = values.iter().map(|value| &value["candidates"][0]["content"]["parts"][0]).collect();
        for (at, part) in parts.iter().enumerate() {
            assert_eq!(part["functionCall"]["args"], streamed[at]["functionCall"]["args"]);
            assert_eq!(part.get("thoughtSignature").is_some(), at == 0);
            assert_eq!(part["functionCall"].get("id").is_some(), model.ends_with("ids=1"));
        }
        assert_eq!(parts[0]["functionCall"]["args"], json!({"city": "lorem"}));
        assert_eq!(parts[1]["functionCall"]["name"], "clock");
        assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
    }
    let whole = call(&simulator, "thinktool", "generateContent", &with_tools()).await.json();
    let parts = &whole["candidates"][0]["content"]["parts"];
    assert_eq!((&parts[0]["thought"], &parts[1]["functionCall"]["name"]), (&json!(true), &json!("weather")));
    simulator.stop().await;
}

#[tokio::test]
async fn what_the_model_was_asked_for() {
    let simulator = quick().await;
    let schema = json!({"type": "OBJECT", "properties": {"unit": {"type": "STRING", "enum": ["C"]}}});
    for config in [
        json!({"responseMimeType": "application/json", "responseSchema": schema}),
        json!({"response_mime_type": "application/json", "response_json_schema": {"type": "object", "properties": {"unit": {"const": "C"}}}}),
    ] {
        let mut body = ask();
        body["generation_config"] = config;
        let answer = call(&simulator, "ok", "generateContent", &body).await.json();
        assert_eq!(text(&answer, false), r#"{"unit":"C"}"#);
    }
    let mut body = ask();
    body["contents"][0]["parts"][0] = json!({"inline_data": {"mime_type": "image/png", "data": IMAGE}});
    let answer = call(&simulator, "img", "generateContent", &body).await.json();
    assert_eq!(text(&answer, false), "images: 1; image/png 3 bytes sha256 ba7816bf8f01cfea");
    let mut body = with_tools();
    body["toolConfig"] = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["clock"]}});
    let answer = call(&simulator, "tool", "generateContent", &body).await.json();
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "clock");
    body["toolConfig"] = json!({"functionCallingConfig": {"mode": "none"}});
    let answer = call(&simulator, "tool", "generateContent", &body).await.json();
    assert!(text(&answer, false).contains("done"));
    simulator.stop().await;
}

#[tokio::test]
async fn other_verbs_models_and_keys() {
    let simulator = quick().await;
    let counted = call(&simulator, "ok", "countTokens", &ask()).await.json();
    assert!(counted["totalTokens"].as_u64().unwrap() >= 16);
    let content = json!({"parts": [{"text": "a"}]});
    let one = call(&simulator, "ok", "embedContent", &json!({"content": content, "outputDimensionality": 3})).await;
    assert_eq!(one.json()["embedding"]["values"].as_array().unwrap().len(), 3);
    let request = json!({"model": "models/ok", "content": content});
    let many = call(&simulator, "ok", "batchEmbedContents", &json!({"requests": [request, request]})).await.json();
    assert_eq!(many["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(many["embeddings"][0], many["embeddings"][1]);
    let list = get(&simulator, "/v1beta/models").await.json();
    assert_eq!(list["models"][0]["name"], "models/ok");
    assert_eq!(get(&simulator, "/v1beta/models/ok").await.json()["name"], "models/ok");
    assert_eq!(get(&simulator, "/v1/models?key=a").await.json()["models"][0]["name"], "models/ok");
    let missing = get(&simulator, "/v1beta/models/none").await;
    assert_eq!((missing.status, missing.json()["error"]["status"].clone()), (404, json!("NOT_FOUND")));
    assert_eq!(post(&simulator, "/v1/models/ok:generateContent", &ask()).await.status, 200);
    simulator.stop().await;
    let simulator = with(Settings { api_key: Some("right".to_owned()), ..Settings::default() }).await;
    let path = "/v1beta/models/ok:generateContent";
    let body = ask().to_string();
    for (path, headers, status) in [
        (path.to_owned(), "x-goog-api-key: right\r\n", 200),
        (format!("{path}?key=right"), "", 200),
        (format!("{path}?key=wrong"), "", 400),
    ] {
        let answer = send(simulator.addr(), "POST", &path, headers, body.as_bytes()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.text().contains("API_KEY_INVALID"), status == 400);
    }
    simulator.stop().await;
}

#[tokio::test]
async fn faults() {
    let simulator = quick().await;
    let refused = call(&simulator, "s429ra2", "generateContent", &ask()).await;
    let error = refused.json()["error"].take();
    assert_eq!((refused.status, &error["status"], &error["code"]), (429, &json!("RESOURCE_EXHAUSTED"), &json!(429)));
    assert_eq!(error["details"][0]["retryDelay"], "2.000s");
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(call(&simulator, "s503", "generateContent", &ask()).await.json()["error"]["status"], "UNAVAILABLE");
    let sse = "streamGenerateContent?alt=sse";
    let died = call(&simulator, "die5", sse, &ask()).await;
    assert_eq!((died.values().len(), died.complete), (5, false));
    let open = call(&simulator, "nodone", sse, &ask()).await;
    assert!(open.complete && !open.text().contains("finishReason"));
    let late = call(&simulator, "err200late", sse, &ask()).await.values();
    assert_eq!((late.len(), &late[3]["error"]["code"]), (4, &json!(503)));
    let array = call(&simulator, "err200late", "streamGenerateContent", &ask()).await.json();
    assert_eq!(array[3]["error"]["status"], "UNAVAILABLE");
    assert_eq!(call(&simulator, "err200", sse, &ask()).await.values().len(), 1);
    simulator.stop().await;
}

fn call_part() -> Value {
    json!({"functionCall": {"name": "weather", "args": {}}})
}

fn result_part() -> Value {
    json!({"functionResponse": {"name": "weather", "response": {"output": 1}}})
}

/// A conversation of parts by turns: the user begins.
fn turns(turns: &[Value]) -> Value {
    let content =
        |(at, parts): (usize, &Value)| json!({"role": if at % 2 == 0 { "user" } else { "model" }, "parts": parts});
    json!({"contents": turns.iter().enumerate().map(content).collect::<Vec<_>>()})
}

fn set(pointer: &str, value: Value) -> Value {
    let mut body = with_tools();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    body
}

#[tokio::test]
async fn what_google_refuses() {
    let simulator = quick().await;
    let hello = || json!([{"text": "Hello"}]);
    let cases = [
        (json!({}), "contents is not specified"),
        (json!({"contents": []}), "contents is not specified"),
        (json!({"contents": 7}), "Invalid value at 'contents' (TYPE_MESSAGE), 7"),
        (set("/odd_field", json!(1)), "Unknown name \"odd_field\": Cannot find field."),
        (set("/contents/0/odd", json!(1)), "Unknown name \"odd\" at 'contents[0]': Cannot find field."),
        (set("/contents/0/parts/0/odd", json!(1)), "Unknown name \"odd\" at 'contents[0].parts[0]'"),
        (set("/contents/0/role", json!("assistant")), "Please use a valid role: user, model."),
        (set("/contents/0/parts", json!([])), "contents.parts must not be empty"),
        (set("/contents/0/parts/0", json!({})), "required oneof field 'data' must have one initialized field"),
        (set("/contents/0/parts/0/fileData", json!({"fileUri": "x"})), "oneof field 'data' is already set"),
        (
            set("/contents/0/parts/0", json!({"inlineData": {"mimeType": "image/png", "data": "a b"}})),
            "'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed",
        ),
        (set("/contents/0/parts/0", json!({"inlineData": {"data": IMAGE}})), "inline_data.mime_type"),
        (set("/systemInstruction", json!("x")), "Invalid value at 'system_instruction'"),
        (
            set("/generationConfig", json!({"temperature": "hot"})),
            "'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
        ),
        (set("/generationConfig", json!({"temperature": 3})), "generation_config.temperature: must be at most 2"),
        (set("/generationConfig", json!({"stop": ["x"]})), "Unknown name \"stop\" at 'generation_config'"),
        (set("/generationConfig", json!({"stopSequences": ["1", "2", "3", "4", "5", "6"]})), "stop_sequences"),
        (set("/generationConfig", json!({"responseSchema": {"type": "OBJECT"}})), "response_mime_type"),
        (set("/generationConfig", json!({"responseMimeType": "text/html"})), "response_mime_type"),
        (
            set("/generationConfig", json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}})),
            "only one of thinking budget and thinking level",
        ),
        (set("/tools/0/functionDeclarations/0/name", json!("1a")), "function_declarations[0].name: [FIELD_INVALID]"),
        (
            set("/tools/0/functionDeclarations/1/name", json!("weather")),
            "Duplicate function declaration found: weather",
        ),
        (
            set("/tools/0/functionDeclarations/0/parameters/$schema", json!("x")),
            "Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        ),
        (
            set("/tools/0/functionDeclarations/0/parameters/properties/city/additionalProperties", json!(false)),
            "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters.properties[0].value'",
        ),
        (
            set("/tools/0/functionDeclarations/0/parameters/properties/city/type", json!("TEXT")),
            "parameters.properties[0].value.type' (TYPE_ENUM), \"TEXT\"",
        ),
        (
            set("/tools/0/functionDeclarations/0/parameters/properties/city", json!({"type": "ARRAY"})),
            "parameters.properties[city].items: missing field.",
        ),
        (
            set("/tools/0/functionDeclarations/0/parameters/required", json!(["town"])),
            "parameters.required[0]: property is not defined",
        ),
        (
            set("/toolConfig", json!({"functionCallingConfig": {"allowedFunctionNames": ["clock"]}})),
            "function calling mode is ANY",
        ),
        (
            set("/toolConfig", json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["odd"]}})),
            "odd is not in the function declarations",
        ),
        (turns(&[hello(), json!([call_part()])]), "number of function response parts is equal"),
        (turns(&[hello(), json!([call_part(), call_part()]), json!([result_part()])]), "number of function response"),
        (turns(&[hello(), json!([call_part()]), hello()]), "number of function response parts is equal"),
        (turns(&[json!([result_part()])]), "function response turn comes immediately after"),
        (turns(&[json!([call_part()])]), "function call turn comes immediately after a user turn"),
        (
            turns(&[hello(), json!([{"functionCall": {"args": {}}}]), json!([result_part()])]),
            "contents[1].parts[0].function_call.name: Name cannot be empty.",
        ),
    ];
    for (body, said) in cases {
        for verb in ["generateContent", "streamGenerateContent?alt=sse"] {
            let answer = call(&simulator, "ok", verb, &body).await;
            let error = answer.json()["error"].take();
            assert_eq!((answer.status, &error["status"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
            assert!(error["message"].as_str().unwrap().contains(said), "{said}: {error}");
        }
    }
    let unknown = call(&simulator, "ok", "generateContent", &set("/generationConfig", json!({"stop": 1}))).await.json();
    assert_eq!(unknown["error"]["details"][0]["fieldViolations"][0]["field"], "generation_config");
    assert_eq!(call(&simulator, "ok", "countTokens", &json!({})).await.status, 400);
    assert_eq!(call(&simulator, "ok", "embedContent", &json!({"text": "a"})).await.status, 400);
    simulator.stop().await;
    let lenient = with(Settings { strict: false, ..Settings::default() }).await;
    assert_eq!(call(&lenient, "ok", "generateContent", &json!({"odd": 1})).await.status, 200);
    lenient.stop().await;
}

#[tokio::test]
async fn what_google_accepts() {
    let simulator = quick().await;
    let hello = || json!([{"text": "Hello"}]);
    for body in [
        json!({"contents": {"parts": {"text": "one for many"}}}),
        turns(&[hello(), json!([call_part(), call_part()]), json!([result_part(), result_part()])]),
        turns(&[hello(), json!([{"text": "", "thoughtSignature": "YWJj"}]), hello()]),
        set("/generationConfig", json!({"thinkingConfig": {"thinkingLevel": "low"}, "topK": 40.0, "seed": "7"})),
        set("/toolConfig", json!({"functionCallingConfig": {"mode": "VALIDATED"}})),
    ] {
        let answer = call(&simulator, "ok", "generateContent", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    simulator.stop().await;
}

#[tokio::test]
async fn signatures_come_back() {
    let simulator = quick().await;
    let answer = call(&simulator, "tool", "generateContent", &with_tools()).await.json();
    let real = answer["candidates"][0]["content"]["parts"][0]["thoughtSignature"].as_str().unwrap().to_owned();
    let history = |signature: Option<&str>| {
        let mut call = call_part();
        if let Some(signature) = signature {
            call["thoughtSignature"] = json!(signature);
        }
        turns(&[json!([{"text": "Hello"}]), json!([call, call_part()]), json!([result_part(), result_part()])])
    };
    for (signature, said) in [
        (Some(real.as_str()), ""),
        (Some("skip_thought_signature_validator"), ""),
        (Some("Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv"), ""),
        (Some("YWJj"), "Corrupted thought signature."),
        (None, "Function call is missing a thought_signature in functionCall parts."),
    ] {
        let answer = call(&simulator, "ok+strictsig=1", "generateContent", &history(signature)).await;
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status == 200, said.is_empty(), "{message}");
        assert!(message.starts_with(said), "{message}");
        assert_eq!(call(&simulator, "ok", "generateContent", &history(signature)).await.status, 200);
    }
    // What lies before the last question is not looked at.
    let mut old = history(None);
    let question = json!({"role": "user", "parts": [{"text": "And now?"}]});
    old["contents"].as_array_mut().unwrap().push(json!({"role": "model", "parts": [{"text": "So."}]}));
    old["contents"].as_array_mut().unwrap().push(question);
    assert_eq!(call(&simulator, "ok+strictsig=1", "generateContent", &old).await.status, 200);
    simulator.stop().await;
}
