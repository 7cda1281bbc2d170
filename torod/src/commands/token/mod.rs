//! `torod token create|list|show|edit|rotate|revoke`: by the running daemon, or in the database itself when none runs.

mod act;
mod budget;
mod limits;
mod shown;
mod standing;

use std::io::Write;

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use tokenrouter_shared::{Lossy, Role};

use super::Exit;
use crate::access::Random;
use crate::access::edit::MAX_GRACE_MS;
use crate::clock::Clock;
use crate::config::Paths;
use limits::{LimitArgs, Setting};

/// Create, list, change and revoke tokens; works while the gateway runs and while it does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod token create --name laptop\n  torod token create --name team --role keymaster --budget 100usd/month\n  torod token create --name ci --ttl 8h --budget 5usd --allow 'openai/*' --json\n  torod token list --tree\n  torod token edit laptop --budget 10usd --rpm 60\n  torod token rotate laptop --grace 10m\n  torod token revoke laptop"
)]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and show its key, once.
    Create(Box<Create>),
    /// List the tokens.
    List(Box<List>),
    /// Show all that is known of one token.
    Show(Show),
    /// Change a token: what is not named stays.
    Edit(Box<Edit>),
    /// Give a token another key; the old one opens no more, or for a while.
    Rotate(Rotate),
    /// End a token and every token below it, at once.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(after_help = budget::GRAMMAR)]
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
    /// The id or name of the token that it belongs to and ends with.
    #[arg(long, value_name = "WHICH")]
    parent: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Never keep its conversations.
    #[arg(long)]
    no_capture: bool,
    /// What becomes of its requests that cannot be told to a provider without loss: warn or reject.
    #[arg(long, value_name = "WORD")]
    lossy: Option<Lossy>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod token list --tree\n  torod token list --search team=search --sort used\n  torod token list --all --role keymaster --json"
)]
struct List {
    /// Also those that were revoked or have expired.
    #[arg(long)]
    all: bool,
    /// Put those below another one under it.
    #[arg(long)]
    tree: bool,
    /// Only those with this text in name, id or labels.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only of this role.
    #[arg(long)]
    role: Option<Role>,
    /// Only those right below the token with this id or name.
    #[arg(long, value_name = "WHICH")]
    parent: Option<String>,
    /// In which order; used: the last used first.
    #[arg(long, value_name = "WORD", default_value = "created", value_parser = PossibleValuesParser::new(["created", "name", "used", "expires"]))]
    sort: String,
    /// The other way round.
    #[arg(long)]
    reverse: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  torod token show laptop")]
struct Show {
    /// Its id or its name.
    which: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = format!("Examples:\n  torod token edit laptop --name desktop --ttl 30d\n  torod token edit ci --budget 10usd --rpm none --label team=search\n\nThe word `none` takes a limit away. --budget, --allow and --deny replace all that were there.\n{}", budget::GRAMMAR)
)]
struct Edit {
    /// Its id or its name.
    which: String,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// How long it lives from now on: 30m, 8h, 30d; none: as long as its parent.
    #[arg(long, value_parser = lifetime_or_none, value_name = "TIME")]
    ttl: Option<Setting<i64>>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Take these labels away.
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    no_label: Vec<String>,
    /// Never keep its conversations.
    #[arg(long, conflicts_with = "capture")]
    no_capture: bool,
    /// Its conversations may be kept again.
    #[arg(long)]
    capture: bool,
    /// Keep what goes over the wire for it, for so long from now on: 30m, 1h, 7d at most; none: not any more.
    #[arg(long, value_parser = lifetime_or_none, value_name = "TIME")]
    inspect: Option<Setting<i64>>,
    /// What becomes of its requests that cannot be told to a provider without loss: warn, reject, or none: as torod.toml says.
    #[arg(long, value_name = "WORD", value_parser = lossy_or_none)]
    lossy: Option<Setting<Lossy>>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  torod token rotate laptop\n  torod token rotate ci --grace 10m --json")]
struct Rotate {
    /// Its id or its name.
    which: String,
    /// How long the old key opens too: 30s, 10m, 24h at most.
    #[arg(long, value_parser = grace_ms, value_name = "TIME")]
    grace: Option<i64>,
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

fn grace_ms(text: &str) -> Result<i64, String> {
    let ms = lifetime_ms(text)?;
    if ms > MAX_GRACE_MS { Err("the old key opens for 24h more at most".to_owned()) } else { Ok(ms) }
}

fn lifetime_or_none(text: &str) -> Result<Setting<i64>, String> {
    Setting::read(text, lifetime_ms)
}

fn lossy_or_none(text: &str) -> Result<Setting<Lossy>, String> {
    Setting::read(text, |text| text.parse().map_err(|e: tokenrouter_shared::lossy::NoLossy| format!("{e}, or none")))
}

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
        let way = act::Way::find(paths)?;
        let now_ms = clock.now_ms();
        match self.action {
            Action::Create(create) => {
                let json = create.json;
                let made = way.create(create.wanted(), random, now_ms).await?;
                if json { print_json(out, &made)? } else { shown::created(out, &made, is_terminal)? }
            }
            Action::List(list) => {
                let (json, is_tree, all, is_chosen) = (list.json, list.tree, list.all, list.is_chosen());
                let has_parents = list.parent.is_none();
                let views = way.list(&list.asked(), now_ms).await?;
                if json {
                    print_json(out, &views)?;
                } else if views.is_empty() {
                    shown::nothing(out, is_chosen, all)?;
                } else {
                    shown::list(out, &views, is_tree, has_parents, is_terminal, now_ms)?;
                }
            }
            Action::Show(show) => {
                let detail = way.show(&show.which, now_ms).await?;
                if show.json { print_json(out, &detail)? } else { shown::detail(out, &detail, now_ms)? }
            }
            Action::Edit(edit) => {
                let (json, which) = (edit.json, edit.which.clone());
                let change = edit.change();
                if change.is_empty() {
                    anyhow::bail!("nothing to change; say what, such as --budget 10usd (`torod token edit --help`)");
                }
                let detail = way.edit(&which, change, now_ms).await?;
                if json { print_json(out, &detail)? } else { shown::detail(out, &detail, now_ms)? }
            }
            Action::Rotate(rotate) => {
                let made = way.rotate(&rotate.which, rotate.grace, random, now_ms).await?;
                if rotate.json {
                    print_json(out, &made)?;
                } else {
                    shown::created(out, &made, is_terminal)?;
                }
                if is_terminal && !rotate.json {
                    shown::old_key(out, rotate.grace)?;
                }
            }
            Action::Revoke(revoke) => {
                let ended = way.revoke(&revoke.which, now_ms).await?;
                if revoke.json {
                    print_json(out, &ended)?;
                } else if ended.revoked.is_empty() {
                    writeln!(out, "{} had ended already", revoke.which)?;
                } else {
                    shown::revoked(out, &ended)?;
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
        assert_eq!(grace_ms("24h"), Ok(MAX_GRACE_MS));
        assert!(grace_ms("30h").unwrap_err().contains("24h"));
    }
}
