//! What providers are called in public price lists, who makes which models, and whose models cost nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Vendors {
    litellm: HashMap<String, String>,
    aliases: HashMap<String, String>,
    makers: HashMap<String, String>,
    free: Vec<String>,
    zero_is_free: Vec<String>,
}

/// A test reads the same text: it is whole.
static VENDORS: LazyLock<Vendors> =
    LazyLock::new(|| serde_json::from_str(include_str!("vendors.json")).unwrap_or_default());

pub(super) fn vendors() -> &'static Vendors {
    &VENDORS
}

impl Vendors {
    /// The provider that litellm's list calls this.
    pub(super) fn of_litellm(&self, name: &str) -> Option<&str> {
        self.litellm.get(name).map(String::as_str)
    }

    /// The id under which the catalogue knows a provider.
    pub(super) fn provider<'a>(&'a self, id: &'a str) -> &'a str {
        self.aliases.get(id).map_or(id, String::as_str)
    }

    /// Who makes the models whose name begins with this word.
    pub(super) fn maker(&self, name: &str) -> Option<&str> {
        let end = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
        self.makers.get(name.get(..end)?).map(String::as_str)
    }

    /// Whether `provider` runs models on one's own machine.
    pub(super) fn is_local(&self, provider: &str) -> bool {
        self.free.iter().any(|free| free == provider)
    }

    /// Whether a listed price of zero is meant for this model; elsewhere it means that the list does not know.
    pub(super) fn zero_is_free(&self, provider: &str, model: &str) -> bool {
        self.is_local(provider)
            || self.zero_is_free.iter().any(|free| free == provider)
            || model.ends_with(":free")
            || model.ends_with("-free")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_names_are_whole() {
        let vendors: Vendors = serde_json::from_str(include_str!("vendors.json")).unwrap();
        assert_eq!(vendors.of_litellm("fireworks_ai"), Some("fireworks"));
        assert_eq!((vendors.provider("google-gemini"), vendors.provider("new")), ("gemini", "new"));
        assert_eq!((vendors.maker("gpt-5"), vendors.maker("o3-mini")), (Some("openai"), Some("openai")));
        assert_eq!(vendors.maker("7b"), None);
        for (alias, id) in &vendors.aliases {
            assert!(!vendors.aliases.contains_key(id), "{alias} → {id} is an alias itself");
        }
    }
}
