//! One limit of one key: what it is about, what is left, and until when that holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokenrouter::quota::{Asked, Told, Unit, left_permille};

use super::views::window_word;

/// What no answer has told again for so long is not believed any more, in milliseconds.
const STALE_MS: i64 = 24 * 3_600_000;
/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 64;

/// How a limit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// An answer told it in its headers.
    Headers,
    /// The vendor was asked.
    Asked,
    /// A call was refused for it.
    Refused,
}

impl How {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Asked => "asked",
            Self::Refused => "refused",
        }
    }
}

/// One limit of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// The model whose answer told it; none where it is the key's.
    #[serde(with = "shared")]
    pub model: Option<Arc<str>>,
    /// What is limited.
    #[serde(with = "shared_text")]
    pub feature: Arc<str>,
    /// In which time, in seconds; 0 where nobody says.
    pub window_s: u32,
    /// What is counted.
    pub unit: Unit,
    /// How much there is.
    pub limit: Option<u64>,
    /// What is left of it.
    pub left: Option<u64>,
    /// When it is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
    /// When it was told, in milliseconds since 1970.
    pub seen_ms: i64,
    /// How it is known.
    pub how: How,
}

impl Metric {
    /// What an answer of `model` told at `now_ms`.
    pub fn told(told: &Told<'_>, model: &Arc<str>, now_ms: i64) -> Self {
        Self {
            model: Some(Arc::clone(model)),
            feature: feature(told.group, told.name).into(),
            window_s: told.window_s,
            unit: told.unit(),
            limit: told.limit(),
            left: told.left(),
            resets_ms: told.reset_ms.map(|ms| later(now_ms, ms)),
            seen_ms: now_ms,
            how: How::Headers,
        }
    }

    /// What a vendor said at `now_ms` when it was asked.
    pub fn asked(asked: &Asked, now_ms: i64) -> Self {
        let Asked { name, window_s, unit, limit, left, resets_ms } = asked;
        Self {
            model: None,
            feature: (*name).into(),
            window_s: *window_s,
            unit: *unit,
            limit: *limit,
            left: *left,
            resets_ms: *resets_ms,
            seen_ms: now_ms,
            how: How::Asked,
        }
    }

    /// Whether `told` by `model` is about this limit.
    pub fn is(&self, told: &Told<'_>, model: &Arc<str>) -> bool {
        self.window_s == told.window_s
            && self.model.as_deref() == Some(&**model)
            && (if told.group.is_empty() && !told.name.is_empty() && told.name.len() <= LONGEST_NAME {
                *self.feature == *told.name
            } else {
                *self.feature == *feature(told.group, told.name)
            })
    }

    /// Whether both are about the same limit.
    pub fn is_like(&self, other: &Self) -> bool {
        self.window_s == other.window_s && self.feature == other.feature && self.model == other.model
    }

    /// Whether it has been set back since it was told.
    pub fn is_set_back(&self, now_ms: i64) -> bool {
        self.resets_ms.is_some_and(|at| at <= now_ms)
    }

    /// What is limited, and in which time: `requests:minute`.
    pub fn limit_name(&self) -> String {
        match window_word(self.window_s) {
            Some(window) => format!("{}:{window}", self.feature),
            None => self.feature.to_string(),
        }
    }

    /// Whether it says nothing any more: an answer told it long ago, or it was set back long ago.
    pub fn is_stale(&self, now_ms: i64) -> bool {
        self.how != How::Asked && now_ms.saturating_sub(self.seen_ms.max(self.resets_ms.unwrap_or(0))) > STALE_MS
    }

    /// What is left at `now_ms`: all of it again where it has been set back since.
    pub fn left_at(&self, now_ms: i64) -> Option<u64> {
        if self.is_set_back(now_ms) { self.limit } else { self.left }
    }

    /// The same in thousandths.
    pub fn left_permille_at(&self, now_ms: i64) -> Option<u32> {
        left_permille(self.limit, self.left_at(now_ms))
    }
}

/// What is limited, in a word that tells it from the other limits of the key.
fn feature(group: &str, name: &str) -> String {
    let mut text = match (group, name) {
        ("" | "policy", "") => "requests".to_owned(),
        ("unified", "") => "plan".to_owned(),
        ("unified", name) => format!("plan-{name}"),
        ("" | "policy", name) => name.to_owned(),
        (group, "") => group.to_owned(),
        (group, name) => format!("{group}-{name}"),
    };
    text.truncate(text.floor_char_boundary(LONGEST_NAME));
    text
}

/// So many milliseconds after `now_ms`.
pub(super) fn later(now_ms: i64, ms: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Texts that several have, as plain texts.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands it over so")]
    pub(in super::super) fn serialize<S: Serializer>(text: &Option<Arc<str>>, to: S) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<str>>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Into::into))
    }
}

/// The same for one that is always there.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        (**text).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        Ok(String::deserialize(from)?.into())
    }
}
