//! `torod profile list|use`: which targets of the aliases hold. Changes the file; a running daemon notices.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokenrouter_shared::routing::{RoutingView, TargetView};

use super::Exit;
use super::table::table;
use crate::config::{self, Paths, edit};

/// Show or switch the active profile of the model aliases.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod profile\n  torod profile use runpod\n  torod profile use --none\n\nA running gateway takes the change over at once, for new requests."
)]
pub struct Profile {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the profiles, and what the aliases mean in the active one.
    List(List),
    /// Make a profile the active one.
    Use(Use),
}

#[derive(Debug, Default, Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Use {
    /// The profile, as targets name it.
    #[arg(required_unless_present = "none", conflicts_with = "none")]
    name: Option<String>,
    /// No profile: the targets without one.
    #[arg(long)]
    none: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What a switch changed.
#[derive(Serialize)]
struct Switched {
    active_model_profile: Option<String>,
    was: Option<String>,
    aliases: Vec<Moved>,
}

/// An alias that means something else now.
#[derive(Serialize)]
struct Moved {
    name: String,
    was: Vec<TargetView>,
    now: Vec<TargetView>,
}

impl Profile {
    /// Does it and tells.
    pub fn run(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        match self.action.unwrap_or(Action::List(List::default())) {
            Action::List(format) => {
                let view = config::load_paths(paths)?.routing_view();
                if format.json { print_json(out, &view)? } else { show(out, &view, is_terminal)? }
            }
            Action::Use(wanted) => {
                let before = config::load_paths(paths)?.routing_view();
                let value = wanted.name.map(toml_edit::Value::from);
                edit::set(&paths.config_file, &["active_model_profile"], value.as_ref(), edit::By::Owner)?;
                let after = config::load_paths(paths)?.routing_view();
                let switched = compare(before, after);
                if wanted.json { print_json(out, &switched)? } else { tell(out, &switched)? }
            }
        }
        Ok(Exit::Done)
    }
}

fn compare(before: RoutingView, after: RoutingView) -> Switched {
    let mut then: BTreeMap<_, _> = before.aliases.into_iter().map(|alias| (alias.name, alias.targets)).collect();
    let moved = after.aliases.into_iter().filter_map(|alias| {
        let was = then.remove(&alias.name).unwrap_or_default();
        (was != alias.targets).then_some(Moved { name: alias.name, was, now: alias.targets })
    });
    Switched {
        aliases: moved.collect(),
        active_model_profile: after.active_model_profile,
        was: before.active_model_profile,
    }
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

fn tell(out: &mut dyn Write, switched: &Switched) -> std::io::Result<()> {
    let name = |profile: &Option<String>| profile.clone().unwrap_or_else(|| "none".to_owned());
    let (now, was) = (name(&switched.active_model_profile), name(&switched.was));
    if now == was {
        return writeln!(out, "{now} is the active profile already");
    }
    writeln!(out, "the active profile is {now}, was {was}")?;
    for alias in &switched.aliases {
        writeln!(out, "  {}: {}, was {}", alias.name, targets(&alias.now), targets(&alias.was))?;
    }
    Ok(())
}

fn targets(targets: &[TargetView]) -> String {
    let one = |target: &TargetView| match target.weight {
        Some(weight) => format!("{}/{} ({weight})", target.provider, target.model),
        None => format!("{}/{}", target.provider, target.model),
    };
    targets.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn show(out: &mut dyn Write, view: &RoutingView, is_terminal: bool) -> std::io::Result<()> {
    if view.profiles.is_empty() && view.aliases.is_empty() {
        return writeln!(out, "no aliases; `torod config reference` explains `[[model_aliases]]`");
    }
    for profile in &view.profiles {
        let mark = if view.active_model_profile.as_ref() == Some(profile) { "*" } else { " " };
        writeln!(out, "{mark} {profile}")?;
    }
    let mut table = table(is_terminal);
    table.set_header(["alias", "profile", "targets"]);
    for alias in &view.aliases {
        table.add_row([alias.name.clone(), alias.profile.clone().unwrap_or_default(), targets(&alias.targets)]);
    }
    writeln!(out, "{table}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, from_str, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        profile: Profile,
    }

    const TEXT: &str = "# mine\n[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[model_aliases]]\nname = \"chat\"\n\
        targets = [{ provider = \"a\", model = \"0\" }, { profile = \"p\", provider = \"a\", model = \"1\" }]\n\
        [[model_aliases]]\nname = \"same\"\ntargets = [{ provider = \"a\", model = \"s\", weight = 2 }]\n";

    struct Site(tempfile::TempDir);

    impl Site {
        fn new() -> Self {
            let site = Self(tempfile::tempdir().unwrap());
            config::write_new(&site.paths().config_file, TEXT).unwrap();
            site
        }

        fn paths(&self) -> Paths {
            Paths {
                config_file: self.0.path().join("torod.toml"),
                data_dir: self.0.path().to_owned(),
                environment: config::Environment::default(),
            }
        }

        fn run(&self, arguments: &[&str]) -> Result<String, String> {
            let line = Line::try_parse_from(["profile"].iter().chain(arguments)).map_err(|e| e.to_string())?;
            let mut out = Vec::new();
            line.profile.run(&self.paths(), &mut out, false).map_err(|e| e.to_string())?;
            Ok(String::from_utf8(out).unwrap())
        }
    }

    #[test]
    fn a_switch_changes_the_file_and_tells_what_moved() {
        let site = Site::new();
        let told = site.run(&["use", "p"]).unwrap();
        assert_eq!(told, "the active profile is p, was none\n  chat: a/1, was a/0\n");
        let text = std::fs::read_to_string(site.paths().config_file).unwrap();
        assert_eq!(text, format!("active_model_profile = \"p\"\n{TEXT}"));
        assert_eq!(site.run(&["use", "p"]).unwrap(), "p is the active profile already\n");
        let told: Value = from_str(&site.run(&["use", "--none", "--json"]).unwrap()).unwrap();
        let target = |model: &str| json!([{ "provider": "a", "model": model }]);
        let expected = json!({
            "active_model_profile": null, "was": "p",
            "aliases": [{ "name": "chat", "was": target("1"), "now": target("0") }],
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn an_unknown_profile_is_refused_with_its_place() {
        let site = Site::new();
        let refused = site.run(&["use", "q"]).unwrap_err();
        assert!(refused.contains("no alias has the profile `q`"), "{refused}");
        assert!(site.run(&["use"]).is_err() && site.run(&["use", "p", "--none"]).is_err());
        assert_eq!(std::fs::read_to_string(site.paths().config_file).unwrap(), TEXT);
    }

    #[test]
    fn lists_profiles_and_meanings() {
        let site = Site::new();
        site.run(&["use", "p"]).unwrap();
        let shown = site.run(&[]).unwrap();
        assert!(shown.starts_with("* p\n") && shown.contains("a/1") && shown.contains("a/s (2)"), "{shown}");
        let view: RoutingView = from_str(&site.run(&["list", "--json"]).unwrap()).unwrap();
        assert_eq!((view.profiles, view.aliases[0].targets[0].model.as_str()), (vec!["p".to_owned()], "1"));
    }
}
