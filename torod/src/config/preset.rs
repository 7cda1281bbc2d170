//! `[presets.<id>]`: providers that the operator describes once, in the form of the embedded ones, which they may replace.

use std::collections::BTreeMap;

use tokenrouter::Protocol;
use tokenrouter::catalog::{
    AuthStyle, BaseUrlError, ModelList, Preset, PresetEndpoint, PresetError, Presets, RateLimit,
};
use tokenrouter::dialect::Quirk;
use tokenrouter::quota::Reader;
use toml::de::DeValue;

use super::field::Field;
use super::section::{Section, closest, shorten};

/// How the keys of one preset are documented.
const SCHEMA: &str = "presets.<id>";
/// And those of one of its protocols.
const ENDPOINT: &str = "presets.<id>.protocols.<protocol>";

/// Reads every `[presets.<id>]`.
pub(super) fn read_all(config: &mut Section<'_>) -> Presets {
    let Some(table) = config.section("presets") else { return Presets::default() };
    let mut own: Vec<Preset> = Vec::new();
    for (id, field) in table.entries() {
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if id.is_empty() || id.len() > 64 || !id.bytes().all(valid) {
            field.refuse(
                format!("`{}` is no name for a preset", shorten(id)),
                "use 1 to 64 letters, digits, `.`, `_` and `-`",
            );
        } else if let Some(other) =
            own.iter().find(|other| Preset { aliases: Vec::new(), ..(*other).clone() }.is_called(id))
        {
            field.refuse(format!("there is already a preset `{}`", other.id), "give each preset its own name");
        }
        if let Some(section) = field.section_as(SCHEMA.to_owned()) {
            own.push(read(section, id));
        }
    }
    Presets::new(own)
}

fn read(mut section: Section<'_>, id: &str) -> Preset {
    let mut preset = Preset { id: id.to_owned(), name: id.to_owned(), ..Preset::default() };
    for (key, target) in [
        ("name", &mut preset.name),
        ("key_page", &mut preset.key_page),
        ("docs", &mut preset.docs),
        ("note", &mut preset.note),
    ] {
        if let Some(text) = section.take(key).and_then(|field| field.string()) {
            text.clone_into(target);
        }
    }
    for (key, target) in [
        ("aliases", &mut preset.aliases),
        ("env", &mut preset.env),
        ("models", &mut preset.models),
        ("free_models", &mut preset.free_models),
    ] {
        if let Some(field) = section.take(key) {
            *target = texts(&field);
        }
    }
    if let Some(needs) = section.section("needs") {
        let entries = needs.entries().into_iter();
        preset.needs =
            entries.filter_map(|(name, field)| Some((name.to_owned(), field.string()?.to_owned()))).collect();
    }
    preset.endpoints = read_protocols(&mut section, &preset.needs);
    if let Some(field) = section.take("models_url")
        && let Some(text) = field.string()
    {
        preset.models_url = ModelList::from(text.to_owned());
        let account = |_: &str| Some("x");
        if let Err(error) = preset.list_url(&account) {
            field.refuse(error.to_string(), field.example());
        }
    }
    section.set_bool("free_tier", &mut preset.free_tier);
    section.set_bool("public", &mut preset.public);
    section.set_choice("rate_limit", &RateLimit::ALL.map(|family| (family.as_str(), family)), &mut preset.rate_limit);
    section.set_choice("quota", &Reader::ALL.map(|reader| (reader.as_str(), reader)), &mut preset.quota);
    if let Some(port) = section.take("local_port").and_then(|field| field.integer(1..65_536)) {
        preset.local_port = u16::try_from(port).ok();
    }
    section.finish();
    preset
}

