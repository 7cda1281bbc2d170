//! What a provider's list tells of a model, in the catalogue's words.

use super::{Listed, Modality};
use crate::catalog::import::DEAREST_DOLLARS;
use crate::catalog::{Can, Facts, Modality as Kind, Mode};
use crate::price::{Draft, Price, Rate, Unit, When};

impl Listed {
    /// What the list says that it can do and takes.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        if let Some(tokens) = self.context_window {
            facts = facts.with_context(tokens);
        }
        if let Some(tokens) = self.max_output {
            facts = facts.with_max_output(tokens);
        }
        facts = self.input.iter().filter_map(|kind| known(*kind)).fold(facts, Facts::with_input);
        facts = self.output.iter().filter_map(|kind| known(*kind)).fold(facts, Facts::with_output);
        if self.output == [Modality::Embedding] {
            facts = facts.with_mode(Mode::Embedding);
        }
        let can = self.abilities;
        if can.vision == Some(true) && self.input.is_empty() {
            facts = facts.with_input(Kind::Text).with_input(Kind::Image);
        }
        if let Some(yes) = can.tools {
            facts = facts.with(Can::Tools, yes);
        }
        // Lists of what a model takes say nothing of what their server drops in silence: only a yes counts.
        if can.reasoning == Some(true) {
            facts = facts.with(Can::Reasoning, true);
        }
        if can.structured_output == Some(true) {
            facts = facts.with(Can::Schema, true);
        }
        facts
    }

    /// What it costs, where the list tells both input and output: half a price is none. Nor is one that is too dear to
    /// be true.
    pub fn price(&self) -> Option<Price> {
        let mut draft = Draft::default();
        let told = [
            (Unit::Input, self.prices.input_nanos),
            (Unit::Output, self.prices.output_nanos),
            (Unit::CacheRead, self.prices.cache_read_nanos),
            (Unit::CacheWrite5m, self.prices.cache_write_nanos),
            (Unit::Reasoning, self.prices.reasoning_nanos),
            (Unit::AudioIn, self.prices.audio_nanos),
            (Unit::Request, self.prices.request_nanos),
            (Unit::WebSearch, self.prices.web_search_nanos),
        ];
        for (unit, nanos) in told {
            if let Some(rate) = nanos.and_then(Rate::from_nanos_per_million) {
                draft.set(When::default(), unit, rate);
            }
        }
        draft.standard(Unit::Input)?;
        draft.standard(Unit::Output)?;
        draft.drop_zero_caches();
        // "0" is written for reasoning and sound that cost what other tokens cost.
        draft.drop_zero(Unit::Reasoning);
        draft.drop_zero(Unit::AudioIn);
        let most = u128::from(DEAREST_DOLLARS) * 1_000_000_000;
        if u128::from(draft.dearest_token().nanos_per_million()) > most {
            return None;
        }
        draft.build()
    }
}

const fn known(kind: Modality) -> Option<Kind> {
    Some(match kind {
        Modality::Text => Kind::Text,
        Modality::Image => Kind::Image,
        Modality::Audio => Kind::Audio,
        Modality::Video => Kind::Video,
        Modality::File => Kind::Pdf,
        Modality::Embedding => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Bounds, read};
    use super::*;

    fn only(fields: &str) -> Listed {
        let list = format!(r#"{{"data":[{{"id":"m",{fields}}}]}}"#);
        read(list.as_bytes(), Bounds::default()).unwrap().models.pop().unwrap()
    }

    fn rates(fields: &str) -> Option<Vec<(Unit, String)>> {
        let price = only(fields).price()?;
        Some(price.lines().map(|(_, unit, rate)| (unit, rate.to_string())).collect())
    }

    #[test]
    fn row_64_each_providers_prices_are_per_million() {
        let both =
            |input: &str, output: &str| Some(vec![(Unit::Input, input.to_owned()), (Unit::Output, output.to_owned())]);
        for (pricing, expected) in [
            (r#""pricing":{"prompt":"0.0000005","completion":"0.0000015"}"#, both("0.5", "1.5")),
            (r#""pricing":{"input":"0.00000125","output":"0.00001"}"#, both("1.25", "10")),
            (r#""pricing":{"hourly":0,"input":0.18,"output":0.59,"base":0}"#, both("0.18", "0.59")),
            (r#""input_cost_per_token":5e-07,"output_cost_per_token":0.0000015"#, both("0.5", "1.5")),
            (
                r#""providers":[{"pricing":{"input":0.3,"output":0.9}},{"status":"live"},{"pricing":{"input":0.2,"output":1}}]"#,
                both("0.3", "1"),
            ),
            (r#""pricing":{"prompt":"0","completion":"0","internal_reasoning":"0","request":null}"#, both("0", "0")),
            // Not known.
            (r#""pricing":{"prompt":"-1","completion":"-1"}"#, None),
            (r#""pricing":{"prompt":"0.0000005"}"#, None),
            (r#""pricing":{"prompt":"cheap","completion":"0.1"}"#, None),
            (r#""pricing":{"prompt":"0.5","completion":"1.5"}"#, None),
            (r#""pricing":[]"#, None),
            (r#""pricing":null,"providers":7"#, None),
        ] {
            assert_eq!(rates(pricing), expected, "{pricing}");
        }
        let more = r#""pricing":{"prompt":"0.000003","completion":"0.000015","input_cache_read":"0.0000003","input_cache_write":"0.00000375","internal_reasoning":"0","request":"0","web_search":"0.01"}"#;
        let more = rates(more).unwrap();
        assert!(more.contains(&(Unit::CacheRead, "0.3".to_owned())), "{more:?}");
        assert!(more.contains(&(Unit::CacheWrite5m, "3.75".to_owned())), "{more:?}");
        assert!(more.contains(&(Unit::WebSearch, "10000".to_owned())), "{more:?}");
        assert!(!more.iter().any(|(unit, _)| *unit == Unit::Reasoning), "{more:?}");
    }

    #[test]
    fn facts_are_what_the_list_says_and_no_more() {
        let facts = only(
            r#""context_length":1000000,"top_provider":{"max_completion_tokens":32000},"architecture":{"input_modalities":["text","image","file"]},"supported_parameters":["tools","reasoning"]"#,
        )
        .facts();
        assert_eq!((facts.context(), facts.max_output()), (Some(1_000_000), Some(32_000)));
        assert_eq!((facts.takes(Kind::Pdf), facts.takes(Kind::Audio)), (Some(true), Some(false)));
        assert_eq!((facts.can(Can::Tools), facts.can(Can::Reasoning)), (Some(true), Some(true)));
        assert_eq!(facts.can(Can::Schema), None);
        assert_eq!(only(r#""supported_parameters":["temperature"]"#).facts().can(Can::Tools), Some(false));
        assert_eq!(only(r#""max_model_len":-4"#).facts(), Facts::default());
        assert_eq!(only(r#""type":"embedding""#).facts().mode(), Some(Mode::Embedding));
    }
}
