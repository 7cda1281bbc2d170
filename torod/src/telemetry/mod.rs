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
