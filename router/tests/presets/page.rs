//! `docs/providers.md`: every preset with its URLs, written of `presets.json`; the quirks with their meaning, of the code.

use std::fmt::Write as _;

use tokenrouter::catalog::{ModelList, Preset};

/// The code whose comments say what each quirk means.
const DIALECT: &str = include_str!("../../src/dialect/quirk.rs");

const HEAD: &str = r#"<!-- Written by the tests: `UPDATE_DOCS=1 cargo test -p tokenrouter --test presets`. Do not edit. -->

# Providers that are known by name

```toml
[[providers]]
name = "groq"                 # what you call it
provider_type = "groq"        # one of the names below: fills in protocols, URLs, and how the key is sent
api_key = "${GROQ_API_KEY}"
```

A name is found without regard to case, and by its other names too. `protocols` and `base_url` of the provider go before
those of its preset. A provider that is not here needs no preset: leave `provider_type` out and set `protocols`.

## URLs that depend on your account

Some URLs have a gap, written `{so}`. What belongs there stands under `account`:

```toml
[[providers]]
name = "work"
provider_type = "azure"
account = { resource_name = "my-resource" }
api_key = "${AZURE_OPENAI_API_KEY}"
```

## Your own

A preset of your own has the fields of the ones here (`torod config reference` explains each). With the name of a known
one it replaces that as a whole:

```toml
[presets.office]
protocols = { openai = { url = "https://llm.example.com/v1", quirks = ["NoStop"] }, anthropic = "https://llm.example.com/anthropic" }
env = ["OFFICE_LLM_KEY"]
```

## Without a key

Those marked *public* serve without any key. Nothing is sent to them unless the file says
`auto_enable_public_free_models = true`, or describes them as a provider.

## Every provider

"#;

/// The whole page.
pub(crate) fn write() -> String {
    let mut page = HEAD.to_owned();
    // Writing into a String cannot fail.
    _ = write_all(&mut page);
    page
}

fn write_all(page: &mut String) -> std::fmt::Result {
    writeln!(page, "As of {}. A URL is written as it is asked, up to the operation.\n", Preset::as_of())?;
    writeln!(page, "| `provider_type` | provider | protocols | key | models | |\n|---|---|---|---|---|---|")?;
    for preset in Preset::all() {
        write_row(page, preset)?;
    }
    writeln!(page, "\n## What they must be told, and what else to know\n")?;
    for preset in Preset::all().filter(|preset| !preset.needs.is_empty() || !preset.note.is_empty()) {
        writeln!(page, "* **{}**: {}", preset.id, preset.note)?;
        for (name, what) in &preset.needs {
            writeln!(page, "  * `{name}`: {what}.")?;
        }
    }
    writeln!(page, "\n## Not to be called\n")?;
    for gone in ["gitlab", "replicate"].iter().filter_map(|id| Preset::gone(id)) {
        writeln!(page, "* **{}**: {}.", gone.id, gone.why)?;
    }
    writeln!(
        page,
        "\n## Quirks\n\nHow a provider may differ from others of its protocol.\n\n| quirk | meaning |\n|---|---|"
    )?;
    for (name, meaning) in quirks() {
        writeln!(page, "| `{name}` | {meaning} |")?;
    }
    Ok(())
}

fn write_row(page: &mut String, preset: &Preset) -> std::fmt::Result {
    let aliases: Vec<String> = preset.aliases.iter().map(|alias| format!("`{alias}`")).collect();
    let also = if aliases.is_empty() { String::new() } else { format!("<br>also {}", aliases.join(", ")) };
    let endpoints: Vec<String> = preset
        .endpoints
        .iter()
        .map(|endpoint| format!("{} `{}` ({})", endpoint.protocol, endpoint.base_url, endpoint.auth.as_str()))
        .collect();
    let env: Vec<String> = preset.env.iter().map(|name| format!("`{name}`")).collect();
    let key = match preset.key_page.as_str() {
        "" => "none".to_owned(),
        page => format!("{}<br>[get one]({page})", env.join(", ")),
    };
    let models = match (&preset.models_url, preset.models.is_empty()) {
        (ModelList::Unlisted, true) => "no list",
        (ModelList::Unlisted, false) => "known ones",
        (ModelList::Usual | ModelList::At(_), _) => "listed",
    };
    let flags = [
        (preset.public, "public".to_owned()),
        (preset.free_tier && !preset.public, "free tier".to_owned()),
        (preset.local_port.is_some(), format!("this machine, port {}", preset.local_port.unwrap_or_default())),
    ];
    let flags: Vec<String> = flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
    writeln!(
        page,
        "| `{}`{also} | [{}]({}) | {} | {key} | {models} | {} |",
        preset.id,
        preset.name,
        preset.docs,
        endpoints.join("<br>"),
        flags.join(", ")
    )
}

/// Every quirk with the comment that stands before it.
fn quirks() -> Vec<(&'static str, String)> {
    let body = DIALECT.split("pub enum Quirk {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let mut quirks = Vec::new();
    let mut meaning = String::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            meaning.push_str(text);
        } else if let Some(name) = line.strip_suffix(',') {
            quirks.push((name, meaning.trim().replace('|', "\\|")));
            meaning.clear();
        }
    }
    quirks
}
