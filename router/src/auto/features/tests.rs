//! Features of requests in every protocol, and of what is no request.

use super::*;

fn of(protocol: Protocol, body: &str) -> Features {
    Features::read(protocol, body.as_bytes())
}

#[test]
fn row_57_what_a_request_needs_is_read_in_every_protocol() {
    let all = [Need::Vision, Need::ToolCalls, Need::StructuredOutput];
    for (protocol, body) in [
        (
            Protocol::OpenAi,
            r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],"tools":[{"type":"function"}],
            "max_tokens":77,"response_format":{"type":"json_schema","json_schema":{}},"reasoning_effort":"high"}"#,
        ),
        (
            Protocol::Responses,
            r#"{"instructions":"S","input":[{"role":"system","content":"s"},{"type":"message","role":"user","content":[
            {"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"https://x"}]}],"tools":[{"type":"function"}],
            "max_output_tokens":77,"text":{"format":{"type":"json_schema"}},"reasoning":{"effort":"high"}}"#,
        ),
        (
            Protocol::Anthropic,
            r#"{"system":"S","max_tokens":77,"messages":[{"role":"assistant","content":"x"},{"role":"user","content":[
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},{"type":"text","text":"Hi"}]}],
            "tools":[{"name":"f","input_schema":{}}],"output_config":{"format":{"type":"json_schema"},"effort":"high"}}"#,
        ),
        (
            Protocol::Gemini,
            r#"{"contents":[{"role":"model","parts":[]},{"parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/png"}}]}],
            "tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"maxOutputTokens":77,
            "responseSchema":{},"thinkingConfig":{"thinkingLevel":"HIGH"}}}"#,
        ),
        (
            Protocol::Cohere,
            r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"},
            {"type":"image_url","image_url":{"url":"u"}}]}],"tools":[{}],"max_tokens":77,
            "response_format":{"type":"json_object","schema":{}},"reasoning_effort":"high"}"#,
        ),
    ] {
        let features = of(protocol, body);
        assert_eq!(features.needs, all.into_iter().collect(), "{protocol}");
        assert_eq!((features.messages, features.tools, features.output_tokens), (2, 1, Some(77)), "{protocol}");
        assert_eq!((features.says_effort, features.effort), (true, Some(Effort::High)), "{protocol}");
        assert_eq!((features.asked.trim(), features.user_spoke_last), ("Hi", true), "{protocol}");
        assert!(!features.is_at_work && features.media == [1, 0, 0, 0], "{protocol}");
    }
}

#[test]
fn other_media_and_words_are_seen_too() {
    let needs = |protocol, body: &str| of(protocol, body).needs.iter().map(Need::as_str).collect::<Vec<_>>();
    let audio = r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"A"}}]}],"modalities":["text","audio"]}"#;
    assert_eq!(needs(Protocol::OpenAi, audio), ["audio", "speech"]);
    let pdf =
        r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"media_type":"application/pdf"}}]}]}"#;
    assert_eq!(needs(Protocol::Anthropic, pdf), ["pdf"]);
    let film = r#"{"contents":[{"parts":[{"fileData":{"mimeType":"video/mp4"}}]}],"generationConfig":{"responseModalities":["AUDIO"]}}"#;
    assert_eq!(needs(Protocol::Gemini, film), ["video", "speech"]);
    let parallel = r#"{"messages":[],"parallel_tool_calls":true,"tools":[{}]}"#;
    assert_eq!(needs(Protocol::OpenAi, parallel), ["tool_calls", "parallel_tool_calls"]);
    assert_eq!(needs(Protocol::OpenAi, r#"{"messages":[],"parallel_tool_calls":true,"tools":[]}"#), Vec::<&str>::new());
    assert!(of(Protocol::OpenAi, r#"{"response_format":{"type":"json_object"}}"#).wants_json);
    // What a text says of pictures is no picture.
    let said = r#"{"messages":[{"role":"user","content":"{\"type\":\"image_url\"} data:image/png;base64,AA"}]}"#;
    assert_eq!(needs(Protocol::OpenAi, said), Vec::<&str>::new());
    assert!(of(Protocol::Anthropic, r#"{"thinking":{"type":"enabled","budget_tokens":9}}"#).says_effort);
    assert!(!of(Protocol::OpenAi, r#"{"reasoning_effort":null,"thinking":null}"#).says_effort);
}

#[test]
fn whose_turn_it_is_is_known() {
    for (protocol, body, at_work, user_last) in [
        (
            Protocol::OpenAi,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{}]},{"role":"tool","content":"r"}]}"#,
            true,
            false,
        ),
        (
            Protocol::OpenAi,
            r#"{"messages":[{"role":"assistant","tool_calls":null},{"role":"user","content":"a"}]}"#,
            false,
            true,
        ),
        (
            Protocol::Anthropic,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"r"}]}]}"#,
            true,
            false,
        ),
        (
            Protocol::Responses,
            r#"{"input":[{"role":"user","content":"a"},{"type":"function_call_output","output":"r"}]}"#,
            true,
            false,
        ),
        (Protocol::Gemini, r#"{"contents":[{"parts":[{"functionResponse":{}}]}]}"#, true, false),
        (Protocol::Responses, r#"{"input":"say"}"#, false, true),
    ] {
        let features = of(protocol, body);
        assert_eq!((features.is_at_work, features.user_spoke_last), (at_work, user_last), "{protocol} {body}");
    }
}

#[test]
fn of_long_texts_little_is_kept() {
    let long = "word ".repeat(400_000);
    let features = of(Protocol::OpenAi, &format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}]}}"#));
    assert!(features.asked.len() < ASKED_BYTES + 100, "{}", features.asked.len());
    assert!(features.input_tokens > 300_000 && features.room_tokens() > features.input_tokens);
    assert_eq!(features.asked_head(7), "word wo");
    let many = vec![r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#; 5_000].join(",");
    assert_eq!(of(Protocol::OpenAi, &format!(r#"{{"messages":[{many}]}}"#)).messages, 5_000);
}

#[test]
fn what_is_no_request_has_no_features() {
    for body in ["", "[]", "7", "{", r#"{"messages"#, r#"{"messages":{"a":[}]"#, r#"{"input":[[[[1"#, "\"", "{\"a\\"] {
        for protocol in Protocol::ALL {
            let features = of(protocol, body);
            assert!(features.needs == Needs::default() && features.tools == 0, "{body}");
        }
    }
    let numbers = r#"{"max_tokens":-1,"max_completion_tokens":"x","max_output_tokens":1e9,"tools":7,"messages":null}"#;
    assert_eq!(of(Protocol::OpenAi, numbers).output_tokens, None);
    let most = of(Protocol::OpenAi, r#"{"max_tokens":18446744073709551615}"#);
    assert_eq!(most.room_tokens(), 200_000 + most.input_tokens + most.input_tokens / 10);
}
