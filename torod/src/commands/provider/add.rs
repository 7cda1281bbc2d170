//! `torod provider add PRESET|URL`: asked, tried, and only then written.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, Preset};
use tokenrouter_shared::provider::{ProviderSummary, Tried, TriedStep};

use super::draft::{self, Source};
use super::key::{self, KeyFlags};
use super::{Way, find, load_or_default, not_told, print_json, tell_gateway, tell_trial, tried, trying, warnings};
use crate::clock::Clock;
use crate::commands::{Exit, prompt, system_env, vault};
use crate::config::edit::By;
use crate::config::edit::provider::{self as edit, Draft, Urls};
use crate::config::{self, Config, Paths, SecretSource, resolve_key};
use crate::upstreams::provider::Key;
use crate::upstreams::speech::{self, Spoken};
use crate::upstreams::trial::{self, Terms};

/// Add a well-known provider by its preset, or any other by its URL.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider add groq                     asks for the key, tries it, writes it\n  torod provider add groq --key-env GROQ_API_KEY --yes\n  torod provider add openai --name work --key-stdin < key.txt\n  torod provider add azure --account resource_name=work --key-env AZURE_API_KEY\n  torod provider add https://llm.example.com/v1 --name work --key-env WORK_KEY\n  torod provider add ollama --no-test\n\nNothing is written before the test has passed, unless you say so. A key is never an argument: others could read it."
)]
pub(super) struct Add {
    /// The name of a preset (`torod provider presets` lists them), or a URL.
    #[arg(value_name = "PRESET|URL")]
    what: String,
    /// What to call it: clients write NAME/model.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    key: KeyFlags,
    /// What the preset's URL depends on, such as `resource_name=work`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = draft::pair)]
    account: Vec<(String, String)>,
    /// What a server at a URL speaks: openai, responses, anthropic, gemini, cohere; without it, it is found out.
    #[arg(long, value_name = "PROTOCOL", value_delimiter = ',')]
    protocol: Vec<Protocol>,
    /// The model to try; without it a small one of the list.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How long one call of the test may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Write it without trying it.
    #[arg(long)]
    no_test: bool,
    /// Ask nothing: take what the flags and the environment say. A provider that fails its test is not written.
    #[arg(long, short)]
    yes: bool,
    /// Print JSON, and ask nothing.
    #[arg(long)]
    json: bool,
}

/// What was added, or was not.
#[derive(Serialize)]
struct Added {
    provider: ProviderSummary,
    file: String,
    written: bool,
    test: Option<Tried>,
}

impl Add {
    /// Does it and tells.
    pub(super) async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let file = &paths.config_file;
        let config = load_or_default(file)?;
        let can_ask = !self.yes && !self.json && prompt::is_possible();
        let source = Source::read(&self.what, &config.presets)?;
        if let Some(preset) = source.preset().filter(|_| !self.json && self.what.contains("://")) {
            writeln!(out, "This is {}, which is known by name: `{}`.", preset.name, preset.id)?;
        }
        if source.preset().is_some() && !self.protocol.is_empty() {
            anyhow::bail!("`--protocol` is for URLs: a preset knows what it speaks");
        }
        let mut draft = draft::drafted(&source, self.name, self.account, &config, can_ask)?;
        draft.key = match self.key.read()? {
            Some(key) => Some(key),
            None if can_ask && source.preset().is_none_or(|preset| !preset.env.is_empty()) => {
                key::ask(source.preset().map_or(&draft.name, |preset| &preset.name), source.preset())?
            }
            None => draft::key_without_asking(&source)?,
        };
        if draft.key.is_none() && source.preset().is_some_and(Preset::needs_key) {
            anyhow::bail!("{} needs a key: nothing was written", draft.name);
        }
        if let Some(warning) = unencrypted(&source, draft.key.as_ref()) {
            prompt::say(&warning)?;
        }
        let way = Way {
            model: self.model,
            deadline: Duration::from_secs(self.timeout),
            json: self.json,
            data_dir: paths.data_dir.clone(),
        };
        if let Source::At(base) = &source {
            // A name that cannot be, a key that cannot: told before anybody is asked anything.
            edit::preview(file, std::slice::from_ref(&draft))?;
            draft.urls = match (self.protocol.as_slice(), self.no_test) {
                ([], true) => draft.urls,
                ([], false) => spoken(base, &draft, &way, out, clock).await.map_err(|e| match e.downcast_ref() {
                    Some(NotUnderstood { found, .. }) => anyhow::anyhow!("{e}\n{}", advice(found, way.model.is_some())),
                    None => e,
                })?,
                (protocols, _) => draft::at(base, protocols),
            };
        }
        let (examined, _) = edit::preview(file, std::slice::from_ref(&draft))?;
        let provider = find(&examined.config, &draft.name)?;
        let test = if self.no_test { None } else { Some(tried(provider, &way, clock).await?) };
        if let Some(test) = test.as_ref().filter(|_| !self.json) {
            tell_trial(out, test)?;
        }
        let works = test.as_ref().is_none_or(|test| test.works);
        let is_wanted = works || (can_ask && prompt::confirm("It does not work. Write it all the same?", false)?);
        let mut gateway_told = Ok(false);
        if is_wanted {
            edit::add(file, std::slice::from_ref(&draft), By::Owner)?;
            gateway_told = tell_gateway(&paths.data_dir).await;
        }
        if self.json {
            let provider = config::summary(provider);
            print_json(out, &Added { provider, file: file.display().to_string(), written: is_wanted, test })?;
        } else if is_wanted {
            tell(out, file, &draft, &examined.config)?;
            let model = test.as_ref().and_then(|test| test.model.as_deref()).unwrap_or("MODEL");
            let next = match gateway_told {
                Ok(true) => "The gateway serves it now:".to_owned(),
                Ok(false) => "Next: `torod serve`;".to_owned(),
                Err(e) => not_told(&e) + ". Once it has,",
            };
            writeln!(out, "{next} clients ask for `{}/{model}`.", draft.name)?;
            // As it was written: that others may read a file with keys in it, the file alone can tell.
            for finding in warnings(&config::examine_file(file)?.findings) {
                prompt::say(&finding.to_string())?;
            }
        } else {
            let wants_key = test.as_ref().is_some_and(|test| test.steps.iter().any(trial::wants_key));
            let next = if wants_key { KEY_FLAGS } else { "Without the test: `--no-test`." };
            writeln!(out, "Nothing was written. {next}")?;
        }
        Ok(if is_wanted { Exit::Done } else { Exit::Failed })
    }
}

