//! `torod provider …`: who is called. Changes the file; a running daemon notices.

mod add;
mod change;
mod draft;
mod key;
mod login;
mod presets;
mod quota;
mod show;
mod standing;
mod trying;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;
use tokenrouter_shared::routing::Reloaded;

use super::{Exit, control, prompt, table};
use crate::clock::Clock;
use crate::config::{self, Config, Finding, Paths, ProviderConfig};
use crate::upstreams::trial;

pub(super) use add::{NotUnderstood, spoken};
pub(super) use draft::{Source, at, drafted, free_name, objection};
pub(super) use key::ask as ask_key;
pub(super) use trying::{Way, listed, tell as tell_trial, tried, with_sign_of_life};

/// Add, try, change and remove providers.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider presets free\n  torod provider add groq\n  torod provider add https://llm.example.com/v1 --name work --key-env WORK_KEY\n  torod provider list\n  torod provider test groq\n  torod provider quota\n  torod provider set groq priority 10\n  torod provider disable groq\n\nA running gateway takes every change over at once, for new requests. Comments in the file stay."
)]
pub struct Provider {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a well-known provider by its preset, or any other by its URL; it is tried before it is written.
    Add(add::Add),
    /// List the providers.
    List(List),
    /// Show one provider with everything that is in force for it.
    Show(One),
    /// Show what providers have left of their limits and accounts.
    Quota(quota::Quota),
    /// Try a provider with real calls: its list, an answer, a stream, a tool.
    Test(Test),
    /// Sign in where a provider's key has `device`: shows a page and a code, and waits.
    Login(login::Login),
    /// Forget such a sign-in.
    Logout(login::Logout),
    /// Change one key of a provider.
    Set(change::Set),
    /// Remove a provider, with its comments.
    Remove(change::Remove),
    /// Use a provider again.
    Enable(One),
    /// Leave a provider out, until it is enabled again.
    Disable(One),
    /// List the providers that are known by name.
    Presets(presets::Presets),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  torod provider list\n  torod provider list --json")]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  torod provider show groq\n  torod provider disable groq")]
struct One {
    /// Its name.
    name: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider test groq\n  torod provider test groq --model llama-3.1-8b-instant\n\nThe calls are short, but they are real: they cost what they cost. Exit status 1 where no answer comes."
)]
struct Test {
    /// Its name.
    name: String,
    /// The model to ask; without it a small one of its list.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How long one call may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Provider {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: Clock,
    ) -> anyhow::Result<Exit> {
        let file = &paths.config_file;
        let changed = match self.action {
            Action::Add(add) => return add.run(paths, out, &clock).await,
            Action::List(wanted) => return show::list(paths, out, is_terminal, wanted.json, &clock).await,
            Action::Show(wanted) => return show::one(paths, out, &wanted.name, wanted.json, &clock).await,
            Action::Quota(quota) => return quota.run(paths, out, is_terminal, &clock).await,
            Action::Test(test) => return test.run(paths, out, &clock).await,
            Action::Login(login) => return login.run(paths, out, &clock).await,
            Action::Logout(logout) => return logout.run(paths, out, &clock).await,
            Action::Presets(presets) => return presets.run(file, out, is_terminal),
            Action::Set(set) => set.run(file, out),
            Action::Remove(remove) => remove.run(file, out),
            Action::Enable(wanted) => change::switch(file, out, &wanted.name, true, wanted.json),
            Action::Disable(wanted) => change::switch(file, out, &wanted.name, false, wanted.json),
        };
        // What follows on this command finds the change made, as it does after one in the admin pages.
        if changed.is_ok()
            && let Err(e) = tell_gateway(&paths.data_dir).await
        {
            prompt::say(&not_told(&e))?;
        }
        changed
    }
}

impl Test {
    async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let config = load_paths(paths)?;
        let provider = find(&config, &self.name)?;
        let way = Way {
            model: self.model,
            deadline: Duration::from_secs(self.timeout),
            json: self.json,
            data_dir: paths.data_dir.clone(),
        };
        let tried = tried(provider, &way, clock).await.map_err(|e| match e.downcast_ref() {
            // There is nothing that could have been written.
            Some(prompt::GivenUp::Interrupted) => prompt::GivenUp::Stopped.into(),
            _ => e,
        })?;
        if self.json {
            print_json(out, &tried)?;
        } else {
            tell_trial(out, &tried)?;
            let name = &provider.name;
            if tried.steps.iter().any(trial::wants_key) {
                writeln!(out, "\nGive it one: torod provider set {name} api_key --stdin, or api_key '${{VAR}}'")?;
            } else if tried.steps.iter().any(|step| step.problem.as_deref() == Some("timeout")) {
                writeln!(out, "\nIf it is only slow, wait longer with --timeout SECONDS.")?;
            }
        }
        Ok(if tried.works { Exit::Done } else { Exit::Failed })
    }
}

/// Has a running gateway read its file and its keys at once; by itself it would within seconds. Whether one runs.
async fn tell_gateway(data_dir: &Path) -> anyhow::Result<bool> {
    if !control::is_running(data_dir) {
        return Ok(false);
    }
    control::ask::<Reloaded>(data_dir, Method::POST, "/admin/api/reload", None::<&()>).await.map(|_| true)
}

fn not_told(why: &anyhow::Error) -> String {
    format!("the gateway that runs has not taken it over: {why:#}")
}

/// What is in force: the file, and the environment over it; without either the defaults.
fn load_paths(paths: &Paths) -> anyhow::Result<Config> {
    if paths.environment.is_empty() && !paths.config_file.exists() {
        return Ok(Config::default());
    }
    Ok(config::load_paths(paths)?)
}

/// The file alone, for those who change it; without one the defaults.
fn load_or_default(file: &Path) -> anyhow::Result<Config> {
    if file.exists() { load(file) } else { Ok(Config::default()) }
}

fn load(file: &Path) -> anyhow::Result<Config> {
    if !file.exists() {
        anyhow::bail!("there is no {}: `torod provider add` or `torod config` writes it", file.display());
    }
    Ok(config::load(file)?)
}

/// The provider of this name.
fn find<'c>(config: &'c Config, name: &str) -> anyhow::Result<&'c ProviderConfig> {
    let found = config.providers.iter().find(|provider| provider.name.eq_ignore_ascii_case(name));
    let preset = || config.presets.find(name).filter(|_| config::is_name(name));
    found.with_context(|| {
        if let Some(preset) = preset() {
            return format!("there is no provider `{name}` yet: `torod provider add {}` adds it", preset.id);
        }
        let names = config.providers.iter().map(|provider| provider.name.as_str());
        match config::closest(name, names) {
            Some(close) => format!("there is no provider `{}`: did you mean `{close}`?", config::shorten(name)),
            None => format!("there is no provider `{}`: `torod provider list` shows all", config::shorten(name)),
        }
    })
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// What is doubtful in the file, without what a person has just chosen to do.
fn warnings(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| !finding.is_error() && !finding.key.contains("api_key"))
}
