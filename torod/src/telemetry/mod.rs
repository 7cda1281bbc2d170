//! Seeing: the log, numbers for Prometheus, traces and metrics for OpenTelemetry.

pub mod keep;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod otel;
pub mod panics;
pub mod plain;
pub mod stderr;
pub mod trace;
mod words;

/// The commit that this program was built from, where its builder said so by `TOKENROUTER_COMMIT`; else nothing.
pub const COMMIT: &str = match option_env!("TOKENROUTER_COMMIT") {
    Some(commit) => commit,
    None => "",
};
