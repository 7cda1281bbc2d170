//! Prices and facts that a provider tells with its own list of models.
//!
//! | field | who | meaning |
//! |---|---|---|
//! | `pricing.prompt`, `.completion`, `.input_cache_read`, `.input_cache_write`, `.internal_reasoning`, `.request`, `.web_search` | OpenRouter | dollars each, as text: `"0.0000005"` is $0.5 per million |
//! | `pricing.input`, `.output` as text | Vercel | dollars per token |
//! | `pricing.input`, `.output` as numbers | Together | dollars per million |
//! | `providers[].pricing.input`, `.output` | Hugging Face | dollars per million; the dearest counts, since any of them may serve |
//! | `input_cost_per_token`, `output_cost_per_token` | litellm's proxy | dollars per token |
//! | `context_length`, `context_window`, `max_model_len`, `max_input_tokens`, `top_provider.max_completion_tokens` | several | limits |
//! | `architecture.input_modalities`, `supported_parameters` | OpenRouter | what it takes |
//!
//! What is negative (OpenRouter's router says `-1`), malformed or too dear to be true is not known.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::import::DEAREST_DOLLARS;
use super::models::{Can, Facts, Modality};
use crate::price::{Draft, Price, Rate, Unit, When};

/// More models than this in one list are not read.
const MOST_MODELS: usize = 20_000;

/// One model of a provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name there, without `models/` in front.
    pub id: String,
    /// What the list tells.
    pub facts: Facts,
    /// What it costs, if the list tells.
    pub price: Option<Price>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow, alias = "models")]
    data: Vec<&'a RawValue>,
}

/// Names of a list's prices: ours, dollars each as text, and dollars per million as a number.
const PRICES: &[(&str, Unit)] = &[
    ("prompt", Unit::Input),
    ("input", Unit::Input),
    ("completion", Unit::Output),
    ("output", Unit::Output),
    ("input_cache_read", Unit::CacheRead),
    ("cached_input", Unit::CacheRead),
    ("input_cache_write", Unit::CacheWrite5m),
    ("internal_reasoning", Unit::Reasoning),
    ("audio", Unit::AudioIn),
    ("request", Unit::Request),
    ("web_search", Unit::WebSearch),
];

/// The fields of an object. Providers name the same in many ways, some in several at once.
type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// Reads a provider's list of models; what cannot be read is left out.
///
/// ```
/// use tokenrouter::catalog::discovered;
/// use tokenrouter::price::Unit;
///
/// let list = br#"{"data":[{"id":"a/b","context_length":128000,"pricing":{"prompt":"0.0000005","completion":"0.0000015"}}]}"#;
/// let model = &discovered::read(list)[0];
/// let price = model.price.as_ref().ok_or("no price")?;
/// assert_eq!(price.listed(Unit::Input).map(|rate| rate.to_string()), Some("0.5".to_owned()));
/// assert_eq!(model.facts.context(), Some(128_000));
/// # Ok::<(), &str>(())
/// ```
pub fn read(list: &[u8]) -> Vec<Listed> {
    let list = std::str::from_utf8(list).unwrap_or_default();
    let models = if list.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(list)
    } else {
        serde_json::from_str::<Wrapped<'_>>(list).map(|list| list.data)
    };
    models.unwrap_or_default().into_iter().take(MOST_MODELS).filter_map(|text| read_one(text.get())).collect()
}

fn read_one(text: &str) -> Option<Listed> {
    let model: Fields<'_> = serde_json::from_str(text).ok()?;
    let id: Cow<'_, str> = ["id", "name"].iter().find_map(|field| part(model.get(*field).copied()))?;
    let id = id.strip_prefix("models/").unwrap_or(&id).to_owned();
    Some(Listed { id, facts: facts(&model), price: price(&model) })
}

fn part<'a, T: Deserialize<'a>>(text: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(text?.get()).ok()
}

fn number(text: Option<&RawValue>) -> Option<u64> {
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    part::<f64>(text).filter(|n| (1.0..4e9).contains(n)).map(|n| n as u64)
}

fn facts(model: &Fields<'_>) -> Facts {
    #[derive(Deserialize)]
    struct Architecture<'a> {
        #[serde(borrow, default)]
        input_modalities: Vec<Cow<'a, str>>,
        #[serde(borrow, default)]
        output_modalities: Vec<Cow<'a, str>>,
    }
    let top: Fields<'_> = part(model.get("top_provider").copied()).unwrap_or_default();
    let told =
        |names: &[&str]| names.iter().find_map(|name| number(model.get(*name).or_else(|| top.get(*name)).copied()));
    let mut facts = Facts::default();
    if let Some(tokens) = told(&["context_length", "context_window", "max_model_len", "max_input_tokens"]) {
        facts = facts.with_context(tokens);
    }
    if let Some(tokens) = told(&["max_completion_tokens", "max_output_tokens"]) {
        facts = facts.with_max_output(tokens);
    }
    if let Some(told) = part::<Architecture<'_>>(model.get("architecture").copied()) {
        let kind = |name: &str| Modality::find(if name == "file" { "pdf" } else { name });
        facts = told.input_modalities.iter().filter_map(|name| kind(name)).fold(facts, Facts::with_input);
        facts = told.output_modalities.iter().filter_map(|name| kind(name)).fold(facts, Facts::with_output);
    }
    if let Some(names) =
        part::<Vec<Cow<'_, str>>>(model.get("supported_parameters").copied()).filter(|names| !names.is_empty())
    {
        let has = |name: &str| names.iter().any(|known| known == name);
        // The list is of what a router takes and drops in silence; that something is absent tells of tools alone.
        facts = facts.with(Can::Tools, has("tools"));
        for (name, can) in
            [("reasoning", Can::Reasoning), ("structured_outputs", Can::Schema), ("temperature", Can::Sampling)]
        {
            if has(name) {
                facts = facts.with(can, true);
            }
        }
    }
    facts
}

