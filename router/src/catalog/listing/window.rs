//! A part of a list: where it begins and how long it is.

use super::Card;

/// The longest page that any of the vendors gives: Anthropic's, Google's and Cohere's references agree.
pub const MOST: usize = 1_000;

/// Which part of a list is asked for.
///
/// ```
/// use tokenrouter::catalog::listing::{Card, Window};
///
/// let cards = ["a", "b", "c"].map(|id| Card::new(id, "p"));
/// let window = Window { limit: Some(1), after: Some("a"), before: None };
/// let page = window.cut(&cards).ok_or("there is no a")?;
/// assert_eq!((page.cards[0].id.as_str(), page.has_more), ("b", true));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window<'a> {
    /// How many at most; none: all.
    pub limit: Option<usize>,
    /// Begins after this model.
    pub after: Option<&'a str>,
    /// Ends before this model.
    pub before: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'c> {
    /// Its models.
    pub cards: &'c [Card],
    /// Whether more of them follow, in the direction in which it was asked.
    pub has_more: bool,
}

impl Window<'_> {
    /// Whether everything is asked for.
    pub const fn is_whole(&self) -> bool {
        self.limit.is_none() && self.after.is_none() && self.before.is_none()
    }

    /// That part of `cards`; none if the model at its edge is not there.
    pub fn cut<'c>(&self, cards: &'c [Card]) -> Option<Page<'c>> {
        let place = |id: &str| cards.iter().position(|card| card.id == id);
        let first = self.after.map_or(Some(0), |id| place(id).map(|at| at + 1))?;
        let end = self.before.map_or(Some(cards.len()), place)?;
        let part = cards.get(first..end).unwrap_or_default();
        let limit = self.limit.unwrap_or(part.len()).min(part.len());
        let kept = if self.before.is_some() { part.get(part.len() - limit..) } else { part.get(..limit) };
        Some(Page { cards: kept.unwrap_or_default(), has_more: limit < part.len() })
    }
}

impl<'c> Page<'c> {
    /// All of it.
    pub const fn whole(cards: &'c [Card]) -> Self {
        Self { cards, has_more: false }
    }

    /// The id of its last model, if more follow.
    pub(super) fn next(&self) -> Option<&'c str> {
        self.cards.last().filter(|_| self.has_more).map(|card| card.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_in_both_directions() {
        let cards: Vec<Card> = ["a", "b", "c", "d"].map(|id| Card::new(id, "p")).into();
        let ids = |window: Window<'_>| {
            let page = window.cut(&cards)?;
            Some((page.cards.iter().map(|card| card.id.clone()).collect::<String>(), page.has_more))
        };
        let two = Window { limit: Some(2), ..Window::default() };
        for (window, expected) in [
            (Window::default(), Some(("abcd", false))),
            (two, Some(("ab", true))),
            (Window { after: Some("b"), ..two }, Some(("cd", false))),
            (Window { after: Some("d"), ..two }, Some(("", false))),
            (Window { before: Some("d"), ..two }, Some(("bc", true))),
            (Window { before: Some("c"), ..two }, Some(("ab", false))),
            (Window { after: Some("c"), before: Some("b"), ..two }, Some(("", false))),
            (Window { limit: Some(0), ..two }, Some(("", true))),
            (Window { after: Some("zz"), ..two }, None),
            (Window { before: Some("zz"), ..two }, None),
        ] {
            assert_eq!(ids(window), expected.map(|(ids, more)| (ids.to_owned(), more)), "{window:?}");
        }
    }
}
