//! Output items: messages, reasoning and tool calls as the Responses API shapes them.
use serde::Serialize;

use crate::answer::{Answer, Part, SIGNATURE};
use crate::ask::Ask;

/// One entry of `output`.
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<Content>,
    },
    Reasoning {
        id: String,
        summary: Vec<Summary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'static str>,
    },
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        arguments: String,
    },
    Compaction {
        id: String,
        encrypted_content: &'static str,
    },
    CustomToolCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        input: String,
    },
}

/// A part of a message.
#[derive(Clone, Serialize)]
pub(super) struct Content {
    r#type: &'static str,
    text: String,
    annotations: [(); 0],
    logprobs: [(); 0],
}

impl Content {
    pub(super) fn text(text: String) -> Self {
        Self { r#type: "output_text", text, annotations: [], logprobs: [] }
    }
}

/// A part of a reasoning summary.
#[derive(Clone, Serialize)]
pub(super) struct Summary {
    r#type: &'static str,
    text: String,
}

impl Summary {
    pub(super) fn text(text: String) -> Self {
        Self { r#type: "summary_text", text }
    }
}

impl Item {
    /// The items of a finished answer.
    pub(super) fn of_answer(ask: &Ask<'_>, answer: &Answer) -> Vec<Self> {
        answer.parts.iter().enumerate().map(|(at, part)| Self::of_part(ask, at, part, true)).collect()
    }

    /// A part as an item, finished or as it is when it has only begun.
    pub(super) fn of_part(ask: &Ask<'_>, at: usize, part: &Part, done: bool) -> Self {
        let id = |prefix: &str| format!("{prefix}_{:016x}{at:02}", ask.id);
        let text = if done { part.whole() } else { String::new() };
        let status = if done { "completed" } else { "in_progress" };
        match part {
            Part::Text { .. } => {
                let content = if done { vec![Content::text(text)] } else { Vec::new() };
                Self::Message { id: id("msg"), status, role: "assistant", content }
            }
            Part::Reasoning { .. } | Part::Redacted => {
                let summary = if done && !text.is_empty() { vec![Summary::text(text)] } else { Vec::new() };
                // What comes with the beginning is not the final state: clients take the one at the end.
                let state = if done { SIGNATURE } else { SIGNATURE.get(..16).unwrap_or_default() };
                let encrypted_content = ask.includes("reasoning.encrypted_content").then_some(state);
                Self::Reasoning { id: id("rs"), summary, encrypted_content }
            }
            Part::Tool { name, namespace, custom, .. } => {
                let (name, namespace, call_id) = (name.clone(), namespace.clone(), id("call"));
                if *custom {
                    Self::CustomToolCall { id: id("ctc"), status, call_id, name, namespace, input: text }
                } else {
                    Self::FunctionCall { id: id("fc"), status, call_id, name, namespace, arguments: text }
                }
            }
        }
    }

    /// What stands for a conversation that was made shorter.
    pub(super) fn compaction(ask: &Ask<'_>) -> Self {
        Self::Compaction { id: format!("cmp_{:016x}", ask.id), encrypted_content: SIGNATURE }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Message { id, .. }
            | Self::Reasoning { id, .. }
            | Self::Compaction { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::CustomToolCall { id, .. } => id,
        }
    }
}
