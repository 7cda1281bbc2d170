//! `POST /admin/api/exchanges/{request_id}/replay`: sends a kept request to another model, on the bill of whoever asks, and
//! tells the two answers beside one another.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokenrouter::error::Problem;
use tokenrouter_shared::replay::{ReplayAsk, ReplayView};

use crate::access::caller::Caller;
use crate::access::issue::IssueError;
use crate::access::{Operator, reach};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::{NoObject, Object};
use crate::config::shorten;
use crate::conversations::replay::{Again, Prepared, compare, prepare};
use crate::conversations::{read, told};
use crate::store::StoreError;
use crate::store::audit::{self, Entry};
use crate::store::conversations::pieces::Kitchen;
use crate::store::conversations::read::by_request;

/// What is dearer than this wants a word, in nano-dollars.
const DEAR_NANOS: u64 = 1_000_000_000;

/// Sends it, and waits for the answer.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(request_id): Path<String>,
    wanted: Result<Object<ReplayAsk>, NoObject>,
) -> Result<Json<ReplayView>, Failure> {
    Failure::unless_admin(&operator)?;
    let Object(wanted) =
        wanted.map_err(|e| Failure::bad_request(e.body_text(), "Send {\"model\": \"openai/gpt-5\"}."))?;
    if wanted.model.is_empty() {
        return Err(Failure::bad_request(
            "`model` is empty.",
            "Name the model, such as {\"model\": \"openai/gpt-5\"}.",
        ));
    }
    let protocol = match wanted.protocol.as_deref() {
        None => None,
        Some(word) => Some(told::protocol(word).ok_or_else(|| {
            Failure::bad_request("`protocol` is none.", "Write openai, responses, anthropic, gemini or cohere.")
        })?),
    };
    let id = request_id.clone();
    let kept = admin.conversations.read(move |connection| {
        let Some(kept) = by_request(connection, &id)? else { return Ok(None) };
        let (mut kitchen, request) = (Kitchen::default(), kept.request.clone());
        let body = kitchen.body(connection, &request)?;
        Ok(Some((read::exchange(connection, &mut kitchen, kept, false)?, body)))
    });
    let gone = || {
        let said = "Nothing of that request is kept.";
        Failure::not_found("exchange_not_found", said, "GET /admin/api/conversations lists what is kept.")
    };
    let (view, body) = kept.await?.flatten().ok_or_else(gone)?;
    let surface = read::surface_of(&view.surface).ok_or_else(gone)?;
    let caller = caller(&admin, &operator, wanted.token.as_deref()).await?;
    // Long texts are read and compared where nobody's request waits for it.
    let model = wanted.model.clone();
    let preparing = tokio::task::spawn_blocking(move || {
        let prepared = prepare(&view, surface, body, &model, protocol);
        (view, prepared)
    });
    let (view, prepared) = preparing.await.map_err(|_| StoreError::Closed)?;
    let Prepared { surface, path, body, notes } = prepared.map_err(|e| refused(&e))?;
    note(&admin, &operator, &request_id, &wanted.model, &caller).await?;
    let most_nanos = (!wanted.confirm).then_some(DEAR_NANOS);
    let watched =
        admin.gateway.ask(Again { caller, surface, path, body, most_nanos }).await.map_err(|e| refused(&e))?;
    let redactor = admin.conversations.redactor();
    let comparing = tokio::task::spawn_blocking(move || compare(&view, &watched, notes, &redactor));
    Ok(Json(comparing.await.map_err(|_| StoreError::Closed)?))
}

/// Told before it is sent: an entry too many is better than one too few.
async fn note(admin: &Admin, operator: &Operator, subject: &str, model: &str, caller: &Caller) -> Result<(), Failure> {
    let (at_ms, actor) = (admin.clock.now_ms(), operator.actor().to_owned());
    let (subject, detail) = (subject.to_owned(), format!("to `{}`, billed to {}", shorten(model), caller.name()));
    let add = move |connection: &mut _| {
        let entry = Entry { at_ms, actor: &actor, action: "exchange.replay", subject: &subject, detail: &detail };
        audit::add(connection, &entry)
    };
    Ok(admin.writer.call(add).await?)
}

fn refused(problem: &Problem) -> Failure {
    let mut message = problem.message.to_string();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let advice = problem.advice.to_string();
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, problem.code, format!("{message}."), advice)
}

/// On whose bill it goes.
async fn caller(admin: &Admin, operator: &Operator, named: Option<&str>) -> Result<Caller, Failure> {
    let token = match (operator, named) {
        (Operator::Token(token), None) => return Ok(Caller::Token(Arc::clone(token))),
        (Operator::Token(_), Some(_)) => {
            let said = "A replay goes on the bill of whoever asks for it.";
            return Err(Failure::bad_request(said, "Leave `token` out."));
        }
        (Operator::LocalOwner, None) => {
            if admin.live.load().allow_loopback {
                return Ok(Caller::Loopback);
            }
            let said = "It is not said on whose bill this goes.";
            return Err(Failure::bad_request(said, "Name a token by `token` (--token)."));
        }
        (Operator::LocalOwner, Some(named)) => named.to_owned(),
    };
    let now_ms = admin.clock.now_ms();
    let find = move |connection: &_| reach::find(connection, &token, &Operator::LocalOwner, now_ms).map(|row| row.id);
    let id = admin.read(find).await?;
    let token = admin.tokens.by_id(id).ok_or(IssueError::Unclear("the token is gone"))?;
    match crate::access::caller::ended(&token, now_ms) {
        None => Ok(Caller::Token(token)),
        Some(problem) => Err(refused(&problem)),
    }
}
