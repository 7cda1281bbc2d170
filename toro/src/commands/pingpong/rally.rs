//! One conversation of two models.

use std::time::Duration;

use super::{Outcome, Shown};
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::exit::Failure;
use crate::printer::{Printer, plain, said};
use crate::talk::{self, Ask, Message, Piece, Reply};

/// One answer may take so long.
const PATIENCE: Duration = Duration::from_secs(45);
/// The longest answer, in LLM tokens.
const MOST_TOKENS: u32 = 256;
/// So much of the conversation is told with each question.
const TAIL: usize = 14;
const FREEDOM: f32 = 0.7;
const MANNERS: &str = "You are talking with somebody who is as curious as you are. Answer in at most two sentences, and end \
                       with a question of your own.";
const BEGIN: &str = "Begin the conversation: ask one short question about something that you find worth knowing.";

/// How the game is played.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) models: [String; 2],
    pub(super) turn_pairs: u32,
    pub(super) starter: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) max_tokens: u64,
    pub(super) shown: Shown,
}

/// One game.
pub(super) struct Rally {
    client: Client,
    rules: Rules,
    printer: Printer,
    clock: Clock,
    /// Each side's conversation has an id of its own.
    sessions: [String; 2],
    /// Answers of each side.
    answers: [u64; 2],
    outcome: Outcome,
}

impl Rally {
    pub(super) fn new(client: Client, rules: Rules, printer: Printer, clock: Clock) -> Self {
        let sessions = [talk::session_id(), talk::session_id()];
        Self { client, rules, printer, clock, sessions, answers: [0; 2], outcome: Outcome::default() }
    }

    /// Plays it.
    pub(super) async fn play(mut self) -> Result<Outcome, Failure> {
        let (begun, began_ms) = (self.clock.moment(), self.clock.now_ms());
        // All that was said, and by which side.
        let mut talked: Vec<(usize, String)> = Vec::new();
        let first = match self.rules.starter.clone() {
            Some(text) => {
                self.show(&format!("starter: {}\n\n", plain(&text)))?;
                text
            }
            None => self.answer(0, &talked).await?,
        };
        talked.push((0, first));
        let turns = self.rules.turn_pairs.saturating_mul(2);
        for turn in 0..turns {
            if self.outcome.input.saturating_add(self.outcome.output) >= self.rules.max_tokens {
                self.outcome.is_cut = true;
                break;
            }
            let side = usize::from(turn % 2 == 0);
            let text = self.answer(side, &talked).await?;
            talked.push((side, text));
        }
        self.outcome.duration_ms = ms(self.clock.moment().duration_since(begun));
        self.outcome.cost_nanos = self.charged(began_ms).await;
        Ok(self.outcome)
    }

    async fn charged(&self, began_ms: i64) -> Option<u64> {
        let mut sum = 0_u64;
        for (session, answers) in self.sessions.iter().zip(self.answers) {
            if answers > 0 {
                let totals = talk::bill(&self.client, session, began_ms, answers).await?;
                if totals.unpriced_attempts > 0 {
                    return None;
                }
                sum = sum.saturating_add(totals.cost_nanos);
            }
        }
        Some(sum)
    }

    /// What `side` says to what was talked so far.
    async fn answer(&mut self, side: usize, talked: &[(usize, String)]) -> Result<String, Failure> {
        let (Some(model), Some(session)) = (self.rules.models.get(side).cloned(), self.sessions.get(side).cloned())
        else {
            return Err(Failure::failed("there are two sides", ""));
        };
        let mut messages = vec![Message::new("system", MANNERS)];
        let tail = talked.get(talked.len().saturating_sub(TAIL)..).unwrap_or_default();
        // A conversation begins with what somebody else says.
        if tail.first().is_none_or(|(who, _)| *who == side) {
            messages.push(Message::new("user", BEGIN));
        }
        messages.extend(
            tail.iter().map(|(who, text)| Message::new(if *who == side { "assistant" } else { "user" }, text.clone())),
        );
        let ask = Ask {
            model: &model,
            messages: &messages,
            max_completion_tokens: Some(MOST_TOKENS),
            // Who thinks takes no wish about that.
            temperature: self.rules.reasoning.is_none().then_some(FREEDOM),
            reasoning_effort: self.rules.reasoning.as_deref(),
        };
        self.show(&format!("{}: ", plain(&model)))?;
        let (printer, shown) = (self.printer.clone(), self.rules.shown);
        let mut broken = None;
        let mut on = |piece: Piece<'_>| {
            let text = match (piece, shown) {
                (_, Shown::None) | (Piece::Thought(_), Shown::Words) => return,
                (Piece::Text(text), Shown::Words) => said(text),
                (_, Shown::Dot) => ".".to_owned(),
            };
            if broken.is_none() {
                broken = printer.raw(&text).err();
            }
        };
        let asked =
            tokio::time::timeout(PATIENCE, talk::stream(&self.client, &ask, &session, self.clock, &mut on)).await;
        if let Some(failure) = broken {
            return Err(failure);
        }
        let slow = |_| {
            let why = format!("{} took longer than {} s for an answer", plain(&model), PATIENCE.as_secs());
            Err(ClientError::Unreachable { url: self.client.address().to_string(), why })
        };
        let reply = asked.unwrap_or_else(slow)?;
        self.show("\n\n")?;
        self.count(side, &reply, &messages);
        // Nobody can answer to nothing.
        Ok(if reply.text.trim().is_empty() { "…".to_owned() } else { reply.text })
    }

    fn count(&mut self, side: usize, reply: &Reply, messages: &[Message]) {
        let outcome = &mut self.outcome;
        outcome.turns += 1;
        if let Some(answers) = self.answers.get_mut(side) {
            *answers += 1;
        }
        let (input, cached, output) = match reply.counts {
            Some(counts) => (counts.input, counts.cached, counts.output),
            None => {
                outcome.estimated = true;
                let quarter = |chars: usize| (chars as u64).div_ceil(4);
                let asked = messages.iter().map(|message| message.content.chars().count()).sum();
                (quarter(asked), 0, quarter(reply.text.chars().count()))
            }
        };
        outcome.input = outcome.input.saturating_add(input);
        outcome.cached = outcome.cached.saturating_add(cached);
        outcome.output = outcome.output.saturating_add(output);
        outcome.first_ms = outcome.first_ms.saturating_add(reply.first_ms);
        outcome.writing_ms = outcome.writing_ms.saturating_add(reply.whole_ms.saturating_sub(reply.first_ms));
    }

    fn show(&self, text: &str) -> Result<(), Failure> {
        if self.rules.shown == Shown::None { Ok(()) } else { self.printer.raw(text) }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
