//! Reads our own file of models (`models.json`), entry by entry into a set, without a tree between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use super::models::{Can, Effort, Facts, Modality, Mode};
use super::set::{Builder, ModelSet};
use crate::price::{Draft, Hours, Rate, ServiceTier, Unit, When};

/// The mark of the format; the last number changes with it.
const FORMAT: &str = "tokenrouter-models-1";

/// Who made the data.
#[derive(Clone, Debug, Default, Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(borrow)]
    made: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
}

/// Whether this is our own format: it says so at its very beginning.
pub(super) fn is_ours(text: &str) -> bool {
    text.trim_start().starts_with("{\"about\"")
}

/// Reads a file of ours as a set of `kind`.
pub(super) fn read(text: &str, kind: &str) -> Result<ModelSet, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_str(text);
    let mut builder = Builder::default();
    let about = File(&mut builder).deserialize(&mut from)?;
    from.end()?;
    Ok(builder.build(kind, Some(&about.version), &about.made))
}

struct File<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for File<'_> {
    type Value = About<'de>;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<About<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for File<'_> {
    type Value = About<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of models")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<About<'de>, A::Error> {
        let mut about = About::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "about" => {
                    about = map.next_value::<About<'de>>()?;
                    if about.format != FORMAT {
                        return Err(A::Error::custom(format!("the format is `{}`, not `{FORMAT}`", about.format)));
                    }
                    if NaiveDate::parse_from_str(&about.made, "%Y-%m-%d").is_err() {
                        return Err(A::Error::custom("`made` is no date"));
                    }
                }
                "providers" => map.next_value_seed(Providers(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if about.format.is_empty() { Err(A::Error::missing_field("about")) } else { Ok(about) }
    }
}

struct Providers<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for Providers<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Providers<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("providers and their models")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(provider) = map.next_key::<Cow<'de, str>>()? {
            map.next_value_seed(Models(self.0, &provider))?;
        }
        Ok(())
    }
}

struct Models<'b, 'p>(&'b mut Builder, &'p str);

impl<'de> DeserializeSeed<'de> for Models<'_, '_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Models<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("models by name")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match map.next_value::<Line<'de>>()? {
                Line::Same(same) => {
                    if !self.0.alias(self.1, &name, &same) {
                        return Err(A::Error::custom(format!(
                            "`{name}` is the same as `{same}`, which is not above it"
                        )));
                    }
                }
                Line::Model(model) => {
                    let (facts, draft) = model.split();
                    self.0.add(self.1, &name, facts, draft.and_then(|draft| draft.build()));
                }
            }
        }
        Ok(())
    }
}

enum Line<'a> {
    Same(Cow<'a, str>),
    Model(Box<Model<'a>>),
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Line<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model, or the name of the same model")
            }
            fn visit_borrowed_str<E>(self, same: &'de str) -> Result<Line<'de>, E> {
                Ok(Line::Same(same.into()))
            }
            fn visit_str<E>(self, same: &str) -> Result<Line<'de>, E> {
                Ok(Line::Same(same.to_owned().into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Line<'de>, A::Error> {
                Model::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|m| Line::Model(Box::new(m)))
            }
        }
        from.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Model<'a> {
    mode: &'a str,
    price: Option<Priced>,
    context: u64,
    output: u64,
    can: &'a str,
    cannot: &'a str,
    efforts: &'a str,
    #[serde(rename = "in")]
    inputs: &'a str,
    out: &'a str,
    cache_min: u64,
    until: &'a str,
}

impl Default for Model<'_> {
    fn default() -> Self {
        let (context, output, cache_min, price) = (0, 0, 0, None);
        let [mode, can, cannot, efforts, inputs, out, until] = ["chat", "", "", "", "", "", ""];
        Self { mode, price, context, output, can, cannot, efforts, inputs, out, cache_min, until }
    }
}

