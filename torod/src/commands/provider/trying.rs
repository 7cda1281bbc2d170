//! Real calls to one provider, with a sign of life while they run, and what came of them in words.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use owo_colors::OwoColorize as _;
use tokenrouter_shared::Secret;
use tokenrouter_shared::provider::{Tried, TriedStep};

use crate::access::system_random;
use crate::clock::Clock;
use crate::commands::{keyring, prompt, system_env, terminal, vault};
use crate::config::{ProviderConfig, SecretSource, resolve_secret};
use crate::store::schema::make_dir;
use crate::store::{SignIns, key_file};
use crate::upstreams::key_source::{KeySource, World};
use crate::upstreams::provider::{Key, Provider};
use crate::upstreams::trial::{self, Terms};

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Between two pictures of the sign of life.
const TICK: Duration = Duration::from_millis(100);

/// How a provider is tried.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Way {
    /// The model; without it a small one of its list.
    pub(in crate::commands) model: Option<String>,
    /// How long one call may take.
    pub(in crate::commands) deadline: Duration,
    /// Whether a program reads the output.
    pub(in crate::commands) json: bool,
    /// Where sign-ins are kept.
    pub(in crate::commands) data_dir: PathBuf,
}

/// Fetches the keys of `provider`, each as a running gateway would.
pub(super) async fn keys(provider: &ProviderConfig, data_dir: &Path, clock: &Clock) -> anyhow::Result<Vec<Key>> {
    let mut keys = Vec::new();
    let mut world = None;
    for (at, credential) in provider.credentials.iter().enumerate() {
        let source = KeySource::new(&provider.name, at, credential);
        let place = match &credential.secret {
            SecretSource::Env(name) => format!(" in {name}"),
            _ => String::new(),
        };
        let unread = || format!("the key of `{}`{place} cannot be used", provider.name);
        let secret = if credential.is_renewed() {
            let world = match &mut world {
                Some(world) => world,
                none => none.insert(self::world(data_dir, clock)?),
            };
            source.fetch(world, None).await.with_context(unread)?.secret
        } else {
            resolve_secret(&credential.secret, &system_env, &vault(data_dir)).with_context(unread)?
        };
        keys.push(Key::fixed(source.label, credential.weight, secret));
    }
    Ok(keys)
}

/// What sources of keys need, outside of a gateway.
pub(super) fn world(data_dir: &Path, clock: &Clock) -> anyhow::Result<World> {
    make_dir(data_dir)?;
    let gateway_key = key_file::load_or_make(data_dir, system_random)?;
    let sign_ins = Arc::new(SignIns::new(data_dir, keyring(data_dir), &gateway_key)?);
    Ok(World { clock: clock.clone(), env: system_env, vault: Arc::new(vault(data_dir)), sign_ins })
}

/// Tries `provider` with real calls.
pub(in crate::commands) async fn tried(provider: &ProviderConfig, way: &Way, clock: &Clock) -> anyhow::Result<Tried> {
    let keys = keys(provider, &way.data_dir, clock).await?;
    let secrets: Vec<Secret> = keys.iter().filter_map(|key| Some(key.held.issued()?.secret)).collect();
    let provider = Provider::new(provider, &keys)?;
    let terms = Terms { model: way.model.clone(), deadline: way.deadline, secrets };
    let name = provider.name.clone();
    let doing = Mutex::new(String::new());
    let mut begins = |what: trial::What, model: Option<&str>| {
        let model = model.map(|model| format!(" with {model}")).unwrap_or_default();
        *doing.lock().unwrap_or_else(PoisonError::into_inner) = format!("{name}: {}{model} …", what.as_str());
    };
    let mut ends = |_: &TriedStep| {};
    let work = trial::run(&provider, &terms, clock, &mut begins, &mut ends);
    let label = || doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
    with_sign_of_life(work, !way.json, &label).await
}

/// Asks `provider` for its list of models alone. The inner error: it could not be asked, for want of a key for one.
pub(in crate::commands) async fn listed(
    provider: &ProviderConfig,
    way: &Way,
    clock: &Clock,
) -> anyhow::Result<anyhow::Result<TriedStep>> {
    let asked = async {
        let keys = keys(provider, &way.data_dir, clock).await?;
        let secrets: Vec<Secret> = keys.iter().filter_map(|key| Some(key.held.issued()?.secret)).collect();
        let provider = Provider::new(provider, &keys)?;
        let terms = Terms { model: None, deadline: way.deadline, secrets };
        Ok(trial::list(&provider, &terms, clock).await)
    };
    let label = || format!("{}: list …", provider.name);
    with_sign_of_life(asked, !way.json, &label).await
}

