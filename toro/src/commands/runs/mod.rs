//! `toro runs`: past runs and what they cost; one with its sessions and sub-agents.

mod shown;

use clap::{Args, Subcommand};
use tokenrouter_shared::run::{RunDetail, RunPage, RunView};

use super::Context;
use crate::client::{Client, ClientError, block_on, escape};
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::printer::time::Zone;

/// So many runs come with one answer at most.
const PAGE: u32 = 200;

/// List past runs with what they cost, or show one with its sessions.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  toro runs\n  toro runs codex --since 7d\n  toro runs --limit 500 --json\n  toro runs show"
)]
pub struct Runs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one run: what it used by model, its sessions and their sub-agents.
    Show(Show),
}

#[derive(Debug, Args)]
struct List {
    /// Only those with these words in name, id or labels, such as an agent's name or a repository's.
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// Only those that began then or later: 2026-11-01, 2026-11-01T14:00, or so long ago as 36h or 7d.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// So many at most, the newest first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value = "30")]
    limit: u32,
    /// Only those of this token below yours, gone or not; for an admin any, or '*' for all.
    #[arg(long, value_name = "WHICH")]
    token: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro runs show\n  toro runs show tok_0123456789abcdef --json")]
struct Show {
    /// Its id, as `toro runs` lists it [default: the newest].
    id: Option<String>,
}

impl Runs {
    /// Shows them.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.action {
            Some(Action::Show(show)) => show.run(context),
            None => self.list.run(context),
        }
    }
}

impl Show {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let detail = block_on(async {
            let id = match &self.id {
                Some(id) => id.clone(),
                None => {
                    let page: RunPage = client.get("/admin/api/me/runs?limit=1").await?;
                    page.runs.into_iter().next().map(|run| run.id).ok_or_else(no_run)?
                }
            };
            let detail: Result<RunDetail, ClientError> =
                client.get(&format!("/admin/api/me/runs/{}", escape(&id))).await;
            detail.map_err(Failure::from)
        })??;
        if context.printer.is_json() {
            context.printer.json(&detail)?;
        } else {
            shown::detail(&context.printer, &detail, context.clock.now_ms())?;
        }
        Ok(Exit::Done)
    }
}

fn no_run() -> Failure {
    Failure::failed("there was no run yet", "`toro codex` or `toro wrap -- CMD` makes one.")
}

impl List {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let since_ms = match &self.since {
            None => None,
            Some(text) => {
                Some(Zone::here().read(text, context.clock.now_ms(), false).filter(|ms| *ms >= 0).ok_or_else(|| {
                    let message = format!("`{}` after --since is no time", plain(text));
                    Failure::unclear(message, "Write 2026-11-01, 2026-11-01T14:00, or so long ago as 36h or 7d.")
                })?)
            }
        };
        let client = context.client()?;
        let (runs, has_more) = block_on(self.all(&client, since_ms))??;
        if context.printer.is_json() {
            context.printer.json(&serde_json::json!({ "runs": runs, "more": has_more }))?;
            return Ok(Exit::Done);
        }
        if runs.is_empty() {
            let narrowed = !self.search.is_empty() || self.since.is_some() || self.token.is_some();
            context.printer.say(if narrowed {
                "no run is like that"
            } else {
                "there was no run yet; `toro codex` or `toro wrap -- CMD` makes one"
            });
            return Ok(Exit::Done);
        }
        shown::list(&context.printer, &runs, context.clock.now_ms())?;
        if has_more {
            context.printer.say("There are older ones: --limit, --since and words to search by show them.");
        }
        Ok(Exit::Done)
    }

    /// As many as are wanted, page by page, and whether there are more.
    async fn all(&self, client: &Client, since_ms: Option<i64>) -> Result<(Vec<RunView>, bool), ClientError> {
        let wanted = self.limit as usize;
        let (mut runs, mut cursor): (Vec<RunView>, Option<String>) = (Vec::new(), None);
        let search = Some(self.search.join(" ")).filter(|words| !words.is_empty());
        loop {
            let rest = u32::try_from(wanted - runs.len()).unwrap_or(PAGE).min(PAGE);
            let said = [
                ("limit", Some(rest.to_string())),
                ("q", search.clone()),
                ("since_ms", since_ms.map(|ms| ms.to_string())),
                ("token", self.token.clone()),
                ("cursor", cursor.take()),
            ];
            let said = said.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", escape(&value?))));
            let path = format!("/admin/api/me/runs?{}", said.collect::<Vec<_>>().join("&"));
            let page: RunPage = client.get(&path).await?;
            let is_empty = page.runs.is_empty();
            runs.extend(page.runs.into_iter().take(wanted - runs.len()));
            cursor = page.next;
            // A page without runs that has a next one is none of ours.
            if cursor.is_none() || runs.len() >= wanted || is_empty {
                return Ok((runs, cursor.is_some()));
            }
        }
    }
}
