//! `torod config` at a terminal: finds keys and model servers, offers providers, tries them, and writes once, at the end.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter::catalog::{Preset, Presets};

use super::provider::{Source, Way, ask_key, drafted, spoken, tell_trial, tried};
use super::{Exit, prompt, system_env};
use crate::clock::Clock;
use crate::config::edit::provider::{self as edit, Draft};
use crate::config::{self, Config, FoundKey, FoundServer, Paths, SecretSource};
use crate::upstreams::detect;

/// Until a model server of this machine must have answered.
const PROBE: Duration = Duration::from_millis(300);
/// How long one call of a test may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be chosen.
enum Offer {
    /// A key of it is in the environment.
    Found(Arc<Preset>, &'static str),
    /// It is known by name.
    Known(Arc<Preset>),
    /// Any other.
    Other,
}

impl Offer {
    fn label(&self) -> String {
        match self {
            Self::Found(preset, variable) => format!("{} — {variable} is set here", preset.name),
            Self::Known(preset) if preset.free_tier => format!("{} — something is free with a key", preset.name),
            Self::Known(preset) => preset.name.clone(),
            Self::Other => "Another server, by its URL".to_owned(),
        }
    }
}

/// Leads through it. Until the last question is answered with yes, nothing is written.
pub(super) async fn run(paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
    let file = &paths.config_file;
    let is_new = !file.exists();
    let config = if is_new { Config::default() } else { config::load(file)? };
    let keys = detect::env_keys(&system_env);
    let servers = detect::local_servers(&config.presets, config.listen_addr, PROBE).await;
    if is_new {
        writeln!(out, "This writes {}: who is called, with which key.", file.display())?;
    } else {
        let count = config.providers.len();
        writeln!(out, "{} has {count} providers; this adds to them. Nothing else in it changes.", file.display())?;
    }
    tell_found(out, &keys, &servers)?;
    let offers = offers(&config, &keys);
    let found = offers.iter().filter(|offer| matches!(offer, Offer::Found(..))).count();
    let labels = offers.iter().map(Offer::label).collect();
    let chosen = prompt::choose("Which providers do you want to use?", labels, found)?;
    let mut drafts: Vec<Draft> = Vec::new();
    for offer in chosen.into_iter().filter_map(|at| offers.get(at)) {
        if let Some(draft) = one(offer, paths, &config, &drafts, out, clock).await? {
            drafts.push(draft);
        }
    }
    if drafts.is_empty() && !is_new {
        writeln!(out, "Nothing was chosen, and nothing was written.")?;
        return Ok(Exit::Done);
    }
    edit::preview(file, &drafts)?;
    show(out, is_new, &drafts)?;
    if !prompt::confirm(&format!("Write this to {}?", file.display()), true)? {
        return Err(prompt::GivenUp.into());
    }
    edit::add(file, &drafts)?;
    writeln!(out, "Wrote {}.\n", file.display())?;
    let variables = drafts.iter().filter_map(|draft| match &draft.key {
        Some(SecretSource::Env(name)) => Some(name.as_str()),
        _ => None,
    });
    let variables: Vec<&str> = variables.collect();
    if !variables.is_empty() {
        writeln!(out, "The gateway reads keys from {}: set them where torod starts.", variables.join(", "))?;
    }
    writeln!(out, "Next:\n  torod serve                  run the gateway (a running one has taken it over already)")?;
    if drafts.is_empty() {
        writeln!(out, "  torod provider add PRESET    tell it whom to call")?;
    } else {
        writeln!(out, "  torod provider list          whom it calls")?;
    }
    Ok(Exit::Done)
}

fn tell_found(out: &mut dyn Write, keys: &[FoundKey], servers: &[FoundServer]) -> std::io::Result<()> {
    for FoundKey { preset, env_var } in keys {
        writeln!(out, "  found {env_var} in the environment: {preset}")?;
    }
    for FoundServer { preset, url, models } in servers {
        writeln!(out, "  found {preset} at {url}: {models} models, used by itself while it runs")?;
    }
    if keys.is_empty() && servers.is_empty() {
        writeln!(out, "  found no key in the environment and no model server on this machine")?;
    }
    writeln!(out)
}

/// Those with a key at hand first, then any server; those that the file has already, and model servers, which are found by themselves,
/// not at all.
fn offers(config: &Config, keys: &[FoundKey]) -> Vec<Offer> {
    let presets: &Presets = &config.presets;
    let has = |preset: &Preset| {
        config.providers.iter().any(|known| {
            known.name.eq_ignore_ascii_case(&preset.id) || known.provider_type.as_ref() == Some(&preset.id)
        })
    };
    let mut offers = Vec::new();
    let mut taken = HashSet::new();
    for key in keys {
        if let Some(preset) = presets.find(key.preset).filter(|preset| !has(preset)) {
            taken.insert(preset.id.clone());
            offers.push(Offer::Found(preset, key.env_var));
        }
    }
    offers.push(Offer::Other);
    let known = presets.all().filter(|preset| preset.local_port.is_none() && !has(preset));
    offers.extend(known.filter(|preset| !taken.contains(&preset.id)).map(|preset| Offer::Known(Arc::clone(preset))));
    offers
}

/// Asks what is needed for one, and tries it; none where it is left out.
async fn one(
    offer: &Offer,
    paths: &Paths,
    config: &Config,
    before: &[Draft],
    out: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<Option<Draft>> {
    let file = &paths.config_file;
    let way = Way { model: None, deadline: PATIENCE, json: false, data_dir: paths.data_dir.clone() };
    let (source, name) = match offer {
        Offer::Found(preset, _) | Offer::Known(preset) => (Source::Known(Arc::clone(preset)), None),
        Offer::Other => {
            let Some(source) = asked_url(config)? else { return Ok(None) };
            let name = prompt::text("A name for it:", "clients write NAME/model; Enter alone: its host")?;
            (source, Some(name).filter(|name| !name.is_empty()))
        }
    };
    let mut draft = match drafted(&source, name, Vec::new(), config, true) {
        Ok(draft) => draft,
        Err(e) if e.is::<prompt::GivenUp>() => return Err(e),
        Err(e) => {
            writeln!(out, "{e}\nLeft out.\n")?;
            return Ok(None);
        }
    };
    loop {
        draft.key = match offer {
            Offer::Found(_, variable) => Some(SecretSource::Env((*variable).to_owned())),
            _ => ask_key(source.preset().map_or(&draft.name, |preset| &preset.name), source.preset())?,
        };
        if draft.key.is_none() && source.preset().is_some_and(Preset::needs_key) {
            writeln!(out, "`{}` is left out: it needs a key.\n", draft.name)?;
            return Ok(None);
        }
        let attempt = attempt(&source, &mut draft, file, before, &way, out, clock).await;
        match attempt {
            Ok(true) => return Ok(Some(draft)),
            Ok(false) => {}
            Err(e) => writeln!(out, "{e:#}")?,
        }
        let can_repeat = !matches!(offer, Offer::Found(..));
        if can_repeat && prompt::confirm("It does not work. Try another key?", false)? {
            continue;
        }
        if prompt::confirm(&format!("Keep `{}` all the same?", draft.name), false)? {
            return Ok(Some(draft));
        }
        writeln!(out, "`{}` is left out.\n", draft.name)?;
        return Ok(None);
    }
}

/// Whether it works.
async fn attempt(
    source: &Source,
    draft: &mut Draft,
    file: &Path,
    before: &[Draft],
    way: &Way,
    out: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<bool> {
    if let Source::At(base) = source {
        draft.urls = spoken(base, draft, way, out, clock).await?;
    }
    let drafts: Vec<Draft> = before.iter().cloned().chain([draft.clone()]).collect();
    let (examined, _) = edit::preview(file, &drafts)?;
    let Some(provider) = examined.config.providers.iter().find(|provider| provider.name == draft.name) else {
        return Ok(false);
    };
    let tried = tried(provider, way, clock).await?;
    tell_trial(out, &tried)?;
    writeln!(out)?;
    Ok(tried.works)
}

fn asked_url(config: &Config) -> anyhow::Result<Option<Source>> {
    loop {
        let text = prompt::text("Its URL:", "such as https://llm.example.com/v1; Enter alone: none")?;
        if text.is_empty() {
            return Ok(None);
        }
        match Source::read(&text, &config.presets) {
            Ok(source) => return Ok(Some(source)),
            Err(e) => prompt::say(&e.to_string())?,
        }
    }
}

/// What is about to be written, without the keys themselves.
fn show(out: &mut dyn Write, is_new: bool, drafts: &[Draft]) -> std::io::Result<()> {
    let tables: Vec<String> = drafts.iter().map(|draft| draft.masked().text()).collect();
    if is_new {
        writeln!(out, "Into a new file, readable by you alone; every other key as a comment, with its default:")?;
    }
    if tables.is_empty() {
        return writeln!(out, "It names no provider yet.\n");
    }
    writeln!(out, "\n{}", tables.join("\n"))
}
