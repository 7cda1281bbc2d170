//! `GET` and `POST /admin/api/routes/explain`, `GET /admin/api/routes/{request_id}`: who would get a request, and who
//! got it. Nobody is called.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::{Extension, Json};
use tokenrouter::count::Counts;
use tokenrouter::pick::mix;
use tokenrouter::surface::Surface;
use tokenrouter_shared::route::{RouteDecision, RouteExplained};

use super::Admin;
use super::answer::Failure;
use super::query::Words;
use crate::access::rights::Wanted;
use crate::access::wall::{self, Amounts};
use crate::access::{Operator, TokenEntry, caller, rate, remaining};
use crate::upstreams::asked::Asked;
use crate::upstreams::explain;
use crate::upstreams::permit::{Names, Permit};
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::standing::Moment;
use crate::usage::Charge;

/// The header that a session named in the query stands for.
const SESSION: &str = "x-session-id";

/// What may stand in the query, beside the request itself: the model, which goes before what the request says; `chat`,
/// `responses`, … (without it, the request's form tells); the session that an agent would name in a header; the id or name
/// of the token that asks: its rights, rates and used-up budgets count, and its conversations are its own.
const WORDS: [&str; 4] = ["model", "surface", "session", "token"];

/// Who would get a request for a model.
pub async fn explain(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<RouteExplained>, Failure> {
    answer(&admin, &operator, headers, query.as_deref(), Vec::new())
}

/// Who would get this request.
pub async fn explain_request(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Json<RouteExplained>, Failure> {
    Failure::unless_admin(&operator)?;
    let most = admin.live.load().max_body_bytes;
    let body = to_bytes(body, most).await.map_err(|_| {
        Failure::bad_request(format!("The request is longer than {most} bytes, or broke off."), "Send all of it.")
    })?;
    answer(&admin, &operator, headers, query.as_deref(), body.into())
}

fn answer(
    admin: &Admin,
    operator: &Operator,
    mut headers: HeaderMap,
    query: Option<&str>,
    body: Vec<u8>,
) -> Result<Json<RouteExplained>, Failure> {
    Failure::unless_admin(operator)?;
    let question = Words::read(query, &WORDS)?;
    let mut asked =
        Asked::new(question.text("model").as_deref(), question.text("surface").as_deref(), body).map_err(|e| {
            let advice = "Name the model as `?model=…`, or send a request as clients do.";
            Failure::bad_request(format!("The question cannot be read: {e}."), advice)
        })?;
    if let Some(session) = &question.text("session") {
        let value = HeaderValue::try_from(session)
            .map_err(|_| Failure::bad_request("No header can carry this session.", "Write it as the agent does."))?;
        headers.insert(SESSION, value);
    }
    asked.headers = headers;
    let token = match (&question.text("token"), operator) {
        (Some(which), _) => Some(admin.tokens.named(which).ok_or_else(|| {
            let message = format!("There is no token `{which}`, or more than one has this name.");
            Failure::not_found("token_not_found", message, "`torod token list` shows the ids.")
        })?),
        (None, Operator::Token(token)) => Some(Arc::clone(token)),
        (None, Operator::LocalOwner) => None,
    };
    if let Some(token) = &token {
        (asked.token_id, asked.lossy) = (token.id, token.lossy);
        let asking = Arc::clone(token);
        asked.permit = Permit::new(move |Names { asked, through, passed }, provider, model| {
            let wanted = Wanted { alias: asked, through, passed, provider, model };
            asking.chain().all(|token| token.meter.walls().iter().all(|walls| walls.rights.allow(&wanted)))
        });
    }
    let moment = Moment::now(&admin.clock);
    let dice = mix(moment.now_ms.cast_unsigned());
    let live = admin.live.load();
    let mut told = explain::explain(&live, &asked, moment, dice);
    if let Some(token) = &token {
        refuse_now(&mut told, admin, &live, token, asked.surface);
    }
    Ok(Json(told))
}

/// Puts a refusal in the place of what was `told` where `token` itself is in the way now: it has ended, it or one above it
/// has had its requests, or has nothing left of a budget. What a request may need is not reckoned, and nothing is taken.
fn refuse_now(told: &mut RouteExplained, admin: &Admin, live: &Snapshot, token: &TokenEntry, surface: Surface) {
    let now = wall::Moment::of(&admin.clock);
    // In the order in which a request meets them: whose it is, whether it may come in, where it may go, what that costs.
    let problem = caller::ended(token, now.now_ms).or_else(|| rate::refusal_now(token, now)).or_else(|| {
        let goes_nowhere = told.would_refuse.as_ref().is_some_and(|why| why.code == "model_forbidden");
        if told.candidates.is_empty() || goes_nowhere {
            return None;
        }
        let one = Counts { input_uncached: 1, output: 1, ..Counts::default() };
        let unknown_nanos = Charge::of(None, &live.unknown_price, one, now.now_ms).nanos;
        let costs = told.candidates.iter().any(|c| c.fits && c.price_nanos.unwrap_or(unknown_nanos) > 0);
        let least = Amounts { requests: 1, tokens: 1, nanos: u64::from(costs) };
        Some(remaining::in_the_way(token, &least, now, |wall| !wall.is_pace())?.problem())
    });
    if let Some(problem) = problem {
        (told.chosen, told.why, told.would_wait_ms) = (None, None, None);
        told.would_refuse = Some(explain::refusal(&problem, surface));
    }
}

/// Who got the request with this id.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(request_id): Path<String>,
) -> Result<Json<RouteDecision>, Failure> {
    Failure::unless_admin(&operator)?;
    let found = admin.decisions.find(&request_id).map(Json);
    found.ok_or_else(|| {
        let message = "No request with this id is among the last 1,000.";
        Failure::not_found("request_not_found", message, "The header `x-request-id` of an answer tells its id.")
    })
}
