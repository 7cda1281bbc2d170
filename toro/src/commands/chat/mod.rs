//! `toro chat`: a question and its answer as it comes, or a conversation.

mod repl;
mod turn;
mod typed;

use clap::Args;
use clap::builder::PossibleValuesParser;

use self::turn::{Turn, Way};
use super::{Context, prompt};
use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::talk::{self, Message};

/// Ask a model something, or talk with it.
///
/// With a text it answers once; what comes on standard input is added to it. Without one, on a terminal, it is a
/// conversation. Ctrl-C stops an answer. The answer goes to standard output, what it cost to standard error.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro chat -m sim/ok 'Why is the sky blue?'\n  git diff | toro chat -m sim/ok 'Write a commit message'\n  \
                  toro chat -m sim/ok --system 'Answer in one word.' 'Is it?' --json\n  toro chat\n\n\
                  In a conversation: /model NAME, /system TEXT, /clear, /retry, /help, /quit"
)]
pub struct Chat {
    /// What is asked; `-` waits for standard input.
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Which model: any model or alias of the gateway [default: `TORO_MODEL`, else you are asked].
    #[arg(long, short, value_name = "MODEL")]
    model: Option<String>,
    /// What the model is told beforehand.
    #[arg(long, short, value_name = "TEXT")]
    system: Option<String>,
    /// How much it thinks before.
    #[arg(long, value_name = "EFFORT", value_parser = PossibleValuesParser::new(["none", "minimal", "low", "medium", "high", "xhigh"]))]
    reasoning: Option<String>,
    /// The longest answer, in LLM tokens.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// How free the answer is, from 0 to 2.
    #[arg(long, value_name = "NUMBER", value_parser = temperature)]
    temperature: Option<f32>,
    /// Show what the model thinks, on standard error.
    #[arg(long)]
    thoughts: bool,
}

fn temperature(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=2.0).contains(number))
        .ok_or_else(|| "write a number from 0 to 2".to_owned())
}

impl Chat {
    /// Asks, or talks.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let asked = typed::question(context, &self.text)?;
        let client = context.client()?;
        let model = match self
            .model
            .clone()
            .or_else(|| context.flags.model.first().cloned())
            .or_else(|| (context.env)("TORO_MODEL"))
        {
            Some(model) => model,
            None => choose(context, &client)?,
        };
        let messages: Vec<Message> = self.system.iter().map(|text| Message::new("system", text)).collect();
        let way = Way {
            reasoning: self.reasoning.as_deref(),
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            thoughts: self.thoughts,
        };
        let mut turn = Turn::new(context, &client, way, model, messages);
        match asked {
            Some(question) => turn.once(question),
            None => repl::run(turn),
        }
    }
}

/// A model's name that a terminal shows and does not obey.
struct Choice(String);

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&plain(&self.0))
    }
}

/// The model where nobody said: the only one, or the one that is picked.
pub(super) fn choose(context: &Context, client: &Client) -> Result<String, Failure> {
    let names = block_on(talk::listed(client, ""))??;
    match names.as_slice() {
        [] => Err(Failure::failed("your token may use no model", "`toro status` shows why.")),
        [only] => Ok(only.clone()),
        _ if context.may_ask() => {
            prompt::pick("Which model?", names.into_iter().map(Choice).collect()).map(|choice| choice.0)
        }
        _ => Err(Failure::unclear("which model?", "Name one: -m MODEL, or TORO_MODEL. `toro models` lists them.")),
    }
}
