//! `toro setup`: an agent's own configuration through the gateway, for people who start their agents without `toro`.

use std::path::Path;

use clap::Args;
use tokenrouter_shared::Role;
use tokenrouter_shared::token::{TokenCreate, TokenCreated};

use super::{Context, prompt};
use crate::agents::{self, listed};
use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::profile::Server;
use crate::run::token;
use crate::setup::diff;
use crate::setup::mask::{MASK, masked};
use crate::setup::record::{self, Records};
use crate::setup::target::{ALL, Terms};
use crate::setup::{Record, Target, find};

/// Where tokens are made.
const TOKENS: &str = "/admin/api/tokens";

/// Point an agent's own configuration at the gateway, and take that back.
///
/// It shows what changes and asks. The agent gets a token of its own, below the stored one, that lives until it is taken back;
/// what was there is kept, and `--undo` puts it back to the last byte. Without an agent it shows which can be set up.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro setup\n  toro setup codex --use openai/gpt-5.5\n  toro setup claude --dry-run\n  toro setup codex --undo"
)]
pub struct Setup {
    /// The agent.
    agent: Option<String>,
    /// The model that it asks for where nobody says another one.
    #[arg(long = "use", value_name = "MODEL")]
    model: Option<String>,
    /// Take it back: the file as it was, and the token.
    #[arg(long, requires = "agent", conflicts_with = "model")]
    undo: bool,
    /// Show what would change, and change nothing.
    #[arg(long, requires = "agent")]
    dry_run: bool,
    /// Do it without asking.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Setup {
    /// Does it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let profile = context.profile()?;
        let records = Records::beside(profile.path());
        let Some(name) = &self.agent else { return list(context, &records) };
        let target = find(name).ok_or_else(|| unknown(name))?;
        if self.undo {
            return self.undo(context, target, &records);
        }
        let server = context.server()?;
        self.set(context, target, &records, &server)
    }

    fn set(&self, context: &Context, target: &Target, records: &Records, server: &Server) -> Result<Exit, Failure> {
        let file = (target.place)(context.env)
            .ok_or_else(|| Failure::failed("no home folder is set, so nobody knows where its file is", "Set HOME."))?;
        let before = record::read(&file)?;
        let client = Client::new(server)?;
        let models = block_on(listed::fetch(&client))??;
        if let Some(model) = &self.model
            && !models.iter().any(|known| known.id == *model)
        {
            context
                .printer
                .say(&format!("The gateway lists no model `{}`; it may take it all the same.", plain(model)));
        }
        let key_file = records.key_file(target.name);
        let terms = |key| Terms {
            address: &server.address,
            key,
            key_file: &key_file,
            model: self.model.as_deref(),
            listed: &models,
        };
        let text = before.as_deref().unwrap_or_default();
        let preview = target.form.apply(text, &target.edit(file.clone(), &terms(MASK)).changes)?;
        Self::show(context, &file, text, &preview)?;
        if self.dry_run {
            return Ok(Exit::Done);
        }
        if !self.agreed(context, &format!("Write {}?", file.display()))? {
            return Ok(Exit::Done);
        }
        let former = records.of(target.name)?;
        let former_key = record::read(&key_file)?.unwrap_or_default();
        let made = make(&client, target.name)?;
        let edited = target.form.apply(text, &target.edit(file.clone(), &terms(&made.key)).changes);
        let written = edited.and_then(|edited| {
            // The first setup is what is taken back, however often it was set up since.
            let (existed, first, mode) = match &former {
                Some(former) => (former.existed, records.first(former)?, former.mode),
                None => (before.is_some(), before.clone(), record::mode(&file)),
            };
            let record = Record {
                agent: target.name.to_owned(),
                file: file.clone(),
                existed,
                mode,
                written: edited.clone(),
                edited: former.as_ref().is_some_and(|former| former.edited || before.as_ref() != Some(&former.written)),
                server: server.name.clone(),
                token: made.id.clone(),
            };
            let first = first.unwrap_or_default();
            records.keep(&record, &first, &made.key)?;
            let mode = if target.holds_key { 0o600 } else { record::mode(&file).unwrap_or(0o600) };
            record::replace(&file, &edited, mode).inspect_err(|_| {
                // Nothing was written: what is remembered is what was so before.
                _ = match &former {
                    Some(former) => records.keep(former, &first, former_key.trim_end()),
                    None => records.forget(target.name),
                };
            })
        });
        if let Err(failure) = written {
            // Nobody will use it.
            _ = block_on(token::end(&client, &made.id, "exit=1"));
            return Err(failure);
        }
        if let Some(former) = former {
            end(context, &former);
        }
        let title = agents::find(target.name).map_or(target.name, |agent| agent.title);
        context.printer.say(&format!(
            "{title} goes through `{}` now, with the token `{}`. Back: toro setup {} --undo",
            plain(&server.name),
            plain(&made.name),
            target.name
        ));
        self.answer(context, target, &file, &made.id)
    }

    fn answer(&self, context: &Context, target: &Target, file: &Path, token: &str) -> Result<Exit, Failure> {
        if context.printer.is_json() {
            let done = if self.undo { "undone" } else { "set up" };
            let told = serde_json::json!({ "agent": target.name, "file": file.display().to_string(), "token": token, "state": done });
            context.printer.json(&told)?;
        }
        Ok(Exit::Done)
    }

    fn undo(&self, context: &Context, target: &Target, records: &Records) -> Result<Exit, Failure> {
        let Some(record) = records.of(target.name)? else {
            let message = format!("{} was not set up by `toro setup`", target.name);
            return Err(Failure::failed(message, "There is nothing to take back."));
        };
        let now = record::read(&record.file)?;
        let before = records.first(&record)?;
        let edits = now.as_ref().filter(|now| record.edited || **now != record.written);
        let undone = records.undone(target.name);
        if edits.is_some() {
            let (file, kept) = (record.file.display(), undone.display());
            context.printer.warn(&format!("{file} was changed since; these changes go too, and are kept in {kept}."));
        }
        let shown = |text: &str| hidden(text, records, target.name);
        Self::show(
            context,
            &record.file,
            &shown(now.as_deref().unwrap_or_default()),
            before.as_deref().unwrap_or_default(),
        )?;
        if self.dry_run {
            return Ok(Exit::Done);
        }
        if !self.agreed(context, &format!("Put {} back as it was?", record.file.display()))? {
            return Ok(Exit::Done);
        }
        if let Some(edits) = edits {
            record::replace(&undone, edits, 0o600)?;
        }
        match (&before, &now) {
            (Some(before), _) => record::replace(&record.file, before, record.mode.unwrap_or(0o600))?,
            (None, Some(_)) => std::fs::remove_file(&record.file)?,
            (None, None) => {}
        }
        end(context, &record);
        records.forget(target.name)?;
        context.printer.say(&format!("{} is as it was.", record.file.display()));
        self.answer(context, target, &record.file, &record.token)
    }

    /// Shows the difference; a program that reads JSON asks for none.
    fn show(context: &Context, file: &Path, before: &str, after: &str) -> Result<(), Failure> {
        if context.printer.is_json() {
            return Ok(());
        }
        if before == after {
            context.printer.say(&format!("Nothing changes in {}.", file.display()));
            return Ok(());
        }
        let name = plain(&file.to_string_lossy());
        for line in [format!("--- {name}"), format!("+++ {name}")].into_iter().chain(diff::lines(before, after)) {
            context.printer.line(&masked(&plain(&line)))?;
        }
        Ok(())
    }

    fn agreed(&self, context: &Context, question: &str) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if !context.may_ask() {
            return Err(Failure::unclear("nothing was written", "Add --yes to write it, or --dry-run to only look."));
        }
        let is_agreed = prompt::confirm(question, true)?;
        if !is_agreed {
            context.printer.say("Nothing was written.");
        }
        Ok(is_agreed)
    }
}

