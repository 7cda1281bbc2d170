//! The turns of a conversation in each protocol.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, OpenAi};

use super::{Said, Talk, Turn};

impl Talk {
    fn arguments(number: i64) -> Value {
        json!({"a": number})
    }

    /// Each turn with the ids of its calls, and the results that the next one begins with.
    fn numbered(&self) -> impl Iterator<Item = (&Turn, Vec<(String, i64, &str)>)> {
        let mut next = 0;
        self.turns.iter().map(move |turn| {
            let calls = turn.calls.iter().map(|(number, gave)| {
                next += 1;
                (format!("call_{next}"), *number, gave.as_str())
            });
            (turn, calls.collect())
        })
    }

    pub(super) fn messages(&self, protocol: Protocol) -> Vec<Value> {
        let mut out = Vec::new();
        out.extend(self.system.iter().map(|text| json!({"role": "system", "content": text})));
        for (turn, calls) in self.numbered() {
            let part = |said: &Said| match said {
                Said::Text(text) => json!({"type": "text", "text": text}),
                said => json!({"type": "image_url", "image_url": {"url": url(said)}}),
            };
            let content = match turn.said.as_slice() {
                [Said::Text(text)] => json!(text),
                said => said.iter().map(part).collect(),
            };
            out.push(json!({"role": "user", "content": content}));
            let mut message = json!({"role": "assistant"});
            match &turn.answer {
                Some(text) => message["content"] = json!(text),
                None if protocol == OpenAi => message["content"] = Value::Null,
                None => {}
            }
            if !calls.is_empty() {
                let list = calls.iter().map(|(id, number, _)| {
                    let arguments = Self::arguments(*number).to_string();
                    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
                });
                message["tool_calls"] = list.collect();
            }
            out.push(message);
            out.extend(calls.iter().map(|(id, _, gave)| json!({"role": "tool", "tool_call_id": id, "content": gave})));
        }
        out.push(json!({"role": "user", "content": self.last}));
        out
    }

    pub(super) fn items(&self) -> Vec<Value> {
        let mut out = Vec::new();
        for (turn, calls) in self.numbered() {
            let part = |said: &Said| match said {
                Said::Text(text) => json!({"type": "input_text", "text": text}),
                said => json!({"type": "input_image", "image_url": url(said)}),
            };
            let content: Vec<Value> = turn.said.iter().map(part).collect();
            out.push(json!({"type": "message", "role": "user", "content": content}));
            out.extend(turn.answer.iter().map(
                |text| json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}),
            ));
            out.extend(calls.iter().map(|(id, number, _)| {
                json!({"type": "function_call", "call_id": id, "name": "f", "arguments": Self::arguments(*number).to_string()})
            }));
            let gave = |(id, _, gave): &(String, i64, &str)| json!({"type": "function_call_output", "call_id": id, "output": gave});
            out.extend(calls.iter().map(gave));
        }
        out.push(json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": self.last}]}));
        out
    }

    pub(super) fn turns_of_anthropic(&self) -> Vec<Value> {
        let mut out = Vec::new();
        let mut user: Vec<Value> = Vec::new();
        for (turn, calls) in self.numbered() {
            user.extend(turn.said.iter().map(|said| match said {
                Said::Text(text) => json!({"type": "text", "text": text}),
                Said::Image(data) => {
                    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
                }
                Said::Address(_) => json!({"type": "image", "source": {"type": "url", "url": url(said)}}),
            }));
            out.push(json!({"role": "user", "content": std::mem::take(&mut user)}));
            let mut content: Vec<Value> =
                turn.answer.iter().map(|text| json!({"type": "text", "text": text})).collect();
            content.extend(calls.iter().map(
                |(id, number, _)| json!({"type": "tool_use", "id": id, "name": "f", "input": Self::arguments(*number)}),
            ));
            out.push(json!({"role": "assistant", "content": content}));
            user.extend(calls.iter().map(|(id, _, gave)| {
                json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": gave}]})
            }));
        }
        user.push(json!({"type": "text", "text": self.last}));
        out.push(json!({"role": "user", "content": user}));
        out
    }

    pub(super) fn turns_of_gemini(&self) -> Vec<Value> {
        let mut out = Vec::new();
        let mut user: Vec<Value> = Vec::new();
        for (turn, calls) in self.numbered() {
            user.extend(turn.said.iter().map(|said| match said {
                Said::Text(text) | Said::Address(text) => json!({"text": text}),
                Said::Image(data) => json!({"inlineData": {"mimeType": "image/png", "data": data}}),
            }));
            out.push(json!({"role": "user", "parts": std::mem::take(&mut user)}));
            let mut parts: Vec<Value> = turn.answer.iter().map(|text| json!({"text": text})).collect();
            parts.extend(calls.iter().map(
                |(id, number, _)| json!({"functionCall": {"id": id, "name": "f", "args": Self::arguments(*number)}}),
            ));
            out.push(json!({"role": "model", "parts": parts}));
            user.extend(calls.iter().map(
                |(id, _, gave)| json!({"functionResponse": {"id": id, "name": "f", "response": {"output": gave}}}),
            ));
        }
        user.push(json!({"text": self.last}));
        out.push(json!({"role": "user", "parts": user}));
        out
    }
}

fn url(said: &Said) -> String {
    match said {
        Said::Text(text) => text.clone(),
        Said::Image(data) => format!("data:image/png;base64,{data}"),
        Said::Address(path) => format!("https://images.example/{path}.png"),
    }
}
