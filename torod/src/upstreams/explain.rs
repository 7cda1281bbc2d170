//! Who would get a request, and why: the same table, the same states and the same choice, and nobody is called.

use tokenrouter::error::Problem;
use tokenrouter::pick::affinity::{self, Signs};
use tokenrouter::pick::endpoint::{Endpoint, Ready, Why};
use tokenrouter::pick::explain::{Explanation, Seen};
use tokenrouter::pick::name::How;
use tokenrouter::pick::order::{By, Candidate, Choice, Criterion, Wish};
use tokenrouter::pick::table::Found;
use tokenrouter::surface::Surface;
use tokenrouter_shared::route::{CandidateView, Conversation, RefusalView, RouteExplained, WhyChosen};

use super::asked::Asked;
use super::auto;
use super::endpoints::lossy;
use super::fitting::Fitting;
use super::permit::NOT_ALLOWED;
use super::snapshot::Snapshot;
use super::standing::{Moment, standing};
use super::unserved::{Shut, fits, unknown_model};
use crate::config::alias_view;

/// Who would get what `asked` describes at `moment`, with the dice of `random`.
pub fn explain(live: &Snapshot, asked: &Asked, moment: Moment, random: u64) -> RouteExplained {
    let surface = asked.surface;
    let mut told = RouteExplained {
        model: asked.model.clone(),
        surface: surface.as_str().to_owned(),
        protocol: surface.protocol().as_str().to_owned(),
        how: None,
        alias: None,
        auto: None,
        order: Vec::new(),
        conversation: None,
        candidates: Vec::new(),
        chosen: None,
        why: None,
        would_wait_ms: None,
        would_refuse: None,
        is_live: true,
    };
    let of = auto::means(live, &asked.model);
    let mut target = None;
    if let Some(of) = of {
        let (explained, choice) = auto::explain::explain(live, asked, of, moment.now_ms, moment.uptime_ms);
        told.auto = Some(explained);
        match choice {
            Ok(choice) => target = Some(choice.target),
            Err(problem) => {
                told.would_refuse = Some(refusal(&problem, surface));
                return told;
            }
        }
    }
    let name = target.as_deref().unwrap_or(&asked.model);
    let found = match live.table.resolve(name) {
        Ok(found) if of.is_some() => Found { how: How::Auto, ..found },
        Ok(found) => found,
        Err(unknown) => {
            told.would_refuse = Some(refusal(&unknown_model(&asked.model, unknown), surface));
            return told;
        }
    };
    let candidates = found.candidates;
    let known = if surface.is_conversation() && (of.is_some() || candidates.wants_session()) {
        let salt = affinity::salt(asked.token_id, &asked.model);
        affinity::recognise(Signs { salt, headers: &asked.headers, protocol: surface.protocol(), body: &asked.body })
    } else {
        None
    };
    let alias = found.alias.and_then(|at| live.aliases.get(at));
    let lossy = lossy(asked.lossy, alias.and_then(|alias| alias.lossy), live.lossy);
    let endpoints = candidates.list().iter().map(|candidate| &*candidate.endpoint);
    let fitting = Fitting::of(live, asked, found.model, lossy, moment.uptime_ms, endpoints);
    let provider = |endpoint: &Endpoint| live.providers.get(endpoint.provider);
    let speaks = |endpoint: &Endpoint| provider(endpoint).is_some_and(|p| fits(p, endpoint.credential, surface));
    // Whoever is chosen for a virtual model may be used.
    let virtually = of.is_some().then_some(&*asked.model);
    let allowed = |endpoint: &Endpoint| asked.permit.allows_endpoint(live, virtually, &found, endpoint);
    let can_serve =
        |endpoint: &Endpoint| speaks(endpoint) && allowed(endpoint) && !matches!(fitting.at(endpoint), Some(Err(_)));
    let explained = candidates.explain(&Wish {
        now_ms: moment.uptime_ms,
        random,
        session: known.map(|known| known.session),
        is_opening: known.is_some_and(|known| known.is_opening),
        sessions: &live.sessions,
        tried: &[],
        fits: &can_serve,
        trips: &live.rules.course.trips,
    });
    told.how = Some(found.how.as_str().to_owned());
    told.alias = alias.cloned().map(alias_view);
    told.order = candidates.order().iter().map(|criterion| criterion.as_str().to_owned()).collect();
    told.conversation = known.map(|known| Conversation {
        sign: known.mark.as_str().to_owned(),
        is_opening: known.is_opening,
        home: explained.home,
    });
    let views = candidates.list().iter().zip(&explained.seen);
    for (candidate, seen) in views {
        let mut view = view(live, &found, candidate, seen, surface, moment);
        match fitting.at(&candidate.endpoint) {
            _ if !allowed(&candidate.endpoint) => view.why_not = Some(NOT_ALLOWED.to_owned()),
            Some(Ok(lost)) => view.degraded = Some(lost.to_owned()),
            Some(Err(problem)) => view.why_not = Some(problem.message.to_string()),
            None => {}
        }
        told.candidates.push(view);
    }
    if let Some(choice) = &explained.choice {
        told.chosen = Some(choice.at);
        let in_conversation = known.is_some_and(|known| !known.is_opening);
        let sentence = match choice.by {
            By::Only if of.is_some() => "the model that is chosen is served by nobody else".to_owned(),
            _ => sentence(choice, &explained, in_conversation),
        };
        told.why = Some(WhyChosen { by: choice.by.as_str().to_owned(), sentence, is_probe: choice.is_probe });
        return told;
    }
    let all = candidates.list();
    if !all.is_empty() && !all.iter().any(|candidate| allowed(&candidate.endpoint)) {
        let problem = asked.permit.refusal(live, &asked.model, moment.now_ms);
        told.would_refuse = Some(refusal(&problem, surface));
        return told;
    }
    let waits = explained.seen.iter().filter(|seen| seen.fits);
    told.would_wait_ms = waits.filter_map(|seen| live.rules.course.wait_ms(seen.ready, moment.uptime_ms)).min();
    if told.would_wait_ms.is_none() {
        // Who can be called and cannot be told the request says why before anybody else does.
        let untold = all.iter().filter(|c| !matches!(c.endpoint.ready(moment.uptime_ms), Ready::No(..)));
        let untold = untold.filter(|c| allowed(&c.endpoint));
        let untold = untold.filter_map(|c| fitting.at(&c.endpoint)?.err()).next_back();
        let able = all.iter().map(|candidate| &candidate.endpoint);
        let able = able.filter(|endpoint| speaks(endpoint) && allowed(endpoint)).collect();
        let shut = Shut { live, all, fitting: able, surface, now_ms: moment.uptime_ms };
        let problem = untold.cloned().unwrap_or_else(|| shut.problem(&asked.model));
        told.would_refuse = Some(refusal(&problem, surface));
    }
    told
}

