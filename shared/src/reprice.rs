//! Costs that are reckoned anew, as the admin API states it.

use serde::{Deserialize, Serialize};

/// Which rows are reckoned anew, and whether that is written down. Asked again with `after` until there is no `next`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Reprice {
    /// From when on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Until when (exclusive), in milliseconds since 1970; without it, until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// Of these providers alone.
    pub providers: Vec<String>,
    /// Of these models alone, by the name that the provider knows.
    pub models: Vec<String>,
    /// Also rows whose price was known.
    pub all: bool,
    /// Whether what comes of it is written down; else it is only told.
    pub write: bool,
    /// Where the step before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Repriced {
    /// By provider and model, those whose rows cost something else.
    pub lines: Vec<RepricedLine>,
    /// Rows that were reckoned anew.
    pub rows: u64,
    /// Rows whose price nobody knows now either.
    pub unpriced_rows: u64,
    /// Where the next step goes on; without it, this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// Rows of one model at one provider that cost something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepricedLine {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How many rows.
    pub rows: u64,
    /// How many of them nobody knew the price of.
    pub unpriced_rows: u64,
    /// What they cost until now, in nano-dollars.
    pub old_nanos: u64,
    /// What they cost by the price of today, in nano-dollars.
    pub new_nanos: u64,
    /// The version of that price.
    pub version: String,
}

impl Repriced {
    /// Takes in what another step came to.
    pub fn add(&mut self, step: Self) {
        self.rows = self.rows.saturating_add(step.rows);
        self.unpriced_rows = self.unpriced_rows.saturating_add(step.unpriced_rows);
        self.next = step.next;
        for line in step.lines {
            let known =
                self.lines.iter_mut().find(|known| known.provider == line.provider && known.model == line.model);
            match known {
                Some(known) => {
                    known.rows = known.rows.saturating_add(line.rows);
                    known.unpriced_rows = known.unpriced_rows.saturating_add(line.unpriced_rows);
                    known.old_nanos = known.old_nanos.saturating_add(line.old_nanos);
                    known.new_nanos = known.new_nanos.saturating_add(line.new_nanos);
                }
                None => self.lines.push(line),
            }
        }
    }
}
