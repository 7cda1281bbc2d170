//! A model that may be chosen, with what choosing goes by.

use crate::catalog::{Can, Effort, Facts};

/// How strong a model is taken to be, by its price: who asks more is usually worth more. Names say nothing here, since
/// `gemini` has `mini` in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// Small and fast, or of unknown price and ability.
    LowCost,
    /// Between those.
    Standard,
    /// Good at nearly everything.
    Strong,
    /// The best of their vendors.
    Frontier,
}

impl Strength {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LowCost => "low_cost",
            Self::Standard => "standard",
            Self::Strong => "strong",
            Self::Frontier => "frontier",
        }
    }
}

/// From how many nano-dollars for a million tokens on, three of four of them input, a model is of which strength. Dated
/// 2026-11: GPT-5 mini 0.7, Claude Haiku 4.5 2, Gemini 2.5 Pro and GPT-5 3.4, Claude Sonnet 6, Claude Opus 10 dollars.
const STRENGTHS: [(u64, Strength); 3] =
    [(8_000_000_000, Strength::Frontier), (2_900_000_000, Strength::Strong), (1_500_000_000, Strength::Standard)];

/// Words of names that makers give to models for code, between `-`, `_`, `.`, `:` and `/`.
const SPECIALISTS: [&str; 5] = ["codex", "coder", "code", "codestral", "devstral"];

/// A model that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, as requests use it: `provider/model`.
    pub id: String,
    /// What is known of it.
    pub facts: Facts,
    /// Its input and output, in nano-dollars for a million tokens; none while unknown.
    pub price: Option<(u64, u64)>,
    /// Its provider's `priority`: smaller is preferred among equals.
    pub priority: i32,
    /// How strong it is taken to be.
    pub strength: Strength,
    /// Whether its maker calls it one for code.
    pub is_specialist: bool,
}

impl Candidate {
    /// A model of unknown price.
    pub fn new(id: impl Into<String>, facts: Facts) -> Self {
        let id = id.into();
        let name = id.split_once('/').map_or(id.as_str(), |(_, name)| name).to_ascii_lowercase();
        let is_specialist = name.split(['-', '_', '.', ':', '/']).any(|word| SPECIALISTS.contains(&word));
        Self { is_specialist, strength: unpriced(&facts), id, facts, price: None, priority: 0 }
    }

    /// With this price, in nano-dollars for a million tokens.
    #[must_use]
    pub fn priced(self, input_nanos: u64, output_nanos: u64) -> Self {
        let blend = (u128::from(input_nanos) * 3 + u128::from(output_nanos)) / 4;
        let strength = STRENGTHS.iter().find(|(from, _)| blend >= u128::from(*from));
        // What costs nothing says nothing by its price.
        let by_price = strength.map_or(Strength::LowCost, |(_, strength)| *strength);
        let strength = if blend == 0 { unpriced(&self.facts) } else { by_price };
        Self { price: Some((input_nanos, output_nanos)), strength, ..self }
    }

    /// Of a provider with this priority.
    #[must_use]
    pub fn with_priority(self, priority: i32) -> Self {
        Self { priority, ..self }
    }

    /// Whether it is known to think before it answers.
    pub fn reasons(&self) -> bool {
        let efforts = || self.facts.efforts().any(|effort| effort > Effort::None);
        self.facts.can(Can::Reasoning).unwrap_or_else(efforts)
    }

    /// Whether it is known to call tools.
    pub fn calls_tools(&self) -> bool {
        self.facts.can(Can::Tools) == Some(true)
    }

    /// The largest context window that it is sure to have, in tokens.
    pub fn context(&self) -> u64 {
        self.facts.context().unwrap_or(UNKNOWN_CONTEXT)
    }

    /// What a request of so many tokens costs with it, in nano-dollars and a million-fold; the most there is where its
    /// price is not known.
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> u128 {
        self.price.map_or(u128::MAX, |(input, output)| {
            let cost = |nanos: u64, tokens: u64| u128::from(nanos) * u128::from(tokens.max(1));
            cost(input, input_tokens).saturating_add(cost(output, output_tokens))
        })
    }

