//! A provider as it is listed, and what came of trying it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::settings::SettingValue;

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

/// `GET /admin/api/providers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderList {
    /// The version of the file, which a change must name; `null` without a file.
    pub version: Option<String>,
    /// Those of the file, in its order.
    pub providers: Vec<ProviderSummary>,
    /// Those that were found while the gateway runs, and stand in no file.
    pub found: Vec<ProviderSummary>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// `GET /admin/api/providers/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderDetail {
    /// The version of the file, which a change must name; `null` without a file.
    pub version: Option<String>,
    /// Whether it stands in the file.
    pub in_file: bool,
    /// What is said of it in lists.
    pub provider: ProviderSummary,
    /// Calls made to it since the gateway started.
    pub calls: u64,
    /// When it answered last, in Unix milliseconds; 0: not yet.
    pub last_ok_ms: i64,
    /// When it failed last, in Unix milliseconds; 0: not yet.
    pub last_failure_ms: i64,
    /// How its models stand that were called or are shut, with each of its keys.
    pub endpoints: Vec<EndpointStanding>,
    /// How many more of these there are.
    pub endpoints_left_out: usize,
}

/// A model of a provider with one of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointStanding {
    /// The model; `*` stands for all that nobody listed.
    pub model: String,
    /// What people call the key, or its number.
    pub credential: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: crate::route::Standing,
}

/// `POST /admin/api/providers`: the provider to add.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProviderCreate {
    /// A preset's name, or a URL.
    pub provider: String,
    /// What it is to be called; the preset's name when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// What stands for the placeholders in the URLs of its preset.
    #[serde(default)]
    pub account: BTreeMap<String, String>,
    /// Its key.
    #[serde(default)]
    pub key: Option<KeyGiven>,
}

/// A key as it is given. Nothing gives it out again.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyGiven {
    /// The key itself: it is kept sealed, for this provider alone.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    Value(crate::Secret),
    /// The variable that usually holds the key of the preset.
    Env(String),
    /// A secret of the store, which may be sent there.
    Secret(String),
}

/// `PATCH /admin/api/providers/{name}`: all of it holds, or nothing.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProviderChange {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default)]
    pub version: Option<String>,
    /// Keys with their values; `null` removes one, so that its default holds.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::settings::SettingWanted>))]
    pub set: BTreeMap<String, Option<SettingValue>>,
    /// Its key, in the place of all that it had: where a change leads to another address, one that is kept sealed must be
    /// given again.
    #[serde(default)]
    pub key: Option<KeyGiven>,
}

/// `PUT /admin/api/providers/{name}/key`: another key for it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default)]
    pub version: Option<String>,
    /// The key.
    pub key: KeyGiven,
}

/// `POST /admin/api/providers/{name}/keys`: one more key, beside those there are.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyAdd {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default)]
    pub version: Option<String>,
    /// What it is to be called: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Its share of the calls beside the other keys; 1 without it.
    #[serde(default)]
    pub weight: Option<u32>,
    /// The key.
    pub key: KeyGiven,
}

/// `POST /admin/api/providers/{name}/test`: what to try it with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ProviderTest {
    /// The model to ask; without it a small one of its list.
    pub model: Option<String>,
}
