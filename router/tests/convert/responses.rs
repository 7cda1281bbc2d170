//! Codex and other clients of the Responses protocol on other providers, and other clients on its providers.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, OpenAi, Responses};

use crate::support::{ask, events, sent, streamed, whole};

const CLAUDE: &str = "anthropic/claude-sonnet-4-5";
const GPT: &str = "openai/gpt-4o";

/// A request as Codex builds it, with all of its kinds of tools.
fn codex(input: &str, more: &str) -> String {
    format!(
        r#"{{"model":"m","stream":true,"store":false,"include":["reasoning.encrypted_content"],"client_metadata":{{"a":"b"}},"prompt_cache_key":"k","parallel_tool_calls":false,
        "reasoning":{{"effort":"medium","summary":"auto"}},"text":{{"verbosity":"low"}},"tool_choice":"auto",
        "tools":[{{"type":"function","name":"exec_command","description":"d","strict":false,"parameters":{{"type":"object","properties":{{"cmd":{{"type":"string"}}}}}}}},
            {{"type":"custom","name":"apply_patch","description":"p","format":{{"type":"grammar","syntax":"lark","definition":"start: begin"}}}},
            {{"type":"namespace","name":"agents","description":"n","tools":[{{"type":"function","name":"wait","parameters":{{"type":"object"}}}}]}},
            {{"type":"tool_search","execution":"client","description":"s","parameters":{{"type":"object","properties":{{"query":{{"type":"string"}}}}}}}},
            {{"type":"web_search","external_web_access":true}}],
        "input":{input}{more}}}"#
    )
}

const HI: &str = r#"[{"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}]"#;

#[test]
fn row_17_to_20_codexs_tools_are_lowered_and_its_words_come_back() {
    for (to, model) in [(OpenAi, "somebody/llama"), (Anthropic, CLAUDE)] {
        let (out, lost) = sent(Responses, &codex(HI, ""), to, model);
        let tools = out["tools"].as_array().unwrap();
        let name = |at: usize| if to == OpenAi { &tools[at]["function"]["name"] } else { &tools[at]["name"] };
        let names: Vec<&str> = (0..tools.len()).map(|at| name(at).as_str().unwrap()).collect();
        assert_eq!(names[..4], ["exec_command", "apply_patch", "agents__wait", "tool_search"], "{to}");
        // Row 20: Anthropic has a search of its own.
        assert_eq!(names.len(), if to == Anthropic { 5 } else { 4 });
        assert!(tools[1].to_string().contains("start: begin"));
        assert!(lost.contains("tools.format"), "{lost}");
        assert_eq!(lost.contains("tools.web_search"), to == OpenAi);
    }
    let (out, _) = sent(Responses, &codex(HI, ""), OpenAi, GPT);
    assert_eq!(out["messages"][0], json!({"role":"developer","content":"rules"}));
    let (out, _) = sent(Responses, &codex(HI, ""), OpenAi, "openai/gpt-5.2");
    assert_eq!(
        out["tools"][1]["custom"]["format"]["grammar"]["syntax"], "lark",
        "where the target knows them, they stay"
    );
    assert_eq!((&out["reasoning_effort"], &out["verbosity"]), (&json!("medium"), &json!("low")));
}

