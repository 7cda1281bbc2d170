//! The same questions in the protocol that an agent speaks.

use serde_json::{Value, json};

/// A red square of 32 × 32 points.
const RED: &str = "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKklEQVR42mO4oKBAU8QwasGoBaMWjFowasGoBaMWjFowasGoBaMWDBULAE7YQD2B7wk2AAAAAElFTkSuQmCC";
/// The tool's name, what it is for, and what it takes.
const TOOL: &str = "weather";
const TOOL_ABOUT: &str = "Says what the weather is in a town. Always call it when somebody asks about the weather.";

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Chat,
    Messages,
    Responses,
    Gemini,
}

/// A question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Question<'q> {
    pub(super) text: &'q str,
    /// What is said beforehand, and wants to be kept in the prompt cache.
    pub(super) system: Option<&'q str>,
    pub(super) with_image: bool,
    pub(super) with_tool: bool,
    pub(super) is_streamed: bool,
    /// The longest answer, in LLM tokens.
    pub(super) most: u32,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    /// LLM tokens of the question, as far as it says.
    pub(super) input: Option<u64>,
    /// Those of them that a prompt cache had.
    pub(super) cached: Option<u64>,
    /// Whether it asks for the tool.
    pub(super) calls_tool: bool,
}

impl Dialect {
    /// That of an agent's protocol.
    pub(super) fn of(protocol: &str) -> Self {
        match protocol {
            "anthropic" => Self::Messages,
            "responses" => Self::Responses,
            "gemini" => Self::Gemini,
            _ => Self::Chat,
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Chat => "Chat Completions",
            Self::Messages => "Anthropic Messages",
            Self::Responses => "Responses",
            Self::Gemini => "Gemini",
        }
    }

    pub(super) fn path(self, model: &str, is_streamed: bool) -> String {
        match (self, is_streamed) {
            (Self::Chat, _) => "/v1/chat/completions".to_owned(),
            (Self::Messages, _) => "/v1/messages".to_owned(),
            (Self::Responses, _) => "/v1/responses".to_owned(),
            (Self::Gemini, true) => format!("/v1beta/models/{}:streamGenerateContent?alt=sse", in_path(model)),
            (Self::Gemini, false) => format!("/v1beta/models/{}:generateContent", in_path(model)),
        }
    }

