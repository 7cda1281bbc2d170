//! A name that nobody lists may be new: whoever could have it is asked again, once in a while, and the request that missed
//! it waits for a moment. Names that are known never come here.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokenrouter::pick::name::{How, Unknown};

use super::looks::Look;
use super::provider::Provider;
use super::snapshot::{Live, Snapshot};
use crate::clock::Clock;

/// Has everybody asked again who could have `asked`, waits for a moment, and says what is known then; none where nobody
/// was asked or nothing came of it.
pub async fn learn(live: &Live, asked: &str, unknown: &Unknown, clock: &Clock) -> Option<Arc<Snapshot>> {
    if !matches!(unknown, Unknown::Model(_) | Unknown::NoProvider) {
        return None;
    }
    let now_ms = clock.uptime_ms();
    let looks = look_again(&live.load(), now_ms);
    let local = live.want_local(now_ms);
    let longest = looks.iter().chain(&local).map(|look| look.longest).max().unwrap_or(Duration::ZERO);
    if longest.is_zero() {
        return None;
    }
    let is_known = || Some(live.load()).filter(|live| live.table.resolve(asked).is_ok());
    let found = async {
        loop {
            // Made before the look: from here on no swap is missed.
            let swapped = live.swapped();
            if let Some(live) = is_known() {
                return live;
            }
            swapped.await;
        }
    };
    tokio::select! {
        live = found => Some(live),
        _ = join_all(looks.into_iter().chain(local).map(Look::ended)) => is_known(),
        () = tokio::time::sleep(longest) => None,
    }
}

/// Has every provider asked again that has a list.
pub fn look_again(live: &Snapshot, now_ms: u64) -> Vec<Look> {
    let asked = live.providers.iter().filter(|provider| provider.enabled && provider.has_list());
    asked.filter_map(|provider| provider.listed.looks.want(now_ms)).collect()
}

/// A provider said that it does not have the model that it was asked for: its list is looked at again, and where nobody
/// had named it, everybody's.
pub fn vanished(live: &Snapshot, provider: &Provider, how: How, clock: &Clock) {
    let now_ms = clock.uptime_ms();
    match how {
        How::Default | How::First => drop(look_again(live, now_ms)),
        How::Alias | How::Prefix | How::Listed | How::Auto if provider.has_list() => {
            drop(provider.listed.looks.want(now_ms));
        }
        How::Alias | How::Prefix | How::Listed | How::Auto => {}
    }
}
