//! What the catalogue of models knows better than the beginning of a name.
//!
//! Facts about a model (does it take sampling, how does it think) hold wherever it runs; facts about its host (does it
//! take the switch for parallel calls, or schemas) count only where the catalogue has this provider's own entry.

use super::{Dialect, Quirk};
use crate::Protocol;
use crate::catalog::{Can, Effort, Facts, Found, Nearness};
use crate::chat::request::Level;

/// Where the known efforts stand in a dialect's bits.
const EFFORTS: u32 = 56;

const LEVELS: [(Level, Effort); 7] = [
    (Level::None, Effort::None),
    (Level::Minimal, Effort::Minimal),
    (Level::Low, Effort::Low),
    (Level::Medium, Effort::Medium),
    (Level::High, Effort::High),
    (Level::XHigh, Effort::XHigh),
    (Level::Max, Effort::Max),
];

/// A fact that decides a quirk: true and false give it or take it away, silence leaves what the name says.
enum Rule {
    /// The quirk is there when the fact is true, and gone when it is false.
    Same(Can, Quirk),
    /// The quirk is there when the fact is false. That it is true is no news.
    Lacks(Can, Quirk),
    /// The quirk is there when the fact is true. That it is false is no news.
    Has(Can, Quirk),
}

use Rule::{Has, Lacks, Same};

const ANTHROPIC: &[Rule] = &[
    Lacks(Can::Sampling, Quirk::NoSampling),
    Same(Can::AdaptiveThinking, Quirk::AdaptiveThinking),
    Has(Can::AlwaysThinks, Quirk::AlwaysThinks),
    Same(Can::LateSystem, Quirk::LateSystem),
    Same(Can::StrictSchema, Quirk::OutputFormat),
    Lacks(Can::Reasoning, Quirk::NoThinking),
];
const OPENAI: &[Rule] = &[Lacks(Can::Sampling, Quirk::NoSampling)];
const GEMINI: &[Rule] = &[Lacks(Can::Reasoning, Quirk::NoThinking)];
const OPENAI_HOST: &[Rule] = &[
    Lacks(Can::ParallelTools, Quirk::NoParallelSwitch),
    Lacks(Can::Schema, Quirk::NoSchemaFormat),
    Lacks(Can::System, Quirk::NoSystem),
    Lacks(Can::Reasoning, Quirk::NoEffort),
];

impl Dialect {
    /// With what is known of the model, which asks in `protocol`.
    #[must_use]
    pub fn informed(self, protocol: Protocol, found: &Found<'_>) -> Self {
        let (model, host): (&[Rule], &[Rule]) = match protocol {
            Protocol::Anthropic => (ANTHROPIC, &[]),
            Protocol::OpenAi | Protocol::Responses => (OPENAI, OPENAI_HOST),
            Protocol::Gemini => (GEMINI, &[]),
            Protocol::Cohere => return self,
        };
        let facts = found.facts();
        let own = found.told(|facts| Some(*facts)).filter(|(_, origin)| origin.nearness != Nearness::Model);
        let mut dialect = apply(self, model, &facts);
        if let Some((own, _)) = own {
            dialect = apply(dialect, host, &own);
            if dialect.has(Quirk::OpenAiExtras) {
                dialect = apply(dialect, &[Same(Can::CacheMarks, Quirk::CacheMarks)], &own);
                if protocol == Protocol::Responses {
                    dialect = apply(dialect, &[Has(Can::ToolSearch, Quirk::ToolSearch)], &own);
                }
            }
        }
        if protocol == Protocol::Anthropic
            && let Some(yes) = facts.knows(Effort::XHigh)
        {
            dialect = if yes { dialect.with(Quirk::EffortXHigh) } else { dialect.without(Quirk::EffortXHigh) };
        }
        LEVELS.iter().enumerate().fold(dialect, |dialect, (n, (_, effort))| {
            let knows = u64::from(facts.knows(*effort) == Some(true));
            Self(dialect.0 | knows << (EFFORTS + n as u32))
        })
    }

    /// With these levels as those that the model knows.
    pub(super) fn knowing(self, levels: &[Level]) -> Self {
        LEVELS.iter().enumerate().fold(self, |dialect, (n, (level, _))| {
            Self(dialect.0 | u64::from(levels.contains(level)) << (EFFORTS + n as u32))
        })
    }

