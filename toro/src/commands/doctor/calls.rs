//! What only real questions tell: whether a stream comes as it is made, signs of life, counting, tools, images, and the
//! prompt cache.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::dialect::{Dialect, Question};
use super::report::{Report, took};
use crate::client::{Client, ClientError};
use crate::commands::Context;
use crate::exit::Failure;
use crate::printer::{counted, grouped, plain};
use crate::talk::events::{Event, Events};
use crate::talk::{self, said};

/// Silence of that length without a sign of life makes clients and proxies give up.
const SILENCE: Duration = Duration::from_secs(30);
/// With fewer events than this nothing can be said of how they come.
const FEW_EVENTS: u64 = 6;
/// Words that make a question long enough for every provider's prompt cache: more than 4,096 LLM tokens.
const LONG: usize = 700;

/// Asks, and tells of each question what came of it.
pub(super) async fn check(
    context: &Context,
    client: &Client,
    dialect: Dialect,
    model: &str,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let asking = Asking { context, client, dialect, model, session: talk::session_id() };
    let began_ms = context.clock.now_ms();
    if asking.stream(report).await? {
        asking.count(report).await?;
        asking.tool(report).await?;
        asking.image(report).await?;
        asking.cache(report).await?;
    } else {
        report.skipped("other", "not asked, since the first question found no answer")?;
    }
    let asked = u64::try_from(report.calls).unwrap_or(0);
    let bill = talk::bill(client, &asking.session, began_ms, asked).await;
    report.cost_nanos = bill.filter(|bill| bill.unpriced_attempts == 0).map(|bill| bill.cost_nanos);
    Ok(())
}

struct Asking<'a> {
    context: &'a Context,
    client: &'a Client,
    dialect: Dialect,
    model: &'a str,
    /// Reports tell these questions from others by it.
    session: String,
}

