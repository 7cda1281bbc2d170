//! `toro wrap -- CMD`: any program against the gateway, under a token of its own.

use std::ffi::OsString;

use clap::Args;

use super::Context;
use crate::agents::launch::Launch;
use crate::agents::plan::Plan;
use crate::agents::{Agent, families};
use crate::exit::{Exit, Failure};
use crate::run::wanted::RunFlags;
use crate::run::{self, Start};

/// Gets the gateway in the variables of every family.
const EVERY: Agent = Agent { name: "wrap", title: "any program", protocol: "all", sets: families::ALL, ..Agent::NONE };
/// Gets it in the variables that were named.
const NAMED: Agent = Agent { sets: &[], ..EVERY };

/// Run any command against the gateway, under a token of its own.
///
/// The command finds the gateway in `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL`, `GOOGLE_GEMINI_BASE_URL` and their kin, and the key in
/// `OPENAI_API_KEY`, `ANTHROPIC_AUTH_TOKEN`, `GEMINI_API_KEY` and theirs; or in the variables that you name.
#[derive(Debug, Args)]
#[command(
    override_usage = "toro wrap [OPTIONS] -- COMMAND [ARGUMENTS]...",
    after_help = "Example:\n  toro wrap -- python agent.py\n  toro --ttl 1h --budget 2 wrap -- make evaluate\n  \
                  toro wrap --url-env LLM_URL --key-env LLM_KEY -- ./tool --verbose"
)]
pub struct Wrap {
    /// The variable that the gateway's base URL (with /v1) goes to, instead of all families; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = variable)]
    url_env: Vec<String>,
    /// The variable that the key goes to, instead of all families; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = variable)]
    key_env: Vec<String>,
    /// What the run may do.
    #[command(flatten)]
    flags: RunFlags,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// The name of a variable.
fn variable(text: &str) -> Result<String, String> {
    let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !text.is_empty() && is_name && !text.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("a variable's name has letters, digits and `_`, and no digit first".to_owned())
    }
}

impl Wrap {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let flags = self.flags.over(&context.flags);
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_default();
        let Some(program) = program.to_str() else {
            return Err(Failure::unclear("the command's name is no text", "Start it by another name."));
        };
        let (urls, keys) = (self.url_env, self.key_env);
        let change = |plan: &mut Plan, launch: &Launch<'_>| {
            for name in &urls {
                plan.sets.insert(name.clone(), launch.address.url("/v1").into());
            }
            for name in &keys {
                plan.sets.insert(name.clone(), launch.key.expose().into());
            }
        };
        let is_named = !urls.is_empty() || !keys.is_empty();
        let agent = if is_named { &NAMED } else { &EVERY };
        let title = program.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(program);
        let start = Start {
            agent,
            program: Some(program),
            title,
            arguments: words.collect(),
            flags: &flags,
            change: Some(&change),
        };
        run::run(context, &start)
    }
}
