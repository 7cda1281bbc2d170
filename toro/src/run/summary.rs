//! What a run cost, told at its end on standard error, or as JSON.

use std::time::Duration;

use serde::Serialize;
use tokenrouter_shared::budget::BudgetView;
use tokenrouter_shared::limits::BudgetUnit;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::run::RunDetail;
use tokenrouter_shared::usage_of::{UsageLine, UsageOf, UsageTotals};

use super::token::RunToken;
use crate::client::{Client, ClientError, block_on, escape};
use crate::commands::Context;
use crate::exit::Exit;
use crate::printer::{counted, grouped, plain, span};

/// The gateway has so long for the bill.
const PATIENCE: Duration = Duration::from_secs(3);
/// Rows are written some milliseconds after their requests; so often it is asked whether all are there.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// So many models are told by themselves.
const MODELS_TOLD: usize = 12;

/// The run as we saw it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'b> {
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// How long it took.
    pub duration: Duration,
    /// How the agent ended.
    pub exit: Exit,
    /// The agent.
    pub agent: &'b str,
}

/// The bill, as `--json` writes it.
#[derive(Debug, Serialize)]
struct Bill {
    agent: String,
    /// The id of the run and its token; `null` where it ran with the stored token itself.
    run: Option<String>,
    name: String,
    started_ms: i64,
    ended_ms: i64,
    duration_ms: u64,
    exit_code: Option<u8>,
    exit_signal: Option<i32>,
    /// Everything that it used; `null` where the gateway cannot be asked.
    totals: Option<UsageTotals>,
    models: Vec<UsageLine>,
    budgets: Vec<BudgetView>,
    /// Why there are no totals.
    error: Option<String>,
}

/// What was used, as far as the gateway says it.
#[derive(Debug, Default)]
struct Used {
    totals: UsageTotals,
    models: Vec<UsageLine>,
    budgets: Vec<BudgetView>,
}

/// Tells it.
pub fn tell(context: &Context, client: &Client, token: &RunToken, seen: &Seen<'_>) {
    let printer = &context.printer;
    if printer.is_quiet() && !printer.is_json() {
        return;
    }
    let used = block_on(async { tokio::time::timeout(PATIENCE, used(client, token, seen)).await });
    let used = match used {
        Ok(Ok(used)) => used.map_err(|e| e.to_string()),
        Ok(Err(_)) => Err("the gateway takes too long to say".to_owned()),
        Err(e) => Err(e.to_string()),
    };
    if printer.is_json() {
        let bill = bill(token, seen, used);
        let written = match printer.json_file() {
            Some(path) => printer.json_to(path, &bill),
            None => printer.json_beside(&bill),
        };
        if let Err(failure) = written {
            printer.warn(&failure.to_string());
        }
        return;
    }
    printer.say(&words(token, seen, used.as_ref().map_err(String::as_str)));
}

