//! Some models out of many: by words, provider, what they can, and what they cost; and in which order.

use std::cmp::Reverse;

use super::Card;
use crate::catalog::models::{Can, Modality, Mode};
use crate::price::Rate;

/// Something that a model has to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    word: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Can(Can),
    Reasons,
    Takes(Modality),
    Gives(Modality),
    Is(&'static [Mode]),
}

macro_rules! needs {
    ($($word:literal => $kind:expr,)+) => {
        /// All of them, by the words that people use.
        pub const ALL: &[Self] = &[$(Self { word: $word, kind: $kind },)+];
    };
}

impl Need {
    needs! {
        "tools" => Kind::Can(Can::Tools),
        "parallel_tools" => Kind::Can(Can::ParallelTools),
        "reasoning" => Kind::Reasons,
        "vision" => Kind::Takes(Modality::Image),
        "audio" => Kind::Takes(Modality::Audio),
        "video" => Kind::Takes(Modality::Video),
        "pdf" => Kind::Takes(Modality::Pdf),
        "structured_output" => Kind::Can(Can::Schema),
        "prompt_cache" => Kind::Can(Can::PromptCache),
        "web_search" => Kind::Can(Can::WebSearch),
        "image_output" => Kind::Gives(Modality::Image),
        "audio_output" => Kind::Gives(Modality::Audio),
        "chat" => Kind::Is(&[Mode::Chat, Mode::Responses]),
        "embeddings" => Kind::Is(&[Mode::Embedding]),
        "rerank" => Kind::Is(&[Mode::Rerank]),
        "images" => Kind::Is(&[Mode::Image]),
        "transcription" => Kind::Is(&[Mode::Transcription]),
        "speech" => Kind::Is(&[Mode::Speech]),
        "moderation" => Kind::Is(&[Mode::Moderation]),
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        self.word
    }

    /// The one of this word; `-` and `_` are the same.
    pub fn find(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|need| need.word == word)
    }

    /// Whether it is something that a model of any kind can do or not; else it is what the model is for.
    pub const fn is_ability(self) -> bool {
        !matches!(self.kind, Kind::Is(_))
    }

    /// Whether `card` is good for it; none if that is not known.
    pub fn is_met_by(self, card: &Card) -> Option<bool> {
        match self.kind {
            Kind::Can(can) => card.facts.can(can),
            Kind::Reasons => card.reasons(),
            Kind::Takes(kind) => card.facts.takes(kind),
            Kind::Gives(kind) => card.facts.gives(kind),
            Kind::Is(modes) => card.facts.mode().map(|mode| modes.contains(&mode)),
        }
    }
}

/// In which order models come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Aliases first, then the providers in their order.
    #[default]
    Listed,
    /// By name.
    Name,
    /// The cheapest first, by input and output together; what is not known last.
    Price,
    /// The largest context window first.
    Context,
    /// Who writes the most first.
    Output,
    /// The newest first.
    Newest,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Listed, Self::Name, Self::Price, Self::Context, Self::Output, Self::Newest];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Name => "name",
            Self::Price => "price",
            Self::Context => "context",
            Self::Output => "output",
            Self::Newest => "newest",
        }
    }

    fn apply(self, cards: &mut [&Card]) {
        // What is not known comes last; the sort keeps the order of equals.
        let total = |card: &Card| {
            let price = card.price?;
            Some(price.input?.nanos_per_million().saturating_add(price.output?.nanos_per_million()))
        };
        match self {
            Self::Listed => {}
            Self::Name => cards.sort_by(|a, b| a.id.cmp(&b.id)),
            Self::Price => cards.sort_by_key(|card| total(card).map_or((true, 0), |nanos| (false, nanos))),
            Self::Context => cards.sort_by_key(|card| Reverse(card.facts.context())),
            Self::Output => cards.sort_by_key(|card| Reverse(card.facts.max_output())),
            Self::Newest => cards.sort_by_key(|card| Reverse(card.created_s.filter(|s| *s > 0))),
        }
    }
}

/// Which models are wanted.
///
/// ```
/// use tokenrouter::catalog::listing::{Card, Selection};
///
/// let cards = [Card::new("a/llama", "a"), Card::new("b/qwen-coder", "b")];
/// let mut wanted = Selection::default();
/// wanted.set("search", "CODER")?;
/// assert_eq!(wanted.of(&cards), [&cards[1]]);
/// assert_eq!(wanted.set("can", "tool").unwrap_err().closest, ["tools"]);
/// # Ok::<(), tokenrouter::catalog::listing::Unclear>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Each of these words is in the name, in small letters.
    pub words: Vec<String>,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Known to be good for all of these.
    pub needs: Vec<Need>,
    /// Only what is known to cost nothing.
    pub free: bool,
    /// A million tokens, in or out, cost at most this.
    pub max_price: Option<Rate>,
    /// In which order.
    pub sort: Sort,
    /// How many at most.
    pub limit: Option<usize>,
}

