//! `torod alerts`: what somebody should know, by the running daemon, or from the database itself when none runs.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Local};
use clap::Subcommand;
use http::Method;
use tokenrouter_shared::alert::{AlertPage, AlertTested, AlertView, WebhookView};

use super::table::table;
use super::terminal::tell;
use super::{Exit, control, counted};
use crate::config::Paths;
use crate::store::alerts::{self as rows, AlertQuery};
use crate::store::lock::LockError;
use crate::store::{DATABASE, DirLock, schema};
use crate::telemetry::plain::plain;

const NOTHING: Option<&()> = None;

/// Show what somebody should know: quotas and budgets that run out, providers that are down, prices nobody knows.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  torod alerts\n  torod alerts --all --json\n  torod alerts acknowledge 12\n  torod alerts test\n\nWhat is told, and which webhooks are sent it, stands under [alerts] in torod.toml: `torod config reference`."
)]
pub struct Alerts {
    #[command(subcommand)]
    action: Option<Action>,
    /// Show those that are over too.
    #[arg(long)]
    all: bool,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say that you have seen an alert.
    #[command(visible_alias = "ack", after_help = "Examples:\n  torod alerts acknowledge 12")]
    Acknowledge {
        /// Its number.
        id: i64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send every webhook a trial and show what came of it.
    #[command(after_help = "Examples:\n  torod alerts test\n  torod alerts test --json")]
    Test {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Alerts {
    /// Shows or does it.
    pub async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), is_terminal: bool) -> anyhow::Result<Exit> {
        let dir = &paths.data_dir;
        match self.action {
            None => self.list(dir, out, is_terminal).await,
            Some(Action::Acknowledge { id, json }) => acknowledge(dir, out, id, json).await,
            Some(Action::Test { json }) => test(dir, out, is_terminal, json).await,
        }
    }

    async fn list(&self, dir: &Path, out: &mut (dyn Write + Send), is_terminal: bool) -> anyhow::Result<Exit> {
        let page = self.page(dir).await?;
        if self.json {
            serde_json::to_writer(&mut *out, &page)?;
            writeln!(out)?;
            return Ok(Exit::Done);
        }
        if page.alerts.is_empty() {
            writeln!(out, "{}", if self.all { "no alerts yet" } else { "nothing is wrong" })?;
        } else {
            show(out, &page.alerts, is_terminal)?;
        }
        if page.next.is_some() && is_terminal {
            writeln!(out, "\nThere are more: --limit shows them.")?;
        }
        besides(out, &page.webhooks)?;
        Ok(Exit::Done)
    }

    async fn page(&self, dir: &Path) -> anyhow::Result<AlertPage> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if !dir.join(DATABASE).exists() {
            let dir = dir.display();
            anyhow::bail!("there are no alerts: there is no database in {dir}; `torod serve` makes it");
        }
        match DirLock::take(dir) {
            Err(LockError::Held { .. }) => {
                let state = if self.all { "" } else { "&state=firing" };
                let path = format!("/admin/api/alerts?limit={limit}{state}");
                control::ask(dir, Method::GET, &path, NOTHING).await
            }
            Err(e) => Err(e.into()),
            Ok(_lock) => {
                let connection = schema::open_writer(dir)?;
                let query = AlertQuery { firing: (!self.all).then_some(true), limit, ..AlertQuery::default() };
                let (alerts, has_more) = rows::page(&connection, &query)?;
                let next = alerts.last().filter(|_| has_more).map(|alert| alert.id.to_string());
                let (_, unacknowledged) = rows::firing(&connection)?;
                Ok(AlertPage { alerts, unacknowledged, webhooks: Vec::new(), next })
            }
        }
    }
}

fn show(out: &mut dyn Write, alerts: &[AlertView], is_terminal: bool) -> std::io::Result<()> {
    let mut table = table(is_terminal).wrapped();
    table.set_header(["id", "since", "kind", "what", "state"]);
    table.keep_whole(&[0, 1, 2]);
    for alert in alerts {
        let state = match (alert.resolved_ms, &alert.acknowledged_by) {
            (Some(at_ms), _) => format!("over {}", time(at_ms)),
            (None, Some(by)) => format!("seen by {}", plain(by)),
            (None, None) => alert.severity.clone(),
        };
        let resets = alert.resets_ms.filter(|_| alert.resolved_ms.is_none());
        let until = resets.map(|at_ms| format!("; set back {}", time(at_ms))).unwrap_or_default();
        let what = format!("{}{until}", plain(&alert.message));
        table.add_row([alert.id.to_string(), time(alert.fired_ms), alert.kind.clone(), what, state]);
    }
    writeln!(out, "{table}")
}