    /// The most effort it takes that is no more than `wanted`; none where it is not known to take any.
    pub fn effort(&self, wanted: Effort) -> Option<Effort> {
        self.facts.efforts().filter(|known| *known <= wanted && *known > Effort::None).last()
    }
}

/// What every model of these days has room for.
const UNKNOWN_CONTEXT: u64 = 8_192;

/// Without a price only abilities tell, and not much.
fn unpriced(facts: &Facts) -> Strength {
    let reasons = facts.can(Can::Reasoning) == Some(true);
    if reasons && facts.context().is_some_and(|tokens| tokens >= 100_000) {
        Strength::Standard
    } else {
        Strength::LowCost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalogue;
    use crate::price::{Rate, Unit};

    fn known(provider: &str, model: &str) -> Candidate {
        let found = Catalogue::embedded().find(provider, model);
        let candidate = Candidate::new(format!("{provider}/{model}"), found.facts());
        let rate = |unit| found.price.and_then(|priced| priced.price.listed(unit)).map(Rate::nanos_per_million);
        let (input, output) = rate(Unit::Input).zip(rate(Unit::Output)).expect(model);
        candidate.priced(input, output)
    }

    #[test]
    fn row_58_strength_is_read_off_the_catalogue_and_no_name_is_a_trap() {
        for (provider, model, strength) in [
            ("google", "gemini-2.5-pro", Strength::Strong),
            ("google", "gemini-2.5-flash-lite", Strength::LowCost),
            ("openai", "gpt-5", Strength::Strong),
            ("openai", "gpt-5-mini", Strength::LowCost),
            ("anthropic", "claude-haiku-4-5", Strength::Standard),
            ("anthropic", "claude-sonnet-4-5", Strength::Strong),
            ("anthropic", "claude-opus-4-5", Strength::Frontier),
        ] {
            let candidate = known(provider, model);
            assert_eq!(candidate.strength, strength, "{model} at {:?}", candidate.price);
            assert!(candidate.calls_tools(), "{model}");
        }
        assert!(known("google", "gemini-2.5-pro").reasons());
    }

    #[test]
    fn specialists_are_known_by_whole_words() {
        let is = |id: &str| Candidate::new(id, Facts::default()).is_specialist;
        assert!(is("openai/gpt-5.3-codex") && is("home/qwen2.5-coder:14b") && is("x/org/Devstral-Small"));
        assert!(!is("coder/gpt-5") && !is("x/decoder-2") && !is("x/unicode"));
    }

    #[test]
    fn effort_is_never_more_than_wanted_and_never_none() {
        let facts = Facts::default().with_effort(Effort::None).with_effort(Effort::Low).with_effort(Effort::High);
        let candidate = Candidate::new("a/m", facts);
        assert_eq!(candidate.effort(Effort::XHigh), Some(Effort::High));
        assert_eq!(candidate.effort(Effort::Medium), Some(Effort::Low));
        assert_eq!(candidate.effort(Effort::Minimal), None);
        assert_eq!(Candidate::new("a/m", Facts::default()).effort(Effort::XHigh), None);
    }

    #[test]
    fn what_is_free_or_unpriced_is_judged_by_what_it_can() {
        let able = Facts::default().with(Can::Reasoning, true).with_context(128_000);
        assert_eq!(Candidate::new("a/m", able).strength, Strength::Standard);
        assert_eq!(Candidate::new("a/m", able).priced(0, 0).strength, Strength::Standard);
        assert_eq!(Candidate::new("a/m", Facts::default()).strength, Strength::LowCost);
        assert_eq!(Candidate::new("a/m", able).cost(1, 1), u128::MAX);
        assert_eq!(Candidate::new("a/m", able).priced(u64::MAX, u64::MAX).strength, Strength::Frontier);
        assert!(Candidate::new("a/m", able).priced(u64::MAX, u64::MAX).cost(u64::MAX, u64::MAX) > 0);
    }
}
