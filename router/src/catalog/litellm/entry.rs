//! One entry of litellm's list: its fields, by pattern where there are too many to name.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{ABILITIES, INPUTS, PRICES, ending};
use crate::catalog::import::DEAREST_DOLLARS;
use crate::catalog::models::{Can, Effort, Facts, Modality, Mode};
use crate::catalog::vendors::vendors;
use crate::price::{Draft, Hours, Price, Rate, ServiceTier, Unit, When};

/// What a value may be. Others tell nothing.
enum Value<'a> {
    Number(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    Other(&'a RawValue),
}

impl<'a> Value<'a> {
    fn of(text: &'a RawValue) -> Self {
        let json = text.get();
        match json.as_bytes().first() {
            Some(b'"') => serde_json::from_str(json).map_or(Self::Other(text), Self::Text),
            Some(b't' | b'f') => Self::Bool(json == "true"),
            Some(b'-' | b'0'..=b'9') => json.parse().map_or(Self::Other(text), Self::Number),
            _ => Self::Other(text),
        }
    }

    fn read<T: Deserialize<'a>>(&self) -> Option<T> {
        if let Self::Other(text) = self { serde_json::from_str(text.get()).ok() } else { None }
    }
}

/// One model of the list.
#[derive(Default)]
pub(super) struct Model<'a> {
    pub(super) vendor: Option<Cow<'a, str>>,
    pub(super) facts: Facts,
    pub(super) negative: bool,
    price: Draft,
    /// Efforts told apart, and those denied.
    told: Vec<(Effort, bool)>,
    levels: Option<Vec<Cow<'a, str>>>,
    max_tokens: u64,
    takes_away: Vec<Modality>,
    has_one_hour: bool,
    per_second: Option<f64>,
    tiers: Option<&'a RawValue>,
    off_peak: Option<&'a RawValue>,
    fast: Option<f64>,
}

impl<'de> Deserialize<'de> for Model<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Model<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Model<'de>, A::Error> {
                let mut model = Model::default();
                while let Some(field) = map.next_key::<Cow<'de, str>>()? {
                    let value = map.next_value::<&'de RawValue>()?;
                    model.take(&field, &Value::of(value));
                }
                model.finish();
                Ok(model)
            }
        }
        from.deserialize_map(Fields)
    }
}

/// Rates of a nested object, under `when`.
fn rates<'a>(text: &'a RawValue, when: When, into: &mut Model<'_>) -> Option<()> {
    struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
    impl<'de> Deserialize<'de> for Pairs<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Each;
            impl<'de> Visitor<'de> for Each {
                type Value = Pairs<'de>;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("rates")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }
            from.deserialize_map(Each)
        }
    }
    for (field, value) in serde_json::from_str::<Pairs<'a>>(text.get()).ok()?.0 {
        into.rate(&field, &Value::of(value), when);
    }
    Some(())
}

