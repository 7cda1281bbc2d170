//! The well-known providers: the embedded list, the operator's own beside it, and how one is found by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::preset::{Preset, spelling};

/// Dated facts about vendors; `docs/providers.md` shows them.
const TEXT: &str = include_str!("presets.json");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: String,
    /// What the fields mean, for whoever edits the file.
    #[serde(rename = "about")]
    _about: Vec<String>,
    presets: Vec<Preset>,
    gone: Vec<Gone>,
}

/// A provider that people ask for and that cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gone {
    /// Its id.
    pub id: String,
    /// Other ids.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Why not, and what to use instead.
    pub why: String,
}

/// What the file says, ready to be asked.
#[derive(Debug, Default)]
struct Embedded {
    as_of: String,
    presets: Vec<Arc<Preset>>,
    gone: Vec<Gone>,
    /// Where each id and alias stands in the list.
    index: HashMap<String, usize>,
}

/// A test reads the file, so that this is never empty; there is no other way to go on without a panic.
static EMBEDDED: LazyLock<Embedded> = LazyLock::new(|| {
    let File { as_of, presets, gone, .. } = serde_json::from_str(TEXT).unwrap_or_default();
    let mut index = HashMap::new();
    for (at, preset) in presets.iter().enumerate() {
        for name in preset.aliases.iter().chain([&preset.id]) {
            index.insert(spelling(name), at);
        }
    }
    Embedded { as_of, presets: presets.into_iter().map(Arc::new).collect(), gone, index }
});

impl Preset {
    /// The embedded preset of this id or alias, without regard to case.
    pub fn find(id: &str) -> Option<&'static Self> {
        embedded(id).map(|preset| &**preset)
    }

    /// Every embedded preset, the most used first.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        EMBEDDED.presets.iter().map(|preset| &**preset)
    }

    /// The id or alias that `id` was probably meant to be.
    pub fn closest(id: &str) -> Option<&'static str> {
        closest(id, Self::all())
    }

    /// Why a provider that people ask for cannot be called.
    pub fn gone(id: &str) -> Option<&'static Gone> {
        let id = spelling(id);
        EMBEDDED.gone.iter().find(|gone| gone.aliases.iter().chain([&gone.id]).any(|name| spelling(name) == id))
    }

    /// The day on which the embedded list was true, as `2026-11-21`.
    pub fn as_of() -> &'static str {
        &EMBEDDED.as_of
    }
}

fn embedded(id: &str) -> Option<&'static Arc<Preset>> {
    // Ids are asked for as they are written, nearly always.
    let at = EMBEDDED.index.get(id).or_else(|| EMBEDDED.index.get(&spelling(id)))?;
    EMBEDDED.presets.get(*at)
}

fn closest<'p>(id: &str, presets: impl Iterator<Item = &'p Preset>) -> Option<&'p str> {
    if id.len() > 64 {
        return None;
    }
    let wanted = spelling(id);
    presets
        .flat_map(|preset| std::iter::once(&preset.id).chain(&preset.aliases))
        .map(|name| (strsim::jaro_winkler(&wanted, &spelling(name)), name.as_str()))
        .filter(|(score, _)| *score >= 0.8)
        // Of equals the first: ids stand before aliases, and what is used most before the rest.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}

/// The embedded presets with the operator's own, which replace those of the same id.
///
/// ```
/// use tokenrouter::catalog::{Preset, Presets};
///
/// let own: Preset = serde_json::from_str(
///     r#"{"id": "groq", "name": "Our Groq", "protocols": {"openai": "https://groq.example.com/v1"}}"#,
/// )?;
/// let presets = Presets::new(vec![own]);
/// assert_eq!(presets.find("GROQ").map(|p| p.name.clone()).as_deref(), Some("Our Groq"));
/// assert_eq!(presets.find("google").map(|p| p.id.clone()).as_deref(), Some("gemini"));
/// assert_eq!(presets.closest("antropic"), Some("anthropic"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presets {
    own: Vec<Arc<Preset>>,
}

impl Presets {
    /// With these beside the embedded ones.
    pub fn new(own: Vec<Preset>) -> Self {
        Self { own: own.into_iter().map(Arc::new).collect() }
    }

