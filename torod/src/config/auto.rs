//! `[auto]`: which model serves a request for `auto`, `auto-coding` or `auto-longtext`.

use std::time::Duration;

use tokenrouter::auto::Virtual;
use toml::de::DeValue;

use super::field::Field;
use super::model::read_price;
use super::section::{Section, shorten};
use super::{AliasConfig, ProviderConfig};

/// Who chooses the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// Nobody: the names mean nothing.
    Off,
    /// Rules.
    Rules,
    /// A model, and rules where it gives no answer.
    Model,
    /// Rules, and a model where they are in doubt.
    RulesAndModel,
}

impl Router {
    const CHOICES: [(&'static str, Self); 4] =
        [("rules", Self::Rules), ("model", Self::Model), ("rules+model", Self::RulesAndModel), ("off", Self::Off)];

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        Self::CHOICES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

/// Which model serves a request for a virtual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auto {
    /// Who chooses.
    pub router: Router,
    /// The model that is asked to choose; none: the cheapest of known price.
    pub router_model: Option<String>,
    /// How long it may take.
    pub router_timeout: Duration,
    /// Below this, in thousandths, its choice gives way to the strongest model.
    pub min_confidence_permille: u32,
    /// So many models are tried for one request.
    pub max_attempts: u32,
    /// Which models may be chosen: patterns; none: all.
    pub allow: Vec<String>,
    /// Which may not.
    pub deny: Vec<String>,
    /// The dearest output that may be chosen, in nano-dollars for a million tokens.
    pub max_price_nanos: u64,
    /// What serves where nobody can be chosen.
    pub default: Option<String>,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            router: Router::Rules,
            router_model: None,
            router_timeout: Duration::from_secs(8),
            min_confidence_permille: 500,
            max_attempts: 2,
            allow: Vec::new(),
            deny: Vec::new(),
            max_price_nanos: 100_000_000_000,
            default: None,
        }
    }
}

impl Auto {
    pub(super) fn read(mut section: Section<'_>, providers: &[ProviderConfig], aliases: &[AliasConfig]) -> Self {
        let mut auto = Self::default();
        section.set_choice("router", &Router::CHOICES, &mut auto.router);
        let known = Known { providers, aliases };
        if let Some(field) = section.take("router_model") {
            auto.router_model = known.model(&field, "the rules choose");
        }
        section.set_duration(
            "router_timeout",
            Duration::from_millis(100)..=Duration::from_mins(1),
            &mut auto.router_timeout,
        );
        if let Some(field) = section.take("min_confidence")
            && let Some(permille) = share(&field)
        {
            auto.min_confidence_permille = permille;
        }
        section.set_integer("max_attempts", 1..9, &mut auto.max_attempts);
        for (key, target) in [("allow", &mut auto.allow), ("deny", &mut auto.deny)] {
            let Some(field) = section.take(key) else { continue };
            for element in field.elements("an array of patterns") {
                target.extend(element.string().filter(|text| is_pattern(text, &element)).map(str::to_owned));
            }
        }
        if let Some(nanos) = read_price(&mut section, "max_price") {
            auto.max_price_nanos = nanos;
        }
        if let Some(field) = section.take("default") {
            auto.default = known.model(&field, "nobody serves");
        }
        section.finish();
        auto
    }

    /// Whether the model `id` (`provider/model`) may be chosen.
    pub fn permits(&self, id: &str) -> bool {
        let has = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, id));
        (self.allow.is_empty() || has(&self.allow)) && !has(&self.deny)
    }

    /// Whether output of this price may be chosen.
    pub const fn affords(&self, output_nanos: u64) -> bool {
        output_nanos <= self.max_price_nanos
    }
}

/// Whether `id` is what `pattern` says, in which `*` stands for any text.
fn matches(pattern: &str, id: &str) -> bool {
    let Some((lead, rest)) = pattern.split_once('*') else { return pattern == id };
    let Some(mut left) = id.strip_prefix(lead) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return left.ends_with(piece);
        }
        let Some(at) = left.find(piece) else { return false };
        left = left.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

fn is_pattern(text: &str, field: &Field<'_>) -> bool {
    let is = !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
    if !is {
        field.refuse("this is no pattern of a model's name", "write `provider/model`, with `*` for any text");
    }
    is
}

/// A number from 0 to 1, in thousandths.
fn share(field: &Field<'_>) -> Option<u32> {
    let value = match field.value {
        DeValue::Integer(digits) => digits.as_str().parse::<f64>().ok(),
        DeValue::Float(text) => text.as_str().replace('_', "").parse::<f64>().ok(),
        _ => {
            field.wrong_type("a number");
            return None;
        }
    };
    let Some(value) = value.filter(|value| (0.0..=1.0).contains(value)) else {
        field.refuse(format!("`{}` is out of range", field.name()), "write a number from 0 to 1");
        return None;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1000")]
    let permille = (value * 1_000.0).round() as u32;
    Some(permille)
}

/// What a model's name may mean.
struct Known<'a> {
    providers: &'a [ProviderConfig],
    aliases: &'a [AliasConfig],
}

impl Known<'_> {
    /// The model that `field` names; none where it is empty or cannot be one. `what` happens where nobody has it.
    fn model(&self, field: &Field<'_>, what: &str) -> Option<String> {
        let name = field.string().filter(|name| !name.is_empty())?;
        let is_ours = Virtual::find(name).is_some() && !self.aliases.iter().any(|alias| alias.name == name);
        if is_ours || name.len() > 256 || name.chars().any(char::is_control) {
            field.refuse(
                format!("`{}` is no model that `{}` could be", shorten(name), field.name()),
                "write `provider/model` or an alias",
            );
            return None;
        }
        if let Some((prefix, _)) = name.split_once('/')
            && !self.aliases.iter().any(|alias| alias.name == name)
        {
            // A model's own name may have a slash in it, and a local server may come later.
            let provider = self.providers.iter().find(|provider| provider.name == prefix);
            if provider.is_none_or(|provider| !provider.enabled) {
                let why = if provider.is_some() { "is switched off" } else { "is not in this file" };
                field.doubt(
                    format!("the provider `{}` of `{}` {why}", shorten(prefix), field.name()),
                    format!("unless a model of that name is found, {what}"),
                );
            }
        }
        Some(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, id, is) in [
            ("a/m", "a/m", true),
            ("a/m", "a/m2", false),
            ("a/*", "a/m", true),
            ("a/*", "b/a/m", false),
            ("*", "a/m", true),
            ("*mini*", "google/gemini-3", true),
            ("*-mini", "openai/gpt-5-mini", true),
            ("*-mini", "openai/gpt-5-mini-2", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("*aa*aa", "aaa", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, id), is, "{pattern} {id}");
        }
        let auto = Auto { allow: vec!["a/*".into()], deny: vec!["*-old".into()], ..Auto::default() };
        assert!(auto.permits("a/new") && !auto.permits("a/m-old") && !auto.permits("b/new"));
        assert!(Auto::default().permits("b/new") && Auto::default().affords(75_000_000_000));
    }
}
