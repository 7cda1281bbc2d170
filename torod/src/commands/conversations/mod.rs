//! `torod conversations`: lists, searches, shows, exports and removes what was said. Read from the file itself, whether a
//! daemon runs or not; removed by the daemon where one runs.

mod delete;
mod listed;
mod replayed;
mod shown;
mod wire;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use http::Method;
use tokenrouter_shared::Problem;
use tokenrouter_shared::conversation::ConversationDetail;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::replay::{ReplayAsk, ReplayView};

use self::delete::Delete;
use super::{Exit, control, prompt};
use crate::calendar::Zone;
use crate::clock::Clock;
use crate::config::Paths;
use crate::conversations::export::markdown;
use crate::conversations::read::{self, Wanted};
use crate::conversations::replay::DEAR;
use crate::reports::span::{MOMENTS, moment};
use crate::store::Connection;
use crate::store::conversations as store;
use crate::store::conversations::list::{self, ConversationQuery};
use crate::store::conversations::words;

/// A model may take its time.
const PATIENCE: Duration = Duration::from_mins(15);
/// The most requests of one conversation that are read at once.
const MOST: usize = 2_000;

/// Show what was asked and answered, where `[conversations]` in torod.toml has it kept.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  torod conversations list\n  torod conversations search \"login bug\" --since 7d\n  torod conversations show 12\n  torod conversations export 12 --format markdown > talk.md\n  torod conversations delete 12\n  torod conversations inspect req_0019a2b3c4d5e6f7\n  torod conversations replay req_0019a2b3c4d5e6f7 --model anthropic/claude-sonnet-4-5\n\nNothing is kept until `enabled = true` stands below [conversations] in torod.toml."
)]
pub struct Conversations {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List conversations, the latest first.
    List(List),
    /// Find conversations by what was said: words, "phrases", begin*, -without.
    Search(Search),
    /// Show a conversation: who said what, which tools were called, what it cost.
    Show(Show),
    /// Write a whole conversation as JSON or Markdown.
    Export(Export),
    /// Remove a conversation, or all, for good.
    Delete(Delete),
    /// Send a kept request to another model, through the running gateway, and compare the answers.
    Replay(Replay),
    /// Show what went over the wire for a request of a token that is inspected (`torod token edit TOKEN --inspect 1h`).
    Inspect(Inspect),
}

/// Which conversations.
#[derive(Debug, clap::Args)]
struct Which {
    /// Only those of this token: its id or name.
    #[arg(long, value_name = "WHICH")]
    token: Option<String>,
    /// Only those of this program, such as claude-code.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only those in which this model answered.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Only those of this session of an agent.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Continued from when on: today, 24h, 7d, or a date such as 2026-11-01.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Also those in which an agent only asked for itself, such as titles.
    #[arg(long)]
    internal: bool,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
struct Search {
    /// What was said.
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The conversation's number.
    id: i64,
    /// With all of what tools gave and the model thought, and the instructions.
    #[arg(long)]
    long: bool,
    /// Also what the agent asked for itself.
    #[arg(long)]
    internal: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The conversation's number.
    id: i64,
    /// In which form.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// As the admin API tells it.
    Json,
    /// For people.
    Markdown,
}

#[derive(Debug, clap::Args)]
struct Inspect {
    /// The request's id, as `x-request-id` told it.
    #[arg(value_name = "REQUEST_ID")]
    id: String,
    /// With all of the bodies.
    #[arg(long)]
    long: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// The request's id, as `torod conversations show` tells it.
    #[arg(value_name = "REQUEST_ID")]
    id: String,
    /// The model that is asked now.
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// In which client protocol: openai, responses, anthropic, gemini or cohere; without it, in its own.
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<String>,
    /// On whose bill: a token's id or name; without it, as a program of this machine without a key.
    #[arg(long, value_name = "WHICH")]
    token: Option<String>,
    /// Also where it may cost more than one dollar.
    #[arg(long, short)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Conversations {
    /// Does it.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        match self.command {
            What::List(List { which }) => list(&paths.data_dir, &which, None, out, is_terminal, clock),
            What::Search(Search { words, which }) => {
                let typed = words.join(" ");
                let Some(question) = words::question(&typed) else {
                    bail!("`{typed}` has no word that could be found; write a word, a \"phrase\", or begin*");
                };
                list(&paths.data_dir, &which, Some(question), out, is_terminal, clock)
            }
            What::Show(show) => show.run(&paths.data_dir, out, is_terminal),
            What::Export(export) => export.run(&paths.data_dir, out),
            What::Replay(replay) => replay.run(&paths.data_dir, out, is_terminal).await,
            What::Inspect(inspect) => inspect.run(&paths.data_dir, out),
            What::Delete(delete) => delete.run(&paths.data_dir, out, clock).await,
        }
    }
}

