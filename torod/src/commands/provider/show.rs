//! `torod provider list|show`: what the file says, and how a running gateway sees it.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use comfy_table::{Cell, CellAlignment};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokenrouter_shared::provider::{KeyStanding, ProviderSummary};

use super::table::table;
use super::{find, load_paths, print_json, quota, standing};
use crate::clock::Clock;
use crate::commands::{Exit, control, counted, terminal};
use crate::config::{self, Paths, ProviderConfig, SecretSource};
use crate::daemon::SOCKET;

const NOTHING: Option<&()> = None;
/// From this width on there is room for the names of protocols, in characters.
const WIDE: usize = 120;

#[derive(Deserialize)]
struct Status {
    providers: Vec<Seen>,
}

/// A provider as the running gateway sees it.
#[derive(Deserialize)]
struct Seen {
    name: String,
    state: String,
    models: Option<usize>,
    #[serde(default)]
    keys: Vec<KeyStanding>,
}

/// What a gateway that holds the data folder knows; empty where none runs.
async fn seen(data_dir: &Path) -> anyhow::Result<HashMap<String, Seen>> {
    if UnixStream::connect(data_dir.join(SOCKET)).is_err() {
        return Ok(HashMap::new());
    }
    let status: Status = control::ask(data_dir, Method::GET, "/v1/status", NOTHING).await?;
    Ok(status.providers.into_iter().map(|seen| (seen.name.clone(), seen)).collect())
}

/// How the keys of `provider` stand that change by themselves: a running gateway knows it, and of sign-ins the folder.
fn standings(provider: &ProviderConfig, seen: Option<&Seen>, paths: &Paths, clock: &Clock) -> Vec<Option<KeyStanding>> {
    let mut standings = standing::kept(provider, &paths.data_dir, clock);
    for (at, (credential, standing)) in provider.credentials.iter().zip(&mut standings).enumerate() {
        let label = credential.label(at);
        let told = seen.and_then(|seen| seen.keys.iter().find(|key| key.label == label));
        if let Some(told) = told {
            *standing = Some(told.clone());
        }
    }
    standings
}

/// Those of the file, and those that a running gateway uses besides.
async fn summaries(paths: &Paths, clock: &Clock) -> anyhow::Result<(Vec<ProviderSummary>, Vec<Seen>)> {
    let config = load_paths(paths)?;
    let mut seen = seen(&paths.data_dir).await?;
    let summary = |provider| {
        let mut summary = config::summary(provider);
        let seen = seen.remove(&summary.name).filter(|_| summary.enabled);
        for (key, standing) in summary.keys.iter_mut().zip(standings(provider, seen.as_ref(), paths, clock)) {
            key.standing = standing;
        }
        if let Some(seen) = seen {
            (summary.state, summary.models) = (Some(seen.state), seen.models);
        }
        summary
    };
    let summaries = config.providers.iter().map(summary).collect();
    let named = |found: &Seen| config.providers.iter().any(|provider| provider.name == found.name);
    let mut others: Vec<Seen> = seen.into_values().filter(|found| !named(found)).collect();
    others.sort_by(|one, two| one.name.cmp(&two.name));
    Ok((summaries, others))
}

/// Lists the providers.
pub(super) async fn list(
    paths: &Paths,
    out: &mut (dyn Write + Send),
    is_terminal: bool,
    json: bool,
    clock: &Clock,
) -> anyhow::Result<Exit> {
    let (summaries, others) = summaries(paths, clock).await?;
    if json {
        print_json(out, &summaries)?;
        return Ok(Exit::Done);
    }
    if summaries.is_empty() {
        writeln!(out, "no providers yet: `torod provider add PRESET` adds one, `torod config` leads you through it")?;
        return besides(out, &others);
    }
    let is_narrow = is_terminal && terminal::width().is_some_and(|width| width < WIDE);
    let mut table = table(is_terminal);
    table.set_header(["name", "state", "preset", "protocols", "key", "models"].map(Cell::new));
    if let Some(models) = table.column_mut(5) {
        models.set_cell_alignment(CellAlignment::Right);
    }
    for summary in &summaries {
        let protocols: Vec<&str> = summary.protocols.iter().map(|spoken| spoken.protocol.as_str()).collect();
        let keys: Vec<String> =
            summary.keys.iter().map(|key| key.name.as_ref().unwrap_or(&key.source).clone()).collect();
        let dash = || "-".to_owned();
        table.add_row([
            summary.name.clone(),
            state(summary),
            summary.preset.clone().unwrap_or_else(dash),
            if is_narrow && protocols.len() > 1 { counted(protocols.len(), "protocol") } else { protocols.join(", ") },
            Some(keys.join(", ")).filter(|keys| !keys.is_empty()).unwrap_or_else(dash),
            summary.models.map_or_else(dash, |count| count.to_string()),
        ]);
    }
    writeln!(out, "{table}")?;
    besides(out, &others)
}

