//! How a model would be chosen for a request, for those who ask: by the rules, and nobody is called.

use tokenrouter::auto::features::Features;
use tokenrouter::auto::{Difficulty, Need, Virtual, rules};
use tokenrouter::error::Problem;
use tokenrouter::pick::affinity::{self, Signs};
use tokenrouter_shared::route::{AutoChoice, AutoExplained, LeftOut};

use super::super::asked::Asked;
use super::super::permit::NOT_ALLOWED;
use super::super::snapshot::Snapshot;
use super::choice::{Choice, Question};
use super::nobody;
use crate::config::Router;

/// So many of those that are left out are told.
const MOST_TOLD: usize = 12;

/// How a model would be chosen for `asked`, which asks for the virtual model `of`, and who it would be, or why nobody.
pub fn explain(
    live: &Snapshot,
    asked: &Asked,
    of: Virtual,
    now_ms: i64,
    uptime_ms: u64,
) -> (AutoExplained, Result<Choice, Problem>) {
    let cards = live.told.cards(live, now_ms);
    let pool = &cards.pool;
    let features = Features::read(asked.surface.protocol(), &asked.body);
    let mut question = Question::new(live, pool, of, asked.surface, &features, uptime_ms);
    question.permit(&|id| asked.permit.allows_target(live, &asked.model, id));
    let salt = affinity::salt(asked.token_id, &asked.model);
    let signs = Signs { salt, headers: &asked.headers, protocol: asked.surface.protocol(), body: &asked.body };
    let choice = question.kept(affinity::recognise(signs));
    let would_ask = question.offered(&[]).filter(|_| choice.is_none()).and_then(|_| question.router());
    let default = || question.default().filter(|to| asked.permit.allows_target(live, &asked.model, &to.target));
    let choice = choice.or_else(|| question.by_rules(&[])).or_else(default);
    let choices = Difficulty::ALL.map(|difficulty| {
        let wish = question.wish(difficulty);
        let able = |at: usize| question.is_able(at);
        let chosen = rules::choose(&pool.candidates, &wish, &able).and_then(|at| pool.candidates.get(at));
        let effort = chosen.zip(wish.effort()).and_then(|(candidate, wanted)| candidate.effort(wanted));
        AutoChoice {
            difficulty: difficulty.as_str().to_owned(),
            target: chosen.map(|chosen| chosen.id.clone()),
            strength: chosen.map(|chosen| chosen.strength.as_str().to_owned()),
            effort: effort.map(|effort| effort.as_str().to_owned()),
        }
    });
    let (left_out, left_out_count) = left_out(&question);
    let told = AutoExplained {
        router: live.config.auto.router.as_str().to_owned(),
        would_ask: would_ask.map(str::to_owned),
        lost_router: lost_router(live).map(str::to_owned),
        chosen: choice.as_ref().map(Choice::view),
        needs: features.needs.iter().map(Need::as_str).map(str::to_owned).collect(),
        input_tokens: if asked.body.is_empty() { 0 } else { features.input_tokens },
        choices: choices.to_vec(),
        candidates: pool.candidates.len(),
        left_out,
        left_out_count,
    };
    let choice = choice.ok_or_else(|| {
        if question.is_restricted() {
            asked.permit.refusal(live, &asked.model, now_ms)
        } else {
            nobody(&asked.model, "every candidate is left out")
        }
    });
    (told, choice)
}

/// Who is not chosen: not permitted, not able to serve this, or without a key.
fn left_out(question: &Question<'_>) -> (Vec<LeftOut>, usize) {
    let pool = question.pool;
    let wish = question.wish(question.judged.difficulty);
    let forbidden = pool.left_out.iter().map(|(id, why)| LeftOut { model: id.clone(), why: (*why).to_owned() });
    let unable = pool.candidates.iter().enumerate().filter_map(|(at, candidate)| {
        let not_allowed = question.is_forbidden(at).then(|| NOT_ALLOWED.to_owned());
        let why = not_allowed.or_else(|| wish.why_not(candidate)).or_else(|| {
            (!question.is_able(at)).then(|| "its provider has no key, or is not reached in this protocol".to_owned())
        })?;
        Some(LeftOut { model: candidate.id.clone(), why })
    });
    let all: Vec<LeftOut> = forbidden.chain(unable).collect();
    let count = all.len();
    (all.into_iter().take(MOST_TOLD).collect(), count)
}

/// Whether the configured model that chooses is not to be found, to be told.
fn lost_router(live: &Snapshot) -> Option<&str> {
    let auto = &live.config.auto;
    let named =
        auto.router_model.as_deref().filter(|_| matches!(auto.router, Router::Model | Router::RulesAndModel))?;
    live.table.resolve(named).is_err().then_some(named)
}
