//! How the gateway stands, how it is set up, and the well-known providers that it can be given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conversation::CaptureStatus;
use crate::provider::ProtocolUrl;

/// `GET /admin/api/setup`: how the first token can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupView {
    /// `open`: by whoever asks; `code`: by whoever has the code of the daemon's log; `closed`: not from here.
    pub state: String,
}

/// `GET /admin/api/status`: how the gateway stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GatewayStatus {
    /// `ok`, `degraded` or `stopping`.
    pub status: String,
    /// Why it is degraded.
    pub reason: Option<String>,
    /// Its version.
    pub version: String,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// Its time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Requests under way.
    pub in_flight: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerView>,
    /// The certificate that it shows; `null`: TLS is off.
    pub tls: Option<TlsView>,
    /// What stands in its data folder.
    pub files: Vec<FileView>,
    /// How the usage writer stands.
    pub usage: WriterView,
    /// How the keeping of conversations stands.
    pub conversations: CaptureStatus,
    /// How the configuration stands.
    pub config: ConfigStatus,
    /// Alerts that are firing.
    pub alerts_firing: u64,
    /// Those of them that nobody has acknowledged.
    pub alerts_unacknowledged: u64,
    /// Tokens, ended ones included.
    pub tokens: u64,
    /// People who are logged in.
    pub sessions: u64,
    /// Providers, those that were found included.
    pub providers: u64,
    /// Those of them that may be called.
    pub providers_enabled: u64,
    /// Lines of the log that were lost since the start.
    pub log_dropped: u64,
}

/// Somewhere where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListenerView {
    /// `api`: clients, and this API unless there is an `admin`; `admin`: this API and its pages alone; `metrics`:
    /// Prometheus alone; `http`: the way to HTTPS alone.
    pub what: String,
    /// The address with its port, or `unix:` and the path of a socket.
    pub address: String,
    /// Whether programs of this machine alone reach it.
    pub is_loopback: bool,
    /// Whether it speaks TLS.
    pub is_tls: bool,
}

/// The certificate that the gateway shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsView {
    /// `self-signed`, `pem` or `acme`.
    pub mode: String,
    /// Empty as long as there is no certificate yet; else `sha256:` and the SHA-256 of the certificate, by which `toro connect` knows it.
    pub fingerprint: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when on it is valid, in milliseconds since 1970.
    pub begins_ms: i64,
    /// Until when, in milliseconds since 1970.
    pub ends_ms: i64,
    /// When another one is to take its place, in milliseconds since 1970; `null`: when somebody puts it there.
    pub renews_ms: Option<i64>,
    /// Why no other certificate takes its place, though one should.
    pub error: Option<String>,
}

/// `POST /admin/api/tls/renew`: what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsRenewal {
    /// Whether another certificate is on its way; `false`: TLS is off.
    pub renewing: bool,
    /// The certificate that is shown until then.
    pub tls: Option<TlsView>,
}

/// A file of the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileView {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// How the usage writer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WriterView {
    /// Records written since the start.
    pub written: u64,
    /// Records that wait.
    pub waiting: u64,
    /// How long the oldest of them has been waiting, in milliseconds.
    pub behind_ms: u64,
    /// Records lost since the start.
    pub lost: u64,
    /// Why the database takes nothing at the moment.
    pub error: Option<String>,
}

/// How the configuration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigStatus {
    /// The file; `null`: there is none.
    pub path: Option<String>,
    /// The version of the file as it is now.
    pub version: Option<String>,
    /// When what is in force was loaded, in milliseconds since 1970.
    pub loaded_ms: i64,
    /// Why the file as it is now is not in force.
    pub error: Option<String>,
    /// How often another configuration came into force since the start.
    pub reloads: u64,
    /// How often one was refused.
    pub refused: u64,
}

/// `GET /admin/api/config`: what is in force, defaults included, without any secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigView {
    /// How it stands.
    pub status: ConfigStatus,
    /// As the file would say it.
    pub toml: String,
    /// The same as JSON: durations in `_ms`, sizes in `_bytes`, prices in nano-dollars.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub config: serde_json::Value,
}

/// `GET /admin/api/presets`: well-known providers, the most used first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresetPage {
    /// The providers.
    pub presets: Vec<PresetView>,
    /// How many fit the question.
    pub total: u64,
    /// On which day that was true, as `2026-11-21`.
    pub as_of: String,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// A well-known provider, and what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresetView {
    /// What `POST /admin/api/providers` calls it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Other ids.
    pub aliases: Vec<String>,
    /// What it speaks, the preferred protocol first; URLs may have `{placeholders}`.
    pub protocols: Vec<ProtocolUrl>,
    /// Whether a key has to be given.
    pub needs_key: bool,
    /// Variables of the environment that usually hold one, the usual one first.
    pub env: Vec<String>,
    /// What its URLs must be told: each placeholder, and where to find it.
    pub needs: BTreeMap<String, String>,
    /// Where a person gets a key.
    pub key_page: Option<String>,
    /// The vendor's documentation.
    pub docs: Option<String>,
    /// What else a person must know.
    pub note: Option<String>,
    /// Whether something can be had for nothing with a key.
    pub free_tier: bool,
    /// Whether it serves without any key.
    pub public: bool,
    /// The usual port of a server on this machine.
    pub local_port: Option<u16>,
    /// Whether the configuration file made it, or made it anew.
    pub own: bool,
    /// The providers that follow it already.
    pub used_by: Vec<String>,
}

/// `GET /admin/api/endpoints`: everything that can be tried, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointPage {
    /// By provider, in the order of the file.
    pub endpoints: Vec<EndpointView>,
    /// How many fit the question.
    pub total: u64,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// `POST /admin/api/endpoints/reset`: whom to try again at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndpointReset {
    /// The provider.
    pub provider: String,
    /// Only this model of it, as lists name it.
    #[serde(default)]
    pub model: Option<String>,
    /// Only this key of it, as lists name it.
    #[serde(default)]
    pub credential: Option<String>,
}

/// What became of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointsReset {
    /// So many that were left alone may be called again.
    pub reset: u64,
}

/// A model of a provider with one of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointView {
    /// The provider.
    pub provider: String,
    /// The model; `*` stands for all that nobody listed.
    pub model: String,
    /// What people call the key, or its number; `null`: it needs none.
    pub credential: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: crate::route::Standing,
}
