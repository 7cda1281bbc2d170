//! What is remembered of choices: the model of each conversation and how much it thinks, what a model that chooses has said lately, and whether it
//! is worth asking. Bounded, and no request waits for another.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokenrouter::auto::decision::Decision;
use tokenrouter::catalog::Effort;
use tokenrouter::pick::session::{Session, Sessions};

/// So many models can be remembered, whatever comes and goes.
const NAMES: usize = 4_096;
/// An effort's number has so many bits.
const EFFORT_BITS: u32 = 3;
/// So many decisions are remembered.
const DECISIONS: usize = 512;
/// For so long.
const DECISION_MS: u64 = 600_000;
/// So long a model is not asked again that gave no answer.
const REST_MS: u64 = 30_000;

/// What outlives a world.
#[derive(Debug, Default)]
pub struct State {
    /// The model of each conversation, and how much it thinks; made when the first one is chosen for.
    homes: OnceLock<Sessions>,
    /// Models by the numbers that stand in `homes`.
    names: ArcSwap<Vec<Arc<str>>>,
    decisions: OnceLock<Box<[ArcSwapOption<Kept>]>>,
    hasher: RandomState,
    resting: ArcSwapOption<Resting>,
}

#[derive(Debug)]
struct Kept {
    key: u64,
    decision: Decision,
    at_ms: u64,
}

#[derive(Debug)]
struct Resting {
    model: String,
    until_ms: u64,
}

impl State {
    /// The number of a model with an effort; none where too many are known.
    pub fn number(&self, model: &str, effort: Option<Effort>) -> Option<u32> {
        let place = |names: &[Arc<str>]| names.iter().position(|name| **name == *model);
        let known = place(&self.names.load());
        let place = known.or_else(|| {
            self.names.rcu(|names| {
                let is_new = place(names).is_none() && names.len() < NAMES;
                let new = is_new.then(|| Arc::from(model));
                names.iter().cloned().chain(new).collect::<Vec<_>>()
            });
            place(&self.names.load())
        })?;
        let effort =
            effort.and_then(|effort| Effort::ALL.iter().position(|known| *known == effort)).map_or(0, |n| n + 1);
        u32::try_from((place << EFFORT_BITS) | effort).ok()
    }

    /// The conversation is served by the model with this number from now on, and that is remembered for so long.
    pub fn settle(&self, session: Session, number: u32, life: Duration, now_ms: u64) {
        let life_ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        self.homes.get_or_init(|| Sessions::new(life_ms)).settle(session, number, now_ms);
    }

    /// The model of the conversation, and how much it thinks.
    pub fn home(&self, session: Session, now_ms: u64) -> Option<(Arc<str>, Option<Effort>)> {
        let number = self.homes.get()?.home(session, now_ms)?;
        let model = Arc::clone(self.names.load().get((number >> EFFORT_BITS) as usize)?);
        let effort = (number & ((1 << EFFORT_BITS) - 1)).checked_sub(1).and_then(|n| Effort::ALL.get(n as usize));
        Some((model, effort.copied()))
    }

    /// The key of a question.
    pub fn key(&self, parts: &[&str]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for part in parts {
            hasher.write(part.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// What was said to this question lately.
    pub fn decided(&self, key: u64, now_ms: u64) -> Option<Decision> {
        let kept = self.place(key)?.load_full()?;
        (kept.key == key && now_ms.saturating_sub(kept.at_ms) < DECISION_MS).then(|| kept.decision.clone())
    }

    /// Remembers what was said.
    pub fn keep(&self, key: u64, decision: Decision, now_ms: u64) {
        if let Some(place) = self.place(key) {
            place.store(Some(Arc::new(Kept { key, decision, at_ms: now_ms })));
        }
    }

    fn place(&self, key: u64) -> Option<&ArcSwapOption<Kept>> {
        let new = || std::iter::repeat_with(ArcSwapOption::default).take(DECISIONS).collect();
        let places = self.decisions.get_or_init(new);
        places.get(usize::try_from(key % DECISIONS as u64).unwrap_or(0))
    }

    /// Whether `model` may be asked to choose.
    pub fn may_ask(&self, model: &str, now_ms: u64) -> bool {
        let resting = self.resting.load();
        resting.as_ref().is_none_or(|resting| resting.model != model || now_ms >= resting.until_ms)
    }

    /// `model` gave no answer: others shall not wait for it too.
    pub fn rest(&self, model: &str, now_ms: u64) {
        let resting = Resting { model: model.to_owned(), until_ms: now_ms.saturating_add(REST_MS) };
        self.resting.store(Some(Arc::new(resting)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter::auto::Task;

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let state = State::default();
        let decision = |at| Decision {
            at,
            task: Task::Unknown,
            difficulty: None,
            effort: None,
            confidence_permille: 9,
            reason: String::new(),
        };
        let (one, other) = (state.key(&["a", "b"]), state.key(&["ab"]));
        assert_ne!(one, other);
        assert_eq!(state.decided(one, 0), None);
        state.keep(one, decision(3), 1_000);
        assert_eq!(state.decided(one, 1_000 + DECISION_MS - 1), Some(decision(3)));
        assert_eq!(state.decided(one, 1_000 + DECISION_MS), None);
        // Another question in the same place takes it, and is not mistaken for it.
        state.keep(one + DECISIONS as u64 * 2, decision(4), 1_000);
        assert_eq!(state.decided(one, 1_000), None);
    }

    #[test]
    fn conversations_have_their_model_and_their_effort() {
        let state = State::default();
        let hour = Duration::from_hours(1);
        assert_eq!(state.home(Session(1), 0), None);
        let all: Vec<u32> = Effort::ALL.iter().map(|effort| state.number("p/m", Some(*effort)).unwrap()).collect();
        let none = state.number("p/m", None).unwrap();
        let other = state.number("p/other", Some(Effort::XHigh)).unwrap();
        assert!(!all.contains(&none) && !all.contains(&other) && all.is_sorted());
        state.settle(Session(1), other, hour, 0);
        state.settle(Session(2), none, hour, 0);
        assert_eq!(state.home(Session(1), 60_000), Some(("p/other".into(), Some(Effort::XHigh))));
        assert_eq!(state.home(Session(2), 60_000), Some(("p/m".into(), None)));
        for (number, effort) in all.into_iter().zip(Effort::ALL) {
            state.settle(Session(3), number, hour, 0);
            assert_eq!(state.home(Session(3), 0), Some(("p/m".into(), Some(*effort))));
        }
        assert_eq!(state.home(Session(1), 7_200_000), None);
    }

    #[test]
    fn no_more_models_are_remembered_than_there_is_room_for() {
        let state = State::default();
        state.names.store(Arc::new((0..NAMES - 1).map(|n| format!("p/{n}").into()).collect()));
        let most = state.number("p/last", Some(Effort::Max)).unwrap();
        assert!(most < 1 << 23, "a table of homes keeps 24 bits");
        assert_eq!(state.number("p/one-more", None), None);
        assert_eq!(state.number("p/0", None), Some(0));
    }

    #[test]
    fn who_gave_no_answer_is_left_alone_for_a_while() {
        let state = State::default();
        assert!(state.may_ask("a", 0));
        state.rest("a", 1_000);
        assert!(!state.may_ask("a", 1_000 + REST_MS - 1) && state.may_ask("b", 1_000));
        assert!(state.may_ask("a", 1_000 + REST_MS));
    }
}