/// `problem` as clients of `surface` are told it.
pub fn refusal(problem: &Problem, surface: Surface) -> RefusalView {
    RefusalView {
        status: problem.http_status(surface.protocol()),
        code: problem.code.to_owned(),
        message: problem.message.to_string(),
        advice: problem.advice.to_string(),
        retry_after_s: problem.retry_after_s,
    }
}

fn view(
    live: &Snapshot,
    found: &Found<'_, '_>,
    candidate: &Candidate,
    seen: &Seen,
    surface: Surface,
    moment: Moment,
) -> CandidateView {
    let endpoint = &candidate.endpoint;
    let provider = live.providers.get(endpoint.provider);
    let native = provider.and_then(|p| p.route(surface, endpoint.credential));
    let is_native = native.is_some();
    let route = native.or_else(|| provider?.translated(surface, endpoint.credential));
    let standing = standing(endpoint, moment);
    let why_not = if !seen.fits {
        Some(match provider.filter(|p| p.enabled) {
            None => "switched off".to_owned(),
            Some(provider) if !provider.has_key(endpoint.credential) => provider.why_no_key(endpoint.credential),
            Some(_) => format!("has no URL for {}", surface.as_str()),
        })
    } else if let Ready::No(until, why) = seen.ready {
        Some(left_alone(why, until.saturating_sub(moment.uptime_ms), standing.failures))
    } else {
        None
    };
    CandidateView {
        provider: provider.map_or_else(String::new, |p| p.name.to_string()),
        credential: provider.and_then(|p| p.credentials().get(endpoint.credential)).map(|c| c.label.to_string()),
        model: if endpoint.model.is_empty() { found.model } else { &endpoint.model }.to_owned(),
        protocol: route.map(|route| route.protocol.as_str().to_owned()),
        is_native,
        tier: seen.tier + 1,
        rank: candidate.rank,
        priority: endpoint.priority,
        price_nanos: endpoint.price_nanos,
        weight: u64::from(candidate.weight.max(1)) * u64::from(endpoint.weight.max(1)),
        left_permille: seen.left_permille,
        fits: seen.fits,
        why_not,
        degraded: None,
        standing,
    }
}

