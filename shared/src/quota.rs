//! What providers have left for us: the answers of `/admin/api/quotas`.

use serde::{Deserialize, Serialize};

/// One limit of one key of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaMetric {
    /// Tells it from the others of the key, the same after a restart.
    pub key: String,
    /// What is limited, in the vendor's words: `requests`, `input-tokens`, `balance`.
    pub feature: String,
    /// In which time: `minute`, `5h`, `day`; none where the vendor does not say or it is for good.
    pub window: Option<String>,
    /// The same in seconds.
    pub window_seconds: Option<u32>,
    /// The model whose answer told it; others of the key may have other limits. None where it is the key's.
    pub model: Option<String>,
    /// What is counted: `requests`, `tokens`, `percent` (in thousandths of the whole), `usd`, `cny` or `credits` (in
    /// billionths).
    pub unit: String,
    /// How much there is in the window, where that is known.
    pub limit: Option<u64>,
    /// What was used of it.
    pub used: Option<u64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// The same in thousandths of the whole.
    pub left_permille: Option<u32>,
    /// When it is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
    /// When it was told, in milliseconds since 1970.
    pub seen_ms: i64,
    /// How it is known: `headers` of an answer, `asked` of the vendor, or `refused`: a call was.
    pub source: String,
}

/// What one key of a provider has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaView {
    /// The provider.
    pub provider: String,
    /// The preset that it follows.
    pub preset: Option<String>,
    /// The preset's name for people, else the provider's.
    pub display_name: String,
    /// What the key is called; none where there is no key.
    pub credential: Option<String>,
    /// Whose question for what is left is asked; `none`: what answers tell in passing is all that is known.
    pub reader: String,
    /// `ok`, `error` (the last question failed; what was known before is shown), `unknown` (nothing was told yet) or
    /// `disabled`.
    pub state: String,
    /// Why the last question failed.
    pub error: Option<String>,
    /// What was bought, in the vendor's word.
    pub plan: Option<String>,
    /// Of the limit that is nearest, in thousandths; none where nobody knows.
    pub left_permille: Option<u32>,
    /// When that one is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
    /// When the vendor was asked last with success, in milliseconds since 1970.
    pub checked_ms: Option<i64>,
    /// Each limit that is known, the nearest first.
    pub metrics: Vec<QuotaMetric>,
}

/// What providers have left, page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaPage {
    /// One entry for each key, in the order of the file.
    pub quotas: Vec<QuotaView>,
    /// What `cursor` is for the next page; none on the last.
    pub next: Option<String>,
}

/// Whom to ask anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuotaRefresh {
    /// Only this provider; without it, every one that can be asked.
    #[serde(default)]
    pub provider: Option<String>,
}

/// What came of asking anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaRefreshed {
    /// Who was asked.
    pub asked: Vec<String>,
    /// Who can be asked and was not, because that was only just done.
    pub too_soon: Vec<String>,
    /// What is known now of those that were wanted.
    pub quotas: Vec<QuotaView>,
}
