//! An Anthropic message: whole, and as events.
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::{Answer, Part, SIGNATURE};
use crate::ask::Ask;
use crate::count::Count;
use crate::reply;
use crate::sse::{Events, json};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text { text: String, citations: Option<()> },
    Thinking { thinking: String, signature: &'static str },
    RedactedThinking { data: &'static str },
    ToolUse { id: String, name: String, input: Map<String, Value> },
}

/// Disjoint, unlike OpenAI's: `input_tokens` is the uncached part alone.
#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<()>,
    service_tier: &'static str,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl From<Count> for Usage {
    fn from(count: Count) -> Self {
        Self {
            input_tokens: count.uncached,
            cache_creation_input_tokens: count.cache_write(),
            cache_read_input_tokens: count.cache_read,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: count.cache_write_5m,
                ephemeral_1h_input_tokens: count.cache_write_1h,
            },
            output_tokens: count.output,
            output_tokens_details: (count.reasoning > 0).then_some(OutputDetails { thinking_tokens: count.reasoning }),
            server_tool_use: None,
            service_tier: "standard",
        }
    }
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.calls_tools() { "tool_use" } else { "end_turn" }
}

fn message<'a>(
    ask: &'a Ask<'_>,
    content: Vec<Block>,
    stop_reason: Option<&'static str>,
    count: Option<Count>,
) -> Message<'a> {
    Message {
        id: format!("msg_{:016x}", ask.id),
        r#type: "message",
        role: "assistant",
        model: &ask.model,
        content,
        stop_reason,
        stop_sequence: None,
        usage: count.map(Usage::from),
    }
}

/// A part as a block; without its content it is what `content_block_start` carries.
fn block(ask: &Ask<'_>, at: usize, part: &Part, filled: bool) -> Block {
    let content = || if filled { part.whole() } else { String::new() };
    match part {
        Part::Text { .. } => Block::Text { text: content(), citations: None },
        Part::Reasoning { .. } => {
            Block::Thinking { thinking: content(), signature: if filled { SIGNATURE } else { "" } }
        }
        // It comes whole with its beginning.
        Part::Redacted => Block::RedactedThinking { data: SIGNATURE },
        Part::Tool { name, .. } => {
            let input = if filled { serde_json::from_str(&part.whole()).unwrap_or_default() } else { Map::new() };
            Block::ToolUse { id: format!("toolu_{:016x}{at:02}", ask.id), name: name.clone(), input }
        }
    }
}

/// The answer in one piece.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let content = answer.parts.iter().enumerate().map(|(at, part)| block(ask, at, part, true)).collect();
    json(&message(ask, content, Some(stop_reason(answer)), answer.count)).into_bytes()
}

/// The answer as events, up to `message_stop`.
pub(crate) fn stream(ask: &Ask<'_>, answer: &Answer) -> Events {
    let mut events = Events::new(ask.script.crlf, answer.pieces() + 10);
    // The output is known at the end only; real answers begin with a token or so.
    let begun = answer.count.map(|count| Count { output: count.output.min(1), reasoning: 0, ..count });
    let start = json(&message(ask, Vec::new(), None, begun));
    events.event("message_start", &format!(r#"{{"type":"message_start","message":{start}}}"#), false);
    for (at, part) in answer.parts.iter().enumerate() {
        let open = json(&block(ask, at, part, false));
        let data = format!(r#"{{"type":"content_block_start","index":{at},"content_block":{open}}}"#);
        events.event("content_block_start", &data, false);
        if at == 0 {
            events.event("ping", r#"{"type":"ping"}"#, false);
        }
        let mut delta = |kind: &str, key: &str, piece: &str, paced: bool| {
            let piece = json(piece);
            let data =
                format!(r#"{{"type":"content_block_delta","index":{at},"delta":{{"type":"{kind}","{key}":{piece}}}}}"#);
            events.event("content_block_delta", &data, paced);
        };
        let (kind, key) = match part {
            Part::Text { .. } => ("text_delta", "text"),
            Part::Reasoning { .. } | Part::Redacted => ("thinking_delta", "thinking"),
            Part::Tool { .. } => ("input_json_delta", "partial_json"),
        };
        if matches!(part, Part::Tool { .. }) {
            delta(kind, key, "", false);
        }
        for piece in part.pieces() {
            delta(kind, key, piece, true);
        }
        if matches!(part, Part::Reasoning { .. }) {
            delta("signature_delta", "signature", SIGNATURE, false);
        }
        events.event("content_block_stop", &format!(r#"{{"type":"content_block_stop","index":{at}}}"#), false);
    }
    let usage = answer.count.map(|count| format!(r#","usage":{}"#, json(&Usage::from(count)))).unwrap_or_default();
    let reason = stop_reason(answer);
    let data =
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null}}{usage}}}"#);
    events.event("message_delta", &data, false);
    events.event("message_stop", r#"{"type":"message_stop"}"#, false);
    if reply::spoil(ask.script.kind, &mut events) {
        events.event("error", &reply::late_problem().anthropic(&reply::request_id(ask.id)), false);
    }
    events
}
