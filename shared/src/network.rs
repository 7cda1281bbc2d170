//! A change of where the gateway listens and of its TLS, which is tried before it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gateway::ListenerView;
use crate::settings::SettingValue;
#[cfg(feature = "openapi")]
use crate::settings::SettingWanted;

/// `POST /admin/api/network/trial`: what is tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkChange {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Keys with their values; `null` removes one, so that its default holds. `listen_addr`, `server.listen`,
    /// `server.admin_listen`, `server.proxy_protocol`, `tls.mode`, `tls.hosts`, `tls.http_addr`, `tls.email` and
    /// `tls.acme_challenge` may be changed.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, SettingWanted>))]
    pub set: BTreeMap<String, Option<SettingValue>>,
    /// How long somebody may take to confirm it, in seconds, from 5 to 600; 60 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
}

/// A change that is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkTrial {
    /// Until when somebody must confirm it, in milliseconds since 1970: then it is taken back.
    pub until_ms: i64,
    /// The places by one of which it is confirmed: those that are new, or speak otherwise than before.
    pub listeners: Vec<ListenerView>,
    /// The fingerprint of the certificate that is shown there; `null`: none, or none yet.
    pub fingerprint: Option<String>,
}

/// `GET /admin/api/network`: where the gateway listens, and what is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkView {
    /// The version of the file, which a change must name; `null` without a file.
    pub version: Option<String>,
    /// Where it listens.
    pub listeners: Vec<ListenerView>,
    /// The change that is tried; `null`: none.
    pub trial: Option<NetworkTrial>,
    /// Whether this request came by what is tried, so that the change can be confirmed from there.
    pub by_trial: bool,
    /// Why the last change was taken back, since the start; `null`: none was.
    pub taken_back: Option<String>,
}
