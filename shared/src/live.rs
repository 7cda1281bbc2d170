//! What `GET /admin/api/live` tells as it happens: the data of each kind of event.

use serde::{Deserialize, Serialize};

use crate::alert::AlertView;
use crate::attempt::UsageAttempt;
use crate::figures::Totals;
use crate::log::LogLine;
use crate::provider::EndpointStanding;
use crate::quota::QuotaView;

/// `hello`: the first event of every stream. What was told before it was not kept: whoever shows anything asks for it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveHello {
    /// The gateway's version.
    pub version: String,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// The gateway's time, in milliseconds since 1970.
    pub now_ms: i64,
    /// What will be told: `usage`, `providers`, `quotas`, `alerts`, `log`, `config`.
    pub topics: Vec<String>,
    /// After so long without an event there is a sign of life, in milliseconds.
    pub heartbeat_ms: u64,
}

/// `usage`: what was written since the event before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveUsage {
    /// Until when, in milliseconds since 1970.
    pub at_ms: i64,
    /// For how long, in milliseconds.
    pub span_ms: u64,
    /// The sums of all of it, exactly as reports will tell them.
    #[serde(flatten)]
    pub totals: Totals,
    /// The last attempts, the newest first.
    pub rows: Vec<UsageAttempt>,
    /// Attempts that the sums hold and the rows do not.
    pub left_out: u64,
}

/// `providers`: those that stand otherwise than they did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveProviders {
    /// How they stand now.
    pub providers: Vec<LiveProvider>,
    /// The names of those that are not there any more.
    pub gone: Vec<String>,
}

/// How a provider stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveProvider {
    /// Its name.
    pub name: String,
    /// Whether it may be called.
    pub enabled: bool,
    /// `up`, `failing`, `unknown`, or `disabled`.
    pub state: String,
    /// So many calls in a row failed.
    pub failures_in_a_row: u32,
    /// When it answered last, in milliseconds since 1970; 0: not yet.
    pub last_ok_ms: i64,
    /// When it failed last, in milliseconds since 1970; 0: not yet.
    pub last_failure_ms: i64,
    /// Calls made to it since the gateway started.
    pub calls: u64,
    /// Calls under way.
    pub in_flight: u64,
    /// How many models it lists; none while unknown.
    pub models: Option<u64>,
    /// Its models that are left alone for a while, each with the key that this holds for.
    pub shut: Vec<EndpointStanding>,
    /// How many more of these there are.
    pub shut_left_out: u64,
}

/// `quotas`: keys of which another quota is known than before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveQuotas {
    /// What is known now.
    pub quotas: Vec<QuotaView>,
}

/// `alerts`: those that began, are over, or were seen by somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveAlerts {
    /// As they are now.
    pub alerts: Vec<AlertView>,
    /// How many are firing in all.
    pub firing: u64,
    /// How many of these nobody has acknowledged.
    pub unacknowledged: u64,
}

/// `log`: new lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveLog {
    /// The oldest first.
    pub lines: Vec<LogLine>,
    /// The greatest number given out so far.
    pub last: i64,
    /// Lines after these that are not told; `GET /admin/api/log` with `after` has them.
    pub left_out: u64,
}

/// `config`: the file was read anew, or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveConfig {
    /// When what is in force was loaded, in milliseconds since 1970.
    pub loaded_ms: i64,
    /// Why the file as it is now is not in force.
    pub error: Option<String>,
}

/// `missed`: the client took too long; what it shows is to be asked for anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveMissed {
    /// So many events were not told.
    pub events: u64,
}

/// `end`: the last event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveEnd {
    /// `session_over`, `token_ended`, `replaced` (by a newer stream of the same session), or `stopping`.
    pub why: String,
}
