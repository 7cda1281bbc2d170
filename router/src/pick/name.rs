//! From the name that a client used to the provider and the model it means.
//!
//! In this order: `provider/model`; a model that an enabled provider lists; the default provider, if one is set; the
//! first enabled provider whose list is not known. So a misspelt model is told here, with the closest names, and not
//! by a provider that nobody chose. `provider/model` is always taken at its word.

use crate::peek::MAX_MODEL_BYTES;

/// What is known of one provider's names.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The prefix in `provider/model`.
    pub name: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// The models it lists, sorted; none while unknown.
    pub listed: Option<Vec<String>>,
}

impl Provider {
    fn lists(&self, model: &str) -> bool {
        self.listed.as_ref().is_some_and(|list| list.binary_search_by(|m| m.as_str().cmp(model)).is_ok())
    }
}

/// Every provider in the order of the configuration.
///
/// ```
/// use tokenrouter::pick::name::{How, Names, Provider, Unknown};
///
/// let listed = Some(vec!["claude-sonnet-4-5".to_owned()]);
/// let names = Names::new(vec![Provider { name: "anthropic".to_owned(), enabled: true, listed }], None);
/// let picked = names.resolve("claude-sonnet-4-5").map_err(|_| "unknown")?;
/// assert_eq!((picked.how, picked.provider, picked.model), (How::Listed, 0, "claude-sonnet-4-5"));
/// // A prefix is taken at its word, and a misspelt name is told with the closest ones.
/// assert_eq!(names.resolve("anthropic/claude-next").map(|picked| picked.how), Ok(How::Prefix));
/// assert_eq!(names.resolve("claude-sonet-4-5"), Err(Unknown::Model(vec!["anthropic/claude-sonnet-4-5".to_owned()])));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Names {
    providers: Vec<Provider>,
    default: Option<usize>,
}

/// Which rule found the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// An alias says so.
    Alias,
    /// The client named it.
    Prefix,
    /// It lists the model.
    Listed,
    /// It is the default provider.
    Default,
    /// It is the first enabled one that may have the model.
    First,
    /// It stands for whichever model fits, and that one was chosen.
    Auto,
}

impl How {
    /// The word in headers and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Prefix => "prefix",
            Self::Listed => "listed",
            Self::Default => "default",
            Self::First => "first",
            Self::Auto => "auto",
        }
    }
}

/// The provider, by its place in the configuration, and the model to ask it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked<'a> {
    /// Which rule found it.
    pub how: How,
    /// Its place in [`Names`].
    pub provider: usize,
    /// The model's name upstream.
    pub model: &'a str,
}

/// Why a name means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No provider is enabled at all.
    NoProvider,
    /// The named provider is switched off.
    Disabled(String),
    /// Nothing has this name; these are the closest that exist.
    Model(Vec<String>),
}

impl Names {
    /// A table of `providers`; `default` is the name of one of them.
    pub fn new(mut providers: Vec<Provider>, default: Option<&str>) -> Self {
        for list in providers.iter_mut().filter_map(|p| p.listed.as_mut()) {
            list.sort_unstable();
            list.dedup();
        }
        let default = default.and_then(|name| providers.iter().position(|p| p.name == name));
        Self { providers, default }
    }

