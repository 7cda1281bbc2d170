//! Which tokens have used up a budget of their life, and since when, for those who remove them in the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::TokenIndex;
use super::sweep::UsedUp;
use super::wall::{Moment, Purpose, Wall};
use crate::clock::Clock;

/// Whether nothing more can come of `wall`: what requests under way have reserved may come back.
fn is_used_up(wall: &Wall, now: Moment) -> bool {
    let settled = wall.counter.used(now).saturating_sub(wall.counter.held());
    wall.purpose == Purpose::Budget && wall.window.is_lifetime() && settled >= wall.limit
}

/// Looks at every token of `index` whenever it is asked. A token is used up since it was first seen to be; what is remembered
/// of that beyond a start is in the database.
pub fn watch(index: Arc<TokenIndex>, clock: Clock) -> UsedUp {
    let seen: Mutex<HashMap<i64, i64>> = Mutex::default();
    Arc::new(move || {
        let now = Moment::of(&clock);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used_up = HashMap::new();
        index.each(|token| {
            let walls = token.meter.walls();
            if walls.iter().flat_map(|walls| &walls.walls).any(|wall| is_used_up(wall, now)) {
                used_up.insert(token.id, seen.get(&token.id).copied().unwrap_or(now.now_ms));
            }
        });
        *seen = used_up;
        seen.iter().map(|(id, since_ms)| (*id, *since_ms)).collect()
    })
}
