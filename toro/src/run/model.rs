//! Which model a run begins with: the one that was said, one that is picked from a list, or the gateway's own choice.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Gateway, Start};
use crate::agents::launch::Models;
use crate::agents::listed::{self, Listed};
use crate::agents::plan::{chooses, is_bare, is_idle};
use crate::client::block_on;
use crate::commands::{Context, prompt};
use crate::exit::Failure;
use crate::printer::{Printer, grouped};
use crate::profile::Env;

/// What `--model` says where it asks for the list.
const ASK: &str = "?";
/// What the gateway chooses with, the best for agents first.
const AUTO: [&str; 4] = ["claude-auto-coding", "claude-auto", "auto-coding", "auto"];
/// An agent that brings a model of its own waits so long for the list.
const HURRY: Duration = Duration::from_secs(2);

/// The models of this run.
pub(super) fn choose(context: &Context, start: &Start<'_>, gateway: &Gateway) -> Result<Models, Failure> {
    let mut models = Models::read(&start.flags.model);
    let is_asked = models.main.as_deref() == Some(ASK);
    if is_asked {
        models.main = None;
        if !context.may_ask() {
            return Err(Failure::unclear("nobody is there to pick a model", "Say which: --model NAME."));
        }
    }
    let is_said = models.main.is_some() || chooses(start.agent, &start.arguments);
    let needs_none = is_idle(start.agent, &start.arguments) || is_bare(start.agent, &start.arguments);
    // A program of unknown kind knows what it asks for.
    let is_wrap = start.program.is_some();
    if is_said || (!is_asked && (needs_none || is_wrap)) {
        return Ok(models);
    }
    let brings = start.agent.brings;
    if !brings.is_empty() && !context.may_ask() {
        return Ok(models);
    }
    let client =
        if is_asked || brings.is_empty() { gateway.client.clone() } else { gateway.client.hurried(HURRY, HURRY) };
    let listed = match block_on(listed::fetch(&client))? {
        Ok(listed) => listed,
        Err(_) if !brings.is_empty() && !is_asked => return Ok(models),
        Err(e) => return Err(e.into()),
    };
    let offered = allowed(listed, &start.flags.models);
    if !is_asked && offered.iter().any(|model| is_brought(&model.id, brings)) {
        return Ok(models);
    }
    models.main = if context.may_ask() {
        pick(context, start.agent.name, &gateway.server.name, offered, brings)?
    } else {
        Some(usual(&context.printer, &offered, brings)?)
    };
    Ok(models)
}

/// Whether an agent asks for this model by itself.
fn is_brought(id: &str, brings: &[&str]) -> bool {
    let bare = id.rsplit('/').next().unwrap_or(id);
    // The gateway's own choices have names that agents accept, but none asks for them by itself.
    !AUTO.iter().any(|auto| bare.starts_with(auto)) && brings.iter().any(|start| bare.starts_with(start))
}

/// Those that the run may use, as far as that can be told here.
fn allowed(listed: Vec<Listed>, patterns: &[String]) -> Vec<Listed> {
    let is_allowed = |model: &Listed| patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, &model.id));
    listed.into_iter().filter(|model| model.writes() && is_allowed(model)).collect()
}

/// Whether `name` fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let pattern = pattern.trim();
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

/// The gateway's own choice.
fn automatic<'o>(offered: &'o [Listed], brings: &[&str]) -> Option<&'o Listed> {
    let is_claude = brings.contains(&"claude-");
    let wanted = AUTO.iter().filter(|name| is_claude || !name.starts_with("claude-"));
    wanted.into_iter().find_map(|name| offered.iter().find(|model| model.id == *name))
}

/// What a script gets that did not choose.
fn usual(printer: &Printer, offered: &[Listed], brings: &[&str]) -> Result<String, Failure> {
    let only = if let [only] = offered { Some(only) } else { None };
    let Some(model) = automatic(offered, brings).or(only) else {
        let what =
            if offered.is_empty() { "the run may use none of the gateway's models" } else { "no model was chosen" };
        return Err(Failure::unclear(what, "Say which: --model NAME, before the agent's name."));
    };
    printer.say(&format!("No model was chosen: the run uses {}. --model NAME chooses another.", model.id));
    Ok(model.id.clone())
}