impl Model<'_> {
    fn split(self) -> (Facts, Option<Draft>) {
        let mut facts = Facts::default()
            .with_context(self.context)
            .with_max_output(self.output)
            .with_cache_min(self.cache_min)
            .with_until(self.until);
        facts = Mode::find(self.mode).map_or(facts, |mode| facts.with_mode(mode));
        for (names, yes) in [(self.can, true), (self.cannot, false)] {
            facts = names.split(' ').filter_map(Can::find).fold(facts, |facts, can| facts.with(can, yes));
        }
        facts = self.inputs.split(' ').filter_map(Modality::find).fold(facts, Facts::with_input);
        facts = self.out.split(' ').filter_map(Modality::find).fold(facts, Facts::with_output);
        facts = self.efforts.split(' ').filter_map(Effort::find).fold(facts, Facts::with_effort);
        (facts, self.price.map(|price| price.0))
    }
}

struct Priced(Draft);

impl<'de> Deserialize<'de> for Priced {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut draft = Draft::default();
        from.deserialize_map(Rates(&mut draft, When::default()))?;
        Ok(Self(draft))
    }
}

/// The rates of one sheet, and the sheets within.
struct Rates<'d>(&'d mut Draft, When);

impl<'de> DeserializeSeed<'de> for Rates<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Rates<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rates in dollars")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (draft, when) = (self.0, self.1);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if let Some(unit) = Unit::find(&key) {
                draft.set(when, unit, rate(unit, map.next_value()?)?);
            } else if &*key == "above" {
                map.next_value_seed(Above(draft, when))?;
            } else if &*key == "hours" {
                for window in map.next_value::<Vec<Window<'de>>>()? {
                    window.add(draft).ok_or_else(|| A::Error::custom("no such hours"))?;
                }
            } else if &*key == "from" {
                for (date, later) in map.next_value::<BTreeMap<Cow<'de, str>, Priced>>()? {
                    let date = NaiveDate::parse_from_str(&date, "%Y-%m-%d").map_err(A::Error::custom)?;
                    let from_ms = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
                    draft.later(u64::try_from(from_ms).map_err(A::Error::custom)?, later.0);
                }
            } else if let Some(tier) = ServiceTier::ALL.into_iter().find(|tier| tier.as_str() == key) {
                map.next_value_seed(Rates(draft, When { tier, ..when }))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn rate<E: Error>(unit: Unit, dollars: f64) -> Result<Rate, E> {
    let rate = if unit.is_tokens() { Rate::from_dollars(dollars) } else { Rate::from_dollars_each(dollars) };
    rate.ok_or_else(|| E::custom(format!("`{dollars}` is no price")))
}

/// Sheets by the number of tokens above which they hold.
struct Above<'d>(&'d mut Draft, When);

impl<'de> DeserializeSeed<'de> for Above<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Above<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rates by length")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(above) = map.next_key::<u32>()? {
            map.next_value_seed(Rates(self.0, When { above, ..self.1 }))?;
        }
        Ok(())
    }
}

/// Hours as `00:00-01:00 10:00-00:00` on days `12345`, and the rates then.
#[derive(Deserialize)]
struct Window<'a> {
    utc: &'a str,
    days: &'a str,
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    reasoning: Option<f64>,
}

impl Window<'_> {
    fn add(&self, draft: &mut Draft) -> Option<()> {
        let days: Vec<u8> = self.days.bytes().map(|day| day.wrapping_sub(b'0')).collect();
        for hours in self.utc.split(' ') {
            let hours = Hours::parse(hours)?.on(&days);
            for (unit, dollars) in [
                (Unit::Input, self.input),
                (Unit::Output, self.output),
                (Unit::CacheRead, self.cache_read),
                (Unit::CacheWrite5m, self.cache_write),
                (Unit::Reasoning, self.reasoning),
            ] {
                if let Some(dollars) = dollars {
                    draft.set(When::hours(hours), unit, Rate::from_dollars(dollars)?);
                }
            }
        }
        Some(())
    }
}
