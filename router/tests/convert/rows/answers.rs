//! Rows 56 to 58 and 60: what clients read of an answer. The column is the protocol of the model that answers.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

use super::wire::answer;
use super::{Cell, Row, Verdict, exact, lossy};
use crate::support::{events, streamed};

const PAGES: &str =
    "Clients of Chat and Responses read the pages as annotations; the others read the text without them.";
const PROGRESS: &str = "The client reads the answer alone.";

fn with(protocol: Protocol, pointer: &str, value: Value) -> Value {
    let mut answer = answer(protocol, "so");
    if let (Some(Value::Object(old)), Value::Object(new)) = (answer.pointer_mut(pointer), value) {
        old.extend(new);
    }
    answer
}

/// Every client reads the text.
fn text(mut cell: Cell) -> Cell {
    let to = cell.to;
    for client in Protocol::ALL.into_iter().filter(|client| *client != to) {
        let (pointer, said) = match client {
            OpenAi => ("/choices/0/message/content", "so"),
            Responses => ("/output/0/content/0/text", "so"),
            Anthropic => ("/content/0/text", "so"),
            Gemini => ("/candidates/0/content/parts/0/text", "so"),
            Cohere => ("/message/content/0/text", "so"),
        };
        cell = cell.told(client, pointer, said);
    }
    cell
}