async fn used(client: &Client, token: &RunToken, seen: &Seen<'_>) -> Result<Used, ClientError> {
    let Some(id) = &token.id else {
        let path =
            format!("/admin/api/me/usage?by=model&since_ms={}&until_ms={}", seen.started_ms, seen.ended_ms + 1_000);
        // Nothing says how much there must be, so the last rows are given the time that they take.
        tokio::time::sleep(2 * PAUSE).await;
        let of: UsageOf = client.get(&path).await?;
        return Ok(Used { totals: of.total, models: of.rows, budgets: Vec::new() });
    };
    let path = format!("/admin/api/me/runs/{}", escape(id));
    let mut looks = 0;
    loop {
        let detail: RunDetail = client.get(&path).await?;
        looks += 1;
        let is_whole = detail.totals.requests >= detail.run.spent.requests
            && detail.totals.cost_nanos >= detail.run.spent.cost_nanos;
        if is_whole || looks == LOOKS {
            return Ok(Used { totals: detail.totals, models: detail.models, budgets: detail.budgets });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn bill(token: &RunToken, seen: &Seen<'_>, used: Result<Used, String>) -> Bill {
    let (exit_code, exit_signal) = match seen.exit {
        Exit::Signal(signal) => (None, Some(signal)),
        exit => (Some(exit.code()), None),
    };
    let error = used.as_ref().err().cloned();
    let (totals, used) = used.map_or_else(|_| (None, Used::default()), |used| (Some(used.totals), used));
    Bill {
        agent: seen.agent.to_owned(),
        run: token.id.clone(),
        name: token.name.clone(),
        started_ms: seen.started_ms,
        ended_ms: seen.ended_ms,
        duration_ms: ms(seen.duration),
        exit_code,
        exit_signal,
        totals,
        models: used.models,
        budgets: used.budgets,
        error,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The bill for people.
fn words(token: &RunToken, seen: &Seen<'_>, used: Result<&Used, &str>) -> String {
    let ran = format!("{} ran for {}", seen.agent, span(ms(seen.duration)));
    let used = match used {
        Ok(used) => used,
        Err(why) => return format!("{ran}; what it cost is not known: {why}"),
    };
    let totals = &used.totals;
    if totals.attempts == 0 && totals.requests == 0 {
        return std::iter::once(format!("{ran}; no model was asked"))
            .chain(left(&used.budgets))
            .collect::<Vec<_>>()
            .join("\n");
    }
    let mut lines = vec![format!("{ran}: {}, {}", counted(totals.requests, "request"), cost(totals))];
    if totals.counts.total() > 0 {
        lines.push(buckets(totals));
    }
    if totals.failures > 0 {
        let attempts = counted(totals.attempts, "attempt");
        lines.push(format!("  {} of {attempts} failed", grouped(totals.failures)));
    }
    if used.models.len() > 1 {
        let name = |line: &UsageLine| plain(if line.name.is_empty() { &line.key } else { &line.name });
        let width = used.models.iter().take(MODELS_TOLD).map(|line| name(line).chars().count()).max().unwrap_or(0);
        for line in used.models.iter().take(MODELS_TOLD) {
            let (name, requests) = (name(line), counted(line.totals.requests, "request"));
            lines.push(format!("  {name:<width$}  {requests}, {}", cost(&line.totals)));
        }
        if let Some(more) = used.models.len().checked_sub(MODELS_TOLD).filter(|more| *more > 0) {
            lines.push(format!("  and {more} more"));
        }
    }
    lines.extend(left(&used.budgets));
    if token.id.is_none() {
        lines.push("  (all that was used with the stored token meanwhile)".to_owned());
    }
    lines.join("\n")
}

fn cost(totals: &UsageTotals) -> String {
    let all = dollars(totals.cost_nanos);
    match totals.unpriced_attempts {
        0 => all,
        n if n == totals.attempts && totals.cost_nanos == 0 => "no price is known".to_owned(),
        n => format!("{all} ({} without a known price)", counted(n, "attempt")),
    }
}

fn buckets(totals: &UsageTotals) -> String {
    let counts = &totals.counts;
    let mut input = Vec::new();
    let written = counts.cache_write_5m.saturating_add(counts.cache_write_1h);
    for (n, what) in [(counts.cache_read, "from the prompt cache"), (written, "written to it")] {
        if n > 0 {
            input.push(format!("{} {what}", grouped(n)));
        }
    }
    if let Some(share) = counts.cached_per_mille().filter(|_| counts.cache_read > 0) {
        input.push(format!("{}.{}% hit", share / 10, share % 10));
    }
    let of = |parts: &[String]| if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let mut output = Vec::new();
    if counts.reasoning > 0 {
        output.push(format!("{} reasoning", grouped(counts.reasoning)));
    }
    let estimated = match totals.estimated_per_mille() {
        0 => String::new(),
        share => format!(", {}.{}% of it estimated", share / 10, share % 10),
    };
    let (taken, given) = (grouped(counts.input()), grouped(counts.output));
    format!("  tokens: {taken} in{}, {given} out{}{estimated}", of(&input), of(&output))
}

/// What was left of each budget.
fn left(budgets: &[BudgetView]) -> Vec<String> {
    let told = |budget: &BudgetView| {
        let (left, limit) = match budget.unit {
            BudgetUnit::UsdNanos => (dollars(budget.remaining), dollars(budget.limit)),
            BudgetUnit::Requests => (grouped(budget.remaining), counted(budget.limit, "request")),
            BudgetUnit::Tokens => (grouped(budget.remaining), counted(budget.limit, "token")),
        };
        if budget.remaining == 0 {
            return format!("  budget: all of {limit} is used up");
        }
        format!("  budget: {left} left of {limit}")
    };
    budgets.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use tokenrouter_shared::limits::Window;
    use tokenrouter_shared::usage_of::Buckets;

    use super::*;

    fn seen(exit: Exit) -> Seen<'static> {
        Seen { started_ms: 1_000, ended_ms: 64_000, duration: Duration::from_secs(63), exit, agent: "codex" }
    }

    fn token() -> RunToken {
        RunToken { id: Some("tok_1".into()), key: "tr_x".into(), name: "n".into(), expires_ms: None }
    }

    fn some() -> Used {
        let counts =
            Buckets { input_uncached: 1_000, cache_read: 9_000, output: 500, reasoning: 200, ..Buckets::default() };
        let totals = UsageTotals {
            requests: 3,
            attempts: 4,
            failures: 1,
            counts,
            cost_nanos: 12_345_678,
            ..UsageTotals::default()
        };
        let line = |key: &str| UsageLine { key: key.into(), name: key.into(), totals };
        let budget = BudgetView {
            unit: BudgetUnit::UsdNanos,
            limit: 5_000_000_000,
            window: Window::Lifetime,
            used: 12_345_678,
            remaining: 4_987_654_322,
            resets_ms: None,
        };
        Used { totals, models: vec![line("a\u{1b}[31m"), line("bb")], budgets: vec![budget] }
    }

    #[test]
    fn the_bill_says_time_requests_buckets_cost_models_and_what_is_left() {
        let text = words(&token(), &seen(Exit::Code(0)), Ok(&some()));
        let expected = "codex ran for 63 s: 3 requests, $0.0123\n  \
            tokens: 10,000 in (9,000 from the prompt cache, 90.0% hit), 500 out (200 reasoning)\n  \
            1 of 4 attempts failed\n  a\u{fffd}[31m  3 requests, $0.0123\n  bb      3 requests, $0.0123\n  \
            budget: $4.99 left of $5.00";
        assert_eq!(text, expected);
        let text = words(&token(), &seen(Exit::Code(0)), Err("it is gone"));
        assert_eq!(text, "codex ran for 63 s; what it cost is not known: it is gone");
        assert_eq!(
            words(&token(), &seen(Exit::Code(0)), Ok(&Used::default())),
            "codex ran for 63 s; no model was asked"
        );
    }

    #[test]
    fn json_tells_death_by_signal_from_a_code() {
        let of = |exit| serde_json::to_value(bill(&token(), &seen(exit), Ok(some()))).unwrap();
        let code = of(Exit::Code(42));
        assert_eq!((&code["exit_code"], &code["exit_signal"]), (&42.into(), &serde_json::Value::Null));
        assert_eq!((&code["duration_ms"], &code["totals"]["requests"]), (&63_000.into(), &3.into()));
        assert_eq!(of(Exit::Signal(9))["exit_signal"], 9);
        assert!(!code.to_string().contains("tr_x"));
    }
}