fn read_protocols(section: &mut Section<'_>, needs: &BTreeMap<String, String>) -> Vec<PresetEndpoint> {
    let Some(field) = section.take("protocols") else {
        section.report.error(
            section.span.clone(),
            &section.path_of("protocols"),
            "this preset has no `protocols`".to_owned(),
            "add `protocols = { openai = \"https://llm.example.com/v1\" }`".to_owned(),
        );
        return Vec::new();
    };
    let Some(mut table) = field.section() else { return Vec::new() };
    let mut spoken: Vec<_> = Protocol::ALL
        .into_iter()
        .filter_map(|protocol| table.take(protocol.as_str()).map(|field| (protocol, field)))
        .collect();
    // As they are written: the first is the preferred one.
    spoken.sort_by_key(|(_, field)| field.span.start);
    if table.entries().is_empty() {
        field.refuse("`protocols` names no known protocol", field.example());
    }
    table.finish();
    spoken.into_iter().filter_map(|(protocol, field)| read_endpoint(protocol, &field, needs)).collect()
}

fn read_endpoint(protocol: Protocol, field: &Field<'_>, needs: &BTreeMap<String, String>) -> Option<PresetEndpoint> {
    let mut endpoint = PresetEndpoint::new(protocol, "");
    if let DeValue::String(url) = field.value {
        endpoint.base_url = url.clone().into_owned();
        return check(field, endpoint, needs);
    }
    if !field.value.is_table() {
        field.wrong_type("a URL in quotes or a table");
        return None;
    }
    let mut section = field.section_as(ENDPOINT.to_owned())?;
    let url = section.take("url");
    match url.as_ref().map(Field::string) {
        Some(Some(url)) => url.clone_into(&mut endpoint.base_url),
        Some(None) => {}
        None => field.refuse("this protocol has no `url`", "add `url = \"https://llm.example.com/v1\"`"),
    }
    section.set_choice("auth", &AuthStyle::ALL.map(|style| (style.as_str(), style)), &mut endpoint.auth);
    section.set_bool("version", &mut endpoint.versioned);
    if let Some(query) = section.take("query").and_then(|field| field.string()) {
        query.clone_into(&mut endpoint.query);
    }
    for (key, target) in [("quirks", &mut endpoint.quirks), ("lacks", &mut endpoint.lacks)] {
        if let Some(field) = section.take(key) {
            *target = quirks(&field);
        }
    }
    section.finish();
    check(&url?, endpoint, needs)
}

fn check(field: &Field<'_>, endpoint: PresetEndpoint, needs: &BTreeMap<String, String>) -> Option<PresetEndpoint> {
    if endpoint.base_url.is_empty() {
        return None;
    }
    if let Some(name) = endpoint.placeholders().find(|name| !needs.contains_key(*name)) {
        let name = shorten(name);
        field.refuse(
            format!("the URL needs `{name}`, which `needs` does not explain"),
            format!("add `needs = {{ {name} = \"what it is and where to find it\" }}`"),
        );
        return None;
    }
    let Err(error) = endpoint.url(&|_| Some("x")) else { return Some(endpoint) };
    if matches!(error, PresetError::Url(BaseUrlError::UserInfo)) {
        field.hide();
    }
    let advice = match error {
        PresetError::Url(BaseUrlError::Query) => "write `query = \"name=value\"` beside `url`",
        _ => "write it like \"https://llm.example.com/v1\"",
    };
    field.refuse(error.to_string(), advice);
    None
}

fn texts(field: &Field<'_>) -> Vec<String> {
    field.elements("an array of texts").iter().filter_map(|text| text.string().map(str::to_owned)).collect()
}

fn quirks(field: &Field<'_>) -> Vec<Quirk> {
    let mut quirks = Vec::new();
    for element in field.elements("an array of texts") {
        let Some(text) = element.string() else { continue };
        match Quirk::named(text) {
            Some(quirk) => quirks.push(quirk),
            None => {
                let names = Quirk::ALL.map(Quirk::name);
                let advice = match closest(text, names.iter().map(String::as_str)) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => format!("known: {}", names.join(", ")),
                };
                element.refuse(format!("`{}` is no quirk", shorten(text)), advice);
            }
        }
    }
    quirks
}
