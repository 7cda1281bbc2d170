//! What failed: by outcome, class, provider and status, with the last time that it was seen and what can be done.

use tokenrouter_shared::report::{ErrorReport, ErrorRow};

use super::asked::{Asked, Scope};
use super::{MOST_ROWS, ReportError};
use crate::store::Connection;
use crate::store::figures::{Failures, failures};

/// The failures of a span, the most frequent first.
pub fn report(connection: &Connection, asked: &Asked, scope: &Scope, most: usize) -> Result<ErrorReport, ReportError> {
    if !(1..=MOST_ROWS).contains(&most) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST_ROWS}")));
    }
    let (since_ms, until_ms) = (asked.span.since_ms, asked.span.until_ms);
    let found = failures(connection, &scope.question(since_ms, until_ms), most)?;
    let rows: Vec<ErrorRow> = found.rows.into_iter().map(row).collect();
    Ok(ErrorReport {
        since_ms,
        until_ms,
        time_zone: asked.zone.name().to_owned(),
        omitted: found.kinds.saturating_sub(rows.len() as u64),
        rows,
        failures: found.failures,
        attempts: found.attempts,
        lost_records: found.lost_records,
    })
}

fn row(failures: Failures) -> ErrorRow {
    let advice = advice(&failures.outcome, &failures.class, failures.status, &failures.provider);
    ErrorRow {
        outcome: failures.outcome,
        class: Some(failures.class).filter(|class| !class.is_empty()),
        provider: failures.provider,
        status: Some(failures.status).filter(|status| *status > 0),
        failures: failures.count,
        models: failures.models,
        model: failures.model,
        last_ms: failures.last_ms,
        last_request: failures.request.map(|request| request.to_string()),
        advice,
    }
}

/// What it is, and what can be done about it.
fn advice(outcome: &str, class: &str, status: u16, provider: &str) -> String {
    let told = match (class, outcome, status) {
        ("credential_refused", ..) => {
            return format!(
                "The provider refuses the key: try it with `torod provider test {provider}`, and give it a new one."
            );
        }
        ("forbidden", ..) => {
            "The key is known but may not do this: look at its rights, and at the region, in the provider's console."
        }
        ("out_of_credit", ..) | (_, _, 402) => {
            "The account has no credit left: top it up, or add a further key or provider."
        }
        ("rate_limited", ..) | (_, _, 429) => {
            "Its limits are reached: add a key or a provider for the model, or bound requests with `requests_per_minute`."
        }
        ("model_missing", ..) | (_, _, 404) => {
            "The provider does not have this model (any more): `torod models` lists what there is; mend the alias or the client."
        }
        ("unreachable", ..) | (_, "connect_failed", _) => {
            "No connection came about: look at the provider's URL, the network and, behind a proxy, its settings."
        }
        (_, "timeout", _) => {
            "It was silent for too long: if it is always slow, raise its `timeouts`, else let another one go first."
        }
        (_, "cut", _) => {
            "The answer broke off: the provider's side or the way there ended it; requests that had no output yet were tried elsewhere."
        }
        (_, "client_abort", _) => {
            "The client hung up: cancelled by its user, or its own timeout is shorter than the answer."
        }
        ("refused", _, 413) => {
            "The request is larger than the model takes: shorten it, or use a model with a longer context."
        }
        ("refused", "upstream_error", _) => {
            "The provider finds fault with the request: `torod usage request` with the id shows it; mend the client."
        }
        (_, "refused", _) => {
            "It was refused here before any call: a budget, a rate, a right or a model that nobody has."
        }
        ("failed", ..) | (_, _, 500..) => {
            "The provider failed by itself: others were tried where there are any; its status page tells more."
        }
        _ => "Look at one of the requests: `torod usage request` with its id shows what is known.",
    };
    told.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_an_advice_that_fits() {
        for (outcome, class, status, word) in [
            ("upstream_error", "credential_refused", 401, "torod provider test openai"),
            ("upstream_error", "rate_limited", 429, "limits are reached"),
            ("upstream_error", "out_of_credit", 402, "no credit"),
            ("upstream_error", "model_missing", 404, "torod models"),
            ("connect_failed", "unreachable", 0, "No connection"),
            ("timeout", "", 504, "silent"),
            ("client_abort", "", 200, "hung up"),
            ("upstream_error", "refused", 400, "fault with the request"),
            ("refused", "", 429, "limits"),
            ("refused", "", 403, "refused here"),
            ("upstream_error", "failed", 503, "failed by itself"),
            ("upstream_error", "", 418, "Look at one"),
        ] {
            let told = advice(outcome, class, status, "openai");
            assert!(told.contains(word) && told.ends_with('.'), "{outcome} {class} {status}: {told}");
        }
    }
}
