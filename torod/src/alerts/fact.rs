//! What is seen of one thing, and how it is told: which kind, how grave, in a sentence, and what to do.

use tokenrouter_shared::alert::AlertKind;

use super::standing::Seen;
use crate::store::alerts::Fired;

/// The level at which little is left of a quota.
pub(super) const LOW: u32 = 1;
/// The level at which nothing is left.
pub(super) const OUT: u32 = 2;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Family {
    /// A limit of a key of a provider.
    Quota,
    /// A budget of a token.
    Budget,
    /// A provider.
    Provider,
    /// A model's price.
    Price,
    /// The usage records.
    Usage,
}

impl Family {
    pub(super) const ALL: [Self; 5] = [Self::Quota, Self::Budget, Self::Provider, Self::Price, Self::Usage];

    /// The word in the database.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Budget => "budget",
            Self::Provider => "provider",
            Self::Price => "price",
            Self::Usage => "usage",
        }
    }

    pub(super) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_str() == text)
    }
}

/// One thing as it is seen now.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// What it is about.
    pub family: Family,
    /// Tells it from the others of the family, the same after a restart.
    pub key: String,
    /// How it is.
    pub seen: Seen,
    /// The marks that it may pass, the least first.
    pub marks: Vec<u32>,
    /// The provider, or the token's name.
    pub subject: String,
    /// The sentence without its end.
    pub what: String,
    /// The figure, in thousandths.
    pub permille: Option<u32>,
    /// When it is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
}

impl Fact {
    /// The kind at `mark`.
    pub(super) const fn kind(family: Family, mark: u32) -> AlertKind {
        match (family, mark) {
            (Family::Quota, OUT) => AlertKind::QuotaExhausted,
            (Family::Quota, _) => AlertKind::QuotaLow,
            (Family::Budget, _) => AlertKind::Budget,
            (Family::Provider, _) => AlertKind::ProviderDown,
            (Family::Price, _) => AlertKind::PriceUnknown,
            (Family::Usage, _) => AlertKind::UsageLost,
        }
    }

    /// The key of the alert at `mark`.
    pub(super) fn key_at(family: Family, key: &str, mark: u32) -> String {
        // Each mark of a budget is an alert of its own; of a quota, each kind is.
        if family == Family::Budget { format!("{key}:{mark}") } else { key.to_owned() }
    }

    /// The alert at `mark`.
    pub(super) fn fired(&self, mark: u32, now_ms: i64) -> Fired {
        let kind = Self::kind(self.family, mark);
        let is_grave = match kind {
            AlertKind::QuotaLow | AlertKind::PriceUnknown => false,
            AlertKind::Budget => mark >= 100,
            AlertKind::QuotaExhausted | AlertKind::ProviderDown | AlertKind::UsageLost => true,
        };
        Fired {
            kind: kind.as_str(),
            key: Self::key_at(self.family, &self.key, mark),
            severity: if is_grave { "critical" } else { "warning" },
            subject: self.subject.clone(),
            message: self.message(mark),
            advice: self.advice(kind, mark),
            permille: self.permille,
            resets_ms: self.resets_ms,
            fired_ms: now_ms,
        }
    }

    fn message(&self, mark: u32) -> String {
        let what = &self.what;
        match self.family {
            Family::Budget => {
                let used = self.permille.unwrap_or(0) / 10;
                format!(
                    "{what} of the token \"{}\" is used to {} %, past its mark of {mark} %",
                    self.subject,
                    used.max(mark)
                )
            }
            _ => what.clone(),
        }
    }

    fn advice(&self, kind: AlertKind, mark: u32) -> String {
        match kind {
            AlertKind::QuotaLow => format!(
                "Top it up, or have other providers take over; `torod provider quota {}` shows all of it.",
                self.subject
            ),
            AlertKind::QuotaExhausted => format!(
                "Requests go to other endpoints where there are any; top it up, or wait until it is set back: `torod provider quota {}`.",
                self.subject
            ),
            AlertKind::Budget if mark >= 100 => {
                format!("Its requests are refused; `torod token edit {} --budget …` gives it more.", self.subject)
            }
            AlertKind::Budget => format!("`torod token show {}` tells where it stands.", self.subject),
            AlertKind::ProviderDown => format!("`torod provider test {}` tells why.", self.subject),
            AlertKind::PriceUnknown => {
                "It is counted by `[prices] unknown`: give it a `price` in its `[[providers.models]]`, or run `torod models update`.".to_owned()
            }
            AlertKind::UsageLost => {
                "The database took nothing for too long: look at the disk and at `usage.error` of /v1/status.".to_owned()
            }
        }
    }
}
