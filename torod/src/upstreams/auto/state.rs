//! What is remembered of choices: how much a conversation thinks, what a model that chooses has said lately, and whether it
//! is worth asking. Bounded, and no request waits for another.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tokenrouter::auto::decision::Decision;
use tokenrouter::catalog::Effort;
use tokenrouter::pick::session::{Session, Sessions};

/// So many decisions are remembered.
const DECISIONS: usize = 512;
/// For so long.
const DECISION_MS: u64 = 600_000;
/// So long a model is not asked again that gave no answer.
const REST_MS: u64 = 30_000;

/// What outlives a world.
#[derive(Debug, Default)]
pub struct State {
    /// How much each conversation thinks; made when the first one is chosen for.
    efforts: OnceLock<Sessions>,
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
    /// How much the conversation thinks: nobody may have said, and it may think as its model does.
    pub fn effort(&self, session: Session, now_ms: u64) -> Option<Option<Effort>> {
        let number = self.efforts.get()?.home(session, now_ms)?;
        Some(usize::try_from(number).ok().and_then(|n| Effort::ALL.get(n.checked_sub(1)?)).copied())
    }

    /// The conversation thinks so much from now on; `life_ms` is for how long that is remembered.
    pub fn keep_effort(&self, session: Session, effort: Option<Effort>, life_ms: u64, now_ms: u64) {
        let number =
            effort.and_then(|effort| Effort::ALL.iter().position(|known| *known == effort)).map_or(0, |n| n + 1);
        let efforts = self.efforts.get_or_init(|| Sessions::new(life_ms));
        efforts.settle(session, u32::try_from(number).unwrap_or(0), now_ms);
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
    fn efforts_are_kept_with_their_conversation() {
        let state = State::default();
        assert_eq!(state.effort(Session(1), 0), None);
        state.keep_effort(Session(1), Some(Effort::XHigh), 3_600_000, 0);
        state.keep_effort(Session(2), None, 3_600_000, 0);
        assert_eq!(state.effort(Session(1), 60_000), Some(Some(Effort::XHigh)));
        assert_eq!(state.effort(Session(2), 60_000), Some(None));
        assert_eq!(state.effort(Session(1), 7_200_000), None);
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