impl Asking<'_> {
    /// Puts one question, and gives the answer as it came.
    async fn ask(&self, body: &Value, report: &mut Report<'_>) -> Result<Value, ClientError> {
        report.calls += 1;
        let path = self.dialect.path(self.model, false);
        let bytes = serde_json::to_vec(body).map(Bytes::from).unwrap_or_default();
        let answer = self.client.send(Method::POST, &path, talk::headers(&self.session), bytes).await?;
        answer.checked().await?.json().await
    }

    /// Whether a stream comes piece by piece, and whether there is a sign of life in its silences.
    async fn stream(&self, report: &mut Report<'_>) -> Result<bool, Failure> {
        let text = "Count from 1 to 40, one number in each line, and say nothing else.";
        let question = Question { text, is_streamed: true, most: 400, ..Question::default() };
        let body = serde_json::to_vec(&self.dialect.body(self.model, question)).map(Bytes::from).unwrap_or_default();
        report.calls += 1;
        let clock = self.context.clock;
        let begun = clock.moment();
        let path = self.dialect.path(self.model, true);
        let answer =
            async { self.client.send(Method::POST, &path, talk::headers(&self.session), body).await?.checked().await };
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(e) => return report.failed("answer", e).map(|()| false),
        };
        let (provider, is_changed) = (said(&answer, "x-tokenrouter-provider"), said(&answer, "x-tokenrouter-degraded"));
        let mut events = match Events::of(answer) {
            Ok(events) => events,
            Err(e) => return report.failed("streaming", e).map(|()| false),
        };
        let (mut count, mut signs, mut silence, mut first) = (0_u64, 0_u64, Duration::ZERO, None);
        let mut last = clock.moment();
        loop {
            match events.next().await {
                Err(e) => return report.failed("streaming", e).map(|()| false),
                Ok(None) => break,
                Ok(Some(event)) => {
                    let now = clock.moment();
                    silence = silence.max(now.duration_since(last));
                    last = now;
                    match event {
                        Event::Comment => signs += 1,
                        Event::Data { name, .. } if name == "ping" => signs += 1,
                        Event::Data { .. } => {
                            count += 1;
                            first.get_or_insert(now);
                        }
                    }
                }
            }
        }
        let Some(first) = first else {
            report.bad("streaming", "the stream ended without an event", "Look at the gateway's log.")?;
            return Ok(false);
        };
        let by = provider.map(|name| format!(" by {}", plain(&name))).unwrap_or_default();
        let (waited, lasted) = (first.duration_since(begun), last.duration_since(first));
        report.good(
            "answer",
            &format!("begun after {}, whole after {}{by}", took(waited), took(last.duration_since(begun))),
        )?;
        if let Some(what) = is_changed {
            report.warn(
                "translation",
                &format!("something was lost on the way: {}", plain(&what)),
                "It is told in the gateway's docs/conversion.md.",
            )?;
        }
        let told = format!("{} in {} over {}", counted(count, "event"), counted(events.reads, "part"), took(lasted));
        // Whatever holds a stream back lets it go in one or two parts.
        if count < FEW_EVENTS {
            report.skipped("streaming", &format!("the answer was too short to tell: {told}"))?;
        } else if events.reads <= 2 || events.reads.saturating_mul(8) < count && lasted.saturating_mul(8) < waited {
            let advice = "Something on the way holds streams back: with nginx, `proxy_buffering off;`. Or the provider sends all at once.";
            report.bad("streaming", &format!("all came at once: {told}"), advice)?;
        } else {
            report.good("streaming", &format!("as it is made: {told}"))?;
        }
        if silence > SILENCE && signs == 0 {
            let text = format!("none in a silence of {}", took(silence));
            report.bad(
                "pings",
                &text,
                "Something on the way swallows them, or the gateway sends none: see [server] in torod.toml.",
            )?;
        } else if signs > 0 {
            report.good(
                "pings",
                &format!("{} of life; the longest silence was {}", counted(signs, "sign"), took(silence)),
            )?;
        } else {
            report.good("pings", &format!("none were needed: the longest silence was {}", took(silence)))?;
        }
        Ok(true)
    }

    async fn count(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        let (path, body) = self.dialect.counting(self.model, "How many tokens are these words?");
        let bytes = serde_json::to_vec(&body).map(Bytes::from).unwrap_or_default();
        let sent = async {
            let answer =
                self.client.send(Method::POST, &path, talk::headers(&self.session), bytes).await?.checked().await?;
            let is_estimate = answer.headers.contains_key("x-tokenrouter-estimated");
            answer.json::<Value>().await.map(|value| (value, is_estimate))
        };
        match sent.await {
            Err(e) => {
                let failure = Failure::from(e);
                report.warn("count_tokens", &failure.message, "Claude Code then guesses how full its context is.")
            }
            Ok((value, is_estimate)) => {
                let count = ["input_tokens", "totalTokens"].iter().find_map(|key| value.get(*key)?.as_u64());
                match count {
                    Some(count) if count > 0 => {
                        let how = if is_estimate { "estimated by the gateway" } else { "by the provider" };
                        report.good("count_tokens", &format!("{} for a short question, {how}", counted(count, "token")))
                    }
                    _ => report.bad("count_tokens", "the answer has no count", "Look at the gateway's log."),
                }
            }
        }
    }

    /// A question that wants a tool, and what the tool says.
    async fn tool(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        let text = "What is the weather in Oslo? Call the tool, then say it in one sentence.";
        let body =
            self.dialect.body(self.model, Question { text, with_tool: true, most: 1_000, ..Question::default() });
        let answer = match self.ask(&body, report).await {
            Ok(answer) => answer,
            Err(e) => {
                return self.unable(report, "tools", e, "Agents cannot work without tools: choose another model.");
            }
        };
        if !self.dialect.read(&answer).calls_tool {
            let advice = "Agents need tools: if that happens again, choose another model (`toro models --can tools`).";
            return report.warn("tools", "the model answered without calling the tool", advice);
        }
        let next = self.dialect.with_result(&body, &answer, "Light snow, -3 °C");
        match self.ask(&next, report).await {
            Err(e) => {
                self.unable(report, "tools", e, "The model called the tool, but what the tool said was not taken.")
            }
            Ok(answer) => {
                let said = self.dialect.read(&answer);
                if said.text.trim().is_empty() && !said.calls_tool {
                    let advice = "If that happens again, choose another model.";
                    return report.warn("tools", "called, but nothing was said to what the tool answered", advice);
                }
                report.good("tools", "called with what was asked, and its answer was taken")
            }
        }
    }

    async fn image(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        let question =
            Question { text: "Which colour is this? One word.", with_image: true, most: 400, ..Question::default() };
        match self.ask(&self.dialect.body(self.model, question), report).await {
            Err(e) => {
                let failure = Failure::from(e);
                let advice = "Pictures need another model: `toro models --can vision`.";
                report.warn("images", &format!("not taken: {}", failure.message), advice)
            }
            Ok(answer) => {
                let text = self.dialect.read(&answer).text.to_lowercase();
                let is_seen = text.contains("red");
                report.good("images", if is_seen { "taken, and seen as what it shows" } else { "taken" })
            }
        }
    }

    /// The same long question twice: the second one finds the first in the prompt cache.
    async fn cache(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        let words = "The harbour was quiet, and the boats lay still. ";
        // The provider must not know it from before.
        let system = format!("{}\n{}", self.session, words.repeat(LONG / 2));
        let question = Question { text: "Say yes.", system: Some(&system), most: 200, ..Question::default() };
        let body = self.dialect.body(self.model, question);
        let mut cached = (None, None);
        for _ in 0..2 {
            match self.ask(&body, report).await {
                Ok(answer) => {
                    let said = self.dialect.read(&answer);
                    cached = (said.cached, said.input);
                }
                Err(e) => {
                    return self.unable(report, "prompt cache", e, "Does the model take a question of 5,000 tokens?");
                }
            }
        }
        match cached {
            (Some(n), input) if n > 0 => {
                let of = input.map(|input| format!(" of {}", grouped(input))).unwrap_or_default();
                report.good("prompt cache", &format!("the second question found {}{of} tokens in it", grouped(n)))
            }
            (Some(_), _) => {
                let advice = "Some providers keep nothing, or only after a while; long sessions then cost more.";
                report.warn("prompt cache", "the second question found nothing in it", advice)
            }
            (None, _) => report.skipped("prompt cache", "the provider does not say what its cache had"),
        }
    }

    fn unable(&self, report: &mut Report<'_>, check: &str, error: ClientError, advice: &str) -> Result<(), Failure> {
        let is_ours = matches!(error, ClientError::Refused { .. });
        let failure = Failure::from(error);
        let advice = if is_ours { advice } else { &failure.advice };
        report.bad(check, &format!("{} ({})", failure.message, self.dialect.title()), advice)
    }
}
