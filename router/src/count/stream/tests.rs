//! What a meter makes of streams.

use super::*;

fn read(protocol: Protocol, datas: &[&str]) -> (Meter, Vec<Frame>) {
    let mut meter = Meter::new(protocol);
    let frames = datas.iter().map(|d| meter.read(format!("data: {d}\n\n").as_bytes())).collect();
    (meter, frames)
}

#[test]
fn chat_usage_comes_in_a_chunk_of_its_own_or_with_the_last() {
    let (meter, frames) = read(
        Protocol::OpenAi,
        &[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"say \"usage\": {1} and \"error\""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices": [ ],"usage": {"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#,
            "[DONE]",
        ],
    );
    assert_eq!(frames, [Frame::Content, Frame::Content, Frame::Content, Frame::UsageOnly, Frame::End]);
    assert_eq!(meter.reported().unwrap().counts.total(), 6);
    assert!(meter.is_whole() && !meter.has_failed());

    let (meter, frames) = read(
        Protocol::OpenAi,
        &[
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
        ],
    );
    assert_eq!(frames, [Frame::Content]);
    assert_eq!(meter.reported().unwrap().counts.total(), 2);
}

#[test]
fn several_choices_are_whole_when_each_has_ended() {
    let chunk = |index: u32, finish: &str| {
        format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{finish}}}]}}"#)
    };
    let mut meter = Meter::new(Protocol::OpenAi);
    for (index, finish, whole) in [
        (0, "null", false),
        (1, "null", false),
        (1, "\"stop\"", false),
        (2, "null", false),
        (0, "\"stop\"", false),
        (2, "\"length\"", true),
    ] {
        meter.read(format!("data: {}\n\n", chunk(index, finish)).as_bytes());
        assert_eq!(meter.is_whole(), whole, "{index} {finish}");
    }
    let calls = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b"}]},"finish_reason":null}]}"#;
    let (meter, _) = read(Protocol::OpenAi, &[calls, &chunk(0, "\"tool_calls\"")]);
    assert!(meter.is_whole());
}

#[test]
fn an_error_in_a_stream_is_seen_but_text_about_errors_is_not_one() {
    let (meter, frames) = read(
        Protocol::OpenAi,
        &[
            r#"{"choices":[{"delta":{"content":"\"error\":{}"}}],"error":null}"#,
            r#"{"error":{"message":"overloaded"}}"#,
        ],
    );
    assert_eq!(frames, [Frame::Content, Frame::Error]);
    assert!(meter.has_failed() && !meter.is_whole());
}

#[test]
fn responses_usage_stands_in_the_terminal_event() {
    let (meter, frames) = read(
        Protocol::Responses,
        &[
            r#"{"type":"response.created","response":{"id":"resp_1","usage":null}}"#,
            r#"{"type":"response.output_text.delta","delta":"hello there"}"#,
            r#"{"type":"response.output_text.done","text":"hello there"}"#,
            r#"{"sequence_number":3,"type":"response.completed","response":{"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":3},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9}}}"#,
        ],
    );
    assert_eq!(frames, [Frame::Content, Frame::Content, Frame::Content, Frame::End]);
    assert_eq!(meter.reported().unwrap().counts.cache_read, 3);
    assert!(meter.is_whole());
    assert!((2..=4).contains(&meter.estimated_output()), "{}", meter.estimated_output());
}

#[test]
fn gemini_and_cohere_streams_are_metered_too() {
    let (meter, _) = read(
        Protocol::Gemini,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{"promptTokenCount":4}}"#,
            r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":1}}"#,
        ],
    );
    assert!(meter.is_whole());
    assert_eq!(meter.reported().map(|r| (r.counts.input(), r.counts.output, r.counts.reasoning)), Some((4, 3, 1)));
    let end = |reason: &str| {
        format!(
            r#"{{"type":"message-end","delta":{{"finish_reason":"{reason}","usage":{{"tokens":{{"input_tokens":3,"output_tokens":2}}}}}}}}"#
        )
    };
    let (meter, frames) = read(Protocol::Cohere, &[r#"{"type":"content-delta","delta":{}}"#, &end("COMPLETE")]);
    assert_eq!((frames[1], meter.is_whole(), meter.reported().unwrap().counts.total()), (Frame::End, true, 5));
    let (meter, frames) = read(Protocol::Cohere, &[&end("ERROR")]);
    assert_eq!((frames[0], meter.is_whole(), meter.has_failed()), (Frame::Error, false, true));
}

#[test]
fn anthropic_usage_is_merged_from_start_and_delta() {
    let (meter, frames) = read(
        Protocol::Anthropic,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":1}}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    );
    assert_eq!(frames, [Frame::Content, Frame::Other, Frame::Content, Frame::Content, Frame::End]);
    let counts = meter.reported().unwrap().counts;
    assert_eq!((counts.input(), counts.output), (13, 9));
}

#[test]
fn a_stream_tells_tier_and_searches_as_an_answer_in_one_piece_does() {
    let (meter, _) = read(
        Protocol::OpenAi,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"service_tier":"flex"}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
        ],
    );
    assert_eq!(meter.reported().unwrap().tier, ServiceTier::Flex);
    // The last word counts: it says what served, whatever was said before.
    let (meter, _) = read(
        Protocol::OpenAi,
        &[
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"service_tier":"priority"}"#,
            r#"{"choices":[],"service_tier":"default","usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
        ],
    );
    assert_eq!(meter.reported().unwrap().tier, ServiceTier::Standard);
    let groq = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":4,"completion_tokens":2}}}"#;
    let (meter, frames) = read(Protocol::OpenAi, &[groq]);
    assert_eq!((meter.reported().unwrap().counts.total(), frames[0]), (6, Frame::Content));
    let (meter, _) =
        read(Protocol::OpenAi, &[r#"{"choices":[],"x_groq":7,"usage":{"prompt_tokens":4},"error":{"message":"x"}}"#]);
    assert_eq!(meter.reported().unwrap().counts.total(), 4);
    let local = r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2},"timings":{"prompt_ms":1.5,"predicted_ms":20}}"#;
    let report = read(Protocol::OpenAi, &[local]).0.reported().unwrap();
    assert_eq!((report.counts.total(), report.prompt_us, report.generation_us), (6, 1_500, 20_000));
    let done = r#"{"type":"response.completed","response":{"service_tier":"priority","output":[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"find_in_page"}}],"usage":{"input_tokens":7,"output_tokens":2}}}"#;
    let (meter, _) = read(Protocol::Responses, &[done]);
    let report = meter.reported().unwrap();
    assert_eq!((report.tier, report.media.web_searches), (ServiceTier::Priority, 1));
    let (meter, _) = read(
        Protocol::Gemini,
        &[
            r#"{"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}],"usageMetadata":{"promptTokenCount":4}}"#,
            r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"trafficType":"ON_DEMAND_PRIORITY"}}"#,
        ],
    );
    let report = meter.reported().unwrap();
    assert_eq!((report.tier, report.media.web_searches), (ServiceTier::Priority, 2));
}
