//! `[[providers.models]]`: what is known about a model that the provider does not say itself.

use toml::de::DeValue;

use super::section::{Section, shorten};

/// One model of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelConfig {
    /// The id the provider uses.
    pub id: String,
    /// What its tokens cost; `None` leaves it to the catalogue.
    pub price: Option<PriceConfig>,
    /// Context window, in tokens.
    pub context: Option<u64>,
    /// The most it writes in one answer, in tokens.
    pub max_output: Option<u64>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it sees pictures.
    pub vision: Option<bool>,
    /// Whether it thinks before it answers.
    pub reasoning: Option<bool>,
    /// Whether it keeps to a JSON schema.
    pub structured_output: Option<bool>,
}

impl ModelConfig {
    /// What it is said to be able to do.
    pub const fn abilities(&self) -> [(&'static str, Option<bool>); 4] {
        [
            ("tools", self.tools),
            ("vision", self.vision),
            ("reasoning", self.reasoning),
            ("structured_output", self.structured_output),
        ]
    }
}

/// Prices in nano-dollars per million tokens: `2.5` in the file is 2,500,000,000 here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceConfig {
    /// Tokens of the prompt that no cache knew.
    pub input_nanos: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output_nanos: Option<u64>,
    /// Tokens read from the prompt cache.
    pub cache_read_nanos: Option<u64>,
    /// Tokens written to the prompt cache (5 minutes where the provider knows several lives).
    pub cache_write_nanos: Option<u64>,
    /// Tokens written to the prompt cache for an hour.
    pub cache_write_1h_nanos: Option<u64>,
}

impl PriceConfig {
    /// The inside of its table, as it would stand in the file.
    pub(super) fn shown(&self) -> String {
        let entries = [
            ("input", self.input_nanos),
            ("output", self.output_nanos),
            ("cache_read", self.cache_read_nanos),
            ("cache_write", self.cache_write_nanos),
            ("cache_write_1h", self.cache_write_1h_nanos),
        ];
        let given = entries.iter().filter_map(|(name, nanos)| Some(format!("{name} = {}", format_dollars((*nanos)?))));
        given.collect::<Vec<_>>().join(", ")
    }
}

impl ModelConfig {
    pub(super) fn read_all(provider: &mut Section<'_>) -> Vec<Self> {
        let Some(field) = provider.take("models") else { return Vec::new() };
        let mut models: Vec<Self> = Vec::new();
        for element in field.elements("an array of tables (`[[providers.models]]`)") {
            let Some(section) = element.section() else { continue };
            let model = Self::read(section, &models);
            models.push(model);
        }
        models
    }

    fn read(mut section: Section<'_>, before: &[Self]) -> Self {
        let mut model = Self::default();
        match section.take("id") {
            None => section.report.error(
                section.span.clone(),
                &section.path_of("id"),
                "this model has no `id`".to_owned(),
                "add `id = \"big-model\"`".to_owned(),
            ),
            Some(field) => {
                let id = field.string().unwrap_or_default();
                if id.len() > 256 || id.chars().any(char::is_control) || (id.is_empty() && field.value.is_str()) {
                    field.refuse("this is no model id", "write the id that the provider uses");
                } else if before.iter().any(|other| other.id == id) && !id.is_empty() {
                    field.refuse(format!("model `{}` is given twice", shorten(id)), "keep one");
                }
                id.clone_into(&mut model.id);
            }
        }
        model.price = section.section("price").map(PriceConfig::read);
        for (key, target) in [("context", &mut model.context), ("max_output", &mut model.max_output)] {
            let tokens = section.take(key).and_then(|field| field.integer(1..1_000_000_001));
            *target = tokens.and_then(|tokens| u64::try_from(tokens).ok());
        }
        for (key, target) in [
            ("tools", &mut model.tools),
            ("vision", &mut model.vision),
            ("reasoning", &mut model.reasoning),
            ("structured_output", &mut model.structured_output),
        ] {
            *target = section.take(key).and_then(|field| field.bool());
        }
        section.finish();
        model
    }
}

impl PriceConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut price = Self::default();
        for (key, target) in [
            ("input", &mut price.input_nanos),
            ("output", &mut price.output_nanos),
            ("cache_read", &mut price.cache_read_nanos),
            ("cache_write", &mut price.cache_write_nanos),
            ("cache_write_1h", &mut price.cache_write_1h_nanos),
        ] {
            *target = read_price(&mut section, key);
        }
        section.finish();
        price
    }
}

pub(super) fn read_price(section: &mut Section<'_>, key: &'static str) -> Option<u64> {
    let field = section.take(key)?;
    let nanos = match field.value {
        DeValue::Integer(digits) => {
            let dollars = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
            dollars.filter(|dollars| *dollars <= 1_000_000).map(|dollars| dollars * 1_000_000_000)
        }
        DeValue::Float(text) => parse_dollars(text.as_str()),
        _ => {
            field.wrong_type("a number");
            return None;
        }
    };
    if nanos.is_none() {
        field.refuse(
            format!("`{key}` is no price"),
            "write US dollars per million tokens, from 0 to 1000000 with at most 9 decimals, such as 2.5",
        );
    }
    nanos
}

/// `2.5` dollars are 2,500,000,000 nano-dollars; digit by digit, so that no rounding happens.
fn parse_dollars(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim_start_matches('+').split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|whole| *whole <= 1_000_000)?;
    Some(whole * 1_000_000_000 + format!("{fraction:0<9}").parse::<u64>().ok()?)
}

/// The price in US dollars per million tokens as it would stand in the file.
pub(super) fn format_dollars(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        for (text, nanos) in [
            ("2.5", Some(2_500_000_000)),
            ("0.0", Some(0)),
            ("0.000000001", Some(1)),
            ("0.1", Some(100_000_000)),
            ("1000000.0", Some(1_000_000_000_000_000)),
            ("0.0000000001", None),
            ("-1.0", None),
            ("nan", None),
            ("inf", None),
            ("1e3", None),
            ("1.0e3", None),
            ("1000001.0", None),
        ] {
            assert_eq!(parse_dollars(text), nanos, "{text}");
            if let Some(nanos) = nanos {
                assert_eq!(format_dollars(nanos), text);
            }
        }
    }
}
