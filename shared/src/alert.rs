//! What somebody should know: the answers of `/admin/api/alerts`, and what webhooks are sent.

use serde::{Deserialize, Serialize};

/// What kind of thing somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertKind {
    /// Little is left of a provider's quota.
    QuotaLow,
    /// Nothing is left of it.
    QuotaExhausted,
    /// A token's budget is used up to a mark.
    Budget,
    /// A provider does not serve.
    ProviderDown,
    /// A model is used whose price nobody knows.
    PriceUnknown,
    /// Usage records were lost.
    UsageLost,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::QuotaLow, Self::QuotaExhausted, Self::Budget, Self::ProviderDown, Self::PriceUnknown, Self::UsageLost];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuotaLow => "quota_low",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Budget => "budget",
            Self::ProviderDown => "provider_down",
            Self::PriceUnknown => "price_unknown",
            Self::UsageLost => "usage_lost",
        }
    }

    /// The kind of this text form.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One thing that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertView {
    /// Its number; later ones have greater ones.
    pub id: i64,
    /// `quota_low`, `quota_exhausted`, `budget`, `provider_down`, `price_unknown`, `usage_lost` or `test`.
    pub kind: String,
    /// `warning` or `critical`.
    pub severity: String,
    /// What it is about: a provider, or a token's name.
    pub subject: String,
    /// What tells it from others of its kind, the same each time.
    pub key: String,
    /// It in a sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// `firing`, or `resolved` when it is over.
    pub state: String,
    /// When it began, in milliseconds since 1970.
    pub fired_ms: i64,
    /// When it was over, in milliseconds since 1970.
    pub resolved_ms: Option<i64>,
    /// When somebody acknowledged it, in milliseconds since 1970.
    pub acknowledged_ms: Option<i64>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// The figure that it is about, in thousandths: what is left of a quota, what was used of a budget.
    pub permille: Option<u32>,
    /// When what it is about is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
}

/// How a webhook stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookView {
    /// Its URL without what may be a secret: scheme, host and port.
    pub url: String,
    /// Messages that wait to be delivered.
    pub waiting: u64,
    /// Messages that were given up or pushed out since the start.
    pub lost: u64,
    /// When a message was last delivered, in milliseconds since 1970.
    pub delivered_ms: Option<i64>,
    /// Why the last attempt failed; none where it did not.
    pub error: Option<String>,
}

/// Alerts, the newest first, page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<AlertView>,
    /// How many are firing and were not acknowledged, whatever was asked for.
    pub unacknowledged: u64,
    /// The webhooks of the configuration.
    pub webhooks: Vec<WebhookView>,
    /// What `cursor` is for the next page; none on the last.
    pub next: Option<String>,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertTested {
    /// One line for each webhook.
    pub webhooks: Vec<WebhookTried>,
}

/// What a webhook answered to a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookTried {
    /// As in [`WebhookView`].
    pub url: String,
    /// The status of the answer; none where none came.
    pub status: Option<u16>,
    /// Why it failed; none where it took the message.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What a webhook is sent: the body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMessage {
    /// `alert.firing`, `alert.resolved` or `alert.test`.
    #[serde(rename = "type")]
    pub event: String,
    /// When, as RFC 3339 in UTC.
    pub timestamp: String,
    /// The alert.
    pub data: AlertView,
}
