//! `torod conversations`: lists, searches, shows, exports and removes what was said. Read from the file itself, whether a
//! daemon runs or not; removed by the daemon where one runs.

mod listed;
mod shown;

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use chrono::{Local, TimeZone as _};
use clap::Subcommand;
use http::Method;
use tokenrouter_shared::conversation::{ConversationDetail, ConversationsRemoved};
use tokenrouter_shared::money::dollars;

use super::{Exit, control, prompt, usage};
use crate::clock::Clock;
use crate::config::Paths;
use crate::conversations::export::markdown;
use crate::conversations::read::{self, Wanted};
use crate::store::audit::{self, Entry};
use crate::store::conversations as store;
use crate::store::conversations::list::{self, ConversationQuery};
use crate::store::conversations::words;
use crate::store::lock::LockError;
use crate::store::{Connection, DirLock, schema};

/// The most requests of one conversation that are read at once.
const MOST: usize = 2_000;

/// Show what was asked and answered, where `[conversations]` in torod.toml has it kept.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  torod conversations list\n  torod conversations search \"login bug\" --since 7d\n  torod conversations show 12\n  torod conversations export 12 --format markdown > talk.md\n  torod conversations delete 12\n\nNothing is kept until `enabled = true` stands below [conversations] in torod.toml."
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
struct Delete {
    /// The conversation's number.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Do not ask.
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
            let now = Local.timestamp_millis_opt(clock.now_ms()).single();
            let since = now.and_then(|now| usage::since_ms(text, now));
            let Some(since) = since else {
                bail!("`--since {text}` is no time; write today, 24h, 7d or 2026-11-01");
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
    let wanted = Wanted { after: 0, limit: MOST, internal, system };
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

impl Delete {
    async fn run(&self, dir: &Path, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<Exit> {
        let what = self.id.map_or_else(|| "every conversation".to_owned(), |id| format!("conversation {id}"));
        if !self.yes {
            if !prompt::is_possible() {
                bail!("nobody is here to be asked whether {what} is to be removed for good: add --yes");
            }
            if !prompt::confirm(&format!("Remove {what} for good?"), false)? {
                writeln!(out, "nothing was removed")?;
                return Ok(Exit::Failed);
            }
        }
        let removed = match DirLock::take(dir) {
            Ok(_lock) => self.here(dir, clock)?,
            Err(LockError::Held { .. }) => {
                let path = match self.id {
                    Some(id) => format!("/admin/api/conversations/{id}"),
                    None => "/admin/api/conversations".to_owned(),
                };
                control::ask(dir, Method::DELETE, &path, None::<&()>).await?
            }
            Err(e) => return Err(e.into()),
        };
        if self.json {
            serde_json::to_writer(&mut *out, &removed)?;
            writeln!(out)?;
        } else {
            let ConversationsRemoved { conversations, exchanges } = removed;
            let one = if conversations == 1 { "conversation" } else { "conversations" };
            writeln!(out, "removed {conversations} {one} with {exchanges} requests")?;
        }
        Ok(Exit::Done)
    }

    fn here(&self, dir: &Path, clock: &Clock) -> anyhow::Result<ConversationsRemoved> {
        if !store::exists(dir) {
            open(dir)?;
        }
        let mut connection = store::open_writer(dir)?;
        let subject = self.id.map_or_else(|| "all".to_owned(), |id| id.to_string());
        if let Some(id) = self.id
            && list::find(&connection, id)?.is_none()
        {
            bail!("there is no conversation {id}, or it was removed already");
        }
        // The trail first: an entry too many is better than one too few.
        let entry = Entry {
            at_ms: clock.now_ms(),
            actor: "local owner",
            action: "conversation.remove",
            subject: &subject,
            detail: "",
        };
        audit::add(&schema::open_writer(dir)?, &entry)?;
        let removed = match self.id {
            Some(id) => store::remove::one(&mut connection, id)?.unwrap_or_default(),
            None => store::remove::all(&mut connection)?,
        };
        store::settle(&connection)?;
        Ok(removed)
    }
}
