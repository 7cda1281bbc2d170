//! `toro status`: whether the gateway can serve, and what the stored token has left.

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokenrouter_shared::session::Me;

use super::Context;
use crate::client::{Client, ClientError, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::time::{Zone, distance};
use crate::printer::{counted, figures, plain, span};

/// Show whether the gateway can serve, and what your token has left.
///
/// Ends with 0 when the next request can be served, 1 when the gateway or your budget leaves none, 4 when the gateway is not
/// reached, 5 when it refuses the token.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro status\n  toro status --server work --json\n  toro -q status && toro codex")]
pub struct Status {}

/// `/health`: a provider's part is for those with a token.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Health {
    status: String,
    version: String,
    reason: String,
    providers: Vec<Provider>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Provider {
    name: String,
    enabled: bool,
    /// `up`, `failing`, or `unknown` where nobody asked it yet.
    state: String,
    failures_in_a_row: u32,
    last_ok_ms: i64,
    calls: u64,
    models: Option<u64>,
    protocols: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Told<'t> {
    server: &'t str,
    url: String,
    /// Whether the next request can be served.
    ok: bool,
    /// Why not.
    reason: Option<&'t str>,
    /// How long the gateway took to answer, in milliseconds.
    answered_ms: u64,
    health: &'t Health,
    me: &'t Me,
}

impl Status {
    /// Shows it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let server = context.server()?;
        let client = Client::new(&server)?;
        let begun = context.clock.moment();
        let health = block_on(health(&client))??;
        let answered_ms = u64::try_from(context.clock.moment().duration_since(begun).as_millis()).unwrap_or(u64::MAX);
        let me: Me = block_on(client.get("/admin/api/me"))??;
        let used_up = used_up(&me, context.clock.now_ms());
        let reason = match health.status.as_str() {
            "ok" => used_up.as_deref(),
            _ if health.reason.is_empty() => Some("the gateway cannot serve now"),
            _ => Some(health.reason.as_str()),
        };
        if context.printer.is_json() {
            let url = client.address().to_string();
            let told =
                Told { server: &server.name, url, ok: reason.is_none(), reason, answered_ms, health: &health, me: &me };
            context.printer.json(&told)?;
        } else if !context.printer.is_quiet() {
            told(context, &client, &health, &me, answered_ms, reason)?;
        }
        Ok(if reason.is_none() { Exit::Done } else { Exit::Failed })
    }
}

/// Of what nothing is left, by a budget or a rate of the token or of one above it, and until when.
fn used_up(me: &Me, now_ms: i64) -> Option<String> {
    let left = me.left.iter().find(|left| left.remaining == 0)?;
    let limit = figures::amount(left.unit, left.limit);
    let again = left
        .resets_ms
        .filter(|at| *at > now_ms)
        .map(|at| format!("; all of it is there again {}", distance(at, now_ms)));
    Some(format!("all of your {limit} is used up{}", again.unwrap_or_default()))
}

/// Also a gateway that cannot serve says who it is.
async fn health(client: &Client) -> Result<Health, ClientError> {
    let answer = client.send(Method::GET, "/health", HeaderMap::new(), Bytes::new()).await?;
    let status = answer.status;
    if status != StatusCode::OK && status != StatusCode::SERVICE_UNAVAILABLE {
        answer.checked().await?;
        return Err(ClientError::nonsense(&client.address().to_string(), &format!("it answers {status}")));
    }
    let url = client.address().to_string();
    let health: Health = answer.json().await?;
    if health.version.is_empty() {
        return Err(ClientError::nonsense(&url, "it does not say its version"));
    }
    Ok(health)
}

fn told(
    context: &Context,
    client: &Client,
    health: &Health,
    me: &Me,
    answered_ms: u64,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let printer = &context.printer;
    let (now_ms, zone) = (context.clock.now_ms(), Zone::here());
    let line = |label: &str, text: &str| printer.line(&format!("{label:<9}  {text}"));
    let version = plain(&health.version);
    line("gateway", &format!("{} (torod {version}), answers in {}", client.address(), span(answered_ms.max(1))))?;
    line("state", &reason.map_or_else(|| "ok".to_owned(), |why| format!("NOT OK: {}", plain(why))))?;
    let ends = me.ends_ms.or(me.expires_ms);
    let ends = ends.map_or_else(|| "never ends by itself".to_owned(), |at| format!("ends {}", zone.moment(at, now_ms)));
    line("token", &format!("{} ({}), {ends}", plain(&me.name), me.role))?;
    for budget in &me.budgets {
        line("budget", &figures::budget(budget, now_ms))?;
    }
    // What tokens above ours leave, where that is less than our own budgets do.
    for left in &me.left {
        let own = me.budgets.iter().filter(|budget| budget.unit == left.unit).map(|budget| budget.remaining).min();
        if own.is_none_or(|own| left.remaining < own) {
            let (rest, limit) = (figures::amount(left.unit, left.remaining), figures::amount(left.unit, left.limit));
            let again = left.resets_ms.filter(|at| *at > now_ms).map(|at| format!(", again {}", distance(at, now_ms)));
            line("at most", &format!("{rest} left of {limit}{}", again.unwrap_or_default()))?;
        }
    }
    if !me.limits.models.allow.is_empty() {
        line("models", &format!("only {}", plain(&me.limits.models.allow.join(", "))))?;
    }
    if !me.limits.models.deny.is_empty() {
        line("models", &format!("not {}", plain(&me.limits.models.deny.join(", "))))?;
    }
    let today = &me.usage_today;
    let used = format!(
        "{}, {} tokens, {} (since midnight UTC)",
        counted(today.requests, "request"),
        figures::short(today.total()),
        tokenrouter_shared::money::dollars(today.cost_nanos.saturating_add(today.unpriced_nanos))
    );
    line("today", &used)?;
    if health.providers.is_empty() {
        return line("providers", "none");
    }
    let up = health.providers.iter().filter(|provider| provider.enabled && provider.state != "failing").count();
    line("providers", &format!("{up} of {} can be asked", health.providers.len()))?;
    let mut table = printer.table().header(["provider", "state", "models", "calls", "last good answer", "protocols"]);
    table = table.numbers([2, 3]);
    for provider in &health.providers {
        let state = match (provider.enabled, provider.state.as_str()) {
            (false, _) => "disabled".to_owned(),
            (true, "failing") => format!("failing ({} in a row)", provider.failures_in_a_row),
            (true, "unknown") => "not asked yet".to_owned(),
            (true, state) => state.to_owned(),
        };
        let last = if provider.last_ok_ms > 0 { distance(provider.last_ok_ms, now_ms) } else { String::new() };
        let models = provider.models.map_or_else(|| figures::UNKNOWN.to_owned(), |n| n.to_string());
        table.row([&provider.name, &state, &models, &provider.calls.to_string(), &last, &provider.protocols.join(" ")]);
    }
    printer.line("")?;
    printer.line(&table.to_string())
}
