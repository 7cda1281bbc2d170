//! What a trial asks, and what its answers are worth.

use serde::Deserialize;
use serde_json::json;
use tokenrouter::Protocol;
use tokenrouter::convert::{Back, Told, error_inside};
use tokenrouter::error::Problem;

use super::What;
use super::failure::Failure;

/// The most output that an answer may have, in tokens.
const SHORT_TOKENS: u32 = 16;
/// The same for a call of a tool, which has a form to fill.
const TOOL_TOKENS: u32 = 256;

/// The question as a client of OpenAI's Chat Completions asks it; `limited` in the length of its answer.
pub(super) fn question(what: What, model: &str, limited: bool) -> String {
    let asked = |text: &str| json!([{ "role": "user", "content": text }]);
    let mut question = match what {
        What::List | What::Chat | What::Key => json!({
            "model": model, "max_tokens": SHORT_TOKENS, "messages": asked("Reply with the word: ok"),
        }),
        What::Stream => json!({
            "model": model, "max_tokens": SHORT_TOKENS, "messages": asked("Reply with the word: ok"), "stream": true,
        }),
        What::Tools => json!({
            "model": model, "max_tokens": TOOL_TOKENS,
            "messages": asked("Call the tool get_time for the city Oslo. Do not answer in words."),
            "tools": [{ "type": "function", "function": {
                "name": "get_time",
                "description": "The time of day in a city.",
                "parameters": {
                    "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"],
                },
            } }],
        }),
    };
    if let Some(question) = question.as_object_mut().filter(|_| !limited) {
        question.remove("max_tokens");
    }
    question.to_string()
}

/// An answer in one piece as OpenAI tells it; some tell an error with a status of success.
pub(super) fn whole(back: Back, protocol: Protocol, body: &[u8]) -> Result<Told, Problem> {
    #[derive(Deserialize)]
    struct Only {
        error: Option<serde_json::Value>,
    }
    let is_error = serde_json::from_slice::<Only>(body).is_ok_and(|only| only.error.is_some_and(|e| !e.is_null()));
    if is_error { Err(error_inside(protocol, body)) } else { back.whole(body) }
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    tool_calls: Vec<serde_json::Value>,
}

/// What an answer is worth, in words.
pub(super) fn judge(what: What, answer: &[u8]) -> Result<String, Failure> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Failure::nonsense("no answer in it"))?;
    let Some(choice) = answer.choices.first() else { return Err(Failure::nonsense("an answer without a choice")) };
    if what == What::Tools && choice.message.tool_calls.is_empty() {
        return Err(Failure::unsupported("the model called no tool; another may"));
    }
    let words = match what {
        What::Tools => "calls the tool",
        What::Stream => "streams",
        What::List | What::Chat | What::Key => "answers",
    };
    Ok(words.to_owned())
}
