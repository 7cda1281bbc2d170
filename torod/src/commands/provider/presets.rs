//! `torod provider presets`: the providers that are known by name.

use std::io::Write;
use std::path::Path;

use clap::Args;
use tokenrouter::catalog::Preset;

use super::table::table;
use super::{load_or_default, print_json};
use crate::commands::Exit;
use crate::config;

/// List the providers that are known by name.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider presets\n  torod provider presets google\n  torod provider presets free\n  torod provider presets local --json"
)]
pub(super) struct Presets {
    /// Only those whose id, name or other names hold this; `free` and `local` are those that cost nothing or run here.
    search: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Presets {
    pub(super) fn run(self, file: &Path, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        let presets = load_or_default(file)?.presets;
        let wanted = self.search.as_deref().unwrap_or_default().to_lowercase();
        let found: Vec<_> = presets.all().filter(|preset| fits(preset, &wanted)).collect();
        if self.json {
            let views = found.iter().map(|preset| {
                let mut view = config::view_preset(preset);
                if let serde_json::Value::Object(fields) = &mut view {
                    fields.insert("id".to_owned(), preset.id.as_str().into());
                }
                view
            });
            print_json(out, &views.collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        if found.is_empty() {
            let shown = config::shorten(&wanted);
            let help = match presets.closest(&wanted) {
                Some(close) => format!("did you mean `{close}`?"),
                None => "for any server give its URL to `torod provider add`".to_owned(),
            };
            writeln!(out, "nothing is known as `{shown}`: {help}")?;
            return Ok(Exit::Failed);
        }
        let mut table = table(is_terminal);
        table.set_header(["id", "name", "free", "key in"]);
        for preset in &found {
            let free = match (preset.local_port, preset.public, preset.free_tier) {
                (Some(_), ..) => "local",
                (_, true, _) => "no key",
                (_, _, true) => "yes",
                _ => "",
            };
            let variable = preset.env.first().map_or("-", String::as_str);
            table.add_row([&preset.id, &preset.name, free, variable]);
        }
        writeln!(out, "{table}")?;
        if let [preset] = found.as_slice()
            && !preset.key_page.is_empty()
        {
            writeln!(out, "\nkeys are made at {}", preset.key_page)?;
        }
        Ok(Exit::Done)
    }
}

fn fits(preset: &Preset, wanted: &str) -> bool {
    match wanted {
        "free" => preset.free_tier || preset.public,
        "local" => preset.local_port.is_some(),
        _ => {
            let names = preset.aliases.iter().chain([&preset.id, &preset.name]);
            names.into_iter().any(|name| name.to_lowercase().contains(wanted))
        }
    }
}
