//! `torod models update`: newer prices and facts are read, what they change is shown, and only then are they taken.

use std::collections::BTreeMap;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use comfy_table::{Cell, CellAlignment};
use http::header::{ACCEPT_ENCODING, LOCATION, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use tokenrouter::call::{Client, Guard, Pieces, Timeouts};
use tokenrouter::catalog::{Catalogue, Change, FactChange, Import, ImportError};

use super::super::provider::with_sign_of_life;
use super::super::table::table;
use super::super::{Exit, control, prompt};
use crate::clock::Clock;
use crate::config::{self, Egress, Paths};
use crate::store::DataSet;
use crate::telemetry::plain::plain;
use crate::upstreams::catalogue::updated;

/// The list that ours is made from, as its makers publish it.
const USUAL: &str = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";
/// The most that is read: what is larger is refused with a sentence.
const MAX_BYTES: usize = 33 << 20;
/// How long the connection may take.
const CONNECT: Duration = Duration::from_secs(15);
/// So many changes are shown one by one; `--all` shows the rest.
const SHOWN: usize = 40;

/// Take newer prices and facts, after showing what would change.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod models update                       from litellm's public list\n  torod models update --from prices.json    from a file\n  torod models update --dry-run             only show what would change\n  torod models update --forget              back to what came with this torod\n\nTwo formats are read: torod's own models.json and litellm's list of prices. A file that is damaged, older than\nwhat is known is refused whole, a price that is absurd is left out and named. What providers list themselves and\nwhat torod.toml says goes before it."
)]
pub(super) struct Update {
    /// A file or a URL; `-` is the standard input.
    #[arg(long, value_name = "FILE|URL", default_value = USUAL, hide_default_value = true)]
    from: String,
    /// Take it without asking.
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what would change and take nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Show every change.
    #[arg(long)]
    all: bool,
    /// Remove the newer file: what came with this torod counts again.
    #[arg(long, conflicts_with_all = ["from", "dry_run", "all"])]
    forget: bool,
    /// How long fetching may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Print JSON, and ask nothing: only with `--yes` it is taken.
    #[arg(long)]
    json: bool,
}

/// What was found and done, as JSON.
#[derive(Serialize)]
struct Told<'a> {
    taken: bool,
    version: &'a str,
    made: &'a str,
    changed: Vec<Line<'a>>,
    facts: Vec<Fact<'a>>,
    added: &'a [String],
    missing: &'a [String],
    doubted: &'a [String],
}

#[derive(Serialize)]
struct Fact<'a> {
    provider: &'a str,
    model: &'a str,
    fact: &'static str,
    old: Option<u64>,
    new: Option<u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    provider: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    when: String,
    unit: &'static str,
    old: Option<String>,
    new: Option<String>,
}

