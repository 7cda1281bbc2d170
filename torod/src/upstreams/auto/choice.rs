//! Who serves one request for a virtual model: whoever served its conversation, whoever the rules say, or a model's word.

use tokenrouter::auto::decision::Decision;
use tokenrouter::auto::features::Features;
use tokenrouter::auto::rules::{self, Judged, Wish};
use tokenrouter::auto::{Candidate, Difficulty, Strength, Task, Virtual, document};
use tokenrouter::catalog::{Can, Effort};
use tokenrouter::dialect::Quirk;
use tokenrouter::pick::affinity::Known;
use tokenrouter::pick::endpoint::Ready;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;
use tokenrouter_shared::route::ChosenView;

use super::super::snapshot::Snapshot;
use super::super::unserved;
use super::pool::Pool;
use crate::config::Router;

/// So many that cannot be called at the moment are passed over; then the best is taken all the same.
const MOST_PASSED: usize = 8;

/// Who chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// The conversation was served there before.
    Kept,
    /// The rules.
    Rules,
    /// A model.
    Model,
    /// A model that was asked the same before.
    Cache,
    /// A model chose and was not sure, so that the strongest was taken.
    Unsure,
    /// Nobody could be chosen.
    Default,
}

impl Chooser {
    /// The word in headers and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Rules => "rules",
            Self::Model => "model",
            Self::Cache => "cache",
            Self::Unsure => "unsure",
            Self::Default => "default",
        }
    }
}

/// Who serves, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The model, as requests name it.
    pub target: String,
    /// Its place among the candidates; none for the operator's default.
    pub at: Option<usize>,
    /// Who chose.
    pub by: Chooser,
    /// How hard the request is taken to be.
    pub difficulty: Difficulty,
    /// What kind of work it is.
    pub task: Task,
    /// How much is to be thought, where the client does not say it.
    pub effort: Option<Effort>,
    /// How sure that is, in thousandths.
    pub confidence_permille: u32,
    /// What the model that chose said of it.
    pub reason: Option<String>,
}

/// One request, to be chosen for.
pub struct Question<'a> {
    /// The world.
    pub live: &'a Snapshot,
    /// Who may be chosen in it.
    pub pool: &'a Pool,
    /// The name that was asked for.
    pub of: Virtual,
    /// What is asked for.
    pub surface: Surface,
    /// How the request looks.
    pub features: &'a Features,
    /// What the rules make of that.
    pub judged: Judged,
    /// The time since the start, in milliseconds.
    pub now_ms: u64,
    /// Which providers can be asked, by their places.
    able: Vec<bool>,
    /// Candidates that whoever asks may not use, by their places.
    forbidden: Vec<usize>,
}

impl<'a> Question<'a> {
    /// The question that a request with these `features` is.
    pub fn new(
        live: &'a Snapshot,
        pool: &'a Pool,
        of: Virtual,
        surface: Surface,
        features: &'a Features,
        now_ms: u64,
    ) -> Self {
        let able = live.providers.iter().map(|provider| {
            let mut keys = 0..provider.credentials().len().max(1);
            keys.any(|key| unserved::fits(provider, key, surface))
        });
        let able = able.collect();
        let judged = rules::judge(of, features);
        Self { live, pool, of, surface, features, judged, now_ms, able, forbidden: Vec::new() }
    }

    /// Only candidates that `may` be used are chosen.
    pub fn permit(&mut self, may: &dyn Fn(&str) -> bool) {
        let all = self.pool.candidates.iter().enumerate();
        self.forbidden = all.filter(|(_, candidate)| !may(&candidate.id)).map(|(at, _)| at).collect();
    }

    /// Whether the candidate at `at` is one that whoever asks may not use.
    pub fn is_forbidden(&self, at: usize) -> bool {
        self.forbidden.binary_search(&at).is_ok()
    }

    /// Whether there are candidates that whoever asks may not use.
    pub const fn is_restricted(&self) -> bool {
        !self.forbidden.is_empty()
    }