/// A line of the list.
struct Line {
    id: String,
    shown: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn pick(
    context: &Context,
    agent: &str,
    server: &str,
    mut offered: Vec<Listed>,
    brings: &[&str],
) -> Result<Option<String>, Failure> {
    let mut memory = Memory::read(context.env);
    let first = memory.last(server, agent).filter(|last| offered.iter().any(|model| model.id == **last)).cloned();
    let first = first.or_else(|| automatic(&offered, brings).map(|model| model.id.clone()));
    if offered.is_empty() {
        return Err(Failure::unclear(
            "the run may use none of the gateway's models",
            "See --models, and what your token may use.",
        ));
    }
    offered.sort_by_key(|model| Some(&model.id) != first.as_ref());
    let width = offered.iter().map(|model| model.id.chars().count()).max().unwrap_or(0).min(48);
    let lines = offered.iter().map(|model| Line { id: model.id.clone(), shown: line(model, width) }).collect();
    let picked = prompt::pick(&format!("Which model for {agent}?"), lines)?;
    memory.keep(server, agent, &picked.id);
    Ok(Some(picked.id))
}

fn line(model: &Listed, width: usize) -> String {
    let context = model.context_window.map_or_else(String::new, |tokens| format!("{} tokens", grouped(tokens)));
    let price = match (model.dollars("prompt"), model.dollars("completion")) {
        (Some(input), Some(output)) => format!("${input} in, ${output} out per million"),
        _ => String::new(),
    };
    let id = crate::printer::plain(&model.id);
    format!("{id:<width$}  {context:>16}  {price}").trim_end().to_owned()
}

/// What was picked last, by gateway and agent. Losing it loses nothing but a place in a list.
#[derive(Debug, Default)]
struct Memory {
    file: Option<PathBuf>,
    picked: BTreeMap<String, BTreeMap<String, String>>,
}

impl Memory {
    fn read(env: Env) -> Self {
        let state = env("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = state.or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".local/state")));
        let file = folder.map(|folder| folder.join("tokenrouter/toro-models.json"));
        let text = file.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        Self { picked: serde_json::from_slice(&text).unwrap_or_default(), file }
    }

    fn last(&self, server: &str, agent: &str) -> Option<&String> {
        self.picked.get(server)?.get(agent)
    }

    fn keep(&mut self, server: &str, agent: &str, model: &str) {
        self.picked.entry(server.to_owned()).or_default().insert(agent.to_owned(), model.to_owned());
        let Some((file, folder)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))) else { return };
        let write = || {
            std::fs::create_dir_all(folder)?;
            let draft = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&draft, &self.picked)?;
            draft.persist(file).map_err(std::io::Error::from)
        };
        _ = write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_a_person_reads_them() {
        for (pattern, name, fits_it) in [
            ("openai/*", "openai/gpt-5.5", true),
            ("openai/*", "azure/openai/x", false),
            ("*haiku*", "claude-haiku-4", true),
            ("a", "ab", false),
            ("*", "x", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), fits_it, "{pattern} {name}");
        }
    }

    #[test]
    fn the_gateways_own_choice_is_taken_before_any_other_and_nothing_is_guessed() {
        let of = |ids: &[&str]| ids.iter().map(|id| Listed::named(id)).collect::<Vec<_>>();
        let printer = || Printer::new(None, true);
        let all = of(&["a/x", "auto", "auto-coding", "claude-auto-coding"]);
        assert_eq!(usual(&printer(), &all, &[]).unwrap(), "auto-coding");
        assert_eq!(usual(&printer(), &all, &["claude-"]).unwrap(), "claude-auto-coding");
        assert_eq!(usual(&printer(), &of(&["a/x"]), &[]).unwrap(), "a/x");
        assert!(usual(&printer(), &of(&["a/x", "a/y"]), &[]).unwrap_err().message.contains("no model"));
        assert!(usual(&printer(), &[], &[]).is_err());
        assert!(is_brought("openai/gpt-5.5", &["gpt-"]) && is_brought("claude-x", &["claude-"]));
        assert!(!is_brought("claude-auto", &["claude-"]) && !is_brought("x/tool", &["gpt-"]));
    }

    #[test]
    fn what_was_picked_is_remembered_by_gateway_and_agent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/toro-models.json");
        let mut memory = Memory { file: Some(file.clone()), picked: BTreeMap::new() };
        memory.keep("work", "codex", "a/x");
        memory.keep("home", "codex", "a/y");
        let text = std::fs::read(file).unwrap();
        let picked = serde_json::from_slice(&text).unwrap();
        let memory = Memory { file: None, picked };
        assert_eq!(memory.last("work", "codex").map(String::as_str), Some("a/x"));
        assert_eq!(memory.last("work", "pi"), None);
    }
}
