//! `torod conversations delete`: by the daemon where one runs, else in the file itself.

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use http::Method;
use tokenrouter_shared::conversation::ConversationsRemoved;

use super::open;
use crate::clock::Clock;
use crate::commands::{Exit, control, prompt};
use crate::store::audit::{self, Entry};
use crate::store::conversations as store;
use crate::store::conversations::list;
use crate::store::lock::LockError;
use crate::store::{DirLock, schema};

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
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

impl Delete {
    pub(super) async fn run(&self, dir: &Path, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<Exit> {
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
