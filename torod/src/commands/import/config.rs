//! `torod import config`: providers, keys, names for models and tokens of another program.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::token::TokenCreate;
use tokenrouter_shared::{Budget, BudgetUnit, Limits, Window};

use crate::access::issue::{Draft, create, is_plain};
use crate::access::secrets::{self, Wanted};
use crate::access::{Operator, system_random};
use crate::clock::Clock;
use crate::commands::{Exit, counted, keyring, prompt};
use crate::config::edit::addition;
use crate::config::{self, Config as Settings, Examined, Paths};
use crate::import::config::{ForeignToken, Placed, Plan, Program, Unit, place, read};
use crate::store::lock::LockError;
use crate::store::{Connection, DirLock, schema, tokens};
use crate::telemetry::plain::plain;

/// Import a configuration.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod import config litellm_config.yaml --dry-run\n  torod import config ~/.config/tokrouter/config.yaml\n  torod import config one-api.db --yes\n  torod import config old/torod.toml --tokens new-keys.tsv\n\nWhat torod.toml has already stays as it is, and what was imported once is not imported again. Keys that stand in the\nother file are sealed in the data folder, as `torod secrets` does; keys in variables stay there."
)]
pub(super) struct Config {
    /// The file: YAML, JSON, TOML, or the database of one-api or new-api.
    path: PathBuf,
    /// Which program wrote it; found out where it is not said.
    #[arg(long, value_name = "PROGRAM")]
    from: Option<Program>,
    /// Make its access tokens too, with new keys, which are written to this new file.
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Read all of it, tell what would be imported, and write nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Write without asking.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What an import comes to.
struct Import {
    program: Program,
    plan: Plan,
    placed: Placed,
    /// The file as it would be.
    examined: Examined,
    /// Settings that the file has decided already.
    kept: Vec<&'static str>,
}

impl Config {
    pub(super) fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut (dyn Write + Send),
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let before = if paths.config_file.exists() { config::load(&paths.config_file)? } else { Settings::default() };
        let (program, mut plan) = read(&self.path, self.from, &before.presets)?;
        let mut placed = place(&plan, &before, program.title());
        let (examined, kept) = placed
            .fit(&paths.config_file, &before, &mut plan.left)
            .context("what it has cannot be written to torod.toml: name the program with --from, or add it by hand")?;
        let import = Import { program, plan, placed, examined, kept };
        if self.dry_run || (import.is_nothing() && self.tokens.is_none()) {
            self.tell(out, &import, false)?;
            return Ok(Exit::Done);
        }
        if !self.yes {
            import.show(talk, false, self.tokens.is_some())?;
            if !prompt::is_possible() {
                writeln!(talk, "torod: nothing was written; add --yes to write it, or --dry-run to only look")?;
                return Ok(Exit::Unasked);
            }
            if !prompt::confirm("Import this?", false)? {
                writeln!(talk, "nothing was written")?;
                return Ok(Exit::Done);
            }
        }
        self.write(paths, &import, clock)?;
        self.tell(out, &import, true)?;
        Ok(Exit::Done)
    }

    fn write(&self, paths: &Paths, import: &Import, clock: &Clock) -> anyhow::Result<()> {
        let has_tokens = self.tokens.is_some() && !import.plan.tokens.is_empty();
        if let Some(file) = self.tokens.as_deref().filter(|file| has_tokens && file.exists()) {
            bail!("{} is there already: name a new file for the new keys", file.display());
        }
        // A gateway that runs takes the file over by itself; what goes into its database it must not have open.
        let held = if import.placed.secrets.is_empty() && !has_tokens {
            None
        } else {
            let lock = match DirLock::take(&paths.data_dir) {
                Ok(lock) => lock,
                Err(LockError::Held { dir }) => bail!(
                    "a gateway runs with {}: stop it for the import, which puts keys and tokens into its database",
                    dir.display()
                ),
                Err(e) => return Err(e.into()),
            };
            Some((lock, schema::open_writer(&paths.data_dir)?))
        };
        let (_lock, mut connection) = held.unzip();
        let mut sealed = Vec::new();
        let mut put = || -> anyhow::Result<()> {
            if let Some(connection) = &mut connection {
                seal(import, connection, &paths.data_dir, clock, &mut sealed)?;
            }
            if !import.placed.addition.is_nothing(&import.kept) {
                addition::write(&paths.config_file, &import.placed.addition)?;
            }
            Ok(())
        };
        if let Err(error) = put() {
            // Keys of providers that nobody knows are not left behind.
            for name in sealed {
                if let Some(connection) = &mut connection {
                    _ = secrets::remove(connection, name, &Operator::LocalOwner, clock.now_ms());
                }
            }
            return Err(error);
        }
        if let (Some(connection), Some(file)) = (&mut connection, self.tokens.as_deref().filter(|_| has_tokens)) {
            make(&import.plan.tokens, connection, file, clock.now_ms())?;
        }
        Ok(())
    }

