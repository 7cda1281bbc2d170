//! Presets against the vendors' documentation: every URL is the documented one; and `docs/providers.md` is written of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod page;

use std::collections::HashSet;

use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, ModelList, Preset, PresetEndpoint};
use tokenrouter::surface::Surface;

/// Vendors whose documented paths have another number of version segments than one.
const VERSIONS: [(&str, usize); 3] = [("perplexity", 0), ("github-copilot", 0), ("cloudflare-workers-ai", 2)];

struct Row<'t> {
    preset: &'t str,
    protocol: Protocol,
    operation: &'t str,
    url: &'t str,
    source: &'t str,
    read_on: &'t str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = include_str!("documented.tsv").lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [preset, protocol, operation, url, source, read_on] = fields[..] else { panic!("six fields: {line}") };
        Row { preset, protocol: protocol.parse().unwrap(), operation, url, source, read_on }
    };
    lines.map(row).collect()
}

fn base(endpoint: &PresetEndpoint) -> BaseUrl {
    endpoint.url(&|_| Some("x1")).unwrap()
}

/// Where a preset is asked for its models; none where it has no list.
fn list(preset: &Preset) -> Option<(Protocol, String)> {
    let endpoint = match preset.models_url {
        ModelList::Unlisted => return None,
        ModelList::At(_) => preset.endpoints.first()?,
        ModelList::Usual => preset.endpoint(Protocol::OpenAi).or(preset.endpoints.first())?,
    };
    let usual = || base(endpoint).join(endpoint.protocol, Surface::Models.tail());
    let url = preset.list_url(&|_| Some("x1")).unwrap().unwrap_or_else(usual);
    Some((endpoint.protocol, url))
}

fn built(preset: &Preset, protocol: Protocol, operation: &str) -> Option<String> {
    if operation == "models" {
        return list(preset).filter(|(asked, _)| *asked == protocol).map(|(_, url)| url);
    }
    let surface = match operation {
        "chat" => Surface::Chat,
        "embeddings" => Surface::Embeddings,
        "responses" => Surface::Responses,
        "messages" => Surface::Messages,
        "count_tokens" => Surface::CountMessages,
        "cohere_chat" => Surface::CohereChat,
        "generate" => {
            let endpoint = preset.endpoint(protocol)?;
            return Some(base(endpoint).join(protocol, &format!("{}/m:generateContent", Surface::Generate.tail())));
        }
        _ => return None,
    };
    Some(base(preset.endpoint(protocol)?).join(protocol, surface.tail()))
}

fn conversation(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenAi => "chat",
        Protocol::Responses => "responses",
        Protocol::Anthropic => "messages",
        Protocol::Gemini => "generate",
        Protocol::Cohere => "cohere_chat",
    }
}

fn versions(url: &str) -> usize {
    let is_version =
        |part: &&str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    url.split('?').next().unwrap().split('/').filter(is_version).count()
}

#[test]
fn row_134_every_url_is_the_documented_one() {
    let mut wrong = Vec::new();
    for row in rows() {
        let place = format!("{} {} {}", row.preset, row.protocol, row.operation);
        let preset = Preset::find(row.preset).unwrap_or_else(|| panic!("{place}: no such preset"));
        assert_eq!(preset.id, row.preset, "{place}: an alias");
        let sourced = row.source.starts_with("https://") || ["facts", "in use"].contains(&row.source);
        assert!(sourced && row.read_on.len() == "2026-11-21".len(), "{place}: {} {}", row.source, row.read_on);
        let url = built(preset, row.protocol, row.operation).unwrap_or_default();
        if url != row.url {
            wrong.push(format!("{place}: {url}, documented {}", row.url));
        }
        let expected = VERSIONS.iter().find(|(id, _)| *id == row.preset).map_or(1, |(_, count)| *count);
        if versions(&url) != expected {
            wrong.push(format!("{place}: {url} has {} version segments", versions(&url)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_preset_and_protocol_is_in_the_table() {
    let rows = rows();
    let known: HashSet<_> = rows.iter().map(|row| (row.preset, row.protocol, row.operation)).collect();
    assert_eq!(known.len(), rows.len(), "a row is given twice");
    let mut missing = Vec::new();
    for preset in Preset::all() {
        let spoken = preset.endpoints.iter().map(|e| (preset.id.as_str(), e.protocol, conversation(e.protocol)));
        let listed = list(preset).map(|(protocol, _)| (preset.id.as_str(), protocol, "models"));
        missing.extend(spoken.chain(listed).filter(|wanted| !known.contains(wanted)));
    }
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn the_page_of_providers_is_written_of_the_presets() {
    let page = page::write();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/providers.md is stale: run `UPDATE_DOCS=1 cargo test -p tokenrouter --test presets`");
}