    /// The level nearest to `level` that the model knows: the next lower one, else the next higher. `level` itself
    /// where nobody said which it knows, and where it is no level but the model's own choice.
    #[must_use]
    pub fn nearest(self, level: Level) -> Level {
        let known = self.0 >> EFFORTS;
        let Some(at) = LEVELS.iter().position(|(known, _)| *known == level).filter(|_| known != 0) else {
            return level;
        };
        let knows = |n: &usize| known & (1 << n) != 0;
        // Next below no thinking at all is as little as possible.
        let below = (0..=at).rev().find(|n| knows(n) && (*n > 0 || at == 0));
        let nearest = below.or_else(|| (at..LEVELS.len()).find(knows));
        nearest.and_then(|n| LEVELS.get(n)).map_or(level, |(level, _)| *level)
    }
}

fn apply(dialect: Dialect, rules: &[Rule], facts: &Facts) -> Dialect {
    rules.iter().fold(dialect, |dialect, rule| match *rule {
        Same(can, quirk) => match facts.can(can) {
            Some(true) => dialect.with(quirk),
            Some(false) => dialect.without(quirk),
            None => dialect,
        },
        Lacks(can, quirk) if facts.can(can) == Some(false) => dialect.with(quirk),
        Has(can, quirk) if facts.can(can) == Some(true) => dialect.with(quirk),
        Lacks(..) | Has(..) => dialect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalogue, Layer, ModelSet};

    #[test]
    fn the_catalogue_knows_what_no_name_tells() {
        // No pattern speaks of this family.
        let fable = Dialect::of("anthropic", Protocol::Anthropic, "claude-fable-5");
        for quirk in
            [Quirk::AdaptiveThinking, Quirk::AlwaysThinks, Quirk::NoSampling, Quirk::EffortXHigh, Quirk::LateSystem]
        {
            assert!(fable.has(quirk), "{quirk:?}");
        }
        // The same model behind another host is the same model.
        assert!(
            Dialect::of("elsewhere", Protocol::Anthropic, "anthropic.claude-fable-5-v1:0").has(Quirk::AlwaysThinks)
        );
        let old = Dialect::of("anthropic", Protocol::Anthropic, "claude-opus-4-6");
        assert!(old.has(Quirk::AdaptiveThinking) && !old.has(Quirk::EffortXHigh) && !old.has(Quirk::NoSampling));
        assert!(Dialect::of("openai", Protocol::OpenAi, "o3-mini").has(Quirk::NoParallelSwitch));
        // That OpenAI's own server refuses a switch says nothing about others.
        assert!(!Dialect::of("elsewhere", Protocol::OpenAi, "o3-mini").has(Quirk::NoParallelSwitch));
        // Unknown names keep what their beginning tells.
        assert!(Dialect::of("anthropic", Protocol::Anthropic, "claude-opus-5-9").has(Quirk::AdaptiveThinking));
    }

    #[test]
    fn layers_decide() {
        let facts = Facts::default().with(Can::Sampling, false).with(Can::System, false).with_effort(Effort::High);
        let set = ModelSet::new("manual", "2026-11-21", [("work", "thinker", facts, None)]);
        let catalogue = Catalogue::embedded().with(Layer::Manual, set);
        let plain = Dialect::of("", Protocol::OpenAi, "thinker");
        let told = plain.informed(Protocol::OpenAi, &catalogue.find_at("work", "", "thinker"));
        assert!(told.has(Quirk::NoSampling) && told.has(Quirk::NoSystem) && told.has(Quirk::MaxTokensOldName));
        assert_eq!(told.nearest(Level::Low), Level::High);
        assert!(!plain.has(Quirk::NoSampling));
        assert_eq!(plain.nearest(Level::Low), Level::Low);
    }

    #[test]
    fn levels_fall_to_the_nearest_that_is_known() {
        let of = |efforts: &[Effort]| {
            let facts = efforts.iter().fold(Facts::default(), |facts, effort| facts.with_effort(*effort));
            let set = ModelSet::new("manual", "2026-11-21", [("p", "m", facts, None)]);
            Dialect::default().informed(Protocol::OpenAi, &Catalogue::default().with(Layer::Manual, set).find("p", "m"))
        };
        let gpt_5 = of(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]);
        let some = of(&[Effort::None, Effort::Low, Effort::High]);
        for (dialect, level, expected) in [
            (gpt_5, Level::None, Level::Minimal),
            (gpt_5, Level::XHigh, Level::High),
            (gpt_5, Level::Max, Level::High),
            (gpt_5, Level::Low, Level::Low),
            (gpt_5, Level::Adaptive, Level::Adaptive),
            (some, Level::None, Level::None),
            (some, Level::Minimal, Level::Low),
            (some, Level::Medium, Level::Low),
            (some, Level::Max, Level::High),
        ] {
            assert_eq!(dialect.nearest(level), expected, "{level:?}");
        }
    }
}
