//! `torod models`: what the gateway can be asked for, what it can do and what it costs.

mod asking;
pub(in crate::commands) use asking::world;
mod catalogue;
mod listing;
mod opencode;
mod show;
mod update;
mod words;

use std::io::Write;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use tokenrouter::catalog::listing::{Need, Selection, Sort};
use tokenrouter_shared::model::ModelsView;

use super::Exit;
use crate::clock::Clock;
use crate::config::{self, Paths};

/// List and search models: what they can, how much fits, what they cost.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  torod models\n  torod models sonnet\n  torod models --can tools,vision --max-price 5 --sort price\n  torod models --provider openrouter --free\n  torod models show anthropic/claude-sonnet-4-5\n  torod models --format opencode > opencode.json\n  codex debug models --bundled | torod models --format codex --join - > models.json\n\nPrices are US dollars for a million tokens. `unknown` is not zero: nobody said so.\nWith a running gateway its providers' lists count; without one, what torod.toml says and what was listed before."
)]
pub struct Models {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show all that is known of one model, and where it is known from.
    Show(show::Show),
    /// Take newer prices and facts, after showing what would change.
    Update(update::Update),
}

#[derive(Debug, Args)]
struct List {
    /// Only models with these words in their names.
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// Only this provider's models.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only models that are known to be good for all of this.
    #[arg(long, value_name = "WORDS", value_delimiter = ',', value_parser = need, long_help = needs_help())]
    can: Vec<String>,
    /// Only models that cost nothing.
    #[arg(long)]
    free: bool,
    /// Only models of which a million tokens, in or out, cost at most so many US dollars.
    #[arg(long, value_name = "USD", value_parser = price)]
    max_price: Option<String>,
    /// In which order.
    #[arg(long, value_name = "WORD", value_parser = sorts())]
    sort: Option<String>,
    /// So many at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print JSON; so it is too where no terminal reads it.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How to print: as a table, as JSON, only the names, or as an agent's configuration.
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// With `--format codex`: a catalogue to add to, as `codex debug models --bundled` prints it; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    join: Option<PathBuf>,
    /// With `--format opencode`: where the gateway is to be reached, if not where torod.toml says.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people.
    Table,
    /// Everything, one model a line.
    Json,
    /// One name a line.
    Names,
    /// A catalogue for Codex (`model_catalog_json`).
    Codex,
    /// A provider for opencode.json.
    Opencode,
}

/// A word that `--can` knows; `-` and `_` are the same.
fn need(word: &str) -> Result<String, String> {
    match Selection::default().set("can", word) {
        Ok(()) => Ok(word.to_owned()),
        Err(unclear) => Err(format!("{}: say {}", unclear.message, unclear.closest.join(" or "))),
    }
}

fn needs_help() -> String {
    let words: Vec<&str> = Need::ALL.iter().map(|need| need.as_str()).collect();
    format!("Only models that are known to be good for all of this, with commas between:\n{}", words.join(", "))
}

fn sorts() -> PossibleValuesParser {
    PossibleValuesParser::new(Sort::ALL.map(Sort::as_str))
}

fn price(text: &str) -> Result<String, String> {
    let mut wanted = Selection::default();
    wanted.set("max_price", text).map(|()| text.to_owned()).map_err(|unclear| unclear.message)
}

impl List {
    /// The wishes, as in a query.
    fn wishes(&self) -> Vec<(&'static str, String)> {
        let mut wishes = Vec::new();
        let mut add = |key, value: Option<String>| wishes.extend(value.map(|value| (key, value)));
        add("search", Some(self.search.join(" ")).filter(|words| !words.is_empty()));
        add("provider", self.provider.clone());
        add("can", Some(self.can.join(",")).filter(|words| !words.is_empty()));
        add("free", self.free.then(|| "true".to_owned()));
        add("max_price", self.max_price.clone());
        add("sort", self.sort.clone());
        add("limit", self.limit.map(|limit| limit.to_string()));
        wishes
    }

    fn format(&self, is_terminal: bool) -> Format {
        let usual = if self.json || !is_terminal { Format::Json } else { Format::Table };
        self.format.unwrap_or(usual)
    }
}

impl Models {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        talk: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: Clock,
    ) -> anyhow::Result<Exit> {
        match self.action {
            Some(Action::Show(show)) => show.run(paths, out, talk, is_terminal, &clock).await,
            Some(Action::Update(update)) => update.run(paths, out, is_terminal, &clock).await,
            None => self.list.run(paths, out, talk, is_terminal, &clock).await,
        }
    }
}

impl List {
    async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        talk: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let format = self.format(is_terminal);
        let wishes = self.wishes();
        if format == Format::Codex {
            let ours = asking::catalogue(paths, &wishes, talk, clock).await?;
            catalogue::print(out, ours, self.join.as_deref())?;
            return Ok(Exit::Done);
        }
        let told = asking::models(paths, &wishes, talk, clock).await?;
        if let Some(wrong) = self.provider.as_ref().filter(|name| !told.providers.contains(name)) {
            return unknown_provider(talk, wrong, &told);
        }
        match format {
            Format::Json => listing::json(out, &told)?,
            Format::Names => {
                for model in &told.models {
                    writeln!(out, "{}", model.id)?;
                }
            }
            Format::Opencode => opencode::print(out, &told.models, &opencode::url(paths, self.url.as_deref())?)?,
            Format::Table | Format::Codex => listing::table(out, &told, is_terminal)?,
        }
        Ok(if told.models.is_empty() { Exit::Failed } else { Exit::Done })
    }
}

fn unknown_provider(talk: &mut dyn Write, wrong: &str, told: &ModelsView) -> anyhow::Result<Exit> {
    let names = told.providers.iter().map(String::as_str);
    let shown = config::shorten(wrong);
    match config::closest(wrong, names) {
        Some(close) => writeln!(talk, "torod: no provider `{shown}` has models: did you mean `{close}`?")?,
        None => writeln!(talk, "torod: no provider `{shown}` has models; these have: {}", told.providers.join(", "))?,
    }
    Ok(Exit::Unclear)
}
