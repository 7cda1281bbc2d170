//! Which models a token may use: patterns over `provider/model`, models' own names and names of aliases.
//!
//! A request is held to the name that it asks for and to every endpoint that this comes to. Whoever is allowed a name that
//! stands for others may use what it stands for by that name alone. Who denies a model closes every way to it; who denies
//! a name closes that name, in both spellings of a virtual model.

use tokenrouter::auto::Virtual;
use tokenrouter_shared::limits::ModelRights;

/// One model that a request may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The alias or virtual model that was asked for, if it was one.
    pub alias: Option<&'a str>,
    /// An alias that this stood for in turn. Its name closes the way where it is denied, and opens none.
    pub through: Option<&'a str>,
    /// More of them, between that alias and the model.
    pub passed: &'a [String],
    /// The provider.
    pub provider: &'a str,
    /// The model as the provider knows it.
    pub model: &'a str,
}

/// The rights of one token, as they are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    allow: Box<[Pattern]>,
    deny: Box<[Pattern]>,
}

impl Rights {
    /// The rights that `rights` says.
    pub fn new(rights: &ModelRights) -> Self {
        let compiled = |list: &[String]| list.iter().map(|text| Pattern::new(text)).collect();
        Self { allow: compiled(&rights.allow), deny: compiled(&rights.deny) }
    }

    /// Whether every model is allowed.
    pub fn is_everything(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether `wanted` is allowed.
    pub fn allow(&self, wanted: &Wanted<'_>) -> bool {
        let fits = |pattern: &Pattern| pattern.fits(wanted);
        !self.deny(wanted) && (self.allow.is_empty() || self.allow.iter().any(fits))
    }

    /// Whether `wanted` is denied, however its model is spelt: some providers overlook what stands around a name.
    pub fn deny(&self, wanted: &Wanted<'_>) -> bool {
        let bare = Wanted { model: bare(wanted.model), ..*wanted };
        let mut between = wanted.through.into_iter().chain(wanted.passed.iter().map(String::as_str));
        self.deny.iter().any(|pattern| pattern.fits(wanted) || pattern.fits(&bare))
            || between.any(|name| self.deny.iter().any(|pattern| is_like(&pattern.text, name.bytes())))
    }
}

/// A model's name without blanks around it and without what a path may begin with.
fn bare(model: &str) -> &str {
    let mut model = model.trim();
    while let Some(rest) = ["/", "./", "../", "models/"].iter().find_map(|head| model.strip_prefix(head)) {
        model = rest.trim_start();
    }
    model
}

/// A pattern. One with a slash is compared with `provider/model`, one without also with the model's own name; both with
/// the alias. Capitals count for nothing: some providers take a model's name in any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: Box<[u8]>,
    has_slash: bool,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.to_ascii_lowercase().into_bytes().into(), has_slash: text.contains('/') }
    }

    fn fits(&self, wanted: &Wanted<'_>) -> bool {
        let plain = wanted.alias.and_then(Virtual::find).map(Virtual::as_str);
        let mut names = wanted.alias.into_iter().chain(plain);
        if names.any(|name| is_like(&self.text, name.bytes())) {
            return true;
        }
        (!self.has_slash && is_like(&self.text, wanted.model.bytes()))
            || is_like(&self.text, wanted.provider.bytes().chain([b'/']).chain(wanted.model.bytes()))
    }
}