    fn tell(&self, out: &mut dyn Write, import: &Import, written: bool) -> anyhow::Result<()> {
        if !self.json {
            return Ok(import.show(out, written, self.tokens.is_some())?);
        }
        let left: Vec<_> = import.plan.left.iter().map(|(why, count)| json!({ "what": why, "count": count })).collect();
        let names = |tables: &[toml_edit::Table]| {
            let name = |table: &toml_edit::Table| table.get("name").and_then(|name| name.as_str().map(str::to_owned));
            tables.iter().filter_map(name).collect::<Vec<_>>()
        };
        let told = json!({
            "program": import.program.title(), "written": written,
            "providers": names(&import.placed.addition.providers),
            "aliases": import.placed.addition.aliases.iter().map(|alias| &alias.name).collect::<Vec<_>>(),
            "settings": import.settings().collect::<Vec<_>>(),
            "sealed": import.placed.secrets.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "variables": import.placed.variables, "tokens": if self.tokens.is_some() { import.plan.tokens.len() } else { 0 },
            "there": import.placed.there, "left": left,
        });
        writeln!(out, "{told}")?;
        Ok(())
    }
}

impl Import {
    fn is_nothing(&self) -> bool {
        self.placed.addition.is_nothing(&self.kept)
    }

    /// Settings that are new.
    fn settings(&self) -> impl Iterator<Item = &str> {
        let keys = self.placed.addition.settings.iter().map(|(key, _)| *key);
        keys.filter(|key| !self.kept.contains(key))
    }

    fn show(&self, out: &mut dyn Write, written: bool, with_tokens: bool) -> std::io::Result<()> {
        let addition = &self.placed.addition;
        let begin = if written { "imported" } else { "to be imported" };
        writeln!(
            out,
            "{begin} from {}: {} and {}",
            self.program.title(),
            counted(addition.providers.len(), "provider"),
            counted_aliases(addition.aliases.len())
        )?;
        for table in &addition.providers {
            let text = |key: &str| table.get(key).and_then(|item| item.as_str()).unwrap_or_default();
            let at = [text("provider_type"), text("base_url")].join(" ");
            let state = if table.contains_key("enabled") { ", disabled" } else { "" };
            writeln!(out, "  provider  {}  {}{state}", plain(text("name")), plain(at.trim()))?;
        }
        for alias in &addition.aliases {
            let target = |target: &config::TargetConfig| match &target.provider {
                Some(provider) => format!("{provider}/{}", target.model),
                None => target.model.clone(),
            };
            let targets: Vec<String> = alias.targets.iter().map(target).collect();
            writeln!(out, "  alias     {}  → {}", plain(&alias.name), plain(&targets.join(", ")))?;
        }
        for key in self.settings() {
            writeln!(out, "  setting   {key}")?;
        }
        for (name, _) in &self.placed.secrets {
            writeln!(out, "  sealed    {}", plain(name))?;
        }
        if !self.placed.variables.is_empty() {
            writeln!(out, "to be set where torod starts: {}", plain(&self.placed.variables.join(", ")))?;
        }
        if !self.plan.tokens.is_empty() && with_tokens {
            writeln!(out, "{} with new keys", counted(self.plan.tokens.len(), "token"))?;
        }
        if !self.placed.there.is_empty() {
            writeln!(out, "there already, left as it is with its keys: {}", plain(&self.placed.there.join(", ")))?;
        }
        if self.plan.left.count() > 0 || !self.plan.tokens.is_empty() && !with_tokens || !self.kept.is_empty() {
            writeln!(out, "not carried over:")?;
        }
        if !self.plan.tokens.is_empty() && !with_tokens {
            let tokens = counted(self.plan.tokens.len(), "token");
            writeln!(out, "  {tokens}: --tokens FILE makes them with new keys, which clients must be given")?;
        }
        for key in &self.kept {
            writeln!(out, "  {key}: torod.toml says it already")?;
        }
        for (why, count) in self.plan.left.iter() {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            writeln!(out, "  {}{times}", plain(why))?;
        }
        Ok(())
    }
}