/// Tells whom a running gateway has found by itself.
fn besides(out: &mut dyn Write, others: &[Seen]) -> anyhow::Result<Exit> {
    let one = |found: &Seen| match found.models {
        Some(models) => format!("{} ({})", found.name, counted(models, "model")),
        None => found.name.clone(),
    };
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(one).collect();
        terminal::tell(out, &format!("\nalso used, found while it runs: {}", names.join(", ")), 0)?;
    }
    Ok(Exit::Done)
}

/// How a provider stands, in a word or two: that somebody must sign in goes before all else.
fn state(summary: &ProviderSummary) -> String {
    let mut standings = summary.keys.iter().filter_map(|key| key.standing.as_ref());
    if summary.enabled && standings.any(|standing| standing.state == "signed_out") {
        return format!("needs `torod provider login {}`", summary.name);
    }
    summary.state.clone().unwrap_or_else(|| if summary.enabled { "enabled" } else { "disabled" }.to_owned())
}

/// Shows one.
pub(super) async fn one(
    paths: &Paths,
    out: &mut (dyn Write + Send),
    name: &str,
    json: bool,
    clock: &Clock,
) -> anyhow::Result<Exit> {
    let config = load_paths(paths)?;
    let provider = find(&config, name)?;
    let seen = seen(&paths.data_dir).await?.remove(&provider.name);
    let standings = standings(provider, seen.as_ref(), paths, clock);
    if json {
        let mut view = config::view_provider(provider);
        if let Value::Object(fields) = &mut view {
            fields.insert("state".to_owned(), json!(seen.as_ref().map(|seen| &seen.state)));
            fields.insert("models_known".to_owned(), json!(seen.and_then(|seen| seen.models)));
            let keys: Vec<&KeyStanding> = standings.iter().flatten().collect();
            if !keys.is_empty() {
                fields.insert("keys".to_owned(), json!(keys));
            }
        }
        print_json(out, &view)?;
        return Ok(Exit::Done);
    }
    write!(out, "{}", config::show_provider(provider))?;
    if let Some(preset) = &provider.preset {
        for (what, text) in [("docs", &preset.docs), ("keys", &preset.key_page), ("note", &preset.note)] {
            if !text.is_empty() {
                writeln!(out, "# {what}: {text}")?;
            }
        }
    }
    for (credential, standing) in provider.credentials.iter().zip(&standings) {
        if let Some(standing) = standing {
            let is_signed_in = matches!(&credential.secret, SecretSource::Grant(grant) if grant.is_device());
            writeln!(out, "# key {}: {}", standing.label, standing::told(standing, is_signed_in))?;
        }
    }
    if seen.is_some() {
        let views = quota::known(&paths.data_dir, Some(&provider.name)).await.unwrap_or_default();
        if views.iter().any(|view| !view.metrics.is_empty()) {
            writeln!(out, "# what it has left:")?;
            let mut table = Vec::new();
            quota::show(&mut table, &views, false, clock.now_ms())?;
            for line in String::from_utf8_lossy(&table).lines() {
                writeln!(out, "# {line}")?;
            }
        }
    }
    if let Some(seen) = seen {
        let models = seen.models.map_or_else(|| "models unknown".to_owned(), |count| counted(count, "model"));
        writeln!(out, "# a running gateway: {}, {models}", seen.state)?;
    }
    Ok(Exit::Done)
}
