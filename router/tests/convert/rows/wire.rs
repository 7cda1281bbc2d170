//! Requests in each protocol, made of the parts that a line is about.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

/// A request with one message; `more` stands beside it, or replaces it.
pub(super) fn request(protocol: Protocol, more: Value) -> Value {
    let mut body = match protocol {
        OpenAi | Cohere => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        Responses => json!({"model": "m", "input": "hi"}),
        Anthropic => json!({"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]}),
        Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    };
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

/// A message of the user with these parts.
pub(super) fn user(protocol: Protocol, parts: &Value) -> Value {
    match protocol {
        Responses => json!({"input": [{"role": "user", "content": parts}]}),
        Gemini => json!({"contents": [{"role": "user", "parts": parts}]}),
        _ => json!({"messages": [{"role": "user", "content": parts}]}),
    }
}

/// These function tools, of one integer each.
pub(super) fn tools(protocol: Protocol, names: &[&str]) -> Value {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let one = |name: &&str| match protocol {
        OpenAi | Cohere => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
        Responses => json!({"type": "function", "name": name, "parameters": schema}),
        Anthropic => json!({"name": name, "input_schema": schema}),
        Gemini => json!({"name": name, "parametersJsonSchema": schema}),
    };
    let list: Vec<Value> = names.iter().map(one).collect();
    if protocol == Gemini { json!([{"functionDeclarations": list}]) } else { json!(list) }
}

/// Tools and something beside them.
pub(super) fn with_tools(protocol: Protocol, names: &[&str], more: Value) -> Value {
    let mut body = json!({"tools": tools(protocol, names)});
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

/// A question, the call `call_1` of `f` with these arguments, and what it gave, as the protocol writes content.
pub(super) fn called(protocol: Protocol, arguments: &Value, gave: &Value) -> Value {
    let text = arguments.to_string();
    match protocol {
        OpenAi | Cohere => json!({"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": text}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": gave}]}),
        Responses => json!({"input": [
            {"role": "user", "content": "go"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": text},
            {"type": "function_call_output", "call_id": "call_1", "output": gave}]}),
        Anthropic => json!({"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": arguments}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": gave}]}]}),
        Gemini => json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "call_1", "name": "f", "args": arguments}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "call_1", "name": "f", "response": gave}}]}]}),
    }
}

/// The same settings in each protocol that has them: Gemini puts most of them into one object.
pub(super) fn generation(settings: Value) -> Value {
    Value::Object(std::iter::once(("generationConfig".to_owned(), settings)).collect())
}

/// An answer of one text, with `more` at the places where each protocol has it.
pub(super) fn answer(protocol: Protocol, text: &str) -> Value {
    match protocol {
        OpenAi => json!({"id": "chatcmpl-u", "model": "up", "created": 5,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]}),
        Responses => json!({"id": "resp_u", "model": "up", "created_at": 5, "status": "completed", "output": [
            {"type": "message", "id": "msg_1", "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}]}),
        Anthropic => json!({"id": "msg_u", "type": "message", "role": "assistant", "model": "up",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1}}),
        Gemini => json!({"responseId": "u", "modelVersion": "up", "candidates": [
            {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}}]}),
        Cohere => json!({"id": "u", "finish_reason": "COMPLETE", "message":
            {"role": "assistant", "content": [{"type": "text", "text": text}]}}),
    }
}
