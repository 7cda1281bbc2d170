//! The log as the admin API speaks of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How important a line is; the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is doubtful.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// All of them, in the order of their numbers in the database.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Its number; later lines have greater ones.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How important it is.
    pub level: Level,
    /// Which part of the program says it.
    pub target: String,
    /// What it says.
    pub message: String,
    /// The request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What else it says, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub fields: Option<Value>,
}

/// `GET /admin/api/log`: the newest first; with `after`, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogPage {
    /// What this page holds.
    pub lines: Vec<LogLine>,
    /// Where the next page starts: older lines, by `cursor`; with `after`, newer ones, by `after`. `null` on the last one.
    pub next: Option<String>,
    /// The greatest number given out so far: who follows asks for what comes `after` it.
    pub last: i64,
    /// Lines that were lost since the start, because too many waited for the database.
    pub dropped: u64,
    /// How many lines are kept at most; 0: none.
    pub keep: u64,
}

/// What `DELETE /admin/api/log` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogCleared {
    /// So many lines are gone.
    pub lines: u64,
}
