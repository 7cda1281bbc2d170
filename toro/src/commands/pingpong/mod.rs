//! `toro pingpong`: two models talk with each other, to see how they do and how fast.

mod rally;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::task::JoinSet;

use self::rally::{Rally, Rules};
use super::Context;
use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::{Printer, counted, figures, grouped, plain, span};
use crate::talk;

/// Let two models talk with each other.
///
/// The first begins (or your `--starter` does), then they answer in turn, each in a conversation of its own. It costs what
/// their answers cost; without `--models` two models that cost nothing are taken.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro pingpong --models sim/ok,sim/think --turn-pairs 2\n  \
                  toro pingpong --models sim/ok --starter 'Is a hot dog a sandwich?' --turn-pairs 1 --show-tokens none\n  \
                  toro pingpong --models sim/ok,sim/think --turn-pairs 1 --runs 4 --parallel 2 --json")]
pub struct Pingpong {
    /// Who talks: two models, or one with itself.
    #[arg(long, value_name = "A[,B]", value_delimiter = ',')]
    models: Vec<String>,
    /// How often each of them answers.
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turn_pairs: u32,
    /// What the conversation begins with; without it, the first model asks something.
    #[arg(long, value_name = "TEXT")]
    starter: Option<String>,
    /// How much they think before.
    #[arg(long, value_name = "EFFORT", default_value = "none", value_parser = PossibleValuesParser::new(["none", "low", "medium", "high"]))]
    reasoning: String,
    /// A run ends when it has used so many LLM tokens.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: u64,
    /// How many such conversations.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// How much of what is said is shown, where there is one conversation at a time.
    #[arg(long, value_enum, value_name = "HOW", default_value = "words")]
    show_tokens: Shown,
    /// How many conversations at the same time.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=256))]
    parallel: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    /// A dot for each piece.
    Dot,
    /// What is said.
    Words,
    /// Nothing.
    None,
}

/// What came of one conversation.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Outcome {
    /// Answers.
    pub(super) turns: u32,
    /// LLM tokens in, with what prompt caches had.
    pub(super) input: u64,
    /// What prompt caches had.
    pub(super) cached: u64,
    /// LLM tokens out.
    pub(super) output: u64,
    /// Whether some of these are our estimate, four characters each, since an answer did not say.
    pub(super) estimated: bool,
    /// Waiting for first pieces, in milliseconds.
    pub(super) first_ms: u64,
    /// From first pieces to ends, in milliseconds.
    pub(super) writing_ms: u64,
    /// All of it, in milliseconds.
    pub(super) duration_ms: u64,
    /// What the gateway charged, in nano-dollars; `null`: it does not say, or knows no price.
    pub(super) cost_nanos: Option<u64>,
    /// Whether it ended because it was long enough.
    pub(super) is_cut: bool,
}

/// So many a second.
fn speed(tokens: u64, ms: u64) -> String {
    match (tokens.saturating_mul(10_000)).checked_div(ms) {
        Some(tenths) => format!("{}.{}", grouped(tenths / 10), tenths % 10),
        None => "?".to_owned(),
    }
}

impl Pingpong {
    /// Lets them talk.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.models.len() > 2 || self.models.iter().any(|name| name.trim().is_empty()) {
            return Err(Failure::unclear("one or two models talk", "Write --models A,B."));
        }
        let client = context.client()?;
        let models = match self.models.as_slice() {
            [] => block_on(free(&client))??,
            [one] => [one.clone(), one.clone()],
            [one, other, ..] => [one.clone(), other.clone()],
        };
        let printer = &context.printer;
        let is_single = self.runs.min(self.parallel) == 1;
        let rules = Rules {
            models: models.clone(),
            turn_pairs: self.turn_pairs,
            starter: self.starter.clone(),
            reasoning: Some(self.reasoning.clone()).filter(|effort| effort != "none"),
            max_tokens: self.max_tokens,
            shown: if is_single && !printer.is_json() && !printer.is_quiet() { self.show_tokens } else { Shown::None },
        };
        let outcomes = block_on(self.all(context, &client, &rules))?;
        let (done, failed) = outcomes;
        if printer.is_json() {
            let error = failed.as_ref().map(ToString::to_string);
            printer.json(&serde_json::json!({ "models": models, "runs": done, "error": error }))?;
        } else if !done.is_empty() {
            table(printer, &models, &done)?;
        }
        failed.map_or(Ok(Exit::Done), |failure| Err(Failure { exit: Exit::Failed, ..failure }))
    }

    /// All conversations, some at the same time; the first failure ends all.
    async fn all(&self, context: &Context, client: &Client, rules: &Rules) -> (Vec<Outcome>, Option<Failure>) {
        let (mut running, mut done, mut begun) = (JoinSet::new(), Vec::new(), 0);
        loop {
            while begun < self.runs && running.len() < self.parallel as usize {
                begun += 1;
                let rally = Rally::new(client.clone(), rules.clone(), context.printer.clone(), context.clock);
                running.spawn(rally.play());
            }
            match running.join_next().await {
                None => return (done, None),
                Some(Ok(Ok(outcome))) => done.push(outcome),
                Some(Ok(Err(failure))) => return (done, Some(failure)),
                Some(Err(_)) => return (done, Some(Failure::failed("a mistake of ours", "Please report it."))),
            }
        }
    }
}

/// Two models that cost nothing.
async fn free(client: &Client) -> Result<[String; 2], Failure> {
    let names = talk::listed(client, "free=true&limit=2").await?;
    match names.as_slice() {
        [one, other, ..] => Ok([one.clone(), other.clone()]),
        [one] => Ok([one.clone(), one.clone()]),
        [] => Err(Failure::unclear("no model is known to cost nothing", "Say who is to talk: --models A,B.")),
    }
}

fn table(printer: &Printer, models: &[String; 2], outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut table = printer
        .table()
        .header(["run", "turns", "in", "cached", "out", "in/s", "out/s", "time", "cost"])
        .numbers([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (at, outcome) in outcomes.iter().enumerate() {
        let estimated = if outcome.estimated { "~" } else { "" };
        table.row([
            (at + 1).to_string(),
            outcome.turns.to_string(),
            format!("{estimated}{}", figures::short(outcome.input)),
            figures::short(outcome.cached),
            format!("{estimated}{}", figures::short(outcome.output)),
            speed(outcome.input, outcome.first_ms),
            speed(outcome.output, outcome.writing_ms),
            span(outcome.duration_ms),
            outcome.cost_nanos.map_or_else(|| figures::UNKNOWN.to_owned(), tokenrouter_shared::money::dollars),
        ]);
    }
    printer.line(&table.to_string())?;
    let cut = outcomes.iter().filter(|outcome| outcome.is_cut).count() as u64;
    if cut > 0 {
        printer.say(&format!("{} ended because --max-tokens was reached", counted(cut, "run")));
    }
    printer.say(&format!("{} and {}", plain(&models[0]), plain(&models[1])));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_told_and_nothing_is_divided_by_nothing() {
        assert_eq!([speed(100, 2_000), speed(1, 3_000), speed(5, 0)], ["50.0", "0.3", "?"]);
    }
}