impl<'a> Model<'a> {
    fn take(&mut self, field: &str, value: &Value<'a>) {
        if let Value::Bool(yes) = *value {
            return self.ability(field, yes);
        }
        match (field, value) {
            ("litellm_provider", Value::Text(text)) => self.vendor = Some(text.clone()),
            ("mode", Value::Text(text)) => {
                let name = match &**text {
                    "image_generation" | "image_edit" => "image",
                    "audio_transcription" => "transcription",
                    "audio_speech" => "speech",
                    name => name,
                };
                self.facts = Mode::find(name).map_or(self.facts, |mode| self.facts.with_mode(mode));
            }
            ("deprecation_date", Value::Text(text)) => self.facts = self.facts.with_until(text),
            ("max_input_tokens", Value::Number(n)) => self.facts = self.facts.with_context(tokens(*n)),
            ("max_output_tokens", Value::Number(n)) => self.facts = self.facts.with_max_output(tokens(*n)),
            ("max_tokens", Value::Number(n)) => self.max_tokens = tokens(*n),
            ("prompt_cache_min_tokens", Value::Number(n)) => self.facts = self.facts.with_cache_min(tokens(*n)),
            ("cost_per_second", Value::Number(n)) => self.per_second = Some(*n),
            ("reasoning_effort_levels", value) => self.levels = value.read(),
            ("supported_modalities", value) => {
                let names: Vec<Cow<'_, str>> = value.read().unwrap_or_default();
                self.facts = names.iter().filter_map(|name| Modality::find(name)).fold(self.facts, Facts::with_input);
            }
            ("supported_output_modalities", value) => {
                let names: Vec<Cow<'_, str>> = value.read().unwrap_or_default();
                self.facts = names.iter().filter_map(|name| Modality::find(name)).fold(self.facts, Facts::with_output);
            }
            ("search_context_cost_per_query", value) => {
                #[derive(Default, Deserialize)]
                #[serde(default)]
                struct Search {
                    search_context_size_low: f64,
                    search_context_size_medium: f64,
                    search_context_size_high: f64,
                }
                if let Some(search) = value.read::<Search>() {
                    let dearest = search.search_context_size_low.max(search.search_context_size_medium);
                    self.set(When::default(), Unit::WebSearch, dearest.max(search.search_context_size_high));
                }
            }
            ("provider_specific_entry", value) => {
                #[derive(Deserialize)]
                struct Special {
                    fast: Option<f64>,
                }
                self.fast = value.read::<Special>().and_then(|special| special.fast);
            }
            ("tiered_pricing", Value::Other(text)) => self.tiers = Some(text),
            ("off_peak_pricing", Value::Other(text)) => self.off_peak = Some(text),
            _ => self.rate(field, value, When::default()),
        }
    }

    fn ability(&mut self, field: &str, yes: bool) {
        if let Some((_, can)) = ABILITIES.iter().find(|(name, _)| *name == field) {
            self.facts = self.facts.with(*can, yes);
        } else if let Some((_, kind)) = INPUTS.iter().find(|(name, _)| *name == field) {
            if yes {
                self.facts = self.facts.with_input(Modality::Text).with_input(*kind);
            } else {
                self.takes_away.push(*kind);
            }
        } else if field == "supports_audio_output" && yes {
            self.facts = self.facts.with_output(Modality::Text).with_output(Modality::Audio);
        } else if let Some(effort) =
            field.strip_prefix("supports_").and_then(|rest| Effort::find(rest.strip_suffix("_reasoning_effort")?))
        {
            self.told.push((effort, yes));
        }
    }

    fn rate(&mut self, field: &str, value: &Value<'_>, when: When) {
        let Value::Number(dollars) = *value else { return };
        for (name, unit) in PRICES {
            let Some((unit, when, is_twelve_hours)) =
                field.strip_prefix(name).and_then(|rest| ending(rest, *unit, when))
            else {
                continue;
            };
            if unit == Unit::CacheWrite1h {
                if is_twelve_hours && self.has_one_hour {
                    return;
                }
                self.has_one_hour |= !is_twelve_hours;
            }
            return self.set(when, unit, dollars);
        }
    }

    fn set(&mut self, when: When, unit: Unit, dollars: f64) {
        match Rate::from_dollars_each(dollars) {
            Some(rate) => self.price.set(when, unit, rate),
            None => self.negative |= dollars < 0.0,
        }
    }

