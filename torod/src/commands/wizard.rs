//! `torod config` at a terminal: finds keys and model servers, offers providers, tries them, and writes once, at the end.

mod asking;

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter::catalog::{Preset, Presets};

use self::asking::Asking;
use super::prompt::REMARK;
use super::{Exit, counted, prompt, system_env, terminal};
use crate::clock::Clock;
use crate::config::edit::By;
use crate::config::edit::provider::{self as edit, Draft};
use crate::config::{self, Config, FoundKey, FoundServer, Paths, SecretSource};
use crate::upstreams::detect;

/// Until a model server of this machine must have answered.
const PROBE: Duration = Duration::from_millis(300);

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
            Self::Found(preset, variable) => format!("{}{REMARK}{variable} is set here", preset.name),
            Self::Known(preset) if preset.free_tier => {
                format!("{}{REMARK}something is free with a key", preset.name)
            }
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
        terminal::tell(out, &format!("This writes {}: who is called, with which key.", file.display()), 0)?;
    } else {
        let count = counted(config.providers.len(), "provider");
        let has = format!("{} has {count}; this adds to it. Nothing else in it changes.", file.display());
        terminal::tell(out, &has, 0)?;
    }
    tell_found(out, &keys, &servers)?;
    let offers = offers(&config, &keys);
    let found = offers.iter().filter(|offer| matches!(offer, Offer::Found(..))).count();
    let labels = offers.iter().map(Offer::label).collect();
    let chosen = prompt::choose("Which providers do you want to use?", labels, found)?;
    let mut drafts: Vec<Draft> = Vec::new();
    let mut asking =
        Asking { file, data_dir: &paths.data_dir, config: &config, clock, out: &mut *out, is_offline: false };
    for offer in chosen.into_iter().filter_map(|at| offers.get(at)) {
        if let Some(draft) = asking.one(offer, &drafts).await? {
            drafts.push(draft);
        }
    }
    if asking.is_offline {
        writeln!(out, "Not tried: `torod provider test NAME` does it when there is a network.")?;
    }
    if drafts.is_empty() && !is_new {
        writeln!(out, "Nothing was chosen, and nothing was written.")?;
        return Ok(Exit::Done);
    }
    edit::preview(file, &drafts)?;
    show(out, file, is_new, &drafts)?;
    if !prompt::confirm(&format!("Write this to {}?", file.display()), true)? {
        return Err(prompt::GivenUp::Answered.into());
    }
    edit::add(file, &drafts, By::Owner)?;
    writeln!(out, "Wrote {}.\n", file.display())?;
    let variables = drafts.iter().filter_map(|draft| match &draft.key {
        Some(SecretSource::Env(name)) => Some(name.as_str()),
        _ => None,
    });
    let variables: Vec<&str> = variables.collect();
    if !variables.is_empty() {
        writeln!(out, "The gateway reads keys from {}: set them where torod starts.", variables.join(", "))?;
    }
    writeln!(out, "Next:\n  torod serve                  run the gateway (a running one takes it over by itself)")?;
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
        let models = counted(*models, "model");
        terminal::tell(out, &format!("  found {preset} at {url}: {models}, used automatically while it runs"), 4)?;
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

/// What is about to be written, without the keys themselves.
fn show(out: &mut dyn Write, file: &Path, is_new: bool, drafts: &[Draft]) -> std::io::Result<()> {
    let tables: Vec<String> = drafts.iter().map(|draft| draft.masked().text()).collect();
    if is_new {
        let what = "Into a new file, readable by you alone; every other key as a comment, with its default:";
        terminal::tell(out, what, 0)?;
    } else {
        writeln!(out, "To be added to {}:", file.display())?;
    }
    if tables.is_empty() {
        return writeln!(out, "It names no provider yet.\n");
    }
    writeln!(out, "\n{}", tables.join("\n"))
}