#[test]
fn tools_inside_the_input_are_tools_like_others() {
    let input = r#"[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec","description":"js"}]}]},
        {"role":"user","content":"hi"},
        {"type":"tool_search_call","call_id":"ts_1","execution":"client","arguments":{"query":"x"}},
        {"type":"tool_search_output","call_id":"ts_1","execution":"client","status":"completed","tools":[{"type":"function","name":"found","parameters":{"type":"object"}}]}]"#;
    let body = format!(r#"{{"model":"m","input":{input}}}"#);
    let (out, _) = sent(Responses, &body, OpenAi, "x/llama");
    let names: Vec<_> = out["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
    assert_eq!(names, ["functions__exec", "found"]);
    assert_eq!(
        out["messages"][1]["tool_calls"][0]["function"],
        json!({"name":"tool_search","arguments":"{\"query\":\"x\"}"})
    );
    assert!(out["messages"][2]["content"].as_str().unwrap().contains("found"));
}

#[test]
fn a_deferred_tool_is_callable_once_it_was_found() {
    let declared = r#"{"type":"namespace","name":"cal","tools":[{"type":"function","name":"book","defer_loading":true},{"type":"function","name":"hide","defer_loading":true}]}"#;
    let body = |rest: &str| {
        format!(r#"{{"model":"m","tools":[{declared}],"input":[{{"role":"user","content":"hi"}}{rest}]}}"#)
    };
    let (out, _) = sent(Responses, &body(""), OpenAi, "x/llama");
    assert_eq!(out.get("tools"), None, "nothing was found yet");
    let found = r#",{"type":"tool_search_call","call_id":"ts_1","execution":"client","arguments":{"query":"x"}},
        {"type":"tool_search_output","call_id":"ts_1","execution":"client","tools":[{"type":"namespace","name":"cal","tools":[
            {"type":"function","name":"book","description":"books","defer_loading":true,"parameters":{"type":"object","properties":{"day":{"type":"string"}}}}]}]}"#;
    let (out, _) = sent(Responses, &body(found), OpenAi, "x/llama");
    assert_eq!(out["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(out["tools"][0]["function"]["name"], "cal__book");
    assert_eq!(out["tools"][0]["function"]["description"], "books");
    assert_eq!(out["tools"][0]["function"]["parameters"]["properties"]["day"]["type"], "string");
    assert!(out["messages"][2]["content"].as_str().unwrap().contains("cal__book"));
}

#[test]
fn a_configuration_update_holds_from_there_on() {
    let update =
        r#"{"type":"configuration_update","reasoning":{"effort":"high"},"text":{"format":{"type":"json_object"}}}"#;
    let body = format!(
        r#"{{"model":"m","reasoning":{{"effort":"low"}},"input":[{{"role":"user","content":"hi"}},{update},{{"role":"user","content":"on"}}]}}"#
    );
    let (out, _) = sent(Responses, &body, OpenAi, "openai/gpt-5.2");
    assert_eq!((&out["reasoning_effort"], &out["response_format"]["type"]), (&json!("high"), &json!("json_object")));
    assert_eq!(out["messages"].as_array().map(Vec::len), Some(2));
}

#[test]
fn logprobs_of_a_responses_provider_reach_the_client() {
    let asked = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":1}"#;
    let list = r#"[{"token":"Hi","bytes":[72,105],"logprob":-0.25,"top_logprobs":[]}]"#;
    let part = format!(r#"{{"type":"output_text","text":"Hi","annotations":[],"logprobs":{list}}}"#);
    let message =
        format!(r#"{{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{part}]}}"#);
    let answer = format!(
        r#"{{"id":"resp_1","object":"response","model":"gpt-5","created_at":1,"status":"completed","output":[{message}],"usage":{{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}}"#
    );
    let out = whole(OpenAi, asked, Responses, GPT, &answer);
    assert_eq!(out["choices"][0]["logprobs"]["content"][0]["logprob"], -0.25);
    let frames = [
        r#"{"type":"response.created","response":{"id":"resp_1","model":"gpt-5","output":[]}}"#.to_owned(),
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}}"#.to_owned(),
        format!(r#"{{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi","logprobs":{list}}}"#),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{message}}}"#),
        format!(r#"{{"type":"response.completed","response":{answer}}}"#),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let stream = streamed(OpenAi, &asked.replacen('{', r#"{"stream":true,"#, 1), Responses, GPT, &frames);
    let told: Vec<Value> = events(&stream).into_iter().filter(|e| !e["choices"][0]["logprobs"].is_null()).collect();
    assert_eq!(told.len(), 1, "{stream}");
    assert_eq!(told[0]["choices"][0]["logprobs"]["content"][0]["token"], "Hi");
    // And the other way round, in one piece.
    let asked = r#"{"model":"m","input":"hi","include":["message.output_text.logprobs"]}"#;
    let chat = format!(
        r#"{{"id":"c","model":"x","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"logprobs":{{"content":{list}}},"finish_reason":"stop"}}]}}"#
    );
    let out = whole(Responses, asked, OpenAi, GPT, &chat);
    assert_eq!(out["output"][0]["content"][0]["logprobs"][0]["logprob"], -0.25);
}

#[test]
fn a_whole_agent_conversation_keeps_its_order() {
    let input = r#"[{"role":"user","content":"go"},
        {"type":"reasoning","id":"rs_1","summary":[],"content":null,"encrypted_content":"FOREIGN"},
        {"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"looking"}]},
        {"type":"function_call","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\":\"ls\"}"},
        {"type":"custom_tool_call","call_id":"call_2","name":"apply_patch","input":"*** Begin \"x\""},
        {"type":"function_call","call_id":"call_3","name":"wait","namespace":"agents","arguments":"{}"},
        {"type":"function_call_output","call_id":"call_1","output":"files"},
        {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"ok"},{"type":"input_image","image_url":"data:image/png;base64,aGk="}]},
        {"type":"function_call_output","call_id":"call_3","output":"done"},
        {"role":"user","content":[{"type":"input_text","text":"next"}]}]"#;
    let (out, lost) = sent(Responses, &codex(input, r#","instructions":"sys""#), Anthropic, CLAUDE);
    assert_eq!(out["system"][0]["text"], "sys");
    let turns = out["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    let kinds: Vec<_> = turns[1]["content"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "tool_use", "tool_use", "tool_use"]);
    assert_eq!(turns[1]["content"][2]["input"], json!({"input":"*** Begin \"x\""}));
    assert_eq!(turns[1]["content"][3]["name"], "agents__wait");
    assert_eq!(turns[2]["content"][1]["content"][1]["source"]["data"], "aGk=");
    assert_eq!(turns[2]["content"][3]["text"], "next");
    assert!(lost.contains("input.reasoning"), "{lost}");
    assert!(out.get("thinking").is_none(), "manual thinking would be refused after an unsigned step");

    let (out, _) = sent(Responses, &codex(input, ""), OpenAi, GPT);
    let roles: Vec<_> = out["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "tool", "user", "user"]);
    assert_eq!(out["messages"][1]["tool_calls"][1]["function"]["arguments"], r#"{"input":"*** Begin \"x\""}"#);
}

const CHAT_FREEFORM: [&str; 7] = [
    r#"{"id":"chatcmpl-1","model":"llama","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hmm"}}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"patching"}}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_p","type":"function","function":{"name":"apply_patch","arguments":"{\"input\":\"*** Beg"}}]}}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"in\\n\\uD83D"}}]}}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\uDE00\"}"}},{"index":1,"id":"call_w","function":{"name":"agents__wait","arguments":"{}"}}]}}]}"#,
    r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":20,"completion_tokens":8,"total_tokens":28,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}}"#,
    "[DONE]",
];

/// Checks the bookkeeping of a Responses stream and returns its last response object.
fn check(stream: &str) -> Value {
    let all = events(stream);
    let mut done: Vec<Value> = Vec::new();
    for (at, event) in all.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{stream}");
        if event["type"] == "response.output_item.added" {
            assert_eq!(event["output_index"], done.len());
        }
        if event["type"] == "response.output_item.done" {
            assert_eq!(event["output_index"], done.len());
            done.push(event["item"].clone());
        }
    }
    assert_eq!((&all[0]["type"], &all[1]["type"]), (&json!("response.created"), &json!("response.in_progress")));
    let last = all.last().unwrap()["response"].clone();
    assert_eq!(last["output"], Value::Array(done), "the last event repeats every item");
    let ids: Vec<&str> = last["output"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(ids, unique);
    last
}

#[test]
fn codex_gets_its_patch_as_text_and_its_namespace_back() {
    let stream = streamed(Responses, &codex(HI, ""), OpenAi, "x/llama", &CHAT_FREEFORM);
    let last = check(&stream);
    assert_eq!((&last["status"], &last["object"]), (&json!("completed"), &json!("response")));
    assert_eq!(last["tools"].as_array().unwrap().len(), 5, "the client's own tools are repeated");
    assert_eq!((&last["parallel_tool_calls"], &last["store"]), (&json!(false), &json!(false)));
    let output = last["output"].as_array().unwrap();
    let kinds: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "custom_tool_call", "function_call"]);
    assert_eq!(output[2]["input"], "*** Begin\n😀");
    assert_eq!((&output[3]["name"], &output[3]["namespace"]), (&json!("wait"), &json!("agents")));
    let deltas: Vec<String> = events(&stream)
        .iter()
        .filter(|event| event["type"] == "response.custom_tool_call_input.delta")
        .map(|event| event["delta"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(deltas.concat(), "*** Begin\n😀");
    assert!(deltas.len() > 1, "it streams: {deltas:?}");
    let usage = &last["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"], &usage["total_tokens"]),
        (&json!(20), &json!(8), &json!(28))
    );
    assert_eq!(usage["input_tokens_details"], json!({"cached_tokens":5,"cache_write_tokens":0}));
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 3);
}

/// What this library writes for a client it also reads from a provider, with nothing lost on the way.
#[test]
fn the_streams_of_this_library_are_read_by_it() {
    let stream = streamed(Responses, &codex(HI, ""), OpenAi, "x/llama", &CHAT_FREEFORM);
    let frames: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let back = streamed(Anthropic, body, Responses, "openai/gpt-5.2", &frames);
    let texts = |field: &str| -> String {
        events(&back).iter().filter_map(|event| event["delta"][field].as_str().map(str::to_owned)).collect()
    };
    assert_eq!((texts("thinking").as_str(), texts("text").as_str()), ("hmm", "patching"));
    assert!(texts("partial_json").contains("*** Begin"), "{back}");
    assert!(back.contains(r#""stop_reason":"tool_use""#));
}

#[test]
fn a_broken_stream_fails_in_the_way_that_codex_understands() {
    for end in 0..CHAT_FREEFORM.len() - 2 {
        let stream = streamed(Responses, &codex(HI, ""), OpenAi, "x/llama", &CHAT_FREEFORM[..end]);
        let all = events(&stream);
        let kinds: Vec<_> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[kinds.len() - 2..], ["error", "response.failed"], "{stream}");
        assert_eq!(all.last().unwrap()["response"]["status"], "failed");
        assert!(!stream.contains("response.completed"));
    }
    let limited = r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#;
    let stream = streamed(Responses, &codex(HI, ""), OpenAi, "x/llama", &[CHAT_FREEFORM[0], limited]);
    let last = events(&stream).pop().unwrap();
    assert_eq!(last["response"]["error"], json!({"code":"rate_limit_exceeded","message":"slow down"}));
}

#[test]
fn other_clients_reach_a_responses_provider() {
    let chat = r#"{"model":"m","reasoning_effort":"low","max_tokens":5,"stop":"END","seed":1,"tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},
        "messages":[{"role":"system","content":"sys"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"https://e.example/a.png"}}]},
        {"role":"assistant","content":"so","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"call_1","content":"ok"}]}"#;
    let (out, lost) = sent(OpenAi, chat, Responses, "openai/gpt-4o");
    assert_eq!(
        (&out["instructions"], &out["store"], &out["max_output_tokens"]),
        (&json!("sys"), &json!(false), &json!(16))
    );
    assert_eq!(
        out["tools"][0],
        json!({"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":false})
    );
    let kinds: Vec<_> = out["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message", "message", "function_call", "function_call_output"]);
    assert_eq!(out["input"][0]["content"][1]["image_url"], "https://e.example/a.png");
    assert_eq!(out["input"][2]["arguments"], "{}");
    assert_eq!(out["text"]["format"]["name"], "n");
    assert_eq!(lost, "reasoning_effort, max_completion_tokens, seed");
    assert!(out.get("stop").is_none());

    let answer = r#"{"id":"resp_up","object":"response","created_at":7.5,"model":"gpt","status":"completed","output":[
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"ENC=="},
        {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hello END more","annotations":[]}]},
        {"type":"function_call","id":"fc_1","call_id":"call_9","name":"f","arguments":"{}"}],
        "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":11}}"#;
    let done = whole(OpenAi, &chat.replace(r#","stop":"END""#, ""), Responses, "openai/gpt-5.2", answer);
    let message = &done["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("hello END more"), &json!("a\n\nb")));
    assert_eq!((&done["choices"][0]["finish_reason"], &done["created"]), (&json!("tool_calls"), &json!(7)));
    let cut = whole(OpenAi, chat, Responses, "openai/gpt-5.2", answer);
    assert_eq!(
        (&cut["choices"][0]["message"]["content"], &cut["choices"][0]["finish_reason"]),
        (&json!("hello "), &json!("stop"))
    );

    // Its encrypted reasoning comes back through a Chat client as the item that it was.
    let next = json!({"model":"m","messages":[{"role":"user","content":"hi"}, message, {"role":"tool","tool_call_id":"call_9","content":"ok"}]});
    let (out, lost) = sent(OpenAi, &next.to_string(), Responses, "openai/gpt-5.2");
    assert_eq!(
        out["input"][1],
        json!({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a\n\nb"}],"encrypted_content":"ENC=="})
    );
    assert_eq!(lost, "");
}

/// Row 33 and 36: nobody's reasoning is sent to anybody else, and none without the item that it led to.
#[test]
fn encrypted_reasoning_travels_through_claude_code() {
    let answer = r#"{"id":"resp_up","status":"completed","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ENC=="},{"type":"function_call","call_id":"call_9","name":"f","arguments":"{}"}]}"#;
    let body = r#"{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"}]}"#;
    let message = whole(Anthropic, body, Responses, "openai/gpt-5.2", answer);
    assert_eq!(message["content"][0]["type"], "redacted_thinking");
    let next = |content: &Value| {
        json!({"model":"m","max_tokens":99,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":content},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_9","content":"ok"}]}]}).to_string()
    };
    let (out, lost) = sent(Anthropic, &next(&message["content"]), Responses, "openai/gpt-5.2");
    assert_eq!((&out["input"][1]["encrypted_content"], lost.as_str()), (&json!("ENC=="), ""));
    for (to, model) in [(OpenAi, GPT), (Anthropic, CLAUDE), (Responses, "openai/llama-4")] {
        let (out, lost) = sent(Anthropic, &next(&message["content"]), to, model);
        assert!(!out.to_string().contains("ENC==") && !out.to_string().contains("gw1."), "{to}");
        assert!(lost.contains("thinking"), "{to}: {lost}");
    }
    let mut forged = message["content"].clone();
    let data = forged[0]["data"].as_str().unwrap().to_owned();
    forged[0]["data"] = data.replacen("gw1.e", "gw1.f", 1).into();
    let (out, lost) = sent(Anthropic, &next(&forged), Responses, "openai/gpt-5.2");
    assert!(!out.to_string().contains("reasoning\"") || !out.to_string().contains("ENC=="));
    assert!(!lost.is_empty());
}

#[test]
fn bad_responses_requests_are_told_with_their_place() {
    for (body, place) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":[]}"#, "input"),
        (r#"{"model":"m","input":[{"type":"message","role":"alien","content":"x"}]}"#, "input[0].role"),
        (r#"{"model":"m","input":[{"role":"user","content":[{"type":"smell"}]}]}"#, "input[0].content[0].type"),
        (r#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#, "input[0].call_id"),
        (r#"{"model":"m","input":[{"type":"item_reference","id":"x"}]}"#, "input[0].type"),
        (r#"{"model":"m","input":"x","tools":[{"type":"function"}]}"#, "tools[0].name"),
        (r#"{"model":"m","input":"x","reasoning":{"effort":"huge"}}"#, "reasoning.effort"),
        (r#"{"model":"m","input":[{"role":"user","content":5}]}"#, "input[0].content"),
        (
            r#"{"model":"m","input":[{"type":"function_call_output","call_id":"a","output":"x"}]}"#,
            "function_call_output.call_id",
        ),
    ] {
        let problem = ask(Responses, body, OpenAi, "m").unwrap_err();
        assert_eq!((problem.code, problem.field.as_deref()), ("invalid_request", Some(place)), "{body}");
    }
    let hosted: Protocol = OpenAi;
    let problem = ask(Responses, r#"{"model":"m","input":"x","background":true}"#, hosted, "m").unwrap_err();
    assert_eq!((problem.code, problem.field.as_deref()), ("not_convertible", Some("background")));
}
