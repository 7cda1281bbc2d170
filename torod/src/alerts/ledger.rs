//! What was told of everything: facts come in, what is to be told comes out; no clock, no database.

use std::collections::{BTreeMap, BTreeSet};

use tokenrouter_shared::alert::AlertKind;

use super::fact::{Fact, Family};
use super::standing::{Change, Seen, Standing};
use crate::store::alerts::{Fired, ToldRow};

/// Things that are remembered; what comes on top is not told.
const MOST: usize = 20_000;

/// Which thing.
type Key = (Family, String);

/// What was told of everything.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    standings: BTreeMap<Key, Standing>,
}

/// What is to be told, and how everything stands when it is.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// These begin.
    pub fired: Vec<Fired>,
    /// These are over: kind and key.
    pub resolved: Vec<(&'static str, String)>,
    /// Something is to be told when its quiet time is over.
    pub waits: bool,
    changed: Vec<(Key, Standing)>,
}

impl Outcome {
    /// Whether nothing changes.
    pub(super) const fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.fired.is_empty() && self.resolved.is_empty()
    }

    /// How everything stands, for the database.
    pub(super) fn told(&self, now_ms: i64, quiet_ms: i64) -> Vec<ToldRow> {
        let row = |((family, key), standing): &(Key, Standing)| {
            let body = serde_json::to_string(standing).ok().filter(|_| !standing.is_forgotten(now_ms, quiet_ms));
            ToldRow { family: family.as_str().to_owned(), key: key.clone(), body }
        };
        self.changed.iter().map(row).collect()
    }
}

impl Ledger {
    /// What the database remembers.
    pub(super) fn restored(rows: &[ToldRow]) -> Self {
        let read = |row: &ToldRow| {
            let standing = serde_json::from_str(row.body.as_deref()?).ok()?;
            Some(((Family::named(&row.family)?, row.key.clone()), standing))
        };
        Self { standings: rows.iter().filter_map(read).take(MOST).collect() }
    }

    /// Whether anything is told and not over.
    pub(super) fn is_any(&self) -> bool {
        self.standings.values().any(|standing| standing.level > 0)
    }

    /// The keys of what is told of a family and not over.
    pub(super) fn keys(&self, of: Family) -> impl Iterator<Item = &str> {
        let told = self.standings.iter().filter(move |((family, _), standing)| *family == of && standing.level > 0);
        told.map(|((_, key), _)| key.as_str())
    }

    /// What `facts` come to at `now_ms`, of `kinds`. Nothing is remembered until [`Self::keep`]. What is told and not
    /// among the facts is over.
    pub(super) fn look(&self, facts: &[Fact], kinds: &[AlertKind], now_ms: i64, quiet_ms: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let mut seen = BTreeSet::new();
        for fact in facts {
            let key = (fact.family, fact.key.clone());
            let known = self.standings.get(&key).copied();
            if !seen.insert(key.clone())
                || (known.is_none() && (fact.seen.level == 0 || self.standings.len() + outcome.changed.len() >= MOST))
            {
                continue;
            }
            let mut standing = known.unwrap_or_else(|| Standing { episode: fact.seen.episode, ..Standing::default() });
            let change = standing.step(fact.seen, now_ms, quiet_ms);
            outcome.waits |= change.waits;
            outcome.resolve(fact.family, &fact.key, change, &fact.marks);
            let is_told = |mark: &u32| kinds.contains(&Fact::kind(fact.family, *mark));
            let marks = fact.marks.iter().copied().filter(|mark| change.fires(*mark) && is_told(mark));
            match fact.family {
                // That nothing is left says that little is left.
                Family::Quota => outcome.fired.extend(marks.max().map(|mark| fact.fired(mark, now_ms))),
                _ => outcome.fired.extend(marks.map(|mark| fact.fired(mark, now_ms))),
            }
            if known != Some(standing) {
                outcome.changed.push((key, standing));
            }
        }
        for (key, known) in self.standings.iter().filter(|(key, _)| !seen.contains(key)) {
            let mut standing = *known;
            let gone = Seen { episode: known.episode, ..Seen::default() };
            let change = standing.step(gone, now_ms, quiet_ms);
            // Which marks there were the configuration may not say any more.
            let marks: Vec<u32> = (1..=known.level).collect();
            outcome.resolve(key.0, &key.1, change, &marks);
            if standing != *known || standing.is_forgotten(now_ms, quiet_ms) {
                outcome.changed.push((key.clone(), standing));
            }
        }
        outcome
    }

    /// What was looked at is told now.
    pub(super) fn keep(&mut self, outcome: Outcome, now_ms: i64, quiet_ms: i64) {
        for (key, standing) in outcome.changed {
            if standing.is_forgotten(now_ms, quiet_ms) {
                self.standings.remove(&key);
            } else {
                self.standings.insert(key, standing);
            }
        }
    }
}