/// The file, for reading.
fn open(dir: &Path) -> anyhow::Result<Connection> {
    match store::open_reader(dir)? {
        Some(connection) => Ok(connection),
        None => bail!(
            "no conversation was ever kept in {}: write `enabled = true` below [conversations] in torod.toml",
            dir.display()
        ),
    }
}

fn list(
    dir: &Path,
    which: &Which,
    words: Option<String>,
    out: &mut dyn Write,
    is_terminal: bool,
    clock: &Clock,
) -> anyhow::Result<Exit> {
    let since_ms = match &which.since {
        None => None,
        Some(text) => {
            let Some(since) = moment(text, &Zone::here(), clock.now_ms(), false) else {
                bail!("`--since {text}` is no time; write {MOMENTS}");
            };
            Some(since)
        }
    };
    let is_search = words.is_some();
    let query = ConversationQuery {
        token: which.token.clone(),
        agent: which.agent.clone(),
        model: which.model.clone(),
        session: which.session.clone(),
        words,
        since_ms,
        until_ms: None,
        internal: which.internal,
        after: None,
        limit: usize::try_from(which.limit).unwrap_or(usize::MAX),
    };
    let (found, has_more) = list::page(&open(dir)?, &query)?;
    if which.json {
        serde_json::to_writer(&mut *out, &found)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        writeln!(out, "no conversation{}", if is_search { " in which that was said" } else { " yet" })?;
        return Ok(Exit::Done);
    }
    listed::show(out, &found, is_terminal)?;
    if has_more && is_terminal {
        writeln!(out, "\nThere are more: --limit shows them, and --since, --token and --agent choose.")?;
    }
    Ok(Exit::Done)
}

fn read_all(dir: &Path, id: i64, internal: bool, system: bool) -> anyhow::Result<ConversationDetail> {
    let wanted = Wanted { after: 0, limit: MOST, internal, system, system_once: false };
    match read::conversation(&open(dir)?, id, wanted)? {
        Some(detail) => Ok(detail),
        None => {
            bail!("there is no conversation {id}, or it was removed; `torod conversations list` shows those there are")
        }
    }
}

impl Show {
    fn run(&self, dir: &Path, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        let detail = read_all(dir, self.id, self.internal, self.long || self.json)?;
        if self.json {
            serde_json::to_writer(&mut *out, &detail)?;
            writeln!(out)?;
        } else {
            shown::show(out, &detail, self.long, is_terminal)?;
        }
        Ok(Exit::Done)
    }
}

impl Export {
    fn run(&self, dir: &Path, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let detail = read_all(dir, self.id, true, true)?;
        match self.format {
            Format::Json => serde_json::to_writer_pretty(&mut *out, &detail)?,
            Format::Markdown => {
                let text = markdown(&detail, shown::time, |nanos| dollars(u64::try_from(nanos).unwrap_or(0)));
                out.write_all(text.trim_end().as_bytes())?;
            }
        }
        writeln!(out)?;
        Ok(Exit::Done)
    }
}

impl Replay {
    async fn run(&self, dir: &Path, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        if !control::is_running(dir) {
            bail!(
                "a replay goes through the running gateway, and none runs on {}: start it with `torod serve`",
                dir.display()
            );
        }
        let mut asked = ReplayAsk {
            model: self.model.clone(),
            protocol: self.protocol.clone(),
            token: self.token.clone(),
            confirm: self.yes,
        };
        let path = format!("/admin/api/exchanges/{}/replay", control::escape(&self.id));
        let replayed: ReplayView = loop {
            let error = match control::ask_within(dir, Method::POST, &path, Some(&asked), PATIENCE).await {
                Ok(replayed) => break replayed,
                Err(error) => error,
            };
            let dear = error.downcast_ref::<Problem>().filter(|problem| problem.code == DEAR);
            let Some(dear) = dear.filter(|_| !asked.confirm && prompt::is_possible()) else { return Err(error) };
            if !prompt::confirm(&format!("{} Send it all the same?", dear.message), false)? {
                writeln!(out, "nothing was sent")?;
                return Ok(Exit::Failed);
            }
            asked.confirm = true;
        };
        if self.json {
            serde_json::to_writer(&mut *out, &replayed)?;
            writeln!(out)?;
        } else {
            replayed::show(out, &replayed, is_terminal)?;
        }
        Ok(Exit::Done)
    }
}

impl Inspect {
    fn run(&self, dir: &Path, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let kept = store::open_reader(dir)?.map(|connection| read::wire(&connection, &self.id)).transpose()?.flatten();
        let Some(kept) = kept else {
            bail!(
                "nothing of the request {} is kept: `torod token edit TOKEN --inspect 1h` has the requests of a token kept from then on, for a day each",
                self.id
            );
        };
        if self.json {
            serde_json::to_writer(&mut *out, &kept)?;
            writeln!(out)?;
        } else {
            wire::show(out, &kept, self.long)?;
        }
        Ok(Exit::Done)
    }
}