impl Update {
    pub(super) async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let set = DataSet::new(&paths.data_dir);
        if self.forget {
            let had = set.remove()?;
            tell_daemon(&paths.data_dir).await?;
            let told =
                if had { "removed: what came with this torod counts again" } else { "there was nothing to forget" };
            if self.json {
                writeln!(out, "{}", serde_json::json!({ "forgotten": had }))?;
            } else {
                writeln!(out, "{told}")?;
            }
            return Ok(Exit::Done);
        }
        let bytes = self.fetch(&paths.config_file).await?;
        let today = day(clock.now_ms());
        let known = updated(&set).or_else(|why| {
            prompt::say(&format!("what was taken before cannot be used and is left out: {why}"))?;
            anyhow::Ok(Catalogue::embedded().clone())
        })?;
        let import = known.import(&bytes, &today).map_err(|why| refused(&why))?;
        if !self.json {
            self.show(out, &import, is_terminal)?;
        }
        let taken = import.is_news() && !self.dry_run && (self.yes || (!self.json && ask()?));
        if taken {
            crate::store::schema::make_dir(&paths.data_dir)?;
            set.write(&bytes, &today)?;
            tell_daemon(&paths.data_dir).await?;
        }
        if self.json {
            let line = |change| line(change);
            let told = Told {
                taken,
                version: import.set.version(),
                made: import.set.made(),
                changed: import.changes.iter().map(line).collect(),
                facts: import.facts.iter().map(fact).collect(),
                added: &import.added,
                missing: &import.missing,
                doubted: &import.doubted,
            };
            serde_json::to_writer(&mut *out, &told)?;
            writeln!(out)?;
        } else if taken {
            writeln!(out, "taken, a running torod included; `torod models update --forget` undoes it")?;
        } else if !import.is_news() {
            writeln!(out, "nothing to take: all of it is known already")?;
        } else {
            writeln!(out, "nothing was taken")?;
        }
        Ok(Exit::Done)
    }

    async fn fetch(&self, config_file: &Path) -> anyhow::Result<Vec<u8>> {
        if self.from == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .take(MAX_BYTES as u64)
                .read_to_end(&mut bytes)
                .context("cannot read the standard input")?;
            return Ok(bytes);
        }
        if !self.from.starts_with("http://") && !self.from.starts_with("https://") {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(&self.from).with_context(|| format!("cannot read {}", plain(&self.from)))?;
            file.take(MAX_BYTES as u64).read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
        let uri = Uri::try_from(&self.from).context("this is no URL")?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        if host.contains('@') {
            bail!(
                "a URL with a password in it ends up in logs and histories: fetch the file yourself, then `--from FILE`"
            );
        }
        let (limit, what) = (Duration::from_secs(self.timeout), format!("reading from {}", plain(host)));
        let asked = tokio::time::timeout(limit, download(&uri, guard(config_file)?));
        let asked = with_sign_of_life(asked, !self.json, &|| what.clone()).await?;
        let Ok(answer) = asked else {
            bail!(
                "no answer within {} s: `--timeout` waits longer, `--from FILE` takes what you fetched yourself",
                self.timeout
            );
        };
        answer.map_err(|e| anyhow::anyhow!("{e:#}. `--from FILE` takes what you fetched yourself"))
    }

    fn show(&self, out: &mut dyn Write, import: &Import, is_terminal: bool) -> anyhow::Result<()> {
        let (models, providers) = import.set.len();
        let mut by_model: BTreeMap<(&str, &str), Vec<&Change>> = BTreeMap::new();
        for change in &import.changes {
            by_model.entry((&change.provider, &change.model)).or_default().push(change);
        }
        if !by_model.is_empty() {
            writeln!(out, "prices that change, in US dollars per million:")?;
            let mut table = table(is_terminal);
            table.set_header(["provider/model", "what", "now", "then"]);
            let shown = if self.all { usize::MAX } else { SHOWN };
            for change in by_model.values().flatten().take(shown) {
                let Line { when, unit, old, new, .. } = line(change);
                let what = if when.is_empty() { unit.to_owned() } else { format!("{unit}, {when}") };
                let name = plain(&format!("{}/{}", change.provider, change.model)).to_string();
                let rate = |rate: Option<String>| {
                    Cell::new(rate.unwrap_or_else(|| "unknown".into())).set_alignment(CellAlignment::Right)
                };
                table.add_row([Cell::new(name), Cell::new(what), rate(old), rate(new)]);
            }
            writeln!(out, "{table}")?;
            if let Some(more) = import.changes.len().checked_sub(shown).filter(|more| *more > 0) {
                writeln!(out, "… and {more} more: `--all` shows them")?;
            }
        }
        for change in import.facts.iter().take(if self.all { usize::MAX } else { 5 }) {
            let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            let name = format!("{}/{}", change.provider, change.model);
            match change.fact {
                "abilities" => writeln!(out, "{}: what it can do or takes changes", plain(&name))?,
                fact => writeln!(out, "{}: {fact} {} → {}", plain(&name), tokens(change.old), tokens(change.new))?,
            }
        }
        if let Some(more) = import.facts.len().checked_sub(5).filter(|more| *more > 0 && !self.all) {
            writeln!(out, "… and {more} more facts: `--all` shows them")?;
        }
        let few = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        writeln!(
            out,
            "{}, {}; {models} models of {providers} providers, made {}",
            few(import.changes.len(), "rate changes", "rates change"),
            few(import.facts.len(), "fact changes", "facts change"),
            import.set.made()
        )?;
        for (what, names) in [
            ("get a price that had none", &import.added),
            ("have no price in this list; the one that came with torod goes on", &import.missing),
            ("have a price that is not believed; the one that is known goes on", &import.doubted),
        ] {
            if names.is_empty() {
                continue;
            }
            let shown = if self.all { names.len() } else { names.len().min(5) };
            let some: Vec<String> = names.iter().take(shown).map(|name| plain(name).to_string()).collect();
            let more = if names.len() > shown { ", …" } else { "" };
            writeln!(out, "{} {what}: {}{more}", names.len(), some.join(", "))?;
        }
        Ok(())
    }
}

fn line(change: &Change) -> Line<'_> {
    Line {
        provider: &change.provider,
        model: &change.model,
        when: change.when.to_string(),
        unit: change.unit.as_str(),
        old: change.old.map(|rate| rate.to_string()),
        new: change.new.map(|rate| rate.to_string()),
    }
}

fn fact(change: &FactChange) -> Fact<'_> {
    let FactChange { provider, model, fact, old, new } = change;
    Fact { provider, model, fact, old: *old, new: *new }
}

fn refused(why: &ImportError) -> anyhow::Error {
    let more = match why {
        ImportError::Older { .. } => "; `torod models update --forget` drops what was taken before",
        _ => "",
    };
    anyhow::anyhow!("nothing was changed: {why}{more}")
}

fn ask() -> anyhow::Result<bool> {
    if !prompt::is_possible() {
        bail!("nobody is there to be asked: `--yes` takes it, `--dry-run` only shows it");
    }
    prompt::confirm("Take it?", true)
}

/// `YYYY-MM-DD`.
fn day(now_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(now_ms).unwrap_or_default().format("%Y-%m-%d").to_string()
}

/// Where torod may connect to, as its file says.
fn guard(config_file: &Path) -> anyhow::Result<Guard> {
    let egress = if config_file.exists() { config::load(config_file)?.egress } else { Egress::default() };
    Ok(egress.guard())
}

async fn download(uri: &Uri, guard: Guard) -> anyhow::Result<Vec<u8>> {
    let request = Request::get(uri)
        .header(USER_AGENT, concat!("torod/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT_ENCODING, "identity")
        .body(Pieces::default())?;
    let timeouts = Timeouts { connect: CONNECT, ..Timeouts::default() };
    let answer = Client::guarded(timeouts, 1, guard).send(request).await?;
    let status = answer.status();
    if let Some(to) = answer.headers().get(LOCATION).filter(|_| status.is_redirection()) {
        bail!("it is elsewhere now: `--from {}`", plain(&String::from_utf8_lossy(to.as_bytes())));
    }
    if !status.is_success() {
        bail!("the answer was {status}");
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|e| anyhow::anyhow!(e)).context("the answer broke off or is too long")?;
    Ok(body.to_bytes().to_vec())
}

/// A daemon that holds the folder takes it at once.
async fn tell_daemon(data_dir: &Path) -> anyhow::Result<()> {
    if control::is_running(data_dir) {
        let told: anyhow::Result<serde_json::Value> =
            control::ask(data_dir, Method::POST, "/admin/api/reload", None::<&()>).await;
        told.context("the file is in place, but the running daemon did not take it")?;
    }
    Ok(())
}
