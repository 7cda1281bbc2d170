//! A kept request, sent once more to another model, as the admin API speaks of it.

use serde::{Deserialize, Serialize};

/// `POST /admin/api/exchanges/{request_id}/replay`: to which model, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplayAsk {
    /// The model, as a client would name it.
    pub model: String,
    /// In which client protocol it is asked; without it, in that of the kept request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// On whose bill, by the id or name of a token; the calling token without it. Only the owner of the gateway's machine
    /// may name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether it may cost more than one dollar.
    pub confirm: bool,
}

/// One of the two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplaySide {
    /// The request's id.
    pub request_id: String,
    /// The provider.
    pub provider: String,
    /// The model, as its provider knows it.
    pub model: String,
    /// How it ended.
    pub outcome: String,
    /// The status that its client got.
    pub status: u16,
    /// The error that its client was told.
    pub error: Option<String>,
    /// LLM tokens of the request, cached ones included.
    pub input: u64,
    /// LLM tokens of the answer.
    pub output: u64,
    /// What it cost, in billionths of a US dollar.
    pub cost_nanos: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// Until the first byte of the answer, in microseconds.
    pub first_byte_us: u64,
    /// What it says.
    pub text: String,
    /// The tools that it calls, each with its input.
    pub calls: Vec<String>,
}

/// Which answer has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Has {
    /// Both.
    Both,
    /// The kept one.
    Before,
    /// The new one.
    After,
}

/// A line of the answers, or a call in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Differing {
    /// Which answer has it.
    pub has: Has,
    /// The line.
    pub line: String,
}

/// The kept answer beside the new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayView {
    /// The kept one.
    pub before: ReplaySide,
    /// The new one.
    pub after: ReplaySide,
    /// Their texts, line by line.
    pub text: Vec<Differing>,
    /// The tools that they call.
    pub calls: Vec<Differing>,
    /// What is not the same as it was sent: secrets that were taken out, and what another protocol cannot carry.
    pub notes: Vec<String>,
}