    fn finish(&mut self) {
        for tier in
            self.tiers.and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text.get()).ok()).unwrap_or_default()
        {
            #[derive(Deserialize)]
            struct Range {
                range: (f64, f64),
            }
            let Ok(Range { range: (start, _) }) = serde_json::from_str(tier.get()) else { continue };
            let above = u32::try_from(tokens(start)).unwrap_or(u32::MAX);
            rates(tier, When::above(above), self);
        }
        if let Some(dollars) = self.per_second.filter(|_| self.price.standard(Unit::SecondIn).is_none()) {
            self.set(When::default(), Unit::SecondIn, dollars);
        }
        #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
        if let Some(factor) = self.fast.filter(|factor| (1.0..=100.0).contains(factor)) {
            self.price.multiply(When::tier(ServiceTier::Fast), (factor * 1000.0).round() as u64);
        }
        self.hours();
        self.price.drop_zero_caches();
        if self.facts.max_output().is_none() {
            self.facts = self.facts.with_max_output(self.max_tokens);
        }
        self.facts = self.takes_away.iter().fold(self.facts, |facts, kind| facts.without_input(*kind));
        self.facts = self.facts.without_the_obvious();
        self.efforts();
    }

    /// Off-peak windows. Their days are told by the calendar of the vendor's city; of those zones that occur, the day
    /// is the same as in UTC at every hour that counts.
    fn hours(&mut self) {
        #[derive(Deserialize)]
        #[serde(default)]
        struct OffPeak<'a> {
            weekday_timezone: Cow<'a, str>,
            #[serde(borrow)]
            windows: Vec<Window<'a>>,
            #[serde(borrow)]
            hours_utc: Option<&'a RawValue>,
        }
        impl Default for OffPeak<'_> {
            fn default() -> Self {
                Self { weekday_timezone: "UTC".into(), windows: Vec::new(), hours_utc: None }
            }
        }
        #[derive(Deserialize)]
        struct Window<'a> {
            #[serde(borrow)]
            hours_utc: &'a RawValue,
            weekdays: Option<Vec<u8>>,
        }
        let Some(text) = self.off_peak else { return };
        let Ok(off_peak) = serde_json::from_str::<OffPeak<'_>>(text.get()) else { return };
        if !matches!(&*off_peak.weekday_timezone, "UTC" | "Asia/Shanghai") {
            return;
        }
        let daily = off_peak.hours_utc.map(|hours_utc| Window { hours_utc, weekdays: None });
        for window in off_peak.windows.into_iter().chain(daily) {
            let texts = window.hours_utc.get();
            let texts: Vec<Cow<'_, str>> = serde_json::from_str(texts)
                .or_else(|_| serde_json::from_str(texts).map(|one| vec![one]))
                .unwrap_or_default();
            for hours in texts.iter().filter_map(|text| Hours::parse(text)) {
                let hours = window.weekdays.as_ref().map_or(hours, |days| hours.on(days));
                rates(text, When::hours(hours), self);
            }
        }
    }

    fn efforts(&mut self) {
        let known = |effort: Effort| self.told.iter().find(|(told, _)| *told == effort).map(|(_, yes)| *yes);
        let usual = |effort| matches!(effort, Effort::Low | Effort::Medium | Effort::High);
        let told: Vec<Effort> = match &self.levels {
            Some(levels) => levels.iter().filter_map(|level| Effort::find(level)).collect(),
            None if self.told.is_empty() || self.facts.can(Can::Reasoning) != Some(true) => return,
            None => Effort::ALL.iter().copied().filter(|effort| known(*effort).unwrap_or(usual(*effort))).collect(),
        };
        self.facts = told.into_iter().fold(self.facts, Facts::with_effort);
    }

    /// Whether a rate is too high to be true.
    pub(super) fn is_absurd(&self) -> bool {
        self.price.dearest_token().nanos_per_million() > DEAREST_DOLLARS * 1_000_000_000
    }

    /// The price, where the list really knows it: zero is often written for "unknown".
    pub(super) fn known_price(&self, provider: &str, name: &str) -> Option<Price> {
        if self.is_absurd() {
            return None;
        }
        let standard = |unit| self.price.standard(unit);
        let is_known = match self.facts.mode()? {
            Mode::Chat | Mode::Responses | Mode::Completion => {
                let (input, output) = (standard(Unit::Input)?, standard(Unit::Output)?);
                input > Rate::ZERO || output > Rate::ZERO || vendors().zero_is_free(provider, name)
            }
            _ => self.price.has_more_than_zero(),
        };
        is_known.then(|| self.price.build()).flatten()
    }
}

/// A number of tokens that makes sense, else zero.
fn tokens(number: f64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    if (0.0..4e9).contains(&number) { number as u64 } else { 0 }
}