    /// The operator's own.
    pub fn own(&self) -> &[Arc<Preset>] {
        &self.own
    }

    /// Every preset that holds: the operator's own, then those of ours that it does not replace.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Preset>> {
        let stays = |ours: &&Arc<Preset>| !self.own.iter().any(|own| spelling(&own.id) == spelling(&ours.id));
        self.own.iter().chain(EMBEDDED.presets.iter().filter(stays))
    }

    /// The preset of this id or alias, without regard to case.
    pub fn find(&self, id: &str) -> Option<Arc<Preset>> {
        let wanted = spelling(id);
        let by_id = self.own.iter().find(|own| spelling(&own.id) == wanted);
        // An id of ours goes before an alias that the operator gives to another.
        let ours = || embedded(id).filter(|ours| spelling(&ours.id) == wanted && !self.replaces(ours));
        let by_alias = || self.own.iter().find(|own| own.is_called(id));
        // An alias of ours whose preset is replaced means the replacement.
        let moved = || {
            let ours = embedded(id)?;
            self.own.iter().find(|own| spelling(&own.id) == spelling(&ours.id)).or(Some(ours))
        };
        by_id.or_else(ours).or_else(by_alias).or_else(moved).cloned()
    }

    fn replaces(&self, ours: &Preset) -> bool {
        self.own.iter().any(|own| spelling(&own.id) == spelling(&ours.id))
    }

    /// The id or alias that `id` was probably meant to be.
    pub fn closest(&self, id: &str) -> Option<&str> {
        closest(id, self.all().map(|preset| &**preset))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Protocol;
    use crate::catalog::preset::ModelList;
    use crate::catalog::{AuthStyle, BaseUrl};

    /// Something for every placeholder.
    const ACCOUNT: &dyn Fn(&str) -> Option<&'static str> = &|_| Some("x1");

    #[test]
    fn the_embedded_file_reads_and_every_preset_is_whole() {
        let file: File = serde_json::from_str(TEXT).unwrap();
        assert_eq!((file.presets.len(), file.as_of.len()), (Preset::all().count(), "2026-11-21".len()));
        assert!(file.presets.len() >= 60, "{}", file.presets.len());
        let mut names = HashSet::new();
        let gone = file.gone.iter().flat_map(|gone| gone.aliases.iter().chain([&gone.id]));
        for name in file.presets.iter().flat_map(|p| p.aliases.iter().chain([&p.id])).chain(gone) {
            assert!(names.insert(spelling(name)), "{name} twice");
            assert_eq!(*name, spelling(name), "{name} is not written as ids are compared");
        }
        for preset in Preset::all() {
            let id = &preset.id;
            assert!(!preset.endpoints.is_empty() && !preset.name.is_empty(), "{id}");
            assert!(preset.docs.starts_with("https://"), "{id}");
            assert_eq!(preset.local_port.is_none(), !preset.env.is_empty(), "{id}");
            assert_eq!(preset.local_port.is_none(), preset.key_page.starts_with("https://"), "{id}");
            assert!(preset.models.is_empty() || preset.models_url == ModelList::Unlisted, "{id}");
            let mut spoken = HashSet::new();
            let mut placeholders = HashSet::new();
            for endpoint in &preset.endpoints {
                assert!(spoken.insert(endpoint.protocol), "{id} {} twice", endpoint.protocol);
                placeholders.extend(endpoint.placeholders().map(str::to_owned));
                let url = endpoint.url(ACCOUNT).unwrap();
                assert_eq!(url.is_loopback(), preset.local_port == Some(url.port()), "{id}");
                assert!(endpoint.lacks.iter().all(|quirk| !endpoint.quirks.contains(quirk)), "{id}");
            }
            assert_eq!(placeholders, preset.needs.keys().cloned().collect(), "{id}");
            assert!(preset.list_url(ACCOUNT).is_ok(), "{id}");
        }
    }

    #[test]
    fn finds_by_id_alias_and_any_spelling() {
        for (asked, id) in [
            ("anthropic", "anthropic"),
            ("Anthropic", "anthropic"),
            ("lm-studio", "lmstudio"),
            ("LM_Studio", "lmstudio"),
            ("zai", "zai"),
            ("z-ai", "zai"),
            ("google", "gemini"),
            ("google-gemini", "gemini"),
            ("moonshotai", "moonshot"),
            ("llama-cpp-local", "llama-cpp"),
            ("Together AI", "together"),
        ] {
            assert_eq!(Preset::find(asked).map(|preset| preset.id.as_str()), Some(id), "{asked}");
        }
        assert_eq!(Preset::find("nobody"), None);
        assert_eq!((Preset::closest("antrophic"), Preset::closest("qqqq")), (Some("anthropic"), None));
        assert!(Preset::gone("replicate").is_some() && Preset::gone("GitLab_Duo").is_some());
        let anthropic = Preset::find("anthropic").unwrap();
        assert_eq!(anthropic.endpoint(Protocol::OpenAi).map(|e| e.auth), Some(AuthStyle::Bearer));
        assert!(anthropic.endpoint(Protocol::Gemini).is_none());
    }

    #[test]
    fn no_name_of_other_gateways_is_lost() {
        let names = "302ai anthropic azure azure-cognitive-services baseten cerebras cloudflare-ai-gateway \
            cloudflare-workers-ai cohere cortecs deepinfra deepseek fireworks github-copilot gitlab google-gemini \
            google-vertex-ai groq helicone huggingface hyperbolic io-net lmstudio minimax mistral moonshotai nebius nvidia \
            ollama-cloud ollama openai opencode-zen openrouter ovhcloud perplexity sambanova sap-ai-core scaleway together \
            venice vercel-ai-gateway xai zai zenmux llama-cpp-local google replicate zhipu qwen tencent baidu qianfan huawei \
            moonshot siliconflow yi stepfun baichuan xunfei doubao parallel modelscope";
        let lost: Vec<_> =
            names.split_whitespace().filter(|id| Preset::find(id).is_none() && Preset::gone(id).is_none()).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn the_operators_own_replace_ours_whole() {
        let own = |id: &str, aliases: &[&str]| {
            let aliases = serde_json::to_string(aliases).unwrap();
            let text =
                format!(r#"{{"id":"{id}","name":"n","aliases":{aliases},"protocols":{{"openai":"http://own"}}}}"#);
            serde_json::from_str::<Preset>(&text).unwrap()
        };
        let presets = Presets::new(vec![own("gemini", &[]), own("mine", &["groq", "kimi-k"])]);
        let is_own = |asked: &str| presets.find(asked).unwrap().endpoints[0].base_url == "http://own";
        assert!(is_own("gemini") && is_own("Google") && is_own("mine") && is_own("kimi-k"));
        // Ours keeps its id where the operator only gives it away as an alias.
        assert!(!is_own("groq") && !is_own("openai"));
        assert_eq!(presets.find("gemini").unwrap().env.len(), 0, "nothing of ours is left in it");
        assert_eq!(presets.all().count(), Preset::all().count() + 1);
        assert_eq!((presets.closest("mien"), Presets::default().find("mine")), (Some("mine"), None));
    }

    #[test]
    fn no_url_is_made_with_a_gap_or_a_trick() {
        let azure = Preset::find("azure").unwrap().endpoint(Protocol::OpenAi).unwrap();
        assert_eq!(azure.url(&|_| None).unwrap_err().to_string(), "the URL needs `resource_name`");
        for bad in ["", "a/b", "a?b", "a#b", "a@b", "{x}", "a b", "é", &"a".repeat(129)] {
            assert!(azure.url(&|_| Some(bad)).is_err(), "{bad}");
        }
        let sap = Preset::find("sap-ai-core").unwrap().endpoint(Protocol::OpenAi).unwrap();
        assert!(sap.url(&|_| Some("..")).is_err());
        let url: BaseUrl = sap.url(ACCOUNT).unwrap();
        assert!(
            url.join(Protocol::OpenAi, "/chat/completions?a=b")
                .ends_with("/chat/completions?a=b&api-version=2024-10-21")
        );
        assert!(url.with_query("a#b").is_err());
    }
}
