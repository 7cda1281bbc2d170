//! Virtual models over what this gateway knows: who may be chosen, who is, and what is remembered of it.

pub mod choice;
pub mod explain;
pub mod pool;
pub mod state;

use tokenrouter::auto::Virtual;
use tokenrouter::error::{Kind, Problem};

use super::snapshot::Snapshot;
use crate::config::Router;

/// Below this, in thousandths, the rules are in doubt.
pub const DOUBT_PERMILLE: u32 = 700;

/// The virtual model that `asked` means. An alias and a model that the file declares go before it.
pub fn means(live: &Snapshot, asked: &str) -> Option<Virtual> {
    let found = Virtual::find(asked).filter(|_| live.config.auto.router != Router::Off)?;
    let is_alias = live.aliases.iter().any(|alias| alias.name == asked);
    let mut declared = live.providers.iter().filter(|p| p.enabled).flat_map(|provider| &provider.declared);
    (!is_alias && !declared.any(|model| model.id == asked)).then_some(found)
}

/// Nothing can be chosen for `asked`, for this reason.
pub fn nobody(asked: &str, why: &str) -> Problem {
    Problem::new(
        Kind::Unavailable,
        "no_available_model",
        format!("no model can be chosen for \"{asked}\": {why}"),
        format!(
            "Name a model, or see who is left out with `torod route explain {asked}`; `[auto] default` is a way out."
        ),
    )
    .with_status(503)
}
