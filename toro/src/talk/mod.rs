//! One question to a model and its answer as it comes: Chat Completions with streaming, which every gateway speaks.

pub mod events;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenrouter_shared::usage_of::{UsageOf, UsageTotals};

use self::events::{Event, Events};
use crate::client::{Answer, Client, ClientError};
use crate::clock::Clock;

/// Where it is asked.
const CHAT: &str = "/v1/chat/completions";
/// No answer is longer, in bytes of text.
const MOST_TEXT: usize = 32 << 20;
/// Rows of usage are written some milliseconds after their requests; so often it is asked whether they are there.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(50);

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who said it: `system`, `user`, `assistant`.
    pub role: &'static str,
    /// What.
    pub content: String,
}

impl Message {
    /// Said by `role`.
    pub fn new(role: &'static str, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// A question.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ask<'a> {
    /// Of whom.
    pub model: &'a str,
    /// All that was said so far.
    pub messages: &'a [Message],
    /// The longest answer, in LLM tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// How free it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// How much it thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<&'a str>,
}

#[derive(Serialize)]
struct Streamed<'a> {
    #[serde(flatten)]
    ask: &'a Ask<'a>,
    stream: bool,
    stream_options: Value,
}

/// A piece of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What is said.
    Text(&'a str),
    /// What is thought before.
    Thought(&'a str),
}

/// How much a question and its answer were, in LLM tokens, as the answer itself says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The question, with what a prompt cache had of it.
    pub input: u64,
    /// What a prompt cache had of it.
    pub cached: u64,
    /// The answer, with its thoughts.
    pub output: u64,
    /// Its thoughts.
    pub reasoning: u64,
}

/// An answer that came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// What was said.
    pub text: String,
    /// Who says that it said so.
    pub model: String,
    /// The provider that was asked.
    pub provider: Option<String>,
    /// Why it ended: `stop`, `length`, …
    pub finish: Option<String>,
    /// How much it was.
    pub counts: Option<Counts>,
    /// Until its first piece came, in milliseconds.
    pub first_ms: u64,
    /// Until its end, in milliseconds.
    pub whole_ms: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.prompt_tokens,
            cached: usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            output: usage.completion_tokens,
            reasoning: usage.completion_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0),
        }
    }
}

/// An id for a conversation of ours, by which reports tell it from others.
pub fn session_id() -> String {
    let mut bytes = [0_u8; 12];
    // Without randomness two conversations share a line in a report, and nothing else.
    _ = aws_lc_rs::rand::fill(&mut bytes);
    format!("toroconv_{:024x}", bytes.iter().fold(0_u128, |all, byte| (all << 8) | u128::from(*byte)))
}

/// Names the conversation.
pub fn headers(session: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ["x-session-id", "x-conversation-id"] {
        if let Ok(value) = HeaderValue::from_str(session) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Asks, and hands over each piece of the answer when it comes.
pub async fn stream(
    client: &Client,
    ask: &Ask<'_>,
    session: &str,
    clock: Clock,
    on: &mut (dyn FnMut(Piece<'_>) + Send),
) -> Result<Reply, ClientError> {
    let begun = clock.moment();
    let elapsed = || u64::try_from(clock.moment().duration_since(begun).as_millis()).unwrap_or(u64::MAX);
    let whole = Streamed { ask, stream: true, stream_options: serde_json::json!({ "include_usage": true }) };
    let body = serde_json::to_vec(&whole).map(Bytes::from).unwrap_or_default();
    let answer = client.send(Method::POST, CHAT, headers(session), body).await?.checked().await?;
    let mut reply = Reply { provider: said(&answer, "x-tokenrouter-provider"), ..Reply::default() };
    let url = client.address().to_string();
    let mut events = Events::of(answer)?;
    let mut is_done = false;
    while let Some(event) = events.next().await? {
        let Event::Data { data, .. } = event else { continue };
        if data.trim() == "[DONE]" {
            is_done = true;
            break;
        }
        let chunk: Chunk = serde_json::from_str(&data)
            .map_err(|e| ClientError::nonsense(&url, &format!("its answer makes no sense ({e})")))?;
        if chunk.error.is_some_and(|error| !error.is_null()) {
            return Err(ClientError::of_body(StatusCode::BAD_GATEWAY, data.as_bytes(), &url));
        }
        if let Some(model) = chunk.model {
            reply.model = model;
        }
        reply.counts = chunk.usage.map(Counts::from).or(reply.counts);
        for choice in chunk.choices {
            let thought = choice.delta.reasoning_content.or(choice.delta.reasoning);
            for (text, is_thought) in [(thought, true), (choice.delta.content, false)] {
                let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
                if reply.first_ms == 0 {
                    reply.first_ms = elapsed().max(1);
                }
                if is_thought {
                    on(Piece::Thought(&text));
                    continue;
                }
                if reply.text.len() + text.len() > MOST_TEXT {
                    return Err(ClientError::nonsense(&url, "its answer is endless"));
                }
                reply.text += &text;
                on(Piece::Text(&text));
            }
            reply.finish = choice.finish_reason.or(reply.finish);
        }
    }
    if !is_done && reply.finish.is_none() {
        return Err(ClientError::Unreachable { url, why: "its answer broke off before its end".to_owned() });
    }
    reply.whole_ms = elapsed();
    Ok(reply)
}

/// What a header of an answer says.
pub fn said(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// What the gateway charged for a conversation of ours since `since_ms`, once it knows of so many requests; nothing where
/// it does not say so soon.
pub async fn bill(client: &Client, session: &str, since_ms: i64, requests: u64) -> Option<UsageTotals> {
    // The gateway's clock may be behind ours.
    const SLACK_MS: i64 = 5 * 60_000;
    let path = format!(
        "/admin/api/me/usage?by=session&since_ms={}&until_ms={}",
        since_ms.saturating_sub(SLACK_MS),
        since_ms.saturating_add(86_400_000)
    );
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let of: UsageOf = client.get(&path).await.ok()?;
        if let Some(line) = of.rows.into_iter().find(|line| line.key == session && line.totals.requests >= requests) {
            return Some(line.totals);
        }
    }
    None
}

/// The names of the gateway's models that this question is about; empty: all.
pub async fn listed(client: &Client, query: &str) -> Result<Vec<String>, ClientError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let path = if query.is_empty() { "/v1/models".to_owned() } else { format!("/v1/models?{query}") };
    let list: List = client.get(&path).await?;
    Ok(list.data.into_iter().map(|model| model.id).collect())
}