/// Why nobody calls an endpoint, and for how long.
fn left_alone(why: Why, for_ms: u64, failures: u64) -> String {
    let span = match for_ms.div_ceil(1_000) {
        s @ 0..=120 => format!("{s} s"),
        s => format!("{} min", s.div_ceil(60)),
    };
    match why {
        Why::Connection => format!("unreachable, left alone for {span}"),
        Why::Credential => format!("key refused, left alone for {span}"),
        Why::Failing if failures > 1 => format!("failed {failures} times in a row, left alone for {span}"),
        Why::Failing => format!("failed, left alone for {span}"),
        Why::Limited => format!("over a limit for {span}"),
        Why::Probed => format!("a call finds out whether it has recovered, within {span}"),
    }
}

/// Why `choice`, as a sentence.
fn sentence(choice: &Choice, explained: &Explanation, in_conversation: bool) -> String {
    if choice.is_probe {
        return "its time to recover is over, and the next call finds out whether it has".to_owned();
    }
    let Some(chosen) = explained.seen.get(choice.at) else { return String::new() };
    let can = |seen: &&Seen| seen.fits && !matches!(seen.ready, Ready::No(..));
    let rivals = explained.seen.iter().filter(|seen| seen.tier == chosen.tier).filter(can).count();
    let before = explained.seen.iter().filter(|seen| seen.tier < chosen.tier).count();
    let drawn = if in_conversation { "drawn for this conversation" } else { "drawn by lot" };
    let reason = match choice.by {
        By::Only => "the name stands for nobody else".to_owned(),
        By::Fallback => "what was tried before failed".to_owned(),
        By::Criterion(Criterion::Affinity) => return "the conversation was served there before".to_owned(),
        By::Criterion(Criterion::Priority) if before == 0 => "the first in order".to_owned(),
        By::Criterion(Criterion::Price) if before == 0 => "the cheapest".to_owned(),
        By::Criterion(Criterion::Priority | Criterion::Price) => "the next in order".to_owned(),
        By::Criterion(_) if rivals == 1 => "the only one of its tier that can serve it now".to_owned(),
        By::Criterion(Criterion::Latency) => format!("{drawn} among {rivals}, unless another is clearly faster"),
        By::Criterion(Criterion::RoundRobin) => format!("its turn among {rivals}"),
        By::Criterion(Criterion::Weighted) if in_conversation => format!("{drawn} by weight among {rivals}"),
        By::Criterion(Criterion::Weighted) => format!("drawn by weight among {rivals}"),
        By::Criterion(Criterion::Quota) => format!("most is left of its limits, among {rivals}"),
    };
    match before {
        0 => reason,
        1 => format!("{reason}; the one before it cannot serve it now"),
        n => format!("{reason}; the {n} before it cannot serve it now"),
    }
}
