//! How often something happened, by a word of the program's own, counted without a lock by whoever sees it happen.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::known::OTHER;
use super::text::{Family, Text};

/// Words stand in the program, so there are not many; those that find no place are `other`.
const PLACES: usize = 256;

/// Counts by word.
#[derive(Debug)]
pub struct Tally {
    family: &'static Family,
    places: Box<[Place]>,
    other: AtomicU64,
}

#[derive(Debug, Default)]
struct Place {
    word: OnceLock<&'static str>,
    count: AtomicU64,
}

impl Tally {
    /// Nothing counted yet. A word is the value of the family's label, or those of its labels with `/` between them.
    pub fn new(family: &'static Family) -> Self {
        let places = std::iter::repeat_with(Place::default).take(PLACES).collect();
        Self { family, places, other: AtomicU64::new(0) }
    }

    /// One more with this word.
    pub fn add(&self, word: &'static str) {
        // Taken from the first place on, so the first one without a word is the end.
        let place = self.places.iter().find(|place| *place.word.get_or_init(|| word) == word);
        place.map_or(&self.other, |place| &place.count).fetch_add(1, Ordering::Relaxed);
    }

    /// One more with a word that is not the program's own.
    pub fn add_other(&self) {
        self.other.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes all of it.
    pub fn write(&self, text: &mut Text) {
        text.begin(self.family);
        let taken = self.places.iter().filter_map(|place| Some((*place.word.get()?, &place.count)));
        let mut all: Vec<_> = taken.chain([(OTHER, &self.other)]).collect();
        all.sort_unstable_by_key(|(word, _)| *word);
        for (word, count) in all {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let mut values: Vec<&str> = word.splitn(self.family.labels.len(), '/').collect();
                values.resize(self.family.labels.len(), word);
                text.sample(self.family, &values, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::{ERRORS, LIMITS};
    use super::*;

    #[test]
    fn codes_are_counted_apart_and_never_more_than_there_are_places() {
        let errors = Tally::new(&ERRORS);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..1_000 {
                        errors.add(["b", "a", "c"][n % 3]);
                    }
                });
            }
        });
        for n in 0..400 {
            errors.add(Box::leak(format!("code-{n}").into_boxed_str()));
        }
        let mut text = Text::default();
        errors.write(&mut text);
        let text = text.finish();
        for line in [
            "tokenrouter_error_responses_total{code=\"a\"} 1332",
            "tokenrouter_error_responses_total{code=\"b\"} 1336",
            "tokenrouter_error_responses_total{code=\"code-0\"} 1",
            "tokenrouter_error_responses_total{code=\"other\"} 147",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn words_of_two_labels_are_told_apart() {
        let limits = Tally::new(&LIMITS);
        limits.add("token/budget_usd");
        limits.add_other();
        let mut text = Text::default();
        limits.write(&mut text);
        let text = text.finish();
        for line in [
            r#"tokenrouter_limit_refusals_total{scope="token",limit="budget_usd"} 1"#,
            r#"tokenrouter_limit_refusals_total{scope="other",limit="other"} 1"#,
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
        }
    }
}
