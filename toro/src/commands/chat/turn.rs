//! One turn of a conversation: the question goes out, the answer comes in piece by piece, and what it cost is told.

use std::io::Write as _;

use serde::Serialize;
use tokenrouter_shared::usage_of::UsageTotals;

use crate::client::{Client, ClientError, block_on};
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::printer::{figures, grouped, plain, said, span};
use crate::talk::{self, Ask, Message, Piece, Reply};

/// How is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way<'w> {
    pub(super) reasoning: Option<&'w str>,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f32>,
    /// Whether thoughts are shown.
    pub(super) thoughts: bool,
}

/// A conversation.
pub(super) struct Turn<'c> {
    pub(super) context: &'c Context,
    pub(super) client: &'c Client,
    way: Way<'c>,
    pub(super) model: String,
    /// All that was said.
    pub(super) messages: Vec<Message>,
    session: String,
    began_ms: i64,
    /// Answers so far, and what the gateway charged for them.
    answers: u64,
    charged: UsageTotals,
}

/// An answer, as `--json` writes it.
#[derive(Serialize)]
struct Told<'t> {
    asked: &'t str,
    #[serde(flatten)]
    reply: &'t Reply,
    /// What the gateway charged, in nano-dollars; `null`: it does not say, or knows no price.
    cost_nanos: Option<u64>,
    /// By which reports tell this conversation from others.
    session: &'t str,
}

/// How an answer ended.
pub(super) enum Ended {
    /// It is whole.
    Whole(Box<Reply>),
    /// Ctrl-C was pressed after so much of it.
    Stopped(String),
}

impl<'c> Turn<'c> {
    pub(super) fn new(
        context: &'c Context,
        client: &'c Client,
        way: Way<'c>,
        model: String,
        messages: Vec<Message>,
    ) -> Self {
        let (session, began_ms) = (talk::session_id(), context.clock.now_ms());
        Self { context, client, way, model, messages, session, began_ms, answers: 0, charged: UsageTotals::default() }
    }

    /// Another conversation with the same model: reports tell it from the one before.
    pub(super) fn anew(&mut self) {
        self.messages.retain(|message| message.role == "system");
        (self.session, self.began_ms) = (talk::session_id(), self.context.clock.now_ms());
        (self.answers, self.charged) = (0, UsageTotals::default());
    }

    /// One question, one answer.
    pub(super) fn once(&mut self, question: String) -> Result<Exit, Failure> {
        self.messages.push(Message::new("user", question));
        match self.ask()? {
            Ended::Whole(_) => Ok(Exit::Done),
            Ended::Stopped(_) => Ok(Exit::Interrupted),
        }
    }

    /// Asks what was said last, and shows the answer when it comes.
    pub(super) fn ask(&mut self) -> Result<Ended, Failure> {
        let printer = &self.context.printer;
        let is_json = printer.is_json();
        let ask = Ask {
            model: &self.model,
            messages: &self.messages,
            max_completion_tokens: self.way.max_tokens,
            temperature: self.way.temperature,
            reasoning_effort: self.way.reasoning,
        };
        let (mut shown, mut is_thinking, mut at_start) = (String::new(), false, true);
        let mut broken = None;
        let thoughts = self.way.thoughts;
        let streamed = block_on(async {
            let mut on = |piece: Piece<'_>| match piece {
                Piece::Thought(text) if thoughts => {
                    is_thinking = true;
                    let mut err = anstream::stderr();
                    _ = write!(err, "{}", said(text)).and_then(|()| err.flush());
                }
                Piece::Thought(_) => {}
                Piece::Text(text) => {
                    if std::mem::take(&mut is_thinking) {
                        _ = writeln!(anstream::stderr(), "\n");
                    }
                    shown.push_str(text);
                    if !is_json && broken.is_none() {
                        at_start = text.ends_with('\n');
                        broken = printer.raw(&said(text)).err();
                    }
                }
            };
            let stream = talk::stream(self.client, &ask, &self.session, self.context.clock, &mut on);
            tokio::select! {
                reply = stream => Some(reply),
                _ = tokio::signal::ctrl_c() => None,
            }
        })?;
        if !is_json && !at_start && broken.is_none() {
            printer.line("")?;
        }
        // Whoever reads our output has read enough.
        if let Some(failure) = broken {
            return Err(failure);
        }
        match streamed {
            None => Ok(Ended::Stopped(shown)),
            Some(Err(e)) => Err(explained(e, shown.is_empty())),
            Some(Ok(reply)) => {
                self.answers += 1;
                self.tell(&reply)?;
                Ok(Ended::Whole(Box::new(reply)))
            }
        }
    }

    /// Says how much the answer was, and what it cost.
    fn tell(&mut self, reply: &Reply) -> Result<(), Failure> {
        let printer = &self.context.printer;
        if printer.is_quiet() && !printer.is_json() {
            return Ok(());
        }
        let asked = block_on(talk::bill(self.client, &self.session, self.began_ms, self.answers))?;
        // The bill is of the whole conversation.
        let now = asked.unwrap_or(self.charged);
        let before = std::mem::replace(&mut self.charged, now);
        let cost = asked.filter(|now| now.unpriced_attempts == before.unpriced_attempts);
        let cost = cost.map(|now| now.cost_nanos.saturating_sub(before.cost_nanos));
        if printer.is_json() {
            let told = Told { asked: &self.model, reply, cost_nanos: cost, session: &self.session };
            return printer.json(&told);
        }
        let mut parts = vec![plain(if reply.model.is_empty() { &self.model } else { &reply.model })];
        if let Some(counts) = reply.counts {
            let cached =
                if counts.cached > 0 { format!(" ({} cached)", grouped(counts.cached)) } else { String::new() };
            let thought = if counts.reasoning > 0 {
                format!(" ({} reasoning)", grouped(counts.reasoning))
            } else {
                String::new()
            };
            parts.push(format!("{} in{cached}, {} out{thought}", grouped(counts.input), grouped(counts.output)));
        }
        parts.push(match (cost, asked) {
            (Some(nanos), _) => tokenrouter_shared::money::dollars(nanos),
            (None, Some(_)) => "no known price".to_owned(),
            (None, None) => format!("cost {}", figures::UNKNOWN),
        });
        if self.answers > 1 && self.charged.cost_nanos > 0 {
            parts.push(format!("{} in all", figures::cost(&self.charged)));
        }
        parts.push(span(reply.whole_ms));
        printer.say(&format!("[{}]", parts.join(" · ")));
        match reply.finish.as_deref() {
            Some("length") => printer.warn("the answer is cut: it is as long as it may be (--max-tokens)"),
            Some("content_filter") => printer.warn("the provider's filter ended the answer"),
            _ => {}
        }
        Ok(())
    }
}

/// What went wrong; an answer that broke off says that it did.
fn explained(error: ClientError, is_empty: bool) -> Failure {
    let mut failure = Failure::from(error);
    if !is_empty {
        failure.message = format!("the answer is not whole: {}", failure.message);
    }
    failure
}