    /// Whoever would be chosen now without asking anybody, in the conversation `known`.
    pub fn now(&self, known: Option<Known>) -> Option<Choice> {
        self.kept(known).or_else(|| self.by_rules(&[])).or_else(|| self.default())
    }

    /// Whether the candidate at `at` can be asked what is asked for, as far as its provider goes.
    pub fn is_able(&self, at: usize) -> bool {
        let provider = self.pool.providers.get(at).and_then(|provider| self.able.get(*provider));
        // Elsewhere its provider would be asked in the wrong protocol.
        let speaks = self.surface.protocol() == Protocol::Responses || !self.pool.only_responses.contains(&at);
        provider == Some(&true) && speaks && !self.is_forbidden(at)
    }

    /// The same, and that it is not among those who were tried.
    pub fn may(&self, at: usize, tried: &[usize]) -> bool {
        self.is_able(at) && !tried.contains(&at)
    }

    /// What is wanted at this difficulty.
    pub fn wish(&self, difficulty: Difficulty) -> Wish<'a> {
        Wish::of(self.of, difficulty, self.features)
    }

    fn candidate(&self, at: usize) -> Option<&'a Candidate> {
        self.pool.candidates.get(at)
    }

    /// Whether one of its endpoints can be called now.
    fn is_ready(&self, candidate: &Candidate) -> bool {
        let Ok(found) = self.live.table.resolve(&candidate.id) else { return false };
        found.candidates.list().iter().any(|c| !matches!(c.endpoint.ready(self.now_ms), Ready::No(..)))
    }

    /// The best by the rules at this difficulty, without those who were `tried`: one that can be called now, if there is.
    pub fn best(&self, difficulty: Difficulty, tried: &[usize]) -> Option<usize> {
        let wish = self.wish(difficulty);
        let mut passed: Vec<usize> = Vec::new();
        while passed.len() <= MOST_PASSED {
            let may = |at: usize| self.may(at, tried) && !passed.contains(&at);
            let Some(at) = rules::choose(&self.pool.candidates, &wish, &may) else { break };
            if self.candidate(at).is_some_and(|candidate| self.is_ready(candidate)) {
                return Some(at);
            }
            passed.push(at);
        }
        passed.first().copied()
    }

    /// Whoever served the conversation before, as long as it can serve this too. What has become hard leaves a small model,
    /// but only when the user speaks: in the midst of work its state would be lost.
    pub fn kept(&self, known: Option<Known>) -> Option<Choice> {
        let known = known.filter(|known| !known.is_opening)?;
        let (model, effort) = self.live.auto.home(known.session, self.now_ms)?;
        let at = self.pool.candidates.iter().position(|candidate| *candidate.id == *model);
        let at = at.filter(|at| self.is_able(*at))?;
        let candidate = self.candidate(at).filter(|candidate| self.wish(Difficulty::Simple).takes(candidate))?;
        if !self.is_ready(candidate) {
            return None;
        }
        let Judged { difficulty, .. } = self.judged;
        if difficulty == Difficulty::Hard && self.features.user_spoke_last && candidate.strength < Strength::Strong {
            let best = self.best(difficulty, &[]).and_then(|at| self.candidate(at));
            if best.is_some_and(|best| best.strength > candidate.strength) {
                return None;
            }
        }
        Some(Choice { effort: effort.and_then(|wanted| candidate.effort(wanted)), ..self.choice(at, Chooser::Kept)? })
    }

    fn choice(&self, at: usize, by: Chooser) -> Option<Choice> {
        let candidate = self.candidate(at)?;
        let Judged { difficulty, task, confidence_permille } = self.judged;
        Some(Choice {
            target: candidate.id.clone(),
            at: Some(at),
            by,
            difficulty,
            task,
            effort: self.wish(difficulty).effort().and_then(|wanted| candidate.effort(wanted)),
            confidence_permille,
            reason: None,
        })
    }

    /// Whoever the rules say.
    pub fn by_rules(&self, tried: &[usize]) -> Option<Choice> {
        self.choice(self.best(self.judged.difficulty, tried)?, Chooser::Rules)
    }

    /// What the operator set for where nobody can be chosen.
    pub fn default(&self) -> Option<Choice> {
        let target = self.live.config.auto.default.clone()?;
        let Judged { difficulty, task, confidence_permille } = self.judged;
        let by = Chooser::Default;
        Some(Choice { target, at: None, by, difficulty, task, effort: None, confidence_permille, reason: None })
    }

    /// Who is offered to a model that chooses, best first. None where there is nothing to choose, or none is to be asked.
    pub fn offered(&self, tried: &[usize]) -> Option<Vec<usize>> {
        let is_asked = match self.live.config.auto.router {
            Router::Model => true,
            Router::RulesAndModel => self.judged.confidence_permille < super::DOUBT_PERMILLE,
            Router::Rules | Router::Off => false,
        };
        if !is_asked {
            return None;
        }
        let may = |at: usize| self.may(at, tried) && self.candidate(at).is_some_and(|c| self.is_ready(c));
        let offered = document::offered(&self.pool.candidates, self.of, self.features, &may);
        (offered.len() > 1).then_some(offered)
    }

    /// The model that is asked to choose, if there is one here.
    pub fn router(&self) -> Option<&'a str> {
        let named = self.live.config.auto.router_model.as_deref().or(self.pool.router.as_deref())?;
        // Whoever does not exist any more is not asked.
        self.live.table.resolve(named).ok().map(|_| named)
    }

    /// What follows from what a model decided among those who were `offered`.
    pub fn by_decision(&self, decision: Decision, offered: &[usize], by: Chooser, tried: &[usize]) -> Option<Choice> {
        let Decision { at, task, difficulty, effort, confidence_permille, reason } = decision;
        let chosen = *offered.get(at)?;
        let is_sure = confidence_permille >= self.live.config.auto.min_confidence_permille;
        let by = if is_sure { by } else { Chooser::Unsure };
        let difficulty = if is_sure { difficulty.unwrap_or(self.judged.difficulty) } else { Difficulty::Hard };
        let chosen = if is_sure { chosen } else { self.best(Difficulty::Hard, tried).unwrap_or(chosen) };
        let candidate = self.candidate(chosen)?;
        let wanted = if is_sure { effort } else { effort.or_else(|| self.wish(difficulty).effort()) };
        let effort = wanted.and_then(|wanted| candidate.effort(wanted));
        let target = candidate.id.clone();
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        Some(Choice { target, at: Some(chosen), by, difficulty, task, effort, confidence_permille, reason })
    }

    /// Whether a request for `choice` may say how much to think in its own protocol.
    pub fn takes_effort(&self, choice: &Choice) -> bool {
        if self.features.says_effort {
            return false;
        }
        let Some((provider, candidate)) = choice
            .at
            .and_then(|at| Some((self.live.providers.get(*self.pool.providers.get(at)?)?, self.candidate(at)?)))
        else {
            return false;
        };
        let protocol = self.surface.protocol();
        if !provider.speaks(protocol) {
            // Written anew, it says so in the words of its target.
            return true;
        }
        let model = candidate.id.split_once('/').map_or(candidate.id.as_str(), |(_, model)| model);
        let dialect = self.live.target(provider, protocol, model).dialect;
        match protocol {
            Protocol::OpenAi | Protocol::Responses => !dialect.has(Quirk::NoEffort),
            Protocol::Anthropic => {
                candidate.facts.can(Can::OutputConfig) == Some(true) || dialect.has(Quirk::AdaptiveThinking)
            }
            Protocol::Gemini => dialect.has(Quirk::ThinkingLevel),
            Protocol::Cohere => false,
        }
    }
}

impl Choice {
    /// The same in the words of the admin API.
    pub fn view(&self) -> ChosenView {
        ChosenView {
            target: self.target.clone(),
            by: self.by.as_str().to_owned(),
            difficulty: self.difficulty.as_str().to_owned(),
            task: self.task.as_str().to_owned(),
            effort: self.effort.map(|effort| effort.as_str().to_owned()),
            confidence_permille: self.confidence_permille,
            reason: self.reason.clone(),
            tried: Vec::new(),
        }
    }
}
