//! What is told of an answer that did not come to its end.

use tokenrouter::call::Finish;
use tokenrouter::error::{Kind, Problem};

/// What happened to the answer of the provider `name`.
pub(super) fn problem(name: &str, finish: &Finish) -> Problem {
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
