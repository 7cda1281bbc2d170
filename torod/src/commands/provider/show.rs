//! `torod provider list|show`: what the file says, and how a running gateway sees it.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokenrouter_shared::provider::{KeyStanding, ProviderSummary};

use super::table::table;
use super::{find, load_or_default, print_json, standing};
use crate::clock::Clock;
use crate::commands::{Exit, control};
use crate::config::{self, Paths, ProviderConfig, SecretSource};
use crate::daemon::SOCKET;

const NOTHING: Option<&()> = None;

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
        let label = credential.name.clone().unwrap_or_else(|| (at + 1).to_string());
        let told = seen.and_then(|seen| seen.keys.iter().find(|key| key.label == label));
        if let Some(told) = told {
            *standing = Some(told.clone());
        }
    }
    standings
}

async fn summaries(paths: &Paths, clock: &Clock) -> anyhow::Result<Vec<ProviderSummary>> {
    let config = load_or_default(&paths.config_file)?;
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
    Ok(config.providers.iter().map(summary).collect())
}

/// Lists the providers.
pub(super) async fn list(
    paths: &Paths,
    out: &mut (dyn Write + Send),
    is_terminal: bool,
    json: bool,
    clock: &Clock,
) -> anyhow::Result<Exit> {
    let summaries = summaries(paths, clock).await?;
    if json {
        print_json(out, &summaries)?;
        return Ok(Exit::Done);
    }
    if summaries.is_empty() {
        writeln!(out, "no providers yet: `torod provider add PRESET` adds one, `torod config` leads you through it")?;
        return Ok(Exit::Done);
    }
    let mut table = table(is_terminal);
    table.set_header(["name", "preset", "protocols", "key", "models", "state"]);
    for summary in &summaries {
        let protocols: Vec<&str> = summary.protocols.iter().map(|spoken| spoken.protocol.as_str()).collect();
        let keys: Vec<String> =
            summary.keys.iter().map(|key| key.name.as_ref().unwrap_or(&key.source).clone()).collect();
        let dash = || "-".to_owned();
        table.add_row([
            summary.name.clone(),
            summary.preset.clone().unwrap_or_else(dash),
            protocols.join(", "),
            Some(keys.join(", ")).filter(|keys| !keys.is_empty()).unwrap_or_else(dash),
            summary.models.map_or_else(dash, |count| count.to_string()),
            state(summary),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(Exit::Done)
}

/// How a provider stands, in a word or two: that somebody must sign in goes before all else.
fn state(summary: &ProviderSummary) -> String {
    let mut standings = summary.keys.iter().filter_map(|key| key.standing.as_ref());
    if summary.enabled && standings.any(|standing| standing.state == "signed_out") {
        return format!("needs `torod provider login {}`", summary.name);
    }
    summary.state.clone().unwrap_or_else(|| "enabled".to_owned())
}

/// Shows one.
pub(super) async fn one(
    paths: &Paths,
    out: &mut (dyn Write + Send),
    name: &str,
    json: bool,
    clock: &Clock,
) -> anyhow::Result<Exit> {
    let config = load_or_default(&paths.config_file)?;
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
    if let Some(seen) = seen {
        let models = seen.models.map_or_else(|| "models unknown".to_owned(), |count| format!("{count} models"));
        writeln!(out, "# a running gateway: {}, {models}", seen.state)?;
    }
    Ok(Exit::Done)
}
