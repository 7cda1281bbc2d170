//! Tries a provider with real calls: its list, an answer, a stream, a tool; and says in words what fails.

mod answer;
mod choice;
mod failure;

use std::time::Duration;

use futures_util::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::{BodyStream, Limited};
use tokenrouter::Protocol;
use tokenrouter::call::Pieces;
use tokenrouter::convert::{Asked, Context, provider_error, translate};
use tokenrouter::openai::models::read_list;
use tokenrouter::surface::Surface;
use tokenrouter_shared::Secret;
use tokenrouter_shared::provider::{Tried, TriedStep};

use self::failure::Failure;
use super::probe;
use super::provider::Provider;
use crate::clock::Clock;

/// The largest answer that is read, in bytes: a list may be long.
const MOST_BYTES: usize = 16 << 20;
/// So many of the listed models are tried where the first is not there after all.
const MOST_MODELS: usize = 3;

/// How a provider is tried.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The model; without it a small one of the list.
    pub model: Option<String>,
    /// How long one call may take.
    pub deadline: Duration,
    /// What must never be repeated in words.
    pub secrets: Vec<Secret>,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The model list.
    List,
    /// A short answer.
    Chat,
    /// The same as a stream.
    Stream,
    /// A tool call.
    Tools,
    /// A short answer with another of its keys.
    Key,
}

impl What {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Chat => "chat",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::Key => "key",
        }
    }
}

/// What came of one call.
struct Passed {
    took_ms: u64,
    first_ms: Option<u64>,
    message: String,
}

/// Tries `provider`; `begins` hears of every call before it is made and `ends` of what came of it.
pub async fn run(
    provider: &Provider,
    terms: &Terms,
    clock: &Clock,
    begins: &mut (dyn FnMut(What, Option<&str>) + Send),
    ends: &mut (dyn FnMut(&TriedStep) + Send + Sync),
) -> Tried {
    let mut trial = Trial { provider, terms, clock, ends, credential: 0, steps: Vec::new() };
    begins(What::List, None);
    let models = trial.list().await;
    let count = models.as_ref().map(Vec::len);
    let candidates = trial.candidates(models.as_deref().unwrap_or_default());
    let mut asked = None;
    for (at, model) in candidates.iter().enumerate() {
        begins(What::Chat, Some(model));
        asked = Some(model);
        let passed = trial.ask(What::Chat, model).await;
        let is_missing = passed.as_ref().is_err_and(|(_, failure)| failure.is_missing_model());
        if !is_missing || at + 1 == candidates.len() {
            trial.note(What::Chat, passed);
            break;
        }
    }
    if candidates.is_empty() {
        trial.note(What::Chat, Err((0, Failure::no_model(trial.refused()))));
    }
    let works = trial.steps.iter().any(|step| step.what == What::Chat.as_str() && step.result == WORKS);
    for what in [What::Stream, What::Tools] {
        match asked.filter(|_| works) {
            Some(model) => {
                begins(what, Some(model));
                let passed = trial.ask(what, model).await;
                trial.note(what, passed);
            }
            None => trial.skip(what, "no answer to build on"),
        }
    }
    // The others alone: the first key has answered already, or nobody has.
    for at in 1..provider.credentials().len() {
        let Some(model) = asked.filter(|_| works) else { break };
        begins(What::Key, Some(model));
        trial.credential = at;
        let passed = trial.ask(What::Key, model).await;
        trial.note(What::Key, passed);
    }
    let steps = trial.steps;
    let has_failed = |step: &TriedStep| step.what == What::Key.as_str() && step.result != WORKS;
    Tried {
        provider: provider.name.to_string(),
        works: works && !steps.iter().any(has_failed),
        protocol: speaks(provider).map(|(protocol, _)| protocol.as_str().to_owned()),
        model: asked.map(|model| (*model).clone()),
        models: count,
        steps,
    }
}

/// One short answer in the first protocol of `provider`, without a list before it; what came of it in words.
pub(super) async fn answers(provider: &Provider, model: &str, terms: &Terms, clock: &Clock) -> Result<(), TriedStep> {
    let mut trial = Trial { provider, terms, clock, ends: &mut |_| {}, credential: 0, steps: Vec::new() };
    let passed = trial.ask(What::Chat, model).await;
    trial.note(What::Chat, passed);
    match trial.steps.pop() {
        Some(step) if step.result != WORKS => Err(step),
        _ => Ok(()),
    }
}

/// What came of asking `provider` for its list of models.
pub async fn list(provider: &Provider, terms: &Terms, clock: &Clock) -> TriedStep {
    let mut trial = Trial { provider, terms, clock, ends: &mut |_| {}, credential: 0, steps: Vec::new() };
    trial.list().await;
    trial.steps.pop().unwrap_or_else(|| step(What::List, SKIPPED))
}

