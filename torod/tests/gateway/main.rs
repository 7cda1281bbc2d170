//! The gateway from outside: a real daemon on a real port, a simulated provider behind it, raw HTTP in front.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod access;
mod alerts;
mod answers;
mod audit;
mod background;
mod bad_input;
mod collector;
mod cost;
mod count;
mod database;
mod explain;
mod exposition;
mod forms;
mod framing;
mod generate;
mod lease;
mod life;
mod lists;
mod log;
mod login;
mod metrics;
mod models;
mod models_command;
mod models_update;
mod native;
mod observing;
mod odd_upstream;
mod openapi;
mod otel;
mod presets;
mod promtool;
mod providers;
mod proxies;
mod quotas;
mod refused;
mod reload;
mod route_command;
mod routing;
mod run_questions;
mod run_site;
mod runs;
mod setup;
#[expect(dead_code, reason = "the tests of safety use all of it")]
mod site;
mod stateful;
mod streams;
mod support;
mod tokens;
mod translated;
mod upstream;
mod usage;
mod versions;
mod walk;
