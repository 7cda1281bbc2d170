//! A request for a virtual model: a model is chosen, and where it fails before the client has seen anything, another one.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tokenrouter::auto::features::Features;
use tokenrouter::auto::{Virtual, effort};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::Peek;
use tokenrouter::pick::affinity::{self, Known, Signs};
use tokenrouter::pick::course::Rules;
use tokenrouter::pick::name::How;
use tokenrouter::pick::table::Found;
use tokenrouter::splice;
use tokenrouter::surface::Surface;
use tokenrouter_shared::route::ChosenView;

use super::super::entry::{self, Call};
use super::super::fit::Fit;
use super::super::refusal::Refusal;
use super::super::reply::Reply;
use super::super::rights::May;
use super::super::{quota, reject};
use super::{Exchange, Journey, Steps, ask};
use crate::upstreams::auto::choice::{Choice, Question};
use crate::upstreams::auto::nobody;
use crate::upstreams::snapshot::Snapshot;
use crate::usage::Picked;

/// How a model was chosen.
pub(super) struct Told {
    /// For people.
    pub view: ChosenView,
    /// For numbers.
    picked: Picked,
}

impl Journey<'_, '_> {
    /// What its next call has to do with the choice of a model.
    pub(super) fn picked(&self, call: &Call) -> Option<Picked> {
        self.auto.as_ref().map(|told| told.picked).or_else(|| call.purpose.map(Picked::Asks))
    }
}

/// What one journey leaves to the next.
struct Left {
    steps: Steps,
    exchange: Option<Box<Exchange>>,
    refusal: Option<Box<Refusal>>,
    worked: usize,
}

/// Serves `call`, which asks for a virtual model.
pub(super) async fn run(call: &mut Call, live: &Arc<Snapshot>, peek: &Peek<'_>, of: Virtual) -> Response<Reply> {
    let asked = peek.model.as_ref();
    let surface = call.surface;
    if !surface.is_conversation() && surface != Surface::Compact {
        return entry::refused(call, &no_conversation(asked, surface));
    }
    let cards = live.told.cards(live, call.now_ms);
    let original = call.body.clone();
    let features = Features::read(surface.protocol(), &original);
    let salt = affinity::salt(call.caller.token_id(), asked);
    let signs = Signs { salt, headers: &call.headers, protocol: surface.protocol(), body: &original };
    let known = affinity::recognise(signs);
    let mut question = Question::new(live, &cards.pool, of, surface, &features, call.app.clock.uptime_ms());
    let may = May::of(&call.caller);
    question.permit(&|id| may.allows_target(live, asked, id));
    let most = live.config.auto.max_attempts as usize;
    let mut tried: Vec<usize> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut left: Option<Left> = None;
    let kept = question.kept(known);
    let first = match kept {
        Some(kept) => Some(kept),
        None => decide(call, &question, &original, &tried).await,
    };
    let default = || question.default().filter(|choice| may.allows_target(live, asked, &choice.target));
    let Some(mut choice) = first.or_else(default) else {
        // A default that is there may not be used.
        let problem = if question.is_restricted() || question.default().is_some() {
            may.refusal(live, asked, call.now_ms)
        } else {
            nobody(asked, &why_nobody(&question))
        };
        return entry::refused(call, &problem);
    };
    loop {
        call.body = with_effort(&question, &choice, surface, &original);
        let body = call.body.clone();
        let peek = match again(call, &body) {
            Ok(peek) => peek,
            Err(problem) => return entry::refused(call, &problem),
        };
        tried.extend(choice.at);
        names.push(choice.target.clone());
        let is_last = names.len() >= most;
        // Nobody waits here while another could serve it.
        let has_other = !is_last && question.best(question.judged.difficulty, &tried).is_some();
        let target = choice.target.clone();
        let found = match live.table.resolve(&target) {
            Ok(found) => Found { how: How::Auto, ..found },
            Err(unknown) => return entry::refused(call, &reject::unknown_model(&target, may.unknown(live, unknown))),
        };
        // Its name may stand for several, of which only some may be used.
        let may = May::of(&call.caller).asked_as(asked);
        let fit = Fit::new(live, found, surface, may.clone());
        let is_counted = left.as_ref().and_then(|left| left.exchange.as_ref()).is_some_and(|e| e.is_counted());
        // What was reserved for the one before is not needed any more.
        if let Some(exchange) = left.as_mut().and_then(|left| left.exchange.as_mut()) {
            exchange.reserved(None);
        }
        let mut reservation = match quota::reserve(call, live, &found, &may, !is_counted) {
            Ok(reservation) => reservation,
            Err(problem) => return entry::refused(call, &problem),
        };
        if let Some(exchange) = left.as_mut().and_then(|left| left.exchange.as_mut()) {
            exchange.reserved(reservation.take());
        }
        let mut journey = Journey::new(call, live, fit, known);
        if has_other {
            journey.rules = Rules { attempts: 1, max_wait_ms: 0, ..journey.rules };
        }
        let before = names.get(..names.len() - 1).unwrap_or_default();
        journey.auto = Some(Box::new(Told {
            view: view(&choice, before),
            picked: Picked::Serves { of, difficulty: choice.difficulty, by: choice.by.as_str() },
        }));
        journey.chosen = choice.at.and_then(|_| live.auto.number(&choice.target, choice.effort));
        if let Some(Left { steps, exchange, refusal, worked }) = left.take() {
            (journey.steps, journey.exchange, journey.refusal, journey.worked) = (steps, exchange, refusal, worked);
        }
        if let Some(served) = journey.serve(call, &peek, salt, &mut reservation).await {
            settle(live, known, journey.chosen, call.app.clock.uptime_ms());
            return journey.tell(call, asked, served).await;
        }
        let may_go_on = !is_last && !journey.is_answer && journey.worked < live.rules.course.attempts;
        let next = if may_go_on { decide(call, &question, &original, &tried).await } else { None };
        let was_default = choice.at.is_none();
        let next = next.or_else(|| default().filter(|_| may_go_on && !was_default));
        let Some(next) = next else { return journey.refuse(call, asked) };
        left = Some(Left {
            steps: std::mem::take(&mut journey.steps),
            exchange: journey.exchange.take(),
            refusal: journey.refusal.take(),
            worked: journey.worked,
        });
        choice = next;
    }
}