/// The models that `provider` lists, or why not.
pub(super) async fn models(provider: &Provider, terms: &Terms, clock: &Clock) -> Result<Vec<String>, TriedStep> {
    let mut trial = Trial { provider, terms, clock, ends: &mut |_| {}, credential: 0, steps: Vec::new() };
    match trial.list().await {
        Some(models) => Ok(models),
        None => Err(trial.steps.pop().unwrap_or_else(|| step(What::List, SKIPPED))),
    }
}

/// Whether a call failed for want of a key.
pub fn wants_key(step: &TriedStep) -> bool {
    step.message == failure::WANTS_KEY
}

/// The model of a list that is tried.
pub(super) fn choose(models: &[String]) -> Option<String> {
    choice::plausible(models.iter().cloned()).into_iter().next()
}

const WORKS: &str = "works";
const FAILS: &str = "fails";
const SKIPPED: &str = "skipped";

fn step(what: What, result: &str) -> TriedStep {
    TriedStep {
        what: what.as_str().to_owned(),
        result: result.to_owned(),
        took_ms: 0,
        first_ms: None,
        problem: None,
        status: None,
        message: String::new(),
    }
}

/// The protocol that a provider is asked in, and where.
fn speaks(provider: &Provider) -> Option<(Protocol, Surface)> {
    provider.protocols().find_map(|protocol| Some((protocol, Surface::conversation(protocol)?)))
}

struct Trial<'a> {
    provider: &'a Provider,
    terms: &'a Terms,
    clock: &'a Clock,
    ends: &'a mut (dyn FnMut(&TriedStep) + Send + Sync),
    /// The key that it is asked with, by its place.
    credential: usize,
    steps: Vec<TriedStep>,
}