impl Outcome {
    fn resolve(&mut self, family: Family, key: &str, change: Change, marks: &[u32]) {
        let marks = marks.iter().copied().filter(|mark| change.resolves(*mark));
        self.resolved.extend(marks.map(|mark| (Fact::kind(family, mark).as_str(), Fact::key_at(family, key, mark))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: i64 = 1_000;

    fn fact(family: Family, key: &str, level: u32, marks: &[u32]) -> Fact {
        Fact {
            family,
            key: key.to_owned(),
            seen: Seen { level, leave: level, episode: 0 },
            marks: marks.to_vec(),
            subject: "s".to_owned(),
            what: "w".to_owned(),
            permille: Some(level * 10),
            resets_ms: None,
        }
    }

    struct Rig {
        ledger: Ledger,
        rows: BTreeMap<(String, String), ToldRow>,
    }

    impl Rig {
        fn look(&mut self, facts: &[Fact], now_ms: i64) -> (Vec<String>, Vec<String>) {
            let outcome = self.ledger.look(facts, &AlertKind::ALL, now_ms, QUIET);
            for row in outcome.told(now_ms, QUIET) {
                self.rows.insert((row.family.clone(), row.key.clone()), row);
            }
            self.rows.retain(|_, row| row.body.is_some());
            let fired = outcome.fired.iter().map(|fired| format!("{} {}", fired.kind, fired.key)).collect();
            let resolved = outcome.resolved.iter().map(|(kind, key)| format!("{kind} {key}")).collect();
            self.ledger.keep(outcome, now_ms, QUIET);
            (fired, resolved)
        }

        fn restart(&mut self) {
            self.ledger = Ledger::restored(&self.rows.values().cloned().collect::<Vec<_>>());
        }
    }

    fn rig() -> Rig {
        Rig { ledger: Ledger::default(), rows: BTreeMap::new() }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn budgets_pass_their_marks_in_order_and_once_each_over_restarts() {
        let mut rig = rig();
        let budget = |level| [fact(Family::Budget, "t:usd:day", level, &[50, 80, 100])];
        assert_eq!(rig.look(&budget(0), 0), (vec![], vec![]));
        assert_eq!(rig.look(&budget(50), 1).0, texts(&["budget t:usd:day:50"]));
        rig.restart();
        assert_eq!(rig.look(&budget(50), 2), (vec![], vec![]));
        assert_eq!(rig.look(&budget(100), 3).0, texts(&["budget t:usd:day:80", "budget t:usd:day:100"]));
        rig.restart();
        assert_eq!(rig.look(&budget(100), 4), (vec![], vec![]));
        let over = texts(&["budget t:usd:day:50", "budget t:usd:day:80", "budget t:usd:day:100"]);
        assert_eq!(rig.look(&budget(0), 5), (vec![], over));
        rig.restart();
        assert_eq!(rig.look(&budget(50), 6).0, texts(&[]), "the quiet time outlasts a restart");
        assert_eq!(rig.look(&budget(50), 5 + QUIET).0, texts(&["budget t:usd:day:50"]));
    }

    #[test]
    fn of_a_quota_only_the_worst_is_told_and_what_is_gone_is_over() {
        let mut rig = rig();
        let quota = |level| [fact(Family::Quota, "p:1:requests:", level, &[1, 2])];
        assert_eq!(rig.look(&quota(2), 1).0, texts(&["quota_exhausted p:1:requests:"]));
        assert_eq!(rig.look(&quota(1), 2).1, texts(&["quota_exhausted p:1:requests:"]));
        let both = texts(&["quota_low p:1:requests:"]);
        assert_eq!(rig.look(&[], 3), (vec![], both), "the provider was removed");
        assert!(!rig.ledger.is_any());
        assert_eq!(rig.look(&[], 3 + QUIET), (vec![], vec![]));
        assert!(rig.rows.is_empty() && rig.ledger.standings.is_empty(), "nothing is remembered for good");
    }

    #[test]
    fn what_nobody_wants_to_know_is_not_told() {
        let ledger = Ledger::default();
        let facts = [fact(Family::Quota, "q", 2, &[1, 2]), fact(Family::Price, "p", 1, &[1])];
        let told = |kinds: &[AlertKind]| {
            ledger.look(&facts, kinds, 0, QUIET).fired.iter().map(|fired| fired.kind).collect::<Vec<_>>()
        };
        assert_eq!(told(&[AlertKind::QuotaLow]), ["quota_low"], "that is true too");
        assert_eq!(told(&[AlertKind::PriceUnknown]), ["price_unknown"]);
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn however_many_things_there_are_so_many_are_remembered() {
        let mut ledger = Ledger::default();
        let facts: Vec<Fact> = (0..MOST + 500).map(|n| fact(Family::Price, &n.to_string(), 1, &[1])).collect();
        let outcome = ledger.look(&facts, &AlertKind::ALL, 0, QUIET);
        assert_eq!(outcome.fired.len(), MOST);
        ledger.keep(outcome, 0, QUIET);
        assert_eq!(ledger.standings.len(), MOST);
    }
}
