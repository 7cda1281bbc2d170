//! `torod secrets set|list|remove|rotate`: by the running daemon, or in the database itself when none runs.

use std::io::{IsTerminal as _, Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;
use tokenrouter_shared::Secret;
use tokenrouter_shared::secrets::{SecretPage, SecretRemoved, SecretView, SecretsRotated};
use zeroize::Zeroizing;

use super::table::table;
use super::{Exit, control, keyring, prompt};
use crate::access::secrets::{self, SecretsError, Wanted};
use crate::access::{Operator, system_random};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Paths};
use crate::store::lock::LockError;
use crate::store::{Connection, DirLock, SignIns, key_file, schema};

/// The longest secret that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Keep keys of providers sealed in the data folder, for `{ secret = "NAME" }` in torod.toml.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod secrets set provider/openai\n  pass show work | torod secrets set work --for https://llm.example.com\n  torod secrets list\n  torod secrets remove work\n  torod secrets rotate\n\nIn torod.toml:\n  api_key = { secret = \"provider/openai\" }"
)]
pub struct Secrets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Store a secret, or another one in its place: typed unseen, or read from the standard input.
    Set(Set),
    /// List the secrets by name, never what they are.
    List(List),
    /// Forget a secret.
    Remove(Remove),
    /// Make a new key and seal every secret and sign-in under it; the gateway may run meanwhile.
    Rotate(Rotate),
}

