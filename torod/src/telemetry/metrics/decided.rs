//! Which models were chosen for virtual ones, and what it took to ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokenrouter::auto::Virtual;

use super::families as f;
use super::histogram::{FIRST, Histogram};
use super::known::{Names, OTHER};
use super::text::{Nanos, Text};
use crate::usage::{Picked, Record};

/// Choices that are told apart at most; the others have the target `other`.
const MOST: usize = 2_000;

/// The sums.
#[derive(Debug, Default)]
pub struct Decided {
    /// By the virtual model, the target, the difficulty and who chose.
    choices: BTreeMap<(&'static str, Names, &'static str, &'static str), u64>,
    /// By the virtual model.
    asked: BTreeMap<&'static str, Asked>,
}

#[derive(Debug)]
struct Asked {
    took: Histogram,
    cost_nanos: u128,
}

impl Decided {
    /// Counts a record that has a row, whose provider and model are `names` as labels.
    pub fn add(&mut self, record: &Record, names: &Names) {
        match record.picked {
            // A request is counted once, however often it was tried.
            Some(Picked::Serves { of, difficulty, by }) if record.counted => {
                let key = |names| (of.as_str(), names, difficulty.as_str(), by);
                let own = key(names.clone());
                let is_full = self.choices.len() >= MOST && !self.choices.contains_key(&own);
                let other = || Names { provider: Arc::from(OTHER), model: Arc::from(OTHER) };
                *self.choices.entry(if is_full { key(other()) } else { own }).or_default() += 1;
            }
            Some(Picked::Asks(of)) => {
                let new = || Asked { took: FIRST.empty(), cost_nanos: 0 };
                let asked = self.asked.entry(Virtual::as_str(of)).or_insert_with(new);
                asked.took.add(record.total_us);
                asked.cost_nanos += u128::from(record.figures().1);
            }
            _ => {}
        }
    }

    /// Writes all of it.
    pub fn write(&self, text: &mut Text) {
        text.begin(&f::DECISIONS);
        for ((of, target, difficulty, by), count) in &self.choices {
            let target = format!("{}/{}", target.provider, target.model);
            text.sample(&f::DECISIONS, &[of, &target, difficulty, by], count);
        }
        text.begin(&f::DECISION_TIME);
        for (of, asked) in &self.asked {
            asked.took.write(text, &f::DECISION_TIME, &[of]);
        }
        text.begin(&f::DECISION_COST);
        for (of, asked) in &self.asked {
            text.sample(&f::DECISION_COST, &[of], Nanos(asked.cost_nanos));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokenrouter::auto::Difficulty;
    use tokenrouter_shared::ids::{AttemptId, ExchangeId};

    use super::*;

    #[test]
    fn choices_are_told_apart_and_have_an_end() {
        let mut decided = Decided::default();
        let names = |model: &str| Names { provider: "p".into(), model: model.into() };
        let record = |picked, counted| Record {
            picked: Some(picked),
            counted,
            total_us: 700_000,
            ..Record::new(AttemptId(1), ExchangeId(1), 0)
        };
        let serves = |difficulty| Picked::Serves { of: Virtual::Coding, difficulty, by: "rules" };
        decided.add(&record(serves(Difficulty::Hard), true), &names("big"));
        decided.add(&record(serves(Difficulty::Hard), false), &names("big"));
        decided.add(&record(serves(Difficulty::Simple), true), &names("small"));
        decided.add(&record(Picked::Asks(Virtual::Auto), false), &names("judge"));
        let text = |decided: &Decided| {
            let mut text = Text::default();
            decided.write(&mut text);
            text.finish()
        };
        let told = text(&decided);
        let of = |target, difficulty| {
            format!(
                r#"tokenrouter_router_decisions_total{{virtual_model="auto-coding",target="{target}",difficulty="{difficulty}",source="rules"}}"#
            )
        };
        for line in [
            format!("{} 1\n", of("p/big", "hard")),
            format!("{} 1\n", of("p/small", "simple")),
            r#"tokenrouter_router_decision_seconds_bucket{virtual_model="auto",le="0.5"} 0"#.to_owned(),
            r#"tokenrouter_router_decision_seconds_bucket{virtual_model="auto",le="0.75"} 1"#.to_owned(),
            r#"tokenrouter_router_decision_cost_usd_total{virtual_model="auto"} 0"#.to_owned(),
        ] {
            assert!(told.contains(&line), "{line} is not in\n{told}");
        }
        for n in 0..MOST {
            decided.add(&record(serves(Difficulty::Hard), true), &names(&format!("m{n}")));
        }
        assert_eq!(text(&decided).matches("tokenrouter_router_decisions_total{").count(), MOST + 1);
        assert!(text(&decided).contains(&format!("{} 2\n", of("other/other", "hard"))));
    }
}