    /// Where it is asked how many LLM tokens a question is, and with which body.
    pub(super) fn counting(self, model: &str, text: &str) -> (String, Value) {
        match self {
            Self::Responses => ("/v1/responses/input_tokens".to_owned(), json!({ "model": model, "input": text })),
            Self::Gemini => (
                format!("/v1beta/models/{}:countTokens", in_path(model)),
                json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] }),
            ),
            Self::Chat | Self::Messages => (
                "/v1/messages/count_tokens".to_owned(),
                json!({ "model": model, "messages": [{ "role": "user", "content": text }] }),
            ),
        }
    }

    /// The question as a body.
    pub(super) fn body(self, model: &str, question: Question<'_>) -> Value {
        let Question { text, system, with_image, with_tool, is_streamed, most } = question;
        let schema = json!({
            "type": "object",
            "properties": { "town": { "type": "string", "description": "The town" } },
            "required": ["town"]
        });
        let data = format!("data:image/png;base64,{RED}");
        match self {
            Self::Chat => {
                let content = if with_image {
                    json!([{ "type": "text", "text": text }, { "type": "image_url", "image_url": { "url": data } }])
                } else {
                    json!(text)
                };
                let mut messages = vec![json!({ "role": "user", "content": content })];
                if let Some(system) = system {
                    messages.insert(0, json!({ "role": "system", "content": system }));
                }
                let mut body = json!({ "model": model, "messages": messages, "max_completion_tokens": most });
                if with_tool {
                    let function = json!({ "name": TOOL, "description": TOOL_ABOUT, "parameters": schema });
                    set(&mut body, "tools", json!([{ "type": "function", "function": function }]));
                }
                if is_streamed {
                    set(&mut body, "stream", json!(true));
                }
                body
            }
            Self::Messages => {
                let image =
                    json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": RED } });
                let mut content = vec![json!({ "type": "text", "text": text })];
                content.extend(with_image.then_some(image));
                let mut body =
                    json!({ "model": model, "messages": [{ "role": "user", "content": content }], "max_tokens": most });
                if let Some(system) = system {
                    let kept = json!({ "type": "text", "text": system, "cache_control": { "type": "ephemeral" } });
                    set(&mut body, "system", json!([kept]));
                }
                if with_tool {
                    set(
                        &mut body,
                        "tools",
                        json!([{ "name": TOOL, "description": TOOL_ABOUT, "input_schema": schema }]),
                    );
                }
                if is_streamed {
                    set(&mut body, "stream", json!(true));
                }
                body
            }
            Self::Responses => {
                let mut content = vec![json!({ "type": "input_text", "text": text })];
                content.extend(with_image.then(|| json!({ "type": "input_image", "image_url": data })));
                let input = json!([{ "role": "user", "content": content }]);
                let mut body = json!({ "model": model, "input": input, "max_output_tokens": most, "store": false });
                if let Some(system) = system {
                    set(&mut body, "instructions", json!(system));
                }
                if with_tool {
                    let tool =
                        json!({ "type": "function", "name": TOOL, "description": TOOL_ABOUT, "parameters": schema });
                    set(&mut body, "tools", json!([tool]));
                }
                if is_streamed {
                    set(&mut body, "stream", json!(true));
                }
                body
            }
            Self::Gemini => {
                let mut parts = vec![json!({ "text": text })];
                parts.extend(with_image.then(|| json!({ "inlineData": { "mimeType": "image/png", "data": RED } })));
                let mut body = json!({
                    "contents": [{ "role": "user", "parts": parts }],
                    "generationConfig": { "maxOutputTokens": most }
                });
                if let Some(system) = system {
                    set(&mut body, "systemInstruction", json!({ "parts": [{ "text": system }] }));
                }
                if with_tool {
                    let function = json!({ "name": TOOL, "description": TOOL_ABOUT, "parameters": schema });
                    set(&mut body, "tools", json!([{ "functionDeclarations": [function] }]));
                }
                body
            }
        }
    }

    /// Reads an answer that came as a whole.
    pub(super) fn read(self, answer: &Value) -> Said {
        let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64);
        let texts = |list: &str, key: &str| -> String {
            let parts = answer.pointer(list).and_then(Value::as_array).into_iter().flatten();
            parts.filter_map(|part| part.get(key).and_then(Value::as_str)).collect()
        };
        let has = |list: &str, is: &dyn Fn(&Value) -> bool| {
            answer.pointer(list).and_then(Value::as_array).is_some_and(|parts| parts.iter().any(is))
        };
        let is_type = |word: &'static str| move |part: &Value| part.get("type").and_then(Value::as_str) == Some(word);
        match self {
            Self::Chat => Said {
                text: answer
                    .pointer("/choices/0/message/content")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                input: number("/usage/prompt_tokens"),
                cached: number("/usage/prompt_tokens_details/cached_tokens"),
                calls_tool: has("/choices/0/message/tool_calls", &|_| true),
            },
            Self::Messages => Said {
                text: texts("/content", "text"),
                // What a cache had is counted beside the rest.
                input: number("/usage/input_tokens").map(|rest| {
                    let cached = number("/usage/cache_read_input_tokens").unwrap_or(0);
                    rest.saturating_add(cached)
                        .saturating_add(number("/usage/cache_creation_input_tokens").unwrap_or(0))
                }),
                cached: number("/usage/cache_read_input_tokens"),
                calls_tool: has("/content", &is_type("tool_use")),
            },
            Self::Responses => {
                let items = answer.get("output").and_then(Value::as_array).into_iter().flatten();
                let parts = items.filter_map(|item| item.get("content")?.as_array()).flatten();
                Said {
                    text: parts.filter_map(|part| part.get("text")?.as_str()).collect(),
                    input: number("/usage/input_tokens"),
                    cached: number("/usage/input_tokens_details/cached_tokens"),
                    calls_tool: has("/output", &is_type("function_call")),
                }
            }
            Self::Gemini => Said {
                text: texts("/candidates/0/content/parts", "text"),
                input: number("/usageMetadata/promptTokenCount"),
                cached: number("/usageMetadata/cachedContentTokenCount"),
                calls_tool: has("/candidates/0/content/parts", &|part| part.get("functionCall").is_some()),
            },
        }
    }

    /// The body that goes on after `answer` asked for the tool: the same question, that answer, and what the tool says.
    pub(super) fn with_result(self, body: &Value, answer: &Value, result: &str) -> Value {
        let mut next = body.clone();
        let list = match self {
            Self::Chat | Self::Messages => "messages",
            Self::Responses => "input",
            Self::Gemini => "contents",
        };
        let Some(said) = next.get_mut(list).and_then(Value::as_array_mut) else { return next };
        let at = |pointer: &str| answer.pointer(pointer).cloned().unwrap_or_default();
        let each = |pointer: &str| answer.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        match self {
            Self::Chat => {
                said.push(at("/choices/0/message"));
                said.extend(
                    each("/choices/0/message/tool_calls")
                        .iter()
                        .map(|call| json!({ "role": "tool", "tool_call_id": call.get("id"), "content": result })),
                );
            }
            Self::Messages => {
                said.push(json!({ "role": "assistant", "content": at("/content") }));
                let calls = each("/content").into_iter().filter(|part| part.get("type") == Some(&json!("tool_use")));
                let results: Vec<Value> = calls
                    .map(|call| json!({ "type": "tool_result", "tool_use_id": call.get("id"), "content": result }))
                    .collect();
                said.push(json!({ "role": "user", "content": results }));
            }
            Self::Responses => {
                let items = each("/output");
                let calls = items.iter().filter(|item| item.get("type") == Some(&json!("function_call")));
                let results: Vec<Value> = calls
                    .map(|call| json!({ "type": "function_call_output", "call_id": call.get("call_id"), "output": result }))
                    .collect();
                said.extend(items);
                said.extend(results);
            }
            Self::Gemini => {
                said.push(at("/candidates/0/content"));
                let calls = each("/candidates/0/content/parts")
                    .into_iter()
                    .filter_map(|part| part.get("functionCall").cloned());
                let results: Vec<Value> = calls
                    .map(|call| {
                        let mut told = json!({ "name": call.get("name"), "response": { "result": result } });
                        if let Some(id) = call.get("id") {
                            set(&mut told, "id", id.clone());
                        }
                        json!({ "functionResponse": told })
                    })
                    .collect();
                said.push(json!({ "role": "user", "parts": results }));
            }
        }
        next
    }
}

fn in_path(model: &str) -> String {
    crate::client::escape(model).replace("%2F", "/").replace("%2B", "+")
}

fn set(body: &mut Value, key: &str, value: Value) {
    if let Some(map) = body.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}