fn each(mut cell: Cell, told: &[(Protocol, &'static str, Value)]) -> Cell {
    let to = cell.to;
    for (client, pointer, value) in told.iter().filter(|(client, ..)| *client != to) {
        cell = cell.told(*client, pointer, value.clone());
    }
    cell
}

fn partly(to: Protocol) -> Cell {
    Cell::new(Verdict::Lossy, to)
}

pub(super) fn rows() -> Vec<Row> {
    vec![pages(), refusals(), refusing_words(), stops(), usage(), progress(), history()]
}

fn pages() -> Row {
    let annotation =
        json!({"url_citation": {"url": "https://e.example", "title": "t", "start_index": 0, "end_index": 2}});
    let cited = |to: Protocol, answer: Value| {
        each(
            text(partly(to).answers(answer).note(PAGES)),
            &[
                (OpenAi, "/choices/0/message/annotations/0/url_citation/url", json!("https://e.example")),
                (Responses, "/output/0/content/0/annotations/0/url", json!("https://e.example")),
            ],
        )
    };
    Row::new(56, "the pages that an answer quotes (citations, annotations)")
        .at(cited(OpenAi, with(OpenAi, "/choices/0/message", json!({"annotations": [annotation]}))))
        .at(cited(
            Responses,
            with(
                Responses,
                "/output/0/content/0",
                json!({"annotations": [
            {"type": "url_citation", "url": "https://e.example", "title": "t", "start_index": 0, "end_index": 2}]}),
            ),
        ))
        .at(cited(
            Anthropic,
            with(
                Anthropic,
                "/content/0",
                json!({"citations": [
            {"type": "web_search_result_location", "url": "https://e.example", "title": "t", "cited_text": "x"}]}),
            ),
        ))
        .at(cited(
            Gemini,
            with(
                Gemini,
                "/candidates/0",
                json!({"groundingMetadata": {"groundingChunks": [
            {"web": {"uri": "https://e.example", "title": "t"}}]}}),
            ),
        ))
        .at(text(
            partly(Cohere)
                .answers(with(
                    Cohere,
                    "/message",
                    json!({"citations": [
            {"start": 0, "end": 2, "text": "so", "sources": [{"type": "document", "id": "d"}]}]}),
                ))
                .note("Cohere quotes the request's own documents, which only its own protocol carries."),
        ))
}

fn refusals() -> Row {
    let refused = |cell: Cell| {
        each(
            cell,
            &[
                (OpenAi, "/choices/0/finish_reason", json!("content_filter")),
                (Responses, "/incomplete_details/reason", json!("content_filter")),
                (Anthropic, "/stop_reason", json!("refusal")),
                (Gemini, "/candidates/0/finishReason", json!("SAFETY")),
            ],
        )
        .told(Cohere, "/finish_reason", "ERROR")
        .note("Clients of Cohere read `ERROR`: their protocol has no other word for it.")
    };
    Row::new(57, "an answer that the provider stopped for safety")
        .at(refused(exact(OpenAi).answers(with(OpenAi, "/choices/0", json!({"finish_reason": "content_filter"})))))
        .at(refused(exact(Responses).answers(with(
            Responses,
            "",
            json!({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}),
        ))))
        .at(refused(exact(Anthropic).answers(with(Anthropic, "", json!({"stop_reason": "refusal"})))))
        .at(refused(exact(Gemini).answers(with(Gemini, "/candidates/0", json!({"finishReason": "SAFETY"})))))
        .at(text(exact(Cohere).answers(answer(Cohere, "so")).note("Cohere has no reason of this kind.")))
}

fn refusing_words() -> Row {
    let said = |cell: Cell| {
        each(
            cell,
            &[
                (OpenAi, "/choices/0/message/refusal", json!("no")),
                (Responses, "/output/0/content/0", json!({"type": "refusal", "refusal": "no"})),
                (Anthropic, "/content/0/text", json!("no")),
                (Gemini, "/candidates/0/content/parts/0/text", json!("no")),
                (Cohere, "/message/content/0/text", json!("no")),
            ],
        )
    };
    let chat = with(OpenAi, "/choices/0/message", json!({"content": null, "refusal": "no"}));
    let responses = with(Responses, "/output/0", json!({"content": [{"type": "refusal", "refusal": "no"}]}));
    Row::new(57, "the model's refusal in words")
        .at(said(exact(OpenAi).answers(chat)))
        .at(said(exact(Responses).answers(responses)))
        .elsewhere(|to| super::nothing(to).note("It is text there."))
}

fn stops() -> Row {
    let cut = |cell: Cell| {
        each(
            cell,
            &[
                (OpenAi, "/choices/0/finish_reason", json!("length")),
                (Responses, "/incomplete_details/reason", json!("max_output_tokens")),
                (Anthropic, "/stop_reason", json!("max_tokens")),
                (Gemini, "/candidates/0/finishReason", json!("MAX_TOKENS")),
                (Cohere, "/finish_reason", json!("MAX_TOKENS")),
            ],
        )
    };
    Row::new(57, "an answer that reached its limit of tokens")
        .at(cut(exact(OpenAi).answers(with(OpenAi, "/choices/0", json!({"finish_reason": "length"})))))
        .at(cut(exact(Responses).answers(with(
            Responses,
            "",
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
        ))))
        .at(cut(exact(Anthropic).answers(with(Anthropic, "", json!({"stop_reason": "max_tokens"})))))
        .at(cut(exact(Gemini).answers(with(Gemini, "/candidates/0", json!({"finishReason": "MAX_TOKENS"})))))
        .at(cut(exact(Cohere).answers(with(Cohere, "", json!({"finish_reason": "MAX_TOKENS"})))))
}

fn usage() -> Row {
    let counted = |cell: Cell| {
        each(
            cell,
            &[
                (OpenAi, "/usage/prompt_tokens", json!(10)),
                (OpenAi, "/usage/prompt_tokens_details/cached_tokens", json!(4)),
                (OpenAi, "/usage/completion_tokens", json!(6)),
                (Responses, "/usage/input_tokens", json!(10)),
                (Responses, "/usage/input_tokens_details/cached_tokens", json!(4)),
                (Responses, "/usage/output_tokens", json!(6)),
                (Anthropic, "/usage/input_tokens", json!(6)),
                (Anthropic, "/usage/cache_read_input_tokens", json!(4)),
                (Anthropic, "/usage/output_tokens", json!(6)),
                (Gemini, "/usageMetadata/promptTokenCount", json!(10)),
                (Gemini, "/usageMetadata/cachedContentTokenCount", json!(4)),
                (Cohere, "/usage/tokens/input_tokens", json!(10)),
                (Cohere, "/usage/tokens/output_tokens", json!(6)),
            ],
        )
    };
    let reasoned = |cell: Cell| {
        each(
            counted(cell),
            &[
                (OpenAi, "/usage/completion_tokens_details/reasoning_tokens", json!(2)),
                (Responses, "/usage/output_tokens_details/reasoning_tokens", json!(2)),
                (Gemini, "/usageMetadata/thoughtsTokenCount", json!(2)),
                (Gemini, "/usageMetadata/candidatesTokenCount", json!(4)),
            ],
        )
    };
    Row::new(58, "the tokens used: input, cached, output, reasoning")
        .at(reasoned(exact(OpenAi).answers(with(
            OpenAi,
            "",
            json!({"usage": {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}}),
        ))))
        .at(reasoned(exact(Responses).answers(with(
            Responses,
            "",
            json!({"usage": {"input_tokens": 10, "output_tokens": 6, "total_tokens": 16,
            "input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 2}}}),
        ))))
        .at(reasoned(exact(Anthropic).answers(with(
            Anthropic,
            "",
            json!({"usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 6,
            "output_tokens_details": {"thinking_tokens": 2}}}),
        ))))
        .at(reasoned(exact(Gemini).answers(with(
            Gemini,
            "",
            json!({"usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4,
            "candidatesTokenCount": 4, "thoughtsTokenCount": 2, "totalTokenCount": 16}}),
        ))))
        .at(counted(exact(Cohere).answers(with(
            Cohere,
            "",
            json!({"usage": {"tokens": {"input_tokens": 10, "output_tokens": 6}, "cached_tokens": 4}}),
        )))
        .note("Cohere does not count reasoning apart."))
}

/// What tools of the provider did earlier is worth nothing to another provider.
fn history() -> Row {
    const NAMES: &[(Protocol, &str)] =
        &[(Responses, "web_search_call"), (Anthropic, "server_tool_use"), (Gemini, "toolCall")];
    let search = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}});
    Row::new(60, "what such tools did earlier, in the conversation")
        .ask(Responses, json!({"input": [{"role": "user", "content": "a"}, {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}))
        .ask(Anthropic, json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": [search, {"type": "text", "text": "b"}]}, {"role": "user", "content": "c"}]}))
        .ask(Gemini, json!({"contents": [{"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"toolCall": {"id": "1"}}, {"text": "b"}]}, {"role": "user", "parts": [{"text": "c"}]}]}))
        .elsewhere(|to| lossy(to, NAMES).note("Left out of the request; its header names it."))
}

fn progress() -> Row {
    let mut responses = answer(Responses, "so");
    let call = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    responses["output"].as_array_mut().unwrap().insert(0, call);
    let mut claude = answer(Anthropic, "so");
    let call = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}});
    claude["content"].as_array_mut().unwrap().insert(0, call);
    let mut gemini = answer(Gemini, "so");
    let call = json!({"executableCode": {"language": "PYTHON", "code": "1"}});
    gemini.pointer_mut("/candidates/0/content/parts").unwrap().as_array_mut().unwrap().insert(0, call);
    Row::new(60, "the progress of tools that the provider runs")
        .at(super::nothing(OpenAi).note("Chat tells of none."))
        .at(text(partly(Responses).answers(responses).note(PROGRESS)))
        .at(text(partly(Anthropic).answers(claude).run(streamed_progress).note(PROGRESS)))
        .at(text(partly(Gemini).answers(gemini).note(PROGRESS)))
        .at(super::nothing(Cohere).note("Cohere runs no tools."))
}

/// The same in a stream: no event of the tool reaches the client, and nothing breaks.
fn streamed_progress() {
    let frames = [
        r#"{"type":"message_start","message":{"id":"msg_u","model":"up","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":\"x\"}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"so"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let body = r#"{"stream":true,"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let stream = streamed(OpenAi, body, Anthropic, super::usual(Anthropic), &frames);
    let deltas = |event: &Value| event.pointer("/choices/0/delta/content").and_then(Value::as_str).map(str::to_owned);
    assert_eq!(events(&stream).iter().filter_map(deltas).collect::<String>(), "so", "{stream}");
    assert!(!stream.contains("web_search") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
}