/// Runs `work` and shows on a terminal that something is under way. Ctrl-C gives it up.
pub(in crate::commands) async fn with_sign_of_life<T>(
    work: impl Future<Output = T>,
    is_wanted: bool,
    label: &dyn Fn() -> String,
) -> anyhow::Result<T> {
    let is_shown = is_wanted && std::io::stderr().is_terminal();
    let mut say = anstream::stderr();
    let mut ticks = tokio::time::interval(TICK);
    let mut frames = FRAMES.iter().cycle();
    // One for the whole time: a new one in each round would miss what comes between two rounds.
    let given_up = tokio::signal::ctrl_c();
    tokio::pin!(work, given_up);
    loop {
        tokio::select! {
            // In this order: it must be listened for before the first call is made.
            biased;
            _ = &mut given_up => {
                if is_shown {
                    write!(say, "\r\u{1b}[2K")?;
                    say.flush()?;
                }
                return Err(prompt::GivenUp::Interrupted.into());
            }
            done = &mut work => {
                if is_shown {
                    write!(say, "\r\u{1b}[2K")?;
                    say.flush()?;
                }
                return Ok(done);
            }
            _ = ticks.tick(), if is_shown => {
                // One line, whatever the width: what is too long would be left over.
                let label: String = label().chars().take(70).collect();
                write!(say, "\r\u{1b}[2K{} {label}", frames.next().unwrap_or(&""))?;
                say.flush()?;
            }
        }
    }
}

/// Tells what came of a trial.
pub(in crate::commands) fn tell(out: &mut dyn Write, tried: &Tried) -> std::io::Result<()> {
    let protocol = tried.protocol.as_deref().unwrap_or("?");
    match &tried.model {
        Some(model) => writeln!(out, "{}, asked in {protocol}, model {model}:", tried.provider)?,
        None => writeln!(out, "{}, asked in {protocol}:", tried.provider)?,
    }
    for step in &tried.steps {
        terminal::tell(out, &line(step), INDENT)?;
    }
    terminal::tell(out, &format!("  {}", verdict(tried)), 2)
}

/// Under which column words go on.
const INDENT: usize = 22;

/// A model that calls no tool says nothing of its provider.
fn is_doubt(step: &TriedStep) -> bool {
    step.what == "tools" && step.result != "skipped"
}

/// What all of it means.
fn verdict(tried: &Tried) -> String {
    let failed = |what: &str| tried.steps.iter().find(|step| step.what == what && step.result == "fails");
    if !tried.works {
        let why = tried.steps.iter().find(|step| step.result == "fails" && step.what != "list");
        let why = why.or_else(|| failed("list")).and_then(|step| step.problem.as_deref()).unwrap_or("no answer");
        return format!("{}: {why}", "does not work".red());
    }
    let works = "works".green();
    match (failed("stream"), failed("tools"), failed("list")) {
        (Some(_), ..) => format!("{works}, but does not stream"),
        (_, Some(_), _) => format!("{works}; this model called no tool"),
        (_, _, Some(_)) => format!("{works}; its models are not listed"),
        _ => works.to_string(),
    }
}

fn line(step: &TriedStep) -> String {
    let mark = match step.result.as_str() {
        "works" => "✓".green().to_string(),
        "fails" if is_doubt(step) => "!".yellow().to_string(),
        "fails" => "✗".red().to_string(),
        _ => "–".dimmed().to_string(),
    };
    let took = if step.result == "skipped" { String::new() } else { format!("{} ms", step.took_ms) };
    let mut words = Vec::new();
    if let Some(problem) = &step.problem {
        let status = step.status.filter(|status| *status != 200).map(|status| format!(" (status {status})"));
        words.push(format!("{problem}{}", status.unwrap_or_default()));
    }
    if !step.message.is_empty() {
        words.push(step.message.clone());
    }
    if let Some(first) = step.first_ms {
        words.push(format!("the first piece after {first} ms"));
    }
    format!("  {mark} {:<7}{took:>9}  {}", step.what, words.join(": "))
}