/// Whether `text` is what `pattern` says, where `*` stands for any characters. Its time is that of one walk for each
/// character of the text that a star takes, whatever the pattern.
fn is_like<I: Iterator<Item = u8> + Clone>(pattern: &[u8], text: I) -> bool {
    let mut text = text.map(|byte| byte.to_ascii_lowercase());
    let mut pattern = pattern;
    // Behind the last star, and the text from where it was tried.
    let mut star = None;
    loop {
        let rest = text.clone();
        match (pattern.split_first(), text.next()) {
            (Some((b'*', after)), _) => {
                star = Some((after, rest.clone()));
                (pattern, text) = (after, rest);
            }
            (Some((wanted, after)), Some(byte)) if *wanted == byte => pattern = after,
            (None, None) => return true,
            (_, None) => return false,
            (_, Some(_)) => {
                // The star takes one more.
                let Some((after, from)) = &mut star else { return false };
                from.next();
                (pattern, text) = (*after, from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rights(allow: &[&str], deny: &[&str]) -> Rights {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Rights::new(&ModelRights { allow: texts(allow), deny: texts(deny) })
    }

    fn wanted(text: &'static str) -> Wanted<'static> {
        let (alias, text) = text.split_once(": ").map_or((None, text), |(alias, text)| (Some(alias), text));
        let (provider, model) = text.split_once('/').unwrap();
        Wanted { alias, through: None, passed: &[], provider, model }
    }

    #[test]
    fn deny_wins_and_an_empty_list_allows_everything() {
        for (allow, deny, model, expected) in [
            (&[][..], &["think"][..], "gem/models/think", false),
            (&[][..], &["think"][..], "gem/../models/ think ", false),
            (&[][..], &["gem/think"][..], "gem//think", false),
            (&["gem/think"][..], &[][..], "gem/models/think", false),
            (&[][..], &[][..], "openai/gpt-5", true),
            (&["openai/*"], &[], "openai/gpt-5", true),
            (&["openai/*"], &[], "openrouter/openai/gpt-5", false),
            (&["openai/*"], &["*/gpt-5-pro"], "openai/gpt-5-pro", false),
            (&["*"], &["openrouter/*"], "openrouter/openai/gpt-5", false),
            (&["gpt-5"], &[], "azure/gpt-5", true),
            (&["gpt-5"], &[], "azure/gpt-5-mini", false),
            (&[], &["GPT-5*"], "azure/gpt-5-mini", false),
            (&[], &["azure/gpt-5"], "azure/GPT-5", false),
            (&["chat"], &[], "chat: ollama/qwen", true),
            (&["chat"], &[], "ollama/qwen", false),
            (&["ollama/*"], &["chat"], "chat: ollama/qwen", false),
            (&["ollama/*"], &[], "chat: ollama/qwen", true),
            (&[], &["ollama/qwen"], "chat: ollama/qwen", false),
            (&["chat"], &["qwen"], "chat: ollama/qwen", false),
            (&["auto"], &[], "claude-auto: ollama/qwen", true),
            (&["ollama/*"], &["auto"], "claude-auto: ollama/qwen", false),
            (&["ollama/*"], &["claude-auto"], "auto: ollama/qwen", true),
            (&["ollama/*"], &["auto"], "claude-automatic: ollama/qwen", true),
            (&["*-4*i*"], &[], "a/gpt-4o-mini", true),
            (&["a/b"], &[], "a/b ", false),
        ] {
            assert_eq!(rights(allow, deny).allow(&wanted(model)), expected, "{allow:?} {deny:?} {model}");
        }
        let through = Wanted { through: Some("chat"), ..wanted("auto: ollama/qwen") };
        assert!(rights(&["auto"], &[]).allow(&through) && !rights(&["auto"], &["chat"]).allow(&through));
        assert!(!rights(&["chat"], &[]).allow(&through), "by that name alone");
        let passed = ["fast".to_owned()];
        let passed = Wanted { passed: &passed, ..wanted("chat: ollama/qwen") };
        assert!(rights(&["chat"], &[]).allow(&passed) && !rights(&[], &["fast"]).allow(&passed));
        assert!(rights(&[], &[]).is_everything() && !rights(&[], &["x"]).is_everything());
    }

    proptest! {
        #[test]
        fn a_star_is_what_it_is_elsewhere(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], []) => true,
                    ([b'*', after @ ..], _) => slow(after, text) || (!text.is_empty() && slow(pattern, &text[1..])),
                    ([p, after @ ..], [t, rest @ ..]) => p == t && slow(after, rest),
                    _ => false,
                }
            }
            prop_assert_eq!(is_like(pattern.as_bytes(), text.bytes()), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
