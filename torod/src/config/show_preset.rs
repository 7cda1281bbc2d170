//! A preset of the operator as the file would say it.

use std::fmt::{Result, Write};

use tokenrouter::catalog::{ModelList, Preset, PresetEndpoint};
use tokenrouter::dialect::Quirk;
use tokenrouter::quota::Reader;

use super::show::quoted;

/// Writes `[presets.<id>]` with everything that is not what a missing key means.
pub(super) fn write(text: &mut String, preset: &Preset) -> Result {
    writeln!(text, "\n[presets.{}]\nname = {}", quoted(&preset.id), quoted(&preset.name))?;
    let endpoints: Vec<_> = preset.endpoints.iter().map(endpoint).collect();
    writeln!(text, "protocols = {{ {} }}", endpoints.join(", "))?;
    for (key, texts) in [
        ("aliases", &preset.aliases),
        ("env", &preset.env),
        ("models", &preset.models),
        ("free_models", &preset.free_models),
    ] {
        if !texts.is_empty() {
            writeln!(text, "{key} = {}", listed(texts.iter().map(String::as_str)))?;
        }
    }
    match &preset.models_url {
        ModelList::Usual => {}
        ModelList::Unlisted => writeln!(text, "models_url = \"none\"")?,
        ModelList::At(url) => writeln!(text, "models_url = {}", quoted(url))?,
    }
    for (key, value) in [("key_page", &preset.key_page), ("docs", &preset.docs), ("note", &preset.note)] {
        if !value.is_empty() {
            writeln!(text, "{key} = {}", quoted(value))?;
        }
    }
    writeln!(text, "free_tier = {}\npublic = {}", preset.free_tier, preset.public)?;
    writeln!(text, "rate_limit = \"{}\"", preset.rate_limit.as_str())?;
    if preset.quota != Reader::None {
        writeln!(text, "quota = \"{}\"", preset.quota.as_str())?;
    }
    if let Some(port) = preset.local_port {
        writeln!(text, "local_port = {port}")?;
    }
    let needs = preset.needs.iter().map(|(name, what)| format!("{} = {}", quoted(name), quoted(what)));
    if !preset.needs.is_empty() {
        writeln!(text, "needs = {{ {} }}", needs.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn endpoint(endpoint: &PresetEndpoint) -> String {
    let mut shown = format!("url = {}, auth = \"{}\"", quoted(&endpoint.base_url), endpoint.auth.as_str());
    if !endpoint.versioned {
        shown += ", version = false";
    }
    if !endpoint.query.is_empty() {
        shown += &format!(", query = {}", quoted(&endpoint.query));
    }
    for (key, quirks) in [("quirks", &endpoint.quirks), ("lacks", &endpoint.lacks)] {
        if !quirks.is_empty() {
            let names: Vec<String> = quirks.iter().copied().map(Quirk::name).collect();
            shown += &format!(", {key} = {}", listed(names.iter().map(String::as_str)));
        }
    }
    format!("{} = {{ {shown} }}", endpoint.protocol)
}

fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}
