//! A provider as it is listed, and what came of trying it.

use serde::{Deserialize, Serialize};

/// A provider of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderSummary {
    /// Its name, as in `name/model`.
    pub name: String,
    /// The preset that it follows.
    pub preset: Option<String>,
    /// Whether it may be called.
    pub enabled: bool,
    /// Smaller is tried first.
    pub priority: i32,
    /// What it speaks, the preferred protocol first.
    pub protocols: Vec<ProtocolUrl>,
    /// Its keys as references; the keys themselves never.
    pub keys: Vec<KeySummary>,
    /// How a running gateway sees it: `up`, `failing` or `unknown`; `disabled` where it is switched off; none where no
    /// gateway runs.
    pub state: Option<String>,
    /// How many models the running gateway knows of it.
    pub models: Option<usize>,
}

/// A protocol with its URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProtocolUrl {
    /// `openai`, `responses`, `anthropic`, `gemini` or `cohere`.
    pub protocol: String,
    /// The base URL.
    pub url: String,
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeySummary {
    /// What people call it.
    pub name: Option<String>,
    /// `${NAME}`, `file:…`, `command:…`, `oauth:…`, `device:…`, or `[secret]` where it stands in the file itself.
    pub source: String,
    /// How it stands, where it changes by itself and that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<KeyStanding>,
}

/// How a key stands that changes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyStanding {
    /// What people call it, or its number.
    pub label: String,
    /// `good`, `missing`, or `signed_out` where a person must sign in.
    pub state: String,
    /// Until when it holds, in Unix milliseconds; none where nobody says so.
    pub expires_ms: Option<i64>,
    /// Why it could not be renewed last time.
    pub problem: Option<String>,
}

/// What came of trying a provider with real calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tried {
    /// Its name.
    pub provider: String,
    /// Whether it answers a conversation, with each of its keys.
    pub works: bool,
    /// The protocol that it was asked in.
    pub protocol: Option<String>,
    /// The model that was asked.
    pub model: Option<String>,
    /// How many models it lists.
    pub models: Option<usize>,
    /// What was tried, in order.
    pub steps: Vec<TriedStep>,
}

/// One call, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TriedStep {
    /// `list`, `chat`, `stream`, `tools`, or `key`: an answer with another of its keys, which the message names.
    pub what: String,
    /// `works`, `fails` or `skipped`.
    pub result: String,
    /// How long it took, in milliseconds; 0 where it was not tried.
    pub took_ms: u64,
    /// Until the first piece of a stream, in milliseconds.
    pub first_ms: Option<u64>,
    /// What kind of failure: `authentication`, `permission`, `model not found`, `not found`, `unreachable`, `tls`,
    /// `timeout`, `rate limit`, `refused`, `provider failed`, `no answer of this protocol` or `not supported`.
    pub problem: Option<String>,
    /// The status that was answered.
    pub status: Option<u16>,
    /// More in words.
    pub message: String,
}