fn counted_aliases(count: usize) -> String {
    if count == 1 { "1 alias".to_owned() } else { format!("{count} aliases") }
}

/// Seals the keys, none in the place of another; those that are sealed are put into `sealed`.
fn seal<'i>(
    import: &'i Import,
    connection: &mut Connection,
    data_dir: &Path,
    clock: &Clock,
    sealed: &mut Vec<&'i str>,
) -> anyhow::Result<()> {
    let keys = keyring(data_dir);
    let there = secrets::list(connection)?;
    for (name, secret) in &import.placed.secrets {
        if there.iter().any(|known| known.name == *name) {
            bail!(
                "a key `{name}` is sealed already, and is not overwritten: where nothing uses it, `torod secrets remove {name}`"
            );
        }
        let wanted = Wanted::new(name, &[], secret.clone(), &import.examined.config)
            .with_context(|| format!("the key `{name}` cannot be kept"))?;
        secrets::set(connection, &keys, &wanted, &Operator::LocalOwner, clock.now_ms())
            .with_context(|| format!("the key `{name}` cannot be kept"))?;
        sealed.push(name);
    }
    Ok(())
}

/// The name of a token here: one that nobody could read gets another, which is the same the next time.
fn readable(name: &str) -> String {
    if is_plain(name) {
        return name.to_owned();
    }
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).take(40).collect();
    let digest = Sha256::digest(name).first_chunk().copied().map_or(0, u32::from_be_bytes);
    if letters.is_empty() { format!("imported-{digest:08x}") } else { format!("{letters}-{digest:08x}") }
}

/// Makes the tokens whose names are free, and writes their keys to `file`, which is new and its owner's alone.
fn make(wanted: &[ForeignToken], connection: &mut Connection, file: &Path, now_ms: i64) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut out = opened.with_context(|| format!("cannot write the new keys to {}", file.display()))?;
    writeln!(out, "# name\trole\tkey")?;
    let taken: Vec<String> = tokens::all(connection)?.into_iter().map(|row| row.name).collect();
    for token in wanted {
        let name = readable(&token.name);
        if taken.contains(&name) {
            continue;
        }
        let ttl_ms = token.expires_ms.map(|at| at.saturating_sub(now_ms));
        if ttl_ms.is_some_and(|ms| ms <= 0) {
            continue;
        }
        let budget = |(unit, limit, seconds): &(Unit, u64, u64)| Budget {
            unit: match unit {
                Unit::Requests => BudgetUnit::Requests,
                Unit::Tokens => BudgetUnit::Tokens,
            },
            limit: *limit,
            window: match u32::try_from(*seconds) {
                Ok(seconds) if seconds > 0 => Window::Rolling { seconds },
                _ => Window::Lifetime,
            },
        };
        let limits = Limits { budgets: token.budgets.iter().map(budget).collect(), ..Limits::default() };
        let wanted = TokenCreate { name: Some(name), role: token.role, ttl_ms, limits, ..TokenCreate::default() };
        let draft = Draft::draw(system_random)?;
        let made = create(connection, &draft, &wanted, &Operator::LocalOwner, now_ms)
            .with_context(|| format!("the token `{}` cannot be made", plain(&token.name)))?;
        writeln!(out, "{}\t{}\t{}", made.answer.name, made.answer.role, made.answer.key)?;
    }
    Ok(out.sync_all()?)
}
