//! Configurations of other programs, one foreign format a file: read into one plan, which is told before it is carried out.

mod fit;
mod keys;
mod litellm;
mod one_api;
mod place;
mod tokrouter;
mod torod_go;
mod tree;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use tokenrouter::catalog::Presets;
use tokenrouter_shared::{Role, Secret};

pub use self::place::{Placed, place};
use super::{ImportError, Left, damaged, file_error};
use crate::config::{AliasConfig, shorten};
use crate::store::one_api as database;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 8 << 20;
/// So many providers, or aliases, nobody configured by hand.
const MOST: usize = 500;

/// Which program wrote a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// The torod that was written in Go (torod.toml).
    TorodGo,
    /// tokrouter (config.yaml).
    Tokrouter,
    /// LiteLLM's proxy (config.yaml).
    Litellm,
    /// one-api: its database, or its channels as JSON.
    OneApi,
    /// new-api: its database, or its channels as JSON.
    NewApi,
}

impl Program {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TorodGo => "torod (Go)",
            Self::Tokrouter => "tokrouter",
            Self::Litellm => "LiteLLM",
            Self::OneApi => "one-api",
            Self::NewApi => "new-api",
        }
    }
}

/// Where a provider's key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOf {
    /// In an environment variable.
    Variable(String),
    /// In the foreign file itself; it is sealed in the store of the data folder.
    Literal(Secret),
}

/// A provider of another program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foreign {
    /// What it is to be called.
    pub name: String,
    /// The preset that it follows.
    pub preset: Option<String>,
    /// Where it is, where no preset says so: protocols with URLs, the preferred one first.
    pub urls: Vec<(String, String)>,
    /// Its keys.
    pub keys: Vec<KeyOf>,
    /// Whether it is called.
    pub enabled: bool,
    /// Smaller is tried first.
    pub priority: Option<i64>,
    /// Requests and LLM tokens a minute.
    pub pace: (Option<i64>, Option<i64>),
    /// What is known of its models.
    pub models: Vec<ForeignModel>,
}

/// What is known of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForeignModel {
    /// Its id at the provider.
    pub id: String,
    /// Input, output, read from and written to a cache: US dollars per million tokens.
    pub price: [Option<f64>; 4],
    /// Context window and longest answer, in tokens.
    pub room: [Option<i64>; 2],
    /// Tools, vision, reasoning, structured output.
    pub can: [Option<bool>; 4],
}

/// An access token of another program. Its key is not carried over: ours have a form of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignToken {
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Requests and LLM tokens in all, with the seconds after which they begin anew (0: never).
    pub budgets: Vec<(Unit, u64, u64)>,
    /// Until when, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// LLM tokens.
    Tokens,
}

/// What a foreign configuration comes to here.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Keys of torod.toml with their values.
    pub settings: Vec<(&'static str, toml_edit::Value)>,
    /// Its providers.
    pub providers: Vec<Foreign>,
    /// Its names for models.
    pub aliases: Vec<AliasConfig>,
    /// Its access tokens.
    pub tokens: Vec<ForeignToken>,
    /// What cannot be carried over.
    pub left: Left,
}

/// Reads the configuration `path`; which program wrote it is found out where nobody says so.
pub fn read(path: &Path, program: Option<Program>, presets: &Presets) -> Result<(Program, Plan), ImportError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(file_error(path))?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(file_error(path))?;
    if bytes.starts_with(b"SQLite format 3\0") {
        let (channels, is_new) = database::channels(path)?
            .ok_or_else(|| damaged(path, "this database has no channels of one-api or new-api"))?;
        let program = program.unwrap_or(if is_new { Program::NewApi } else { Program::OneApi });
        return Ok((program, one_api::plan(&channels, program, presets)));
    }
    if bytes.len() as u64 > LARGEST {
        return Err(damaged(path, "it is larger than 8 MiB: this is no configuration"));
    }
    let text = String::from_utf8(bytes).map_err(|_| damaged(path, "it is not UTF-8: save it as UTF-8 text"))?;
    let tree = tree(path, &text)?;
    let Some(program) = program.or_else(|| guessed(&tree)) else {
        let is_toros = tree.get("server_url").is_some() || tree.get("servers").is_some();
        let why = if is_toros {
            "this is the file of toro, which takes it as it is: put it where `toro status` looks for its own"
        } else {
            "nobody can tell which program wrote it: say it with --from"
        };
        return Err(damaged(path, why));
    };
    let plan = planned(program, &tree, presets).ok_or_else(|| damaged(path, "there is no list of channels in it"))?;
    if plan.providers.is_empty() && plan.aliases.is_empty() && plan.tokens.is_empty() {
        return Err(damaged(path, format!("there is no provider in it that {} would call", program.title())));
    }
    if plan.providers.len() > MOST || plan.aliases.len() > MOST * 10 {
        return Err(damaged(path, "it has too many providers or models for a configuration"));
    }
    Ok((program, plan))
}

/// What a tree of this program comes to; none where it is no such tree at all.
fn planned(program: Program, tree: &Value, presets: &Presets) -> Option<Plan> {
    Some(match program {
        Program::TorodGo => torod_go::plan(tree, presets),
        Program::Tokrouter => tokrouter::plan(tree, presets),
        Program::Litellm => litellm::plan(tree, presets),
        Program::OneApi | Program::NewApi => one_api::plan(one_api::listed(tree)?, program, presets),
    })
}

/// The text as a tree, by the form that its name or its beginning tells of.
fn tree(path: &Path, text: &str) -> Result<Value, ImportError> {
    let ends = |end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    let start = text.trim_start().trim_start_matches('\u{feff}');
    // What a parser says may quote a secret: only where it stopped is told.
    if ends("json") || start.starts_with('{') || start.starts_with('[') && !ends("toml") {
        return serde_json::from_str(text)
            .map_err(|e| damaged(path, format!("it is no JSON: line {}, column {}", e.line(), e.column())));
    }
    if ends("toml") {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(0, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            damaged(path, format!("it is no TOML: line {line}"))
        })?;
        return serde_json::to_value(table).map_err(|_| damaged(path, "it holds numbers that nobody can use"));
    }
    serde_saphyr::from_str(text).map_err(|e| {
        let place = e.location().map(|place| format!(": line {}", place.line())).unwrap_or_default();
        damaged(path, format!("it is no YAML{place}"))
    })
}

fn guessed(tree: &Value) -> Option<Program> {
    if let Some(channels) = one_api::listed(tree) {
        let is_new = channels.iter().any(|channel| channel.get("auto_ban").is_some() || channel.get("tag").is_some());
        return Some(if is_new { Program::NewApi } else { Program::OneApi });
    }
    if tree.get("model_list").is_some() || tree.get("litellm_settings").is_some() {
        return Some(Program::Litellm);
    }
    if tree.get("keys").is_some_and(Value::is_array) {
        return Some(Program::Tokrouter);
    }
    (tree.get("providers").is_some() || tree.get("incoming_tokens").is_some()).then_some(Program::TorodGo)
}

/// A key's name for a list of what is left out.
fn named(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", shorten(key))
}

#[cfg(test)]
mod tests;
