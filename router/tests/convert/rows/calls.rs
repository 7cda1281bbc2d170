//! Rows 24 to 30: the model's calls in the conversation, and what they gave.

use serde_json::{Value, json};
use tokenrouter::Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire::called;
use super::{Cell, Row, emulated, exact, lossy, refused};

const PREFIXED: &str = "The result begins with `[tool error]`.";
const OBJECT: &str = "An empty text and `null` count as no arguments; the refusal names the call.";
const MISSING: &str = "Checked for every target alike: nobody can tell what the call gave.";

fn odd_arguments(arguments: &str) -> [(tokenrouter::Protocol, Value); 2] {
    [
        (
            OpenAi,
            json!({"messages": [{"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "x"}]}),
        ),
        (
            Responses,
            json!({"input": [{"role": "user", "content": "go"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": arguments},
            {"type": "function_call_output", "call_id": "call_1", "output": "x"}]}),
        ),
    ]
}

fn with_id(protocol: tokenrouter::Protocol, id: &str) -> Value {
    let text = called(protocol, &json!({"a": 1}), &json!("x")).to_string();
    serde_json::from_str(&text.replace("call_1", id)).unwrap()
}

fn unanswered(to: tokenrouter::Protocol) -> Cell {
    refused(to, Field::ResultPairing).note(MISSING)
}

pub(super) fn rows() -> Vec<Row> {
    let args = json!({"a": 1});
    let every = |row: Row, args: &Value| {
        row.ask(OpenAi, called(OpenAi, args, &json!("x")))
            .ask(Responses, called(Responses, args, &json!("x")))
            .ask(Anthropic, called(Anthropic, args, &json!("x")))
            .ask(Gemini, called(Gemini, args, &json!({"output": "x"})))
            .ask(Cohere, called(Cohere, args, &json!("x")))
    };
    let [chat_empty, responses_empty] = odd_arguments("");
    let [chat_odd, responses_odd] = odd_arguments("[1]");
    let image = json!([{"type": "text", "text": "see"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]);
    let responses_image = json!([{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]);
    vec![
        every(Row::new(24, "calls of functions"), &args)
            .at(exact(OpenAi).has("/messages/1/tool_calls/0/function", json!({"name": "f", "arguments": "{\"a\":1}"})))
            .at(exact(Responses).has("/input/1", json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"})))
            .at(exact(Anthropic).has("/messages/1/content/0", json!({"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}})))
            .at(exact(Gemini).has("/contents/1/parts/0/functionCall", json!({"id": "call_1", "name": "f", "args": {"a": 1}})))
            .at(exact(Cohere).has("/messages/1/tool_calls/0/function", json!({"name": "f", "arguments": "{\"a\":1}"}))),
        Row::new(24, "a text before the calls")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": "go"},
                {"role": "assistant", "content": "first", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "x"}]}))
            .ask(Cohere, json!({"messages": [{"role": "user", "content": "go"},
                {"role": "assistant", "tool_plan": "first", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "x"}]}))
            .at(exact(OpenAi).has("/messages/1/content", "first").has("/messages/1/tool_calls/0/id", "call_1"))
            .at(exact(Responses).has("/input/1/content/0/text", "first").has("/input/2/call_id", "call_1"))
            .at(exact(Anthropic).has("/messages/1/content/0/text", "first").has("/messages/1/content/1/type", "tool_use"))
            .at(exact(Gemini).has("/contents/1/parts/0/text", "first").has("/contents/1/parts/1/functionCall/name", "f"))
            .at(exact(Cohere).has("/messages/1/content", "first").lacks("/messages/1/tool_plan")),
        Row::new(25, "the id of a call")
            .ask(OpenAi, with_id(OpenAi, "call:1/x"))
            .ask(Responses, with_id(Responses, "call:1/x"))
            .ask(Cohere, with_id(Cohere, "call:1/x"))
            .at(exact(OpenAi).has("/messages/1/tool_calls/0/id", "call:1/x").has("/messages/2/tool_call_id", "call:1/x").note("Everywhere but at Mistral."))
            .at(emulated(OpenAi).on("mistral/mistral-large").has("/messages/1/tool_calls/0/id", "9tjFUiKlv").has("/messages/2/tool_call_id", "9tjFUiKlv").note("Mistral takes ids of nine letters and digits only, and gets them."))
            .at(exact(Responses).has("/input/1/call_id", "call:1/x").has("/input/2/call_id", "call:1/x").lacks("/input/1/id"))
            .at(exact(Anthropic).has("/messages/1/content/0/id", "call_1_x_40e87427").has("/messages/2/content/0/tool_use_id", "call_1_x_40e87427").note("Other characters than letters, digits, `_` and `-` are replaced, alike in the call and its result."))
            .at(exact(Gemini).has("/contents/1/parts/0/functionCall/id", "call:1/x").has("/contents/2/parts/0/functionResponse/id", "call:1/x"))
            .at(exact(Cohere).has("/messages/1/tool_calls/0/id", "call:1/x").has("/messages/2/tool_call_id", "call:1/x")),
        Row::new(26, "a call whose arguments are empty")
            .ask(OpenAi, chat_empty.1)
            .ask(Responses, responses_empty.1)
            .at(exact(OpenAi).has("/messages/1/tool_calls/0/function/arguments", "{}"))
            .at(exact(Responses).has("/input/1/arguments", "{}"))
            .at(exact(Anthropic).has("/messages/1/content/0/input", json!({})))
            .at(exact(Gemini).has("/contents/1/parts/0/functionCall/args", json!({})))
            .at(exact(Cohere).has("/messages/1/tool_calls/0/function/arguments", "{}")),
        Row::new(26, "a call whose arguments are no JSON object")
            .ask(OpenAi, chat_odd.1)
            .ask(Responses, responses_odd.1)
            .at(exact(OpenAi).has("/messages/1/tool_calls/0/function/arguments", "[1]"))
            .at(exact(Responses).has("/input/1/arguments", "[1]"))
            .at(refused(Anthropic, Field::Arguments).note(OBJECT))
            .at(refused(Gemini, Field::Arguments).note(OBJECT))
            .at(exact(Cohere).has("/messages/1/tool_calls/0/function/arguments", "[1]")),
        every(Row::new(27, "the text that a tool gave"), &args)
            .at(exact(OpenAi).has("/messages/2", json!({"role": "tool", "tool_call_id": "call_1", "content": "x"})))
            .at(exact(Responses).has("/input/2", json!({"type": "function_call_output", "call_id": "call_1", "output": "x"})))
            .at(exact(Anthropic).has("/messages/2/content/0", json!({"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "x"}]})))
            .at(exact(Gemini).has("/contents/2/parts/0/functionResponse", json!({"id": "call_1", "name": "f", "response": {"output": "x"}})))
            .at(exact(Cohere).has("/messages/2", json!({"role": "tool", "tool_call_id": "call_1", "content": "x"}))),
        Row::new(28, "an image that a tool gave")
            .ask(Responses, called(Responses, &args, &responses_image))
            .ask(Anthropic, called(Anthropic, &args, &image))
            .at(lossy(OpenAi, Field::ResultMedia).says("/messages/2/content", "see").has("/messages/3/role", "user").has("/messages/3/content/0/type", "image_url").note("It follows all results in a message of the user; the result says so."))
            .at(exact(Responses).has("/input/2/output/1/image_url", "data:image/png;base64,aGk="))
            .at(exact(Anthropic).has("/messages/2/content/0/content/1/source/data", "aGk="))
            .at(exact(Gemini).on("google/gemini-3-pro").has("/contents/2/parts/0/functionResponse/parts/0/inlineData/data", "aGk=").note("From Gemini 3 on."))
            .at(lossy(Gemini, Field::ResultMedia).has("/contents/2/parts/1/inlineData/data", "aGk=").note("Up to Gemini 2.5 it stands behind the result, in the same turn."))
            .at(lossy(Cohere, Field::ResultMedia).says("/messages/2/content", "cannot be shown").note("Left out; the result says so.")),
        Row::new(29, "that a tool failed")
            .ask(Anthropic, json!({"messages": [{"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "no", "is_error": true}]}]}))
            .ask(Gemini, called(Gemini, &args, &json!({"error": "no"})))
            .at(lossy(OpenAi, Field::ResultError).has("/messages/2/content", "[tool error] no").note(PREFIXED))
            .at(lossy(Responses, Field::ResultError).has("/input/2/output", "[tool error] no").note(PREFIXED))
            .at(exact(Anthropic).has("/messages/2/content/0/is_error", true))
            .at(exact(Gemini).has("/contents/2/parts/0/functionResponse/response", json!({"error": "no"})))
            .at(lossy(Cohere, Field::ResultError).has("/messages/2/content", "[tool error] no").note(PREFIXED)),
        Row::new(30, "results behind other words of the user")
            .ask(Anthropic, json!({"messages": [{"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "text", "text": "and"}, {"type": "tool_result", "tool_use_id": "call_1", "content": "x"}]}]}))
            .ask(Gemini, json!({"contents": [{"role": "user", "parts": [{"text": "go"}]},
                {"role": "model", "parts": [{"functionCall": {"id": "call_1", "name": "f", "args": {}}}]},
                {"role": "user", "parts": [{"text": "and"}, {"functionResponse": {"id": "call_1", "name": "f", "response": {"output": "x"}}}]}]}))
            .at(exact(OpenAi).has("/messages/2/role", "tool").has("/messages/3/content", "and").note("Results come first everywhere."))
            .at(exact(Responses).has("/input/2/type", "function_call_output").has("/input/3/role", "user"))
            .at(exact(Anthropic).has("/messages/2/content/0/type", "tool_result").has("/messages/2/content/1/text", "and"))
            .at(exact(Gemini).has("/contents/2/parts/0/functionResponse/id", "call_1").has("/contents/2/parts/1/text", "and"))
            .at(exact(Cohere).has("/messages/2/role", "tool").has("/messages/3/content", "and")),
        Row::new(30, "a call without a result, or a result without a call")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": "go"},
                {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "user", "content": "x"}]}))
            .ask(Anthropic, json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_9", "content": "x"}]}]}))
            .elsewhere(unanswered),
    ]
}