    /// Whom `asked` means.
    pub fn resolve<'a>(&self, asked: &'a str) -> Result<Picked<'a>, Unknown> {
        let prefixed = asked.split_once('/').filter(|(_, model)| !model.is_empty());
        if let Some((prefix, model)) = prefixed
            && let Some(provider) = self.providers.iter().position(|p| p.name == prefix)
        {
            return if self.providers.get(provider).is_some_and(|p| p.enabled) {
                Ok(Picked { how: How::Prefix, provider, model })
            } else {
                Err(Unknown::Disabled(prefix.to_owned()))
            };
        }
        let listed = self.in_order(|p| p.lists(asked)).map(|at| (How::Listed, at));
        // An unknown prefix may be part of a model's own name, but only a list can say so.
        let found = listed.or_else(|| if prefixed.is_some() { None } else { self.unlisted() });
        match found {
            Some((how, provider)) => Ok(Picked { how, provider, model: asked }),
            None if self.providers.iter().all(|p| !p.enabled) => Err(Unknown::NoProvider),
            None => Err(Unknown::Model(self.closest(asked))),
        }
    }

    /// Whether the provider `name` is known to have `model`, or may have it because its list is not known.
    pub fn may_have(&self, name: &str, model: &str) -> bool {
        let provider = self.providers.iter().find(|p| p.name == name);
        provider.is_some_and(|p| p.listed.is_none() || p.lists(model))
    }

    /// Who gets a name that nobody lists.
    fn unlisted(&self) -> Option<(How, usize)> {
        let default = self.default.filter(|at| self.providers.get(*at).is_some_and(|p| p.enabled));
        default.map(|at| (How::Default, at)).or_else(|| Some((How::First, self.in_order(|p| p.listed.is_none())?)))
    }

    /// The first enabled provider that fits, the default before the others.
    fn in_order(&self, fits: impl Fn(&Provider) -> bool) -> Option<usize> {
        let fits = |at: &usize| self.providers.get(*at).is_some_and(|p| p.enabled && fits(p));
        self.default.filter(fits).or_else(|| (0..self.providers.len()).find(fits))
    }

    /// Up to three names that exist and look most like `asked`; none for a name longer than any model's.
    pub fn closest(&self, asked: &str) -> Vec<String> {
        if asked.len() > MAX_MODEL_BYTES {
            return Vec::new();
        }
        let tail = asked.rsplit('/').next().unwrap_or(asked);
        let mut scored: Vec<(f64, String)> = Vec::new();
        for provider in self.providers.iter().filter(|p| p.enabled) {
            for model in provider.listed.iter().flatten().filter(|model| model.len() <= MAX_MODEL_BYTES) {
                let score = strsim::jaro_winkler(tail, model).max(strsim::jaro_winkler(asked, model));
                scored.push((score, format!("{}/{model}", provider.name)));
            }
        }
        scored.retain(|(score, _)| *score > 0.6);
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        scored.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, listed: Option<&[&str]>) -> Provider {
        let listed = listed.map(|l| l.iter().map(|m| (*m).to_owned()).collect());
        Provider { name: name.to_owned(), enabled: true, listed }
    }

    fn picked(names: &Names, asked: &str) -> Result<(usize, String), Unknown> {
        names.resolve(asked).map(|p| (p.provider, p.model.to_owned()))
    }

    #[test]
    fn a_known_prefix_is_taken_at_its_word() {
        let mut off = provider("off", None);
        off.enabled = false;
        let names = Names::new(vec![provider("a", Some(&["x"])), provider("b", None), off], None);
        assert_eq!(picked(&names, "a/x"), Ok((0, "x".into())));
        assert_eq!(picked(&names, "a/not-listed"), Ok((0, "not-listed".into())));
        assert_eq!(picked(&names, "b/org/model"), Ok((1, "org/model".into())));
        assert_eq!(picked(&names, "off/x"), Err(Unknown::Disabled("off".into())));
    }

    #[test]
    fn an_unknown_prefix_is_not_sent_elsewhere() {
        let names = Names::new(vec![provider("a", Some(&["meta/llama"])), provider("b", None)], Some("b"));
        assert_eq!(picked(&names, "meta/llama"), Ok((0, "meta/llama".into())));
        assert_eq!(picked(&names, "meta/lama"), Err(Unknown::Model(vec!["a/meta/llama".into()])));
        assert_eq!(picked(&names, "opena/gpt"), Err(Unknown::Model(vec![])));
    }

    #[test]
    fn bare_names_go_to_who_lists_them_then_to_the_default_then_to_the_first() {
        let listing = vec![provider("a", Some(&["m", "only-a"])), provider("b", Some(&["m", "only-b"]))];
        let names = Names::new(listing.clone(), None);
        assert_eq!(picked(&names, "m"), Ok((0, "m".into())));
        assert_eq!(picked(&names, "only-b"), Ok((1, "only-b".into())));
        assert_eq!(picked(&names, "only-c"), Err(Unknown::Model(vec!["a/only-a".into(), "b/only-b".into()])));
        let names = Names::new(listing, Some("b"));
        assert_eq!(picked(&names, "m"), Ok((1, "m".into())));
        assert_eq!(picked(&names, "only-a"), Ok((0, "only-a".into())));
        assert_eq!(picked(&names, "only-c"), Ok((1, "only-c".into())));

        let unknown = vec![provider("a", Some(&["m"])), provider("b", None), provider("c", None)];
        assert_eq!(picked(&Names::new(unknown.clone(), None), "x"), Ok((1, "x".into())));
        assert_eq!(picked(&Names::new(unknown, Some("c")), "x"), Ok((2, "x".into())));
        assert_eq!(picked(&Names::default(), "x"), Err(Unknown::NoProvider));
    }
}
