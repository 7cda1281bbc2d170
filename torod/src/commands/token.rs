//! `torod token create|list|revoke`: by the running daemon, or in the database itself when none runs.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;
use tokenrouter_shared::token::{TokenCreate, TokenCreated, TokenRevoked, TokenState, TokenView};
use tokenrouter_shared::{Lossy, Role};

use super::table::table;
use super::{Exit, control};
use crate::access::issue::{self, Draft, IssueError};
use crate::access::{Operator, Random};
use crate::clock::Clock;
use crate::config::Paths;
use crate::store::lock::LockError;
use crate::store::{Connection, DirLock, schema};

/// Create, list and revoke tokens; works while the gateway runs and while it does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod token create --name laptop\n  torod token create --name ci --ttl 8h --json\n  torod token list\n  torod token revoke laptop"
)]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and show its key, once.
    Create(Create),
    /// List the tokens.
    List(List),
    /// End a token and every token below it, at once.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// What it may do: inferrer uses models, keymaster also makes tokens, admin may do everything.
    #[arg(long, default_value = "inferrer")]
    role: Role,
    /// How long it lives: 30m, 8h, 30d; without it, as long as its parent.
    #[arg(long, value_parser = lifetime_ms, value_name = "TIME")]
    ttl: Option<i64>,
    /// The id of the token that it belongs to and ends with.
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// What becomes of its requests that cannot be told to a provider without loss: warn or reject.
    #[arg(long, value_name = "WORD")]
    lossy: Option<Lossy>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// Also those that were revoked or have expired.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Revoke {
    /// Its id or its name.
    which: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A number of milliseconds from text such as `90s`, `30m`, `8h`, `30d`.
fn lifetime_ms(text: &str) -> Result<i64, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
    let said = || format!("`{text}` is no lifetime; write 30m, 8h or 30d");
    let (number, unit) = units.iter().find_map(|(end, ms)| Some((text.strip_suffix(end)?, *ms))).ok_or_else(said)?;
    let number: i64 = number.parse().map_err(|_| said())?;
    number.checked_mul(unit).filter(|ms| *ms > 0).ok_or_else(said)
}

/// Who does it: the daemon that holds the data folder, or this command.
enum Way {
    Daemon,
    Here(Connection, DirLock),
}

fn way(paths: &Paths) -> anyhow::Result<Way> {
    match DirLock::take(&paths.data_dir) {
        Ok(lock) => Ok(Way::Here(schema::open_writer(&paths.data_dir)?, lock)),
        Err(LockError::Held { .. }) => Ok(Way::Daemon),
        Err(e) => Err(e.into()),
    }
}

fn told(e: &IssueError) -> anyhow::Error {
    let problem = e.problem();
    anyhow::anyhow!("{} {}", problem.message, problem.advice)
}

const NOTHING: Option<&()> = None;

impl Token {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        is_terminal: bool,
        clock: Clock,
        random: Random,
    ) -> anyhow::Result<Exit> {
        let dir = &paths.data_dir;
        match self.action {
            Action::Create(create) => {
                let wanted = TokenCreate {
                    name: create.name,
                    role: create.role,
                    ttl_ms: create.ttl,
                    parent: create.parent,
                    lossy: create.lossy,
                    ..TokenCreate::default()
                };
                let made: TokenCreated = match way(paths)? {
                    Way::Daemon => control::ask(dir, Method::POST, "/admin/api/tokens", Some(&wanted)).await?,
                    Way::Here(mut connection, _lock) => {
                        let draft = Draft::draw(random)?;
                        let by = Operator::LocalOwner;
                        issue::create(&mut connection, &draft, &wanted, &by, clock.now_ms())
                            .map_err(|e| told(&e))?
                            .answer
                    }
                };
                if create.json { print_json(out, &made)? } else { show_created(out, &made, is_terminal)? }
            }
            Action::List(list) => {
                let path = format!("/admin/api/tokens?all={}", list.all);
                let views: Vec<TokenView> = match way(paths)? {
                    Way::Daemon => control::ask(dir, Method::GET, &path, NOTHING).await?,
                    Way::Here(connection, _lock) => {
                        issue::list(&connection, &Operator::LocalOwner, list.all, clock.now_ms())
                            .map_err(|e| told(&e))?
                    }
                };
                if list.json { print_json(out, &views)? } else { show_list(out, &views, is_terminal, &clock)? }
            }
            Action::Revoke(revoke) => {
                let path = format!("/admin/api/tokens/{}", control::escape(&revoke.which));
                let ended: TokenRevoked = match way(paths)? {
                    Way::Daemon => control::ask(dir, Method::DELETE, &path, NOTHING).await?,
                    Way::Here(mut connection, _lock) => {
                        let by = Operator::LocalOwner;
                        issue::revoke(&mut connection, &revoke.which, &by, clock.now_ms()).map_err(|e| told(&e))?.answer
                    }
                };
                if revoke.json {
                    print_json(out, &ended)?;
                } else if ended.revoked.is_empty() {
                    writeln!(out, "{} had ended already", ended.id)?;
                } else {
                    writeln!(out, "revoked {}", ended.revoked.join(" "))?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value).context("cannot write")?;
    writeln!(out)?;
    Ok(())
}

fn show_created(out: &mut dyn Write, made: &TokenCreated, is_terminal: bool) -> std::io::Result<()> {
    if !is_terminal {
        return writeln!(out, "{}", made.key);
    }
    writeln!(out, "Token {} ({}, {}), shown once:\n\n  {}\n", made.id, made.name, made.role, made.key)?;
    writeln!(out, "Clients send it as their API key. `torod token revoke {}` ends it.", made.id)
}

fn show_list(out: &mut dyn Write, views: &[TokenView], is_terminal: bool, clock: &Clock) -> std::io::Result<()> {
    if views.is_empty() {
        return writeln!(out, "no tokens; `torod token create` makes one");
    }
    let mut table = table(is_terminal);
    table.set_header(["id", "name", "role", "state", "created", "expires", "last used", "parent"]);
    for view in views {
        table.add_row([
            view.id.clone(),
            view.name.clone(),
            view.role.to_string(),
            view.state.as_str().to_owned(),
            ago(clock.now_ms(), Some(view.created_ms)),
            match view.expires_ms {
                Some(at) if view.state == TokenState::Live => in_time(at.saturating_sub(clock.now_ms())),
                Some(at) => ago(clock.now_ms(), Some(at)),
                None => "never".to_owned(),
            },
            ago(clock.now_ms(), view.last_used_ms),
            view.parent.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}")
}

fn ago(now_ms: i64, at_ms: Option<i64>) -> String {
    at_ms.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span(now_ms.saturating_sub(at))))
}

fn in_time(ms: i64) -> String {
    format!("in {}", span(ms))
}

fn span(ms: i64) -> String {
    match ms.max(0) / 1000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lifetimes() {
        assert_eq!(lifetime_ms("8h"), Ok(28_800_000));
        assert_eq!(lifetime_ms("30d"), Ok(2_592_000_000));
        for wrong in ["", "8", "h", "-1h", "0s", "1y", "99999999999999999999d", "9999999999999d"] {
            assert!(lifetime_ms(wrong).is_err(), "{wrong}");
        }
    }
}
