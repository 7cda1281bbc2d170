//! A request's part of what its token, and every token above it, may use up: reserved before any call is made, settled
//! with what the calls came to.

use std::sync::Arc;

use super::TokenEntry;
use super::refusal::Refused;
use super::remaining::in_the_way;
use super::wall::{Amounts, Moment, Walls};

/// Which units anybody counts for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Whether anything is counted at all.
    pub anything: bool,
    /// Whether LLM tokens are.
    pub tokens: bool,
    /// Whether money is.
    pub money: bool,
}

impl Counted {
    /// What is counted for `token`.
    pub fn of(token: &Arc<TokenEntry>) -> Self {
        token.chain().fold(Self::default(), |counted, token| match &*token.meter.walls() {
            Some(walls) if !walls.walls.is_empty() => Self {
                anything: true,
                tokens: counted.tokens || walls.counts_tokens,
                money: counted.money || walls.counts_money,
            },
            _ => counted,
        })
    }
}

/// What was reserved at one token.
#[derive(Debug)]
struct Level {
    walls: Arc<Walls>,
    /// Where each wall's part was taken from, in the order of the walls.
    marks: Vec<u64>,
}

/// What a request has reserved. Dropped, it gives back what was not spent.
#[derive(Debug)]
pub struct Reservation {
    token: Arc<TokenEntry>,
    wanted: Amounts,
    spent: Amounts,
    /// The token's own first; those without walls are left out.
    levels: Vec<Level>,
}

impl Reservation {
    /// For a request of `token` that nobody counts as it begins.
    pub fn nothing(token: &Arc<TokenEntry>) -> Self {
        let nothing = Amounts::default();
        Self { token: Arc::clone(token), wanted: nothing, spent: nothing, levels: Vec::new() }
    }

    /// Reserves `wanted` at `token` and all above it, or nothing at all.
    ///
    /// # Errors
    ///
    /// Which wall it was too much for; of several, the one that will be in its way longest.
    pub fn take(token: &Arc<TokenEntry>, wanted: Amounts, now: Moment) -> Result<Self, Box<Refused>> {
        let mut taken = Self::nothing(token);
        taken.wanted = wanted;
        for at in token.chain() {
            let Some(walls) = at.meter.walls().as_ref().filter(|walls| !walls.walls.is_empty()).cloned() else {
                continue;
            };
            let mut marks = Vec::with_capacity(walls.walls.len());
            let full = walls.walls.iter().find(|wall| match wall.reserve(&wanted, now) {
                Some(mark) => {
                    marks.push(mark);
                    false
                }
                None => true,
            });
            let refused = full.map(|wall| Refused::wall(wall, token, at, &wanted, now));
            // Kept even where it is not whole: its end gives back what was taken.
            taken.levels.push(Level { walls, marks });
            if let Some(refused) = refused {
                // What it has taken itself is in nobody's way.
                drop(taken);
                let longest = in_the_way(token, &wanted, now, |wall| !wall.is_pace());
                return Err(Box::new(longest.unwrap_or(refused)));
            }
        }
        Ok(taken)
    }

    /// A call came to `amounts`. Walls that were put up since the request began learn of it at once; those that were
    /// there know what was reserved, and learn the rest at the end.
    pub fn spend(&mut self, amounts: Amounts, now: Moment) {
        self.spent = self.spent.and(amounts);
        for at in self.token.chain() {
            let Some(walls) = &*at.meter.walls() else { continue };
            if self.levels.iter().any(|level| Arc::ptr_eq(&level.walls, walls)) {
                continue;
            }
            let known = self.levels.iter().flat_map(|level| &level.walls.walls);
            for wall in &walls.walls {
                if !known.clone().any(|known| Arc::ptr_eq(&known.counter, &wall.counter)) {
                    wall.counter.charge(amounts.of(wall.unit), now);
                }
            }
        }
    }

    /// The request is over: what was reserved becomes what was spent.
    pub fn settle(&mut self) {
        for level in std::mem::take(&mut self.levels) {
            for (wall, mark) in level.walls.walls.iter().zip(level.marks) {
                wall.counter.settle(mark, self.wanted.of(wall.unit), self.spent.of(wall.unit));
            }
        }
    }

    /// Whose it is.
    pub const fn token(&self) -> &Arc<TokenEntry> {
        &self.token
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.settle();
    }
}