fn price(model: &Fields<'_>) -> Option<Price> {
    let told = part::<Fields<'_>>(model.get("pricing").copied()).and_then(|fields| draft(&fields));
    let draft = told.or_else(|| per_token(model)).or_else(|| dearest(model))?;
    let most = u128::from(DEAREST_DOLLARS) * 1_000_000_000;
    if u128::from(draft.dearest_token().nanos_per_million()) > most {
        return None;
    }
    draft.build()
}

/// Both input and output must be there: half a price is none.
fn draft(fields: &Fields<'_>) -> Option<Draft> {
    let mut draft = Draft::default();
    for (name, unit) in PRICES {
        let Some(text) = fields.get(*name).map(|text| text.get()) else { continue };
        let rate = match serde_json::from_str::<Cow<'_, str>>(text) {
            Ok(each) => Rate::parse_each(&each),
            Err(_) if unit.is_tokens() => Rate::parse(text),
            Err(_) => None,
        };
        match rate {
            Some(rate) => draft.set(When::default(), *unit, rate),
            // Unknown or on demand: the rest of such a price is worth nothing.
            None if matches!(unit, Unit::Input | Unit::Output) => return None,
            None => {}
        }
    }
    finish(draft)
}

fn finish(mut draft: Draft) -> Option<Draft> {
    draft.standard(Unit::Input)?;
    draft.standard(Unit::Output)?;
    draft.drop_zero_caches();
    // OpenRouter writes "0" for reasoning that costs what output costs.
    draft.drop_zero(Unit::Reasoning);
    Some(draft)
}

fn per_token(model: &Fields<'_>) -> Option<Draft> {
    let rate = |name: &str| Rate::parse_each(model.get(name)?.get());
    let mut draft = Draft::default();
    draft.set(When::default(), Unit::Input, rate("input_cost_per_token")?);
    draft.set(When::default(), Unit::Output, rate("output_cost_per_token")?);
    finish(draft)
}

fn dearest(model: &Fields<'_>) -> Option<Draft> {
    let providers: Vec<&RawValue> = part(model.get("providers").copied())?;
    let all = providers.into_iter().filter_map(|text| {
        let provider: Fields<'_> = part(Some(text))?;
        draft(&part(provider.get("pricing").copied())?)
    });
    all.max_by_key(|draft| draft.standard(Unit::Output).max(draft.standard(Unit::Input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(pricing: &str) -> Option<Vec<(Unit, String)>> {
        let list = format!(r#"{{"data":[{{"id":"m",{pricing}}}]}}"#);
        let mut found = read(list.as_bytes());
        let price = found.pop().unwrap().price?;
        Some(price.lines().map(|(_, unit, rate)| (unit, rate.to_string())).collect())
    }

    #[test]
    fn each_providers_prices_are_per_million() {
        let both =
            |input: &str, output: &str| Some(vec![(Unit::Input, input.to_owned()), (Unit::Output, output.to_owned())]);
        for (pricing, expected) in [
            (r#""pricing":{"prompt":"0.0000005","completion":"0.0000015"}"#, both("0.5", "1.5")),
            (r#""pricing":{"input":"0.00000125","output":"0.00001"}"#, both("1.25", "10")),
            (r#""pricing":{"hourly":0,"input":0.18,"output":0.59,"base":0}"#, both("0.18", "0.59")),
            (r#""input_cost_per_token":5e-07,"output_cost_per_token":0.0000015"#, both("0.5", "1.5")),
            (
                r#""providers":[{"pricing":{"input":0.3,"output":0.9}},{"status":"live"},{"pricing":{"input":0.2,"output":1}}]"#,
                both("0.2", "1"),
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
    fn reads_limits_and_abilities_and_survives_nonsense() {
        let list = r#"[{"id":"models/x","context_length":1e6,"top_provider":{"max_completion_tokens":32000},"architecture":{"input_modalities":["text","image","file"]},"supported_parameters":["tools","reasoning"]},5,{"no":"id"},{"name":"y","max_model_len":-4}]"#;
        let found = read(list.as_bytes());
        assert_eq!(found.iter().map(|model| &*model.id).collect::<Vec<_>>(), ["x", "y"]);
        let facts = &found[0].facts;
        assert_eq!((facts.context(), facts.max_output()), (Some(1_000_000), Some(32_000)));
        assert_eq!((facts.takes(Modality::Pdf), facts.takes(Modality::Audio)), (Some(true), Some(false)));
        assert_eq!((facts.can(Can::Tools), facts.can(Can::Schema)), (Some(true), None));
        assert_eq!(found[1].facts, Facts::default());
        for nonsense in ["", "{}", "[[[", r#"{"data":{}}"#, "null", r#"{"data":[null]}"#] {
            assert_eq!(read(nonsense.as_bytes()), Vec::new(), "{nonsense}");
        }
    }
}