/// `text` without the key of this setup.
fn hidden(text: &str, records: &Records, agent: &str) -> String {
    let key = record::read(&records.key_file(agent)).ok().flatten().unwrap_or_default();
    match key.trim() {
        "" => text.to_owned(),
        key => text.replace(key, MASK),
    }
}

/// Makes the token of the setup: no run's, since it outlives every one of them.
fn make(client: &Client, agent: &str) -> Result<TokenCreated, Failure> {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = format!("{agent} on {host}").chars().take(60).collect();
    let wanted = TokenCreate {
        name: Some(name.trim_end_matches(" on ").to_owned()),
        role: Role::Inferrer,
        ..TokenCreate::default()
    };
    let made = block_on(client.post::<TokenCreated>(TOKENS, &wanted))?;
    made.map_err(|e| {
        if token::is_powerless(&e) {
            return Failure::new(
                Exit::Refused,
                "your token may make no others, and an agent must not have it itself",
                "Ask for one with the role keymaster, and store it with `toro set-key`.",
            );
        }
        e.into()
    })
}

/// Ends the token of a setup; says so where that cannot be done now.
fn end(context: &Context, record: &Record) {
    let ended = context
        .profile()
        .and_then(|profile| profile.server(Some(&record.server), context.env))
        .and_then(|server| Ok(Client::new(&server)?))
        .and_then(|client| Ok(block_on(token::end(&client, &record.token, "exit=0"))??));
    if let Err(failure) = ended {
        let token = plain(&record.token);
        let why = failure.message;
        context.printer.warn(&format!("The token {token} could not be ended ({why}): toro token revoke {token}"));
    }
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = ALL.iter().map(|target| target.name).collect();
    let advice = match agents::find(name) {
        Some(agent) => format!(
            "{} keeps its settings where they cannot be edited safely: start it with `toro {name}`, or see `toro env`. These can be set up: {}.",
            agent.title,
            known.join(", ")
        ),
        None => format!("These can be set up: {}.", known.join(", ")),
    };
    Failure::unclear(format!("`{}` cannot be set up", plain(name)), advice)
}

/// Every agent with its file, and whether it is set up.
fn list(context: &Context, records: &Records) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    for target in ALL {
        let file = (target.place)(context.env);
        let record = records.of(target.name)?;
        let state = match (&record, &file) {
            (Some(_), _) => "set up",
            (None, Some(file)) if file.exists() => "found",
            _ => "",
        };
        rows.push((target.name, file, state, record.map(|record| record.server)));
    }
    if context.printer.is_json() {
        let told: Vec<_> = rows
            .iter()
            .map(|(name, file, state, server)| {
                let file = file.as_ref().map(|file| file.display().to_string());
                serde_json::json!({ "agent": name, "file": file, "state": state, "server": server })
            })
            .collect();
        context.printer.json(&told)?;
        return Ok(Exit::Done);
    }
    for (name, file, state, server) in rows {
        let file = file.map(|file| file.display().to_string()).unwrap_or_default();
        let to = server.map(|server| format!(" to `{server}`")).unwrap_or_default();
        context.printer.line(plain(&format!("{name:<9} {state:<7} {file}{to}")).trim_end())?;
    }
    Ok(Exit::Done)
}