#[derive(Debug, Args)]
struct Set {
    /// What it is called, such as provider/openai.
    name: String,
    /// A URL that it may be sent to, and no other; without it, those of the providers in torod.toml that use it.
    #[arg(long = "for", value_name = "URL")]
    places: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Remove {
    /// What it is called.
    name: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rotate {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the daemon is sent.
#[derive(Serialize)]
struct Put<'a> {
    value: &'a str,
    #[serde(rename = "for")]
    places: &'a [String],
}

/// Who does it: the daemon that holds the data folder, or this command.
enum Way {
    Daemon,
    Here(Connection, DirLock),
}

const NOTHING: Option<&()> = None;

fn way(paths: &Paths) -> anyhow::Result<Way> {
    match DirLock::take(&paths.data_dir) {
        Ok(lock) => Ok(Way::Here(schema::open_writer(&paths.data_dir)?, lock)),
        Err(LockError::Held { .. }) => Ok(Way::Daemon),
        Err(e) => Err(e.into()),
    }
}

fn told(e: &SecretsError) -> anyhow::Error {
    let problem = e.problem();
    anyhow::anyhow!("{} {}", problem.message, problem.advice)
}

impl Secrets {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        is_terminal: bool,
        clock: Clock,
    ) -> anyhow::Result<Exit> {
        match self.action {
            Action::Set(set) => set.run(paths, out, &clock).await?,
            Action::List(list) => list.run(paths, out, is_terminal).await?,
            Action::Remove(remove) => remove.run(paths, out, &clock).await?,
            Action::Rotate(rotate) => rotate.run(paths, out, &clock).await?,
        }
        Ok(Exit::Done)
    }
}

impl Set {
    async fn run(self, paths: &Paths, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<()> {
        if !config::is_secret_name(&self.name) {
            return Err(told(&SecretsError::BadName));
        }
        let value = ask(&self.name)?;
        let made: SecretView = match way(paths)? {
            Way::Daemon => {
                let path = format!("/admin/api/secrets/{}", control::escape(&self.name));
                let put = Put { value: value.expose(), places: &self.places };
                control::ask(&paths.data_dir, Method::PUT, &path, Some(&put)).await?
            }
            Way::Here(mut connection, _lock) => {
                let config = configured(paths)?;
                let wanted = Wanted::new(&self.name, &self.places, value, &config).map_err(|e| told(&e))?;
                let keys = keyring(&paths.data_dir);
                secrets::set(&mut connection, &keys, &wanted, &Operator::LocalOwner, clock.now_ms())
                    .map_err(|e| told(&e))?
            }
        };
        if self.json {
            return print_json(out, &made);
        }
        writeln!(out, "Stored {}, for {} alone.", made.name, made.origins.join(" and "))?;
        Ok(writeln!(out, "In torod.toml: api_key = {{ secret = \"{}\" }}", made.name)?)
    }
}

impl List {
    async fn run(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<()> {
        let listed: Vec<SecretView> = match way(paths)? {
            Way::Daemon => all(&paths.data_dir).await?,
            Way::Here(connection, _lock) => secrets::list(&connection)?,
        };
        if self.json {
            return print_json(out, &listed);
        }
        if listed.is_empty() {
            return Ok(writeln!(out, "no secrets; `torod secrets set NAME` stores one")?);
        }
        let mut table = table(is_terminal);
        table.set_header(["name", "for"]);
        for view in listed {
            table.add_row([view.name, view.origins.join(" ")]);
        }
        Ok(writeln!(out, "{table}")?)
    }
}

/// Every secret that a running gateway keeps, page by page.
async fn all(data_dir: &Path) -> anyhow::Result<Vec<SecretView>> {
    let (mut secrets, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/admin/api/secrets?cursor={}", control::escape(&cursor));
        let page: SecretPage = control::ask(data_dir, Method::GET, &path, NOTHING).await?;
        secrets.extend(page.secrets);
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(secrets),
        }
    }
}

impl Remove {
    async fn run(self, paths: &Paths, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<()> {
        let removed: SecretRemoved = match way(paths)? {
            Way::Daemon => {
                let path = format!("/admin/api/secrets/{}", control::escape(&self.name));
                control::ask(&paths.data_dir, Method::DELETE, &path, NOTHING).await?
            }
            Way::Here(mut connection, _lock) => {
                secrets::remove(&mut connection, &self.name, &Operator::LocalOwner, clock.now_ms())
                    .map_err(|e| told(&e))?;
                SecretRemoved { removed: self.name }
            }
        };
        if self.json {
            return print_json(out, &removed);
        }
        Ok(writeln!(out, "Removed {}.", removed.removed)?)
    }
}

impl Rotate {
    async fn run(self, paths: &Paths, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<()> {
        let dir = &paths.data_dir;
        let rotated: SecretsRotated = match way(paths)? {
            Way::Daemon => control::ask(dir, Method::POST, "/admin/api/secrets-key/rotate", NOTHING).await?,
            Way::Here(mut connection, _lock) => {
                let keys = keyring(dir);
                let gateway_key = key_file::load_or_make(dir, system_random)?;
                let sign_ins = SignIns::new(dir, std::sync::Arc::clone(&keys), &gateway_key)?;
                secrets::rotate(&mut connection, &keys, &sign_ins, &Operator::LocalOwner, clock.now_ms())
                    .map_err(|e| told(&e))?
            }
        };
        if self.json {
            return print_json(out, &rotated);
        }
        let (secrets, sign_ins) =
            (super::counted(rotated.secrets, "secret"), super::counted(rotated.sign_ins, "sign-in"));
        Ok(writeln!(out, "Sealed {secrets} and {sign_ins} under a new key; the old one is gone.")?)
    }
}

/// The file, where there is one that can be used.
fn configured(paths: &Paths) -> anyhow::Result<Config> {
    match config::load_paths(paths) {
        Ok(config) => Ok(config),
        Err(ConfigError::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(e) => Err(e.into()),
    }
}

/// The secret itself: never an argument, where every program on the machine could read it.
fn ask(name: &str) -> anyhow::Result<Secret> {
    if std::io::stdin().is_terminal() {
        let help = "not shown while you type; Enter alone: give up";
        return match prompt::secret(&format!("Secret {name}:"), help)? {
            Some(secret) => Ok(secret),
            None => bail!("nothing was stored"),
        };
    }
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().take(LONGEST + 2).read_to_string(&mut text);
    read.ok().context("the standard input is no text")?;
    Ok(Secret::from(text.trim_end_matches(['\n', '\r'])))
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value).context("cannot write")?;
    Ok(writeln!(out)?)
}
