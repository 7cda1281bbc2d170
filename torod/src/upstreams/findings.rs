//! What a provider's models were found not to take, learnt from their refusals: requests after that go without it at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokenrouter::dialect::{self, Finding};
use tokenrouter::protocol::Protocol;

/// For so long a finding holds; then the model is asked with the parameter again, because providers change.
const LIFE_MS: u64 = 24 * 3_600_000;
/// The most findings of one provider. Beyond it the oldest is forgotten, which costs one more call.
const MOST: usize = 256;

/// The findings of one provider.
#[derive(Debug, Default)]
pub struct Findings {
    has_any: AtomicBool,
    list: ArcSwap<Vec<Learnt>>,
    /// Held while the list is changed.
    changing: Mutex<()>,
}

/// A request that goes without something.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// What is sent, in pieces.
    pub pieces: Vec<Bytes>,
    /// What the client wished for of that, in the words of its protocol.
    pub lost: Vec<String>,
}

#[derive(Clone, Debug)]
struct Learnt {
    protocol: Protocol,
    model: Box<str>,
    finding: Finding,
    until_ms: u64,
}

impl Findings {
    /// Whether nothing was ever learnt: nearly always, so that it costs a request one look.
    pub fn is_empty(&self) -> bool {
        !self.has_any.load(Ordering::Relaxed)
    }

    /// What is known of `model` where it is asked in `protocol`; `now_ms` is a clock that never goes back.
    pub fn of(&self, protocol: Protocol, model: &str, now_ms: u64) -> Vec<Finding> {
        let list = self.list.load();
        let known = list.iter().filter(|l| l.protocol == protocol && *l.model == *model && l.until_ms > now_ms);
        known.map(|learnt| learnt.finding.clone()).collect()
    }

    /// `sent`, a request for `model` in `protocol`, without what the model is known not to take; none where it says
    /// nothing of that. `asked` is what the client said, in its own protocol.
    pub fn without(
        &self,
        sent: &Bytes,
        protocol: Protocol,
        model: &str,
        asked: (Protocol, &[u8]),
        now_ms: u64,
    ) -> Option<Without> {
        let findings = self.of(protocol, model, now_ms);
        let (pieces, changed) = dialect::without(sent, protocol, &findings)?;
        let mut lost: Vec<String> = Vec::new();
        for parameter in changed.into_iter().filter(|parameter| parameter.is_felt()) {
            // What the gateway itself put there is no wish of the client's.
            let path = dialect::asked(parameter, asked.0, asked.1);
            if let Some(name) = path.map(|path| path.replace("[]", "")).filter(|name| !lost.contains(name)) {
                lost.push(name);
            }
        }
        Some(Without { pieces, lost })
    }

    /// Remembers `findings`. Those of them that are new are said again.
    pub fn learn(&self, protocol: Protocol, model: &str, findings: Vec<Finding>, now_ms: u64) -> Vec<Finding> {
        let known = self.of(protocol, model, now_ms);
        let new: Vec<Finding> = findings.into_iter().filter(|finding| !known.contains(finding)).collect();
        let until_ms = now_ms.saturating_add(LIFE_MS);
        let learnt = new.iter().cloned().map(|finding| Learnt { protocol, model: model.into(), finding, until_ms });
        self.change(|list| {
            list.retain(|l| l.until_ms > now_ms);
            list.extend(learnt);
            list.drain(..list.len().saturating_sub(MOST));
        });
        new
    }

    /// Forgets `findings`: to go without did not help.
    pub fn forget(&self, protocol: Protocol, model: &str, findings: &[Finding]) {
        self.change(|list| {
            list.retain(|l| !(l.protocol == protocol && *l.model == *model && findings.contains(&l.finding)));
        });
    }

    fn change(&self, how: impl FnOnce(&mut Vec<Learnt>)) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = Vec::clone(&self.list.load());
        how(&mut list);
        self.has_any.store(!list.is_empty(), Ordering::Relaxed);
        self.list.store(list.into());
    }
}

#[cfg(test)]
mod tests {
    use tokenrouter::dialect::{Parameter, Remedy};

    use super::*;

    fn finding(value: &str) -> Finding {
        Finding { parameter: Parameter::Effort, value: Some(value.into()), beside: None, remedy: Remedy::LeaveOut }
    }

    #[test]
    fn findings_hold_for_their_model_and_a_day() {
        let findings = Findings::default();
        assert!(findings.is_empty());
        assert_eq!(findings.learn(Protocol::OpenAi, "m", vec![finding("low")], 5), [finding("low")]);
        assert_eq!(findings.learn(Protocol::OpenAi, "m", vec![finding("low"), finding("max")], 6), [finding("max")]);
        assert!(!findings.is_empty());
        assert_eq!(findings.of(Protocol::OpenAi, "m", 7), [finding("low"), finding("max")]);
        assert_eq!(findings.of(Protocol::OpenAi, "n", 7), []);
        assert_eq!(findings.of(Protocol::Responses, "m", 7), []);
        assert_eq!(findings.of(Protocol::OpenAi, "m", 5 + LIFE_MS), [finding("max")]);
        assert_eq!(findings.of(Protocol::OpenAi, "m", 6 + LIFE_MS), []);
        findings.forget(Protocol::OpenAi, "m", &[finding("low"), finding("max")]);
        assert!(findings.is_empty());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let findings = Findings::default();
        for n in 0..=MOST {
            findings.learn(Protocol::OpenAi, &n.to_string(), vec![finding("low")], 5);
        }
        assert_eq!(findings.of(Protocol::OpenAi, "0", 6), []);
        assert_eq!(findings.of(Protocol::OpenAi, "1", 6).len(), 1);
        assert_eq!(findings.of(Protocol::OpenAi, &MOST.to_string(), 6).len(), 1);
    }
}