fn tell(out: &mut dyn Write, file: &Path, draft: &Draft, config: &Config) -> anyhow::Result<()> {
    writeln!(out, "Added `{}` to {}.", draft.name, file.display())?;
    if let Some(remark) = key::remark(draft.key.as_ref(), file) {
        writeln!(out, "{remark}")?;
    }
    let provider = config.providers.iter().find(|provider| provider.name == draft.name);
    let preset = provider.and_then(|provider| provider.preset.as_ref());
    if let Some(note) = preset.map(|preset| &preset.note).filter(|note| !note.is_empty()) {
        writeln!(out, "{note}")?;
    }
    Ok(())
}

/// What is said of a key that others can read on its way.
fn unencrypted(source: &Source, key: Option<&SecretSource>) -> Option<String> {
    let Source::At(base) = source else { return None };
    let is_open = key.is_some() && base.to_string().starts_with("http://") && !draft::is_near(base.host());
    is_open.then(|| format!("warning: over http:// the key travels to {} unencrypted: use https://", base.host()))
}

/// A server answers in no protocol that is known.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(in crate::commands) struct NotUnderstood {
    why: String,
    found: Spoken,
}

impl NotUnderstood {
    /// Whether it wants a key, and none was sent.
    pub(in crate::commands) fn wants_key(&self) -> bool {
        self.found.failures.iter().any(|(_, step)| trial::wants_key(step))
    }
}

/// What the server at `base` speaks; where nothing is understood, the error tells why.
pub(in crate::commands) async fn spoken(
    base: &BaseUrl,
    draft: &Draft,
    way: &Way,
    out: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<Urls> {
    let fetch = |source| resolve_key(source, &system_env, &vault(&way.data_dir), clock.now_ms());
    let secret = draft.key.as_ref().map(fetch).transpose()?;
    let secret = secret.map(|fetched| fetched.secret);
    let key = secret.clone().map(|secret| Key::fixed("1", 1, secret));
    let secrets = secret.into_iter().collect();
    let terms = Terms { model: way.model.clone(), deadline: way.deadline, secrets };
    let label = || format!("{base}: which protocols does it speak? …");
    let work = speech::detect(base, key.as_ref(), &terms, clock);
    let found = trying::with_sign_of_life(work, !way.json, &label).await??;
    if found.protocols.is_empty() {
        let why = not_understood(base, &found);
        return Err(NotUnderstood { why, found }.into());
    }
    if !way.json {
        let names: Vec<&str> = found.protocols.iter().map(|protocol| protocol.as_str()).collect();
        writeln!(out, "{base} speaks {}.", names.join(", "))?;
    }
    Ok(draft::at(base, &found.protocols))
}

/// Why a server is not understood.
fn not_understood(base: &BaseUrl, found: &Spoken) -> String {
    let reason = |step: &TriedStep| {
        let status = step.status.map(|status| format!(" (status {status})")).unwrap_or_default();
        format!("{}{status}: {}", step.problem.as_deref().unwrap_or("no list of models"), step.message)
    };
    match found.failures.first() {
        // As many times the same: once says it.
        Some((_, first)) if found.failures.iter().all(|(_, step)| step.problem == first.problem) => {
            format!("{base}: {}", reason(first))
        }
        _ => {
            let line = |(protocol, step): &(Protocol, TriedStep)| format!("  {protocol}: {}", reason(step));
            let lines: Vec<String> = found.failures.iter().map(line).collect();
            format!("{base} answers in no protocol that is known:\n{}", lines.join("\n"))
        }
    }
}

/// How a key is given.
const KEY_FLAGS: &str = "Give it a key with `--key-env VAR` or `--key-stdin`.";

/// What can be typed then.
fn advice(found: &Spoken, is_model_given: bool) -> &'static str {
    if found.failures.iter().any(|(_, step)| trial::wants_key(step)) {
        return KEY_FLAGS;
    }
    let is_silent = has(found, "unreachable") || has(found, "tls") || has(found, "authentication");
    match &found.model {
        None if !is_model_given && !is_silent => {
            "If it has no list of models, name one with `--model`; `--protocol` says what it speaks."
        }
        _ => "Check the URL and the key; `--protocol` says what it speaks, `--no-test` writes it without asking it.",
    }
}

/// Whether one of the failures is of this kind.
fn has(found: &Spoken, problem: &str) -> bool {
    found.failures.iter().any(|(_, step)| step.problem.as_deref() == Some(problem))
}
