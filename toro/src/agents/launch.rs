//! What is known when an agent is started, and the words of its templates.

use std::ffi::OsString;
use std::path::Path;

use tokenrouter_shared::Secret;

use super::listed::Listed;
use crate::client::address::Address;
use crate::profile::Env;

/// The models that `--model` chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    /// For everything that has none of its own.
    pub main: Option<String>,
    /// For these alone: slot and model.
    pub slots: Vec<(String, String)>,
}

/// The slots that some agents have models of their own for.
pub const SLOTS: [&str; 6] = ["opus", "sonnet", "haiku", "fable", "small", "subagent"];

impl Models {
    /// What `--model` says: `NAME`, or `SLOT=NAME` for one slot of the agent.
    pub fn read(said: &[String]) -> Self {
        let mut models = Self::default();
        for text in said {
            match text.split_once('=').filter(|(slot, _)| SLOTS.contains(slot)) {
                Some((slot, model)) => models.slots.push((slot.to_owned(), model.to_owned())),
                None => models.main = Some(text.clone()),
            }
        }
        models
    }

    /// The model of a slot: its own, else the main one. Sub-agents that were given none choose for themselves, each its own.
    pub fn of(&self, slot: &str) -> Option<&str> {
        let own = self.slots.iter().rev().find(|(name, _)| name == slot).map(|(_, model)| model.as_str());
        own.or_else(|| self.main.as_deref().filter(|_| slot != "subagent"))
    }
}

/// What is known when an agent is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'l> {
    /// Where the agent finds the gateway.
    pub address: &'l Address,
    /// The run's key.
    pub key: &'l Secret,
    /// What `--model` chose.
    pub models: &'l Models,
    /// The gateway's models, where the agent wants to know.
    pub listed: &'l [Listed],
    /// What the user says to the agent.
    pub arguments: &'l [OsString],
    /// The environment that we were started in.
    pub env: Env,
    /// The throw-away folder, where there is one.
    pub folder: Option<&'l Path>,
}

impl Launch<'_> {
    /// `text` with its words filled in; nothing where one of them was not said. `{word:json}` is the word as JSON.
    pub fn fill(&self, text: &str) -> Option<String> {
        self.filled(text, true)
    }

    /// The same without `{key}`: for what others can read.
    pub fn fill_open(&self, text: &str) -> Option<String> {
        self.filled(text, false)
    }

    /// The models that the agent is told of: those that write, and those that were asked for by a name that no list has.
    pub fn offered(&self) -> Vec<Listed> {
        let mut offered: Vec<Listed> = self.listed.iter().filter(|model| model.writes()).cloned().collect();
        let asked = self.models.main.iter().chain(self.models.slots.iter().map(|(_, model)| model));
        for name in asked {
            if !offered.iter().any(|model| model.id == *name) {
                offered.push(Listed::named(name));
            }
        }
        offered
    }

    /// What is known of the main model.
    pub fn chosen(&self) -> Option<&Listed> {
        let name = self.models.main.as_deref()?;
        self.listed.iter().find(|model| model.id == name)
    }

    fn filled(&self, text: &str, with_key: bool) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out += before;
            // A brace that begins no word of ours is itself, as in JSON.
            let word =
                after.split_once('}').map(|(word, rest)| (word.strip_suffix(":json").unwrap_or(word), word, rest));
            match word.filter(|(name, ..)| is_word(name)) {
                Some((name, whole, after)) => {
                    let value = self.word(name, with_key)?;
                    let as_json = whole.len() > name.len();
                    out += &if as_json { serde_json::to_string(&value).ok()? } else { value };
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out += rest;
        Some(out)
    }

    fn word(&self, name: &str, with_key: bool) -> Option<String> {
        match name {
            "root" => Some(self.address.to_string()),
            "v1" => Some(self.address.url("/v1")),
            "key" => with_key.then(|| self.key.expose().to_owned()),
            "folder" => self.folder.map(|folder| folder.display().to_string()),
            "model" => self.models.main.clone(),
            slot => self.models.of(slot).map(str::to_owned),
        }
    }
}

fn is_word(name: &str) -> bool {
    matches!(name, "root" | "v1" | "key" | "folder" | "model") || SLOTS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_and_the_key_only_where_nobody_reads_it() {
        let (address, key) = ("https://g.example/llm/v1".parse().unwrap(), Secret::from("tr_secret"));
        let models = Models::read(&["a/b+c=1".into(), "haiku=tiny".into()]);
        let launch = Launch {
            address: &address,
            key: &key,
            models: &models,
            listed: &[],
            arguments: &[],
            env: |_| None,
            folder: None,
        };
        let text = r#"{"url":"{v1}","k":{key:json},"m":{model:json},"h":"{haiku}","o":"{opus}","other":{}}"#;
        let expected =
            r#"{"url":"https://g.example/llm/v1","k":"tr_secret","m":"a/b+c=1","h":"tiny","o":"a/b+c=1","other":{}}"#;
        assert_eq!(launch.fill(text).as_deref(), Some(expected));
        assert_eq!(launch.fill_open("x{key}"), None);
        assert_eq!(launch.fill("{folder}/x"), None);
        let none = Models::default();
        assert_eq!(Launch { models: &none, ..launch }.fill("--model={model}"), None);
    }
}