/// Somebody who has not been tried: by a model's word where that is wanted and comes, else by the rules.
async fn decide(call: &Call, question: &Question<'_>, body: &Bytes, tried: &[usize]) -> Option<Choice> {
    if let Some(offered) = question.offered(tried)
        && let Some(choice) = ask::choose(call, question, body, &offered, tried).await
    {
        return Some(choice);
    }
    question.by_rules(tried)
}

/// The request, with a word for how much to think where the client has none and the model takes one.
fn with_effort(question: &Question<'_>, choice: &Choice, surface: Surface, body: &Bytes) -> Bytes {
    let wanted = choice.effort.filter(|_| question.takes_effort(choice));
    match wanted.and_then(|wanted| effort::ask(surface.protocol(), body, wanted)) {
        Some(edit) => splice::apply(body, vec![edit]).concat().into(),
        None => body.clone(),
    }
}

/// What stands in the request, which may have been changed.
fn again<'b>(call: &Call, body: &'b Bytes) -> Result<Peek<'b>, Problem> {
    let peek = if call.surface == Surface::Generate {
        Peek::in_path(body, &call.in_path.model, call.in_path.stream)
    } else {
        Peek::read(body)
    };
    peek.map_err(|e| reject::unreadable(&e))
}

fn view(choice: &Choice, before: &[String]) -> ChosenView {
    ChosenView { tried: before.to_vec(), ..choice.view() }
}

/// The conversation is served by the model with the number `chosen` from now on.
fn settle(live: &Snapshot, known: Option<Known>, chosen: Option<u32>, now_ms: u64) {
    let Some((known, chosen)) = known.zip(chosen) else { return };
    // Somebody else may have opened a conversation with the same words, and goes on with it elsewhere.
    if !known.is_opening || live.auto.home(known.session, now_ms).is_none() {
        live.auto.settle(known.session, chosen, live.config.routing.session_ttl, now_ms);
    }
}

fn why_nobody(question: &Question<'_>) -> String {
    let candidates = &question.pool.candidates;
    if candidates.is_empty() {
        return "nothing is known of any model that `[auto]` permits".to_owned();
    }
    let wish = question.wish(question.judged.difficulty);
    let able = candidates.iter().enumerate().filter(|(at, _)| question.is_able(*at));
    // What the most capable lacks is told: of those with the most room.
    let nearest = able.max_by_key(|(_, candidate)| (candidate.context().min(wish.room_tokens), candidate.strength));
    match nearest.and_then(|(_, candidate)| Some((candidate, wish.why_not(candidate)?))) {
        Some((candidate, why)) => format!("the nearest, \"{}\", {why}", candidate.id),
        None => "no provider of one can be asked in this way".to_owned(),
    }
}

fn no_conversation(asked: &str, surface: Surface) -> Problem {
    Problem::new(
        Kind::BadRequest,
        "no_conversation",
        format!("\"{asked}\" stands for models that hold conversations, and this asks for {}", surface.as_str()),
        "Name a model.",
    )
    .at_field(Some("model"))
}
