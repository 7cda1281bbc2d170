//! The problems that the gateway itself finds in a request.

use tokenrouter::call::Finish;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::PeekError;

use crate::access::refusal::RATE;
use crate::upstreams::unserved::shown;
pub use crate::upstreams::unserved::{lossy, no_target, not_spoken, unknown_model};

/// The body cannot be routed.
pub fn unreadable(e: &PeekError) -> Problem {
    Problem::from(e)
}

/// A name led to a provider that is gone.
pub fn lost_provider() -> Problem {
    Problem::new(Kind::Internal, "internal_error", "the chosen provider does not exist", "Report this.")
}

/// No path that the gateway knows.
pub fn unknown_path(path: &str) -> Problem {
    Problem::new(
        Kind::NotFound,
        "path_not_found",
        format!("there is nothing at {}", shown(path)),
        "The API is at /v1: chat/completions, completions, embeddings, responses, messages, models.",
    )
}

/// As many `what` under way as the setting `key` allows.
pub fn full(what: &str, limit: usize, key: &str) -> Problem {
    let whose = if key.contains("provider") { "provider/concurrent" } else { "gateway/concurrent" };
    Problem::new(
        Kind::Unavailable,
        "gateway_full",
        format!("{limit} {what} are under way already"),
        format!("Try again in a moment, or raise `{key}` in torod.toml."),
    )
    .retry_after(1)
    .with_status(503)
    .of_limit(whose)
}

/// The provider `name` is sent as much a minute as the file allows.
pub fn paced(name: &str, wait_ms: u64) -> Problem {
    Problem::new(
        Kind::RateLimited,
        RATE,
        format!("this gateway has sent the provider \"{name}\" as much as it may in a minute"),
        "Wait as long as Retry-After says, or raise its `requests_per_minute` or `tokens_per_minute` in torod.toml.",
    )
    .retry_after(u32::try_from(wait_ms.div_ceil(1_000).max(1)).unwrap_or(u32::MAX))
    .of_limit("provider/per_minute")
}

/// An answer of the provider `name` that did not come to its end.
pub fn broken_off(name: &str, finish: &Finish) -> Problem {
    match finish {
        Finish::Idle => Problem::new(
            Kind::UpstreamTimeout,
            "upstream_idle",
            format!("the provider \"{name}\" fell silent in the middle of its answer"),
            "Try again, or raise its `timeouts.idle` in torod.toml.",
        ),
        Finish::Cut(why) => Problem::new(
            Kind::UpstreamFailed,
            "upstream_cut",
            format!("the provider \"{name}\" broke off its answer: {why}"),
            "Try again.",
        ),
        Finish::Whole | Finish::Failed | Finish::Abandoned => {
            Problem::new(Kind::UpstreamFailed, "upstream_failed", format!("the provider \"{name}\" failed"), "")
        }
    }
}