impl Trial<'_> {
    fn note(&mut self, what: What, passed: Result<Passed, (u64, Failure)>) {
        let step = match passed {
            Ok(Passed { took_ms, first_ms, message }) => TriedStep { took_ms, first_ms, message, ..step(what, WORKS) },
            Err((took_ms, failure)) => TriedStep {
                took_ms,
                problem: Some(failure.word().to_owned()),
                status: failure.status,
                message: self.named(failure).sentence(&self.terms.secrets),
                ..step(what, FAILS)
            },
        };
        let key = self.provider.credentials().get(self.credential).filter(|_| what == What::Key);
        let message = key.map(|key| format!("key {}: {}", key.label, step.message));
        let step = TriedStep { message: message.unwrap_or(step.message), ..step };
        (self.ends)(&step);
        self.steps.push(step);
    }

    fn named(&self, failure: Failure) -> Failure {
        if self.provider.credentials().is_empty() { failure.without_key() } else { failure }
    }

    fn skip(&mut self, what: What, why: &str) {
        let step = TriedStep { message: why.to_owned(), ..step(what, SKIPPED) };
        (self.ends)(&step);
        self.steps.push(step);
    }

    /// What the list was refused for, if it was.
    fn refused(&self) -> Option<&str> {
        self.steps.first().and_then(|step| step.problem.as_deref())
    }

    fn candidates(&self, listed: &[String]) -> Vec<String> {
        if let Some(model) = &self.terms.model {
            return vec![model.clone()];
        }
        let known = self.provider.preset.iter().flat_map(|preset| preset.models.iter().cloned());
        let declared: Vec<&String> = self.provider.declared.iter().map(|model| &model.id).collect();
        // What is described and there; what is there; what is described, which a list need not tell.
        let mut candidates: Vec<String> =
            declared.iter().filter(|model| listed.contains(model)).map(|model| (*model).clone()).collect();
        let others = listed.iter().filter(|model| self.provider.offers(model) && !declared.contains(model));
        candidates.extend(choice::plausible(others.cloned()));
        if candidates.is_empty() {
            candidates = declared.into_iter().cloned().collect();
        }
        if candidates.is_empty() {
            candidates = choice::plausible(known);
        }
        candidates.truncate(MOST_MODELS);
        candidates
    }

    fn since(&self, began: std::time::Instant) -> u64 {
        let took = self.clock.instant().saturating_duration_since(began);
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }

    async fn list(&mut self) -> Option<Vec<String>> {
        let Some(route) = self.provider.list_route().filter(|_| self.provider.has_list()) else {
            self.skip(What::List, "it has no list of models");
            return None;
        };
        let began = self.clock.instant();
        let asked = async {
            let request = probe::question(&route).ok_or_else(|| Failure::refused("its URL is not valid"))?;
            let url = request.uri().to_string();
            let (status, body, _) = self.send(request, began).await?;
            if !(200..300).contains(&status) {
                let failure = Failure::answered(&provider_error(route.protocol, status, &body), status);
                return Err(failure.at(url.split('?').next().unwrap_or_default()));
            }
            read_list(&body).ok_or_else(|| Failure::nonsense("no model list in the answer"))
        };
        let told = tokio::time::timeout(self.terms.deadline, asked).await;
        let told = told.unwrap_or_else(|_| Err(Failure::late(self.terms.deadline)));
        let took_ms = self.since(began);
        let (models, passed) = match told {
            Ok(models) => {
                let message = if models.len() == 1 { "1 model".to_owned() } else { format!("{} models", models.len()) };
                (Some(models), Ok(Passed { took_ms, first_ms: None, message }))
            }
            Err(failure) => (None, Err((took_ms, failure))),
        };
        self.note(What::List, passed);
        models
    }

    async fn ask(&self, what: What, model: &str) -> Result<Passed, (u64, Failure)> {
        let began = self.clock.instant();
        let asked = async {
            match self.call(what, model, true, began).await {
                // Some take the limit under another name only; nothing but the question keeps the answer short then.
                Err(failure) if failure.is_about_the_limit() => self.call(what, model, false, began).await,
                other => other,
            }
        };
        let asked = tokio::time::timeout(self.terms.deadline, asked).await;
        let told = asked.unwrap_or_else(|_| Err(Failure::late(self.terms.deadline)));
        let took_ms = self.since(began);
        match told {
            Ok((first_ms, message)) => Ok(Passed { took_ms, first_ms, message }),
            Err(failure) => Err((took_ms, failure)),
        }
    }

    async fn call(
        &self,
        what: What,
        model: &str,
        limited: bool,
        began: std::time::Instant,
    ) -> Result<(Option<u64>, String), Failure> {
        let (protocol, surface) = speaks(self.provider).ok_or_else(|| Failure::refused("it speaks no protocol"))?;
        let route =
            self.provider.route(surface, self.credential).ok_or_else(|| Failure::refused("it has no such URL"))?;
        let is_stream = what == What::Stream;
        let target = self.provider.target(protocol, model);
        let body = answer::question(what, model, limited);
        let written = translate(Asked::new(Protocol::OpenAi, body.as_bytes()), &target, Context::default());
        let written = written.map_err(|problem| Failure::refused(&problem.sentence()))?;
        let url = route.target(surface, model, is_stream, false);
        let url = url.ok_or_else(|| Failure::refused("its URL is not valid"))?;
        let length = written.body.len();
        let mut request = Request::post(url)
            .body(Pieces::new(vec![written.body]))
            .map_err(|_| Failure::refused("its URL is not valid"))?;
        probe::introduce(&route, request.headers_mut());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        let (status, said, stream) = self.send(request, began).await?;
        if !(200..300).contains(&status) {
            return Err(Failure::answered(&provider_error(protocol, status, &said), status));
        }
        if is_stream && stream.is_none() {
            return Err(Failure::unsupported("it answers in one piece although a stream was asked for"));
        }
        // The way back of the same question in one piece: a stream is gathered to be judged alike.
        let whole = answer::question(if is_stream { What::Chat } else { what }, model, limited);
        let back = translate(Asked::new(Protocol::OpenAi, whole.as_bytes()), &target, Context::default());
        let back = back.map_err(|problem| Failure::refused(&problem.sentence()))?.back;
        let told = if stream.is_some() { back.gathered(&said.into()) } else { answer::whole(back, protocol, &said) };
        let told = told.map_err(|problem| Failure::answered(&problem, status))?;
        let words = answer::judge(what, &told.body)?;
        Ok((stream, words))
    }

    /// The status, the body, and for a stream when its first piece came, in milliseconds.
    async fn send(
        &self,
        request: Request<Pieces>,
        began: std::time::Instant,
    ) -> Result<(u16, Vec<u8>, Option<u64>), Failure> {
        let url = request.uri().clone();
        let answer = self.provider.client.send(request).await.map_err(|e| Failure::unsent(&e, &url))?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_stream = kind.starts_with(b"text/event-stream");
        let mut body = BodyStream::new(Limited::new(answer.into_body(), MOST_BYTES));
        let (mut all, mut first_ms) = (Vec::new(), None);
        while let Some(frame) = body.next().await {
            let frame = frame.map_err(|e| Failure::broken(e.as_ref()))?;
            if let Ok(data) = frame.into_data() {
                first_ms.get_or_insert_with(|| self.since(began));
                all.extend_from_slice(&data);
            }
        }
        Ok((status, all, first_ms.filter(|_| is_stream)))
    }
}

#[cfg(test)]
mod tests;
