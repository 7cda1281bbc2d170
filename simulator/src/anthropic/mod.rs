//! Anthropic Messages: the answer, the token count, and what it refuses.
mod answer;
mod blocks;
mod check;
mod tools;
mod turns;

pub(crate) use answer::{stream, whole};
pub(crate) use check::{check, check_count};

use crate::ask::Ask;
use crate::count;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::reply::Family;

/// The answer of `/v1/messages/count_tokens`.
pub(crate) fn count_tokens(request_bytes: usize) -> String {
    format!(r#"{{"input_tokens":{}}}"#, count::of_prompt(request_bytes))
}

/// Refuses what no answer can be made without.
pub(crate) fn require(ask: &Ask<'_>) -> Result<(), Problem> {
    for (field, name) in [(ask.wire.messages, "messages"), (ask.wire.max_tokens, "max_tokens")] {
        if field.is_none() {
            return Err(Fault::Missing(name).problem(Family::Anthropic, &[]));
        }
    }
    Ok(())
}

/// A 400 in words of the API's own.
fn refuse(said: &str) -> Problem {
    Fault::Said(said).problem(Family::Anthropic, &[])
}