/// Tells of webhooks that do not work.
fn besides(out: &mut dyn Write, webhooks: &[WebhookView]) -> std::io::Result<()> {
    for webhook in webhooks.iter().filter(|webhook| webhook.error.is_some() || webhook.lost > 0) {
        let waiting = usize::try_from(webhook.waiting).unwrap_or(usize::MAX);
        let lost = if webhook.lost > 0 { format!(", {} lost", webhook.lost) } else { String::new() };
        let why = webhook.error.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
        tell(out, &format!("webhook {}: {} waiting{lost}{why}", webhook.url, counted(waiting, "message")), 2)?;
    }
    Ok(())
}

fn time(at_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(at_ms);
    time.map(|time| time.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

async fn acknowledge(dir: &Path, out: &mut (dyn Write + Send), id: i64, json: bool) -> anyhow::Result<Exit> {
    running(dir)?;
    let path = format!("/admin/api/alerts/{id}/acknowledge");
    let alert: AlertView = control::ask(dir, Method::POST, &path, NOTHING).await?;
    if json {
        serde_json::to_writer(&mut *out, &alert)?;
        writeln!(out)?;
    } else {
        let by = alert.acknowledged_by.as_deref().unwrap_or_default();
        writeln!(out, "seen by {}: {}", plain(by), plain(&alert.message))?;
    }
    Ok(Exit::Done)
}

async fn test(dir: &Path, out: &mut (dyn Write + Send), is_terminal: bool, json: bool) -> anyhow::Result<Exit> {
    running(dir)?;
    let tested: AlertTested =
        control::ask_within(dir, Method::POST, "/admin/api/alerts/test", NOTHING, control::LONG).await?;
    let works = tested.webhooks.iter().all(|tried| tried.error.is_none());
    if json {
        serde_json::to_writer(&mut *out, &tested)?;
        writeln!(out)?;
    } else if tested.webhooks.is_empty() {
        tell(out, "there is no webhook: add `[[alerts.webhooks]]` with a `url` to torod.toml", 0)?;
    } else {
        let mut table = table(is_terminal);
        table.set_header(["webhook", "took", "what came of it"]);
        for tried in &tested.webhooks {
            let what = match (&tried.error, tried.status) {
                (Some(why), _) => plain(why).into_owned(),
                (None, status) => format!("it took the message (status {})", status.unwrap_or_default()),
            };
            table.add_row([tried.url.clone(), format!("{} ms", tried.took_ms), what]);
        }
        writeln!(out, "{table}")?;
    }
    Ok(if works { Exit::Done } else { Exit::Failed })
}

fn running(dir: &Path) -> anyhow::Result<()> {
    if !control::is_running(dir) {
        anyhow::bail!("no gateway runs on {}: start it with `torod serve`", dir.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_commands_no_terminal_and_says_who_has_seen_it() {
        let alert = AlertView {
            id: 7,
            kind: "budget".into(),
            severity: "critical".into(),
            subject: "a\u{1b}[2J".into(),
            key: "k".into(),
            message: "the budget of the token \"a\u{1b}[2J\" is used".into(),
            advice: "x".into(),
            state: "firing".into(),
            fired_ms: 0,
            resolved_ms: None,
            acknowledged_ms: None,
            acknowledged_by: None,
            permille: None,
            resets_ms: Some(60_000),
        };
        let seen = AlertView { acknowledged_by: Some("ann".into()), ..alert.clone() };
        let over = AlertView { resolved_ms: Some(5), ..seen.clone() };
        let mut out = Vec::new();
        show(&mut out, &[alert, seen, over], false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{1b}') && text.contains("critical") && text.contains("seen by ann"), "{text}");
        assert_eq!(text.matches("; set back").count(), 2, "{text}");
        assert_eq!(text.matches("over 1970").count() + text.matches("over 1969").count(), 1, "{text}");
    }
}
