//! A model is asked which model shall serve a request: a call like any other, with a row of its own, whose answer no client
//! ever sees.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Map, Value, json};
use tokenrouter::auto::decision::{self, MAX_ANSWER_BYTES};
use tokenrouter::auto::{Virtual, document};
use tokenrouter::catalog::{Can, Facts};
use tokenrouter::dialect::Quirk;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::super::entry::{self, Call};
use super::super::in_path::InPath;
use super::super::reply::Reply;
use super::super::said;
use crate::access::rate::Places;
use crate::upstreams::auto::choice::{Choice, Chooser, Question};
use crate::upstreams::catalogue;

/// What such calls are in usage and logs.
pub(in super::super) const CHOICE: &str = "auto";
/// So many tokens an answer may have; more where the model thinks before it.
const ANSWER_TOKENS: u64 = 600;
const THOUGHT_TOKENS: u64 = 4_000;

/// Whom a model chooses among those `offered`; none where it gives no answer that can be followed.
pub(super) async fn choose(
    call: &Call,
    question: &Question<'_>,
    body: &Bytes,
    offered: &[usize],
    tried: &[usize],
) -> Option<Choice> {
    let router = question.router()?;
    let (state, pool) = (&question.live.auto, question.pool);
    let candidates: Vec<_> = offered.iter().filter_map(|at| pool.candidates.get(*at)).collect();
    let ids: Vec<&str> = candidates.iter().map(|candidate| candidate.id.as_str()).collect();
    let excluded: Vec<&str> = tried.iter().filter_map(|at| pool.candidates.get(*at)).map(|c| c.id.as_str()).collect();
    let text = document::write(question.of, question.features, body, &candidates, &excluded);
    let key = state.key(&[router, &text]);
    let now_ms = call.app.clock.uptime_ms();
    if let Some(decision) = state.decided(key, now_ms) {
        return question.by_decision(decision, offered, Chooser::Cache, tried);
    }
    if !state.may_ask(router, now_ms) {
        return None;
    }
    let asked = put(question, router, &text);
    let waited = tokio::time::timeout(question.live.config.auto.router_timeout, answer(call, question.of, asked)).await;
    let answer = match waited {
        Ok(Answer::Given(answer)) => answer,
        other => {
            // Whoever may not ask, or cannot pay for it, says nothing of the model.
            if !matches!(other, Ok(Answer::Refused)) {
                state.rest(router, call.app.clock.uptime_ms());
            }
            let why = if other.is_err() { "it took too long" } else { "it gave no answer" };
            tracing::warn!(target: "request", id = call.request_id.as_str(), router, "the rules choose: {router}: {why}");
            return None;
        }
    };
    match decision::read(&answer, &ids) {
        Ok(decision) => {
            state.keep(key, decision.clone(), call.app.clock.uptime_ms());
            question.by_decision(decision, offered, Chooser::Model, tried)
        }
        Err(why) => {
            tracing::warn!(target: "request", id = call.request_id.as_str(), router, "the rules choose: {router}: {why}");
            None
        }
    }
}

/// The request to the model that chooses: what it is known not to take is left out.
fn put(question: &Question<'_>, router: &str, text: &str) -> Bytes {
    let turns = json!([{"role": "system", "content": document::INSTRUCTIONS}, {"role": "user", "content": text}]);
    let mut fields = vec![("model", json!(router)), ("messages", turns)];
    let known = question.live.table.resolve(router).ok().and_then(|found| {
        let endpoint = &found.candidates.list().first()?.endpoint;
        let provider = question.live.providers.get(endpoint.provider)?;
        let model = if endpoint.model.is_empty() { found.model } else { &endpoint.model };
        let dialect = question.live.target(provider, Protocol::OpenAi, model).dialect;
        Some((dialect, catalogue::find(&question.live.catalogue, provider, model).facts()))
    });
    let (dialect, facts) = known.unwrap_or_default();
    let has = |quirk| dialect.has(quirk);
    let thinks = facts.can(Can::Reasoning) == Some(true);
    let limit = if has(Quirk::MaxTokensOldName) { "max_tokens" } else { "max_completion_tokens" };
    fields.push((limit, json!(if thinks { THOUGHT_TOKENS } else { ANSWER_TOKENS })));
    if !has(Quirk::NoSampling) && facts.can(Can::Sampling) != Some(false) {
        fields.push(("temperature", json!(0)));
    }
    if takes_json(&facts) {
        fields.push(("response_format", json!({"type": "json_object"})));
    }
    if let Some(least) = facts.efforts().next().filter(|_| thinks && !has(Quirk::NoEffort)) {
        fields.push(("reasoning_effort", json!(least.as_str())));
    }
    let body: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(body).to_string().into()
}

/// Whoever is known for schemas, or of whom nothing is known, may be asked for JSON.
fn takes_json(facts: &Facts) -> bool {
    facts.can(Can::Schema) != Some(false)
}

/// What came of asking.
enum Answer {
    /// This.
    Given(Bytes),
    /// It was called, and failed.
    Failed,
    /// Nobody was called.
    Refused,
}

/// What is answered to `body`, with the rights and on the bill of whoever calls. Boxed by its type: it is asked from inside
/// a request, and is one itself.
fn answer<'c>(call: &'c Call, of: Virtual, body: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + 'c>> {
    Box::pin(async move {
        let mut own = Call {
            app: Arc::clone(&call.app),
            surface: Surface::Chat,
            purpose: Some(of),
            now_ms: call.app.clock.now_ms(),
            exchange_id: call.exchange_id,
            request_id: call.request_id.clone(),
            in_flight: Some(call.app.lifecycle.enter()),
            places: Places::default(),
            caller: call.caller.clone(),
            asker: call.asker.clone(),
            headers: HeaderMap::new(),
            in_path: InPath::default(),
            body,
            read_at: None,
            // What it costs is told; a span of its own would be none of the client's.
            trace: None,
            target: None,
            watch: None,
        };
        let answer: Response<Reply> = entry::run(&mut own).await;
        if !answer.status().is_success() {
            return if answer.headers().contains_key(said::ATTEMPTS) { Answer::Failed } else { Answer::Refused };
        }
        let whole = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        whole.map_or(Answer::Failed, |whole| Answer::Given(whole.to_bytes()))
    })
}
