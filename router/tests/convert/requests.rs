//! What a provider of the other protocol gets.

use serde_json::json;
use tokenrouter::Protocol::{Anthropic, OpenAi};

use crate::support::{ask, sent};

const CLAUDE: &str = "anthropic/claude-sonnet-4-5";
const GPT: &str = "openai/gpt-4o";

fn chat(messages: &str, more: &str) -> String {
    format!(r#"{{"model":"m","messages":{messages}{more}}}"#)
}

fn messages(messages: &str, more: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":100,"messages":{messages}{more}}}"#)
}

#[test]
fn row_1_and_2_instructions_keep_their_place_or_say_so() {
    let body = chat(
        r#"[{"role":"system","content":"one"},{"role":"developer","content":"two"},{"role":"user","content":"hi"},{"role":"system","content":"late"}]"#,
        "",
    );
    let (out, lost) = sent(OpenAi, &body, Anthropic, CLAUDE);
    assert_eq!(out["system"], json!([{"type":"text","text":"one"},{"type":"text","text":"two"}]));
    assert_eq!(out["messages"].as_array().unwrap().len(), 1);
    assert!(out["messages"][0]["content"][1]["text"].as_str().unwrap().contains("late"));
    assert_eq!(lost, "messages.system");
    let (out, lost) = sent(OpenAi, &body, Anthropic, "anthropic/claude-opus-5-5");
    assert_eq!(out["messages"][1], json!({"role":"system","content":[{"type":"text","text":"late"}]}));
    assert_eq!(lost, "");

    let body = messages(r#"[{"role":"user","content":"hi"},{"role":"system","content":"late"}]"#, r#","system":"top""#);
    let (out, _) = sent(Anthropic, &body, OpenAi, GPT);
    let roles: Vec<_> = out["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "system"]);
}

#[test]
fn row_3_and_4_turns_are_merged_and_empty_ones_dropped() {
    let body = chat(
        r#"[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":""},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"c"}]}]"#,
        "",
    );
    let (out, _) = sent(OpenAi, &body, Anthropic, CLAUDE);
    let texts: Vec<_> = out["messages"][0]["content"].as_array().unwrap().iter().map(|b| b["text"].clone()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    let problem = ask(OpenAi, &chat(r#"[{"role":"user","content":""}]"#, ""), Anthropic, CLAUDE).unwrap_err();
    assert_eq!((problem.code, problem.field.as_deref()), ("not_convertible", Some("messages")));
}

#[test]
fn row_5_to_8_images() {
    let image = |url: &str| {
        chat(
            &format!(
                r#"[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}","detail":"high"}}}}]}}]"#
            ),
            "",
        )
    };
    let (out, lost) = sent(OpenAi, &image("data:image/png;base64,aGk="), Anthropic, CLAUDE);
    let source = &out["messages"][0]["content"][0]["source"];
    assert_eq!(source, &json!({"type":"base64","media_type":"image/png","data":"aGk="}));
    assert_eq!(lost, "image_url.detail");
    let (out, _) = sent(OpenAi, &image("https://e.example/a.png"), Anthropic, CLAUDE);
    assert_eq!(out["messages"][0]["content"][0]["source"], json!({"type":"url","url":"https://e.example/a.png"}));
    let tiff = ask(OpenAi, &image("data:image/tiff;base64,aGk="), Anthropic, CLAUDE).unwrap_err();
    assert!(tiff.message.contains("image/tiff"), "{}", tiff.message);

    let body = messages(
        r#"[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/webp","data":"aGk="}}]}]"#,
        "",
    );
    let (out, _) = sent(Anthropic, &body, OpenAi, GPT);
    assert_eq!(
        out["messages"][0]["content"],
        json!([{"type":"image_url","image_url":{"url":"data:image/webp;base64,aGk="}}])
    );
    let file = r#"[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]"#;
    assert_eq!(ask(Anthropic, &messages(file, ""), OpenAi, GPT).unwrap_err().code, "not_convertible");
}

#[test]
fn row_9_to_12_documents_sound_and_films() {
    let pdf = r#"[{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,aGk=","filename":"a.pdf"}}]}]"#;
    let (out, _) = sent(OpenAi, &chat(pdf, ""), Anthropic, CLAUDE);
    let block = &out["messages"][0]["content"][0];
    assert_eq!((&block["type"], &block["title"]), (&json!("document"), &json!("a.pdf")));
    let pdf = r#"[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"aGk="}}]}]"#;
    let (out, _) = sent(Anthropic, &messages(pdf, ""), OpenAi, GPT);
    assert_eq!(out["messages"][0]["content"][0]["file"]["file_data"], "data:application/pdf;base64,aGk=");
    let sound = r#"[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}]"#;
    let problem = ask(OpenAi, &chat(sound, ""), Anthropic, CLAUDE).unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("input_audio"));
}

#[test]
fn row_13_to_17_tools() {
    let tools = r#","tools":[
        {"type":"function","function":{"name":"f","description":"d","parameters":{"properties":{"a":{"type":"integer"}}},"strict":true}},
        {"type":"function","function":{"name":"none"}},
        {"type":"function","function":{"name":"odd.name/x"}},
        {"type":"custom","custom":{"name":"patch","description":"p","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}}]"#;
    let (out, lost) = sent(OpenAi, &chat(r#"[{"role":"user","content":"hi"}]"#, tools), Anthropic, CLAUDE);
    let tools = out["tools"].as_array().unwrap();
    assert_eq!(tools[0]["input_schema"], json!({"type":"object","properties":{"a":{"type":"integer"}}}));
    assert_eq!(tools[0]["strict"], json!(true));
    assert_eq!(tools[1]["input_schema"]["type"], "object");
    let odd = tools[2]["name"].as_str().unwrap();
    assert!(odd.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{odd}");
    assert_eq!(tools[3]["input_schema"]["required"], json!(["input"]));
    assert!(tools[3]["description"].as_str().unwrap().contains("start: x"));
    assert_eq!(lost, "tools.custom.format");

    let tools = r#","tools":[{"name":"f","input_schema":{"type":"object","$schema":"x"}},{"type":"bash_20250124","name":"bash"},{"type":"web_search_20250305","name":"web_search"},{"name":"later","input_schema":{"type":"object"},"defer_loading":true}]"#;
    let (out, lost) = sent(Anthropic, &messages(r#"[{"role":"user","content":"hi"}]"#, tools), OpenAi, GPT);
    let names: Vec<_> = out["tools"].as_array().unwrap().iter().map(|t| t["function"]["name"].clone()).collect();
    assert_eq!(names, ["f", "bash"]);
    assert!(out["tools"][1]["function"]["parameters"]["properties"]["command"].is_object());
    assert_eq!(lost, "tools.web_search");
    // Row 20: a request for nothing but the vendor's own search cannot be served.
    let tools = r#","tools":[{"type":"web_search_20250305","name":"web_search"}]"#;
    let problem = ask(Anthropic, &messages(r#"[{"role":"user","content":"hi"}]"#, tools), OpenAi, GPT).unwrap_err();
    assert_eq!((problem.code, problem.field.as_deref()), ("not_convertible", Some("tools")));
}

#[test]
fn row_22_and_23_which_tools_to_call() {
    let tool = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    for (choice, expected) in [
        (r#""auto""#, json!({"type":"auto"})),
        (r#""none""#, json!({"type":"none"})),
        (r#""required""#, json!({"type":"any"})),
        (r#"{"type":"function","function":{"name":"f"}}"#, json!({"type":"tool","name":"f"})),
    ] {
        let more = format!(r#"{tool},"tool_choice":{choice}"#);
        let (out, _) = sent(OpenAi, &chat(r#"[{"role":"user","content":"hi"}]"#, &more), Anthropic, CLAUDE);
        assert_eq!(out["tool_choice"], expected, "{choice}");
    }
    let more = format!(r#"{tool},"parallel_tool_calls":false"#);
    let (out, _) = sent(OpenAi, &chat(r#"[{"role":"user","content":"hi"}]"#, &more), Anthropic, CLAUDE);
    assert_eq!(out["tool_choice"], json!({"type":"auto","disable_parallel_tool_use":true}));
    let more = r#","tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}"#;
    let (out, _) = sent(Anthropic, &messages(r#"[{"role":"user","content":"hi"}]"#, more), OpenAi, GPT);
    assert_eq!((&out["tool_choice"], &out["parallel_tool_calls"]), (&json!("required"), &json!(false)));
}

#[test]
fn row_24_to_30_calls_and_results() {
    let conversation = r#"[{"role":"user","content":"go"},
        {"role":"assistant","content":"first","tool_calls":[{"id":"call:1","type":"function","function":{"name":"f","arguments":"{\"a\": 1.0}"}},{"id":"call_2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"call_2","content":"two"},
        {"role":"tool","tool_call_id":"call:1","content":[{"type":"text","text":"one"}]},
        {"role":"user","content":"next"}]"#;
    let (out, _) = sent(OpenAi, &chat(conversation, ""), Anthropic, CLAUDE);
    let turns = out["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    let calls = turns[1]["content"].as_array().unwrap();
    assert_eq!(calls[0]["text"], "first");
    assert_eq!(calls[1]["input"], json!({"a": 1.0}));
    assert_eq!(calls[2]["input"], json!({}));
    let id = calls[1]["id"].as_str().unwrap();
    assert!(!id.contains(':'));
    let results = turns[2]["content"].as_array().unwrap();
    assert_eq!((&results[0]["tool_use_id"], &results[1]["tool_use_id"]), (&json!("call_2"), &json!(id)));
    assert_eq!(results[2]["text"], "next");

    let bad = conversation.replace(r#""{\"a\": 1.0}""#, r#""not json""#);
    let problem = ask(OpenAi, &chat(&bad, ""), Anthropic, CLAUDE).unwrap_err();
    assert!(problem.message.contains("call:1"), "{}", problem.message);
    for (gone, why) in [
        (r#"{"role":"tool","tool_call_id":"call_2","content":"two"},"#, "no tool result follows"),
        (r#",{"id":"call_2","type":"function","function":{"name":"g","arguments":""}}"#, "answers no call"),
    ] {
        assert!(conversation.contains(gone));
        let problem = ask(OpenAi, &chat(&conversation.replace(gone, ""), ""), Anthropic, CLAUDE).unwrap_err();
        assert!(problem.message.contains(why), "{}", problem.message);
    }

    // Row 28 and 29, the other way: an image in a result, and a tool that failed.
    let conversation = r#"[{"role":"user","content":"go"},
        {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{}},{"type":"tool_use","id":"toolu_2","name":"f","input":{"x":1}}]},
        {"role":"user","content":[
            {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},
            {"type":"tool_result","tool_use_id":"toolu_2","content":"oh","is_error":true},
            {"type":"text","text":"and?"}]}]"#;
    let (out, lost) = sent(Anthropic, &messages(conversation, ""), OpenAi, GPT);
    let all = out["messages"].as_array().unwrap();
    let roles: Vec<_> = all.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user", "user"]);
    assert_eq!(all[3]["content"], "[tool error] oh");
    assert_eq!(all[4]["content"][0]["image_url"]["url"], "data:image/png;base64,aGk=");
    assert_eq!(all[5]["content"], "and?");
    assert_eq!(lost, "tool_result.content, tool_result.is_error");
    assert_eq!(all[1]["tool_calls"][1]["function"]["arguments"], r#"{"x":1}"#);
}

#[test]
fn row_31_effort() {
    let chat_with = |more: &str| chat(r#"[{"role":"user","content":"hi"}]"#, more);
    let (out, _) = sent(OpenAi, &chat_with(r#","reasoning_effort":"high""#), Anthropic, CLAUDE);
    assert_eq!(out["thinking"], json!({"type":"enabled","budget_tokens":16384}));
    let (out, _) =
        sent(OpenAi, &chat_with(r#","reasoning_effort":"high","max_completion_tokens":500"#), Anthropic, CLAUDE);
    assert_eq!((&out["max_tokens"], &out["thinking"]["budget_tokens"]), (&json!(1524), &json!(1523)));
    let (out, lost) =
        sent(OpenAi, &chat_with(r#","reasoning_effort":"xhigh""#), Anthropic, "anthropic/claude-sonnet-4-6");
    assert_eq!(out["thinking"]["type"], "adaptive");
    assert_eq!(out["output_config"]["effort"], "high");
    assert_eq!(lost, "reasoning_effort");
    let (out, lost) = sent(OpenAi, &chat_with(r#","reasoning_effort":"low""#), Anthropic, "anthropic/claude-3-5-haiku");
    assert!(out.get("thinking").is_none());
    assert_eq!(lost, "reasoning_effort");

    let thinks =
        |thinking: &str| messages(r#"[{"role":"user","content":"hi"}]"#, &format!(r#","thinking":{thinking}"#));
    for (thinking, effort) in [
        (r#"{"type":"enabled","budget_tokens":10000}"#, json!("medium")),
        // This model ends at `xhigh`.
        (r#"{"type":"adaptive"},"output_config":{"effort":"max"}"#, json!("xhigh")),
        (r#"{"type":"adaptive"}"#, json!(null)),
        (r#"{"type":"disabled"}"#, json!("none")),
    ] {
        let (out, _) = sent(Anthropic, &thinks(thinking), OpenAi, "openai/gpt-5.2");
        assert_eq!(out["reasoning_effort"], effort, "{thinking}");
    }
    let most = thinks(r#"{"type":"adaptive"},"output_config":{"effort":"max"}"#);
    for (model, effort) in [("gpt-6-astra", "max"), ("gpt-5", "high"), ("gpt-5-of-tomorrow", "max")] {
        let (out, lost) = sent(Anthropic, &most, OpenAi, &format!("openai/{model}"));
        assert_eq!((out["reasoning_effort"].as_str(), lost.is_empty()), (Some(effort), effort == "max"), "{model}");
    }
    // A model that always thinks is not told not to.
    let (out, _) = sent(OpenAi, &chat_with(r#","reasoning_effort":"none""#), Anthropic, "anthropic/claude-fable-5");
    assert_eq!((out.get("thinking"), &out["output_config"]["effort"]), (None, &json!("low")));
}

#[test]
fn row_37_and_38_the_form_of_the_answer() {
    let format = r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"integer","minimum":3}}}}}"#;
    let body = chat(r#"[{"role":"user","content":"hi"}]"#, format);
    let (out, lost) = sent(OpenAi, &body, Anthropic, CLAUDE);
    assert_eq!(out["output_config"]["format"]["type"], "json_schema");
    assert_eq!(out["output_config"]["format"]["schema"]["additionalProperties"], json!(false));
    assert_eq!(lost, "response_format");
    let (out, _) = sent(OpenAi, &body, Anthropic, "anthropic/claude-3-5-sonnet");
    assert!(out["system"][0]["text"].as_str().unwrap().contains("minimum"));
    let object = chat(r#"[{"role":"user","content":"hi"}]"#, r#","response_format":{"type":"json_object"}"#);
    assert_eq!(sent(OpenAi, &object, Anthropic, CLAUDE).1, "response_format");

    let more = r#","output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#;
    let (out, _) = sent(Anthropic, &messages(r#"[{"role":"user","content":"hi"}]"#, more), OpenAi, GPT);
    assert_eq!(out["response_format"]["json_schema"]["name"], "response");
}

#[test]
fn row_39_to_47_sampling_and_limits() {
    let hi = r#"[{"role":"user","content":"hi"}]"#;
    let more = r#","temperature":0,"top_p":0.5,"stop":["a"," "],"seed":7,"presence_penalty":1,"max_tokens":9"#;
    let (out, lost) = sent(OpenAi, &chat(hi, more), Anthropic, CLAUDE);
    assert_eq!(
        (&out["temperature"], &out["stop_sequences"], &out["max_tokens"]),
        (&json!(0), &json!(["a"]), &json!(9))
    );
    assert_eq!(lost, "top_p, presence_penalty, seed");
    assert_eq!(sent(OpenAi, &chat(hi, r#","temperature":1.5"#), Anthropic, CLAUDE).0["temperature"], json!(1));
    assert_eq!(sent(OpenAi, &chat(hi, ""), Anthropic, CLAUDE).0["max_tokens"], json!(64_000));
    for (more, field) in
        [(r#","n":2"#, "n"), (r#","logprobs":true"#, "logprobs"), (r#","logit_bias":{"1":2}"#, "logit_bias")]
    {
        let problem = ask(OpenAi, &chat(hi, more), Anthropic, CLAUDE).unwrap_err();
        assert_eq!((problem.code, problem.field.as_deref()), ("not_convertible", Some(field)));
    }
    assert!(ask(OpenAi, &chat(hi, r#","logit_bias":{},"n":1"#), Anthropic, CLAUDE).is_ok());

    let more = r#","temperature":0.2,"top_k":5,"stop_sequences":["a","b","c","d","e"]"#;
    let (out, lost) = sent(Anthropic, &messages(hi, more), OpenAi, GPT);
    assert_eq!((&out["temperature"], &out["max_completion_tokens"]), (&json!(0.2), &json!(100)));
    assert_eq!(out["stop"], json!(["a", "b", "c", "d"]));
    assert_eq!(lost, "top_k");
    let (out, lost) = sent(Anthropic, &messages(hi, more), OpenAi, "openai/gpt-5");
    assert!(out.get("stop").is_none() && out.get("temperature").is_none());
    assert_eq!(lost, "temperature, top_k");
    let (out, _) = sent(Anthropic, &messages(hi, ""), OpenAi, "somebody/llama");
    assert_eq!((&out["max_tokens"], out.get("max_completion_tokens")), (&json!(100), None));
}

#[test]
fn row_48_to_54_what_only_one_vendor_knows() {
    let hi = r#"[{"role":"user","content":"hi"}]"#;
    for (more, field) in [
        (r#","prediction":{"type":"content","content":"x"}"#, "prediction"),
        (r#","modalities":["text","audio"]"#, "modalities"),
    ] {
        let problem = ask(OpenAi, &chat(hi, more), Anthropic, CLAUDE).unwrap_err();
        assert_eq!((problem.code, problem.field.as_deref()), ("not_convertible", Some(field)));
    }
    let more =
        r#","user":"u","verbosity":"low","prompt_cache_key":"k","metadata":{"a":"b"},"x_new":1,"service_tier":"flex""#;
    let (out, lost) = sent(OpenAi, &chat(hi, more), Anthropic, CLAUDE);
    assert_eq!(out["metadata"], json!({"user_id":"u"}));
    assert_eq!(lost, "service_tier, x_new");
    let problem = ask(Anthropic, &messages(hi, r#","container":"c""#), OpenAi, GPT).unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("container"));
    let more = r#","metadata":{"user_id":"u"},"context_management":{"edits":[]},"cache_control":{"type":"ephemeral"}"#;
    let (out, lost) = sent(Anthropic, &messages(hi, more), OpenAi, GPT);
    assert_eq!((&out["user"], lost.as_str()), (&json!("u"), ""));
    let thread = ask(Anthropic, &messages(hi, r#","thread":{"type":"create"}"#), OpenAi, GPT).unwrap_err();
    let body = thread.body(Anthropic, "req_1");
    assert!(std::str::from_utf8(&body).unwrap().contains(r#""details":{"error_code":"thread_unsupported_request"}"#));
}

#[test]
fn row_52_cache_marks() {
    let marked =
        r#"[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]"#;
    let (out, lost) = sent(Anthropic, &messages(marked, ""), OpenAi, "openai/gpt-5.6");
    assert_eq!(out["messages"][0]["content"][0]["prompt_cache_breakpoint"], json!({"mode":"explicit","ttl":"12h"}));
    assert_eq!(lost, "");
    let (out, lost) = sent(Anthropic, &messages(marked, ""), OpenAi, GPT);
    assert_eq!((&out["messages"][0]["content"], lost.as_str()), (&json!("hi"), ""));
    let parts: Vec<_> = (0..6)
        .map(|n| format!(r#"{{"type":"text","text":"{n}","prompt_cache_breakpoint":{{"mode":"explicit"}}}}"#))
        .collect();
    let (out, _) =
        sent(OpenAi, &chat(&format!(r#"[{{"role":"user","content":[{}]}}]"#, parts.join(",")), ""), Anthropic, CLAUDE);
    let marks: Vec<_> =
        out["messages"][0]["content"].as_array().unwrap().iter().map(|b| b.get("cache_control").is_some()).collect();
    assert_eq!(marks, [false, false, true, true, true, true]);
}

#[test]
fn bad_requests_are_told_with_their_place() {
    for (from, body, place) in [
        (OpenAi, r#"{"messages":[]}"#, "model"),
        (OpenAi, r#"{"model":"m"}"#, "messages"),
        (OpenAi, r#"{"model":"m","messages":[{"role":"alien","content":"x"}]}"#, "messages[0].role"),
        (OpenAi, r#"{"model":"m","messages":[{"role":"user","content":7}]}"#, "messages[0].content"),
        (
            OpenAi,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"smell"}]}]}"#,
            "messages[0].content[0].type",
        ),
        (
            OpenAi,
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}"#,
            "tools[0].function",
        ),
        (
            OpenAi,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%%"}}]}]}"#,
            "messages[0].content[0].image_url.url",
        ),
        (
            OpenAi,
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"reasoning_effort":"huge"}"#,
            "reasoning_effort",
        ),
        (Anthropic, r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#, "max_tokens"),
        (
            Anthropic,
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#,
            "messages[0].content[0].tool_use_id",
        ),
        (
            Anthropic,
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":"x"}]}]}"#,
            "messages[0].content[0].input",
        ),
        (
            Anthropic,
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"a b"}}]}]}"#,
            "messages[0].content[0].source.data",
        ),
    ] {
        let to = if from == OpenAi { Anthropic } else { OpenAi };
        let problem = ask(from, body, to, "m").unwrap_err();
        assert_eq!((problem.code, problem.field.as_deref()), ("invalid_request", Some(place)), "{body}");
        assert_eq!(problem.http_status(from), 400);
    }
}