/// A wish that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// What was wrong.
    pub message: String,
    /// What may have been meant; else everything that could be.
    pub closest: Vec<&'static str>,
}

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unclear {}

/// What a word that is wrong is shown of at most, in characters.
const LONGEST: usize = 64;

/// What somebody wrote, for a message: not all of what is long, and nothing that a terminal would obey.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

impl Unclear {
    fn new(message: String, wrong: &str, all: impl Iterator<Item = &'static str>) -> Self {
        let all: Vec<&'static str> = all.collect();
        let near = |word: &&&str| wrong.len() <= LONGEST && strsim::jaro_winkler(wrong, word) > 0.75;
        let mut closest: Vec<&'static str> = all.iter().filter(near).copied().collect();
        closest.sort_by(|a, b| strsim::jaro_winkler(wrong, b).total_cmp(&strsim::jaro_winkler(wrong, a)));
        closest.truncate(3);
        Self { message, closest: if closest.is_empty() { all } else { closest } }
    }
}

impl Selection {
    /// The names of its wishes, as in a query.
    pub const KEYS: [&'static str; 7] = ["search", "provider", "can", "free", "max_price", "sort", "limit"];

    /// Adds a wish by its name. Whatever is none of [`Self::KEYS`] is not for us and changes nothing.
    ///
    /// # Errors
    ///
    /// If the wish means nothing.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Unclear> {
        match key {
            "search" => self.words.extend(value.split_whitespace().map(str::to_lowercase)),
            "provider" => self.provider = Some(value.to_owned()).filter(|name| !name.is_empty()),
            "can" | "capability" => {
                for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                    let words = Need::ALL.iter().map(|need| need.as_str());
                    let found = Need::find(word);
                    let message = || format!("no model can be asked for `{}`", shown(word));
                    self.needs.push(found.ok_or_else(|| Unclear::new(message(), word, words))?);
                }
            }
            "free" => {
                self.free = match value {
                    "" | "1" | "true" | "yes" => true,
                    "0" | "false" | "no" => false,
                    _ => {
                        let message = format!("`free` is true or false, not `{}`", shown(value));
                        return Err(Unclear::new(message, value, ["true", "false"].into_iter()));
                    }
                }
            }
            "max_price" => {
                let rate = Rate::parse(value.trim_start_matches('$'));
                self.max_price = Some(rate.ok_or_else(|| {
                    let message =
                        format!("`{}` is no price: write dollars for a million tokens, such as 2.5", shown(value));
                    Unclear { message, closest: Vec::new() }
                })?);
            }
            "sort" => {
                let found = Sort::ALL.into_iter().find(|sort| sort.as_str() == value);
                let words = Sort::ALL.into_iter().map(Sort::as_str);
                let message = || format!("models are not sorted by `{}`", shown(value));
                self.sort = found.ok_or_else(|| Unclear::new(message(), value, words))?;
            }
            "limit" => {
                let number = value.parse::<usize>().ok().filter(|number| *number > 0);
                self.limit = Some(number.ok_or_else(|| Unclear {
                    message: format!("`{}` is no number of models", shown(value)),
                    closest: Vec::new(),
                })?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether nothing is asked for but everything.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether one model is wanted.
    pub fn takes(&self, card: &Card) -> bool {
        let has = |word: &String| {
            let said = std::iter::once(&card.id).chain(&card.display_name).chain(&card.targets);
            said.map(|text| text.to_lowercase()).any(|text| text.contains(word.as_str()))
        };
        self.provider.as_ref().is_none_or(|provider| card.provider == *provider)
            && self.needs.iter().all(|need| need.is_met_by(card) == Some(true))
            && (!self.free || card.price.is_some_and(|price| price.is_free))
            && self
                .max_price
                .is_none_or(|most| card.price.and_then(|price| price.dearest()).is_some_and(|it| it <= most))
            && self.words.iter().all(has)
    }

    /// Those of `cards` that are wanted, in the order that is wanted.
    pub fn of<'c>(&self, cards: &'c [Card]) -> Vec<&'c Card> {
        let mut chosen: Vec<&Card> = cards.iter().filter(|card| self.takes(card)).collect();
        self.sort.apply(&mut chosen);
        chosen.truncate(self.limit.unwrap_or(usize::MAX));
        chosen
    }
}
