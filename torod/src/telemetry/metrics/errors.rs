//! How often the gateway itself answered with which error, counted without a lock by whoever makes the answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::families::ERRORS;
use super::known::OTHER;
use super::text::Text;

/// Codes stand in the program, so there are not many; those that find no place are `other`.
const PLACES: usize = 128;

/// Counts by code.
#[derive(Debug)]
pub struct Errors {
    places: Box<[Place]>,
    other: AtomicU64,
}

#[derive(Debug, Default)]
struct Place {
    code: OnceLock<&'static str>,
    count: AtomicU64,
}

impl Default for Errors {
    fn default() -> Self {
        let places = std::iter::repeat_with(Place::default).take(PLACES).collect();
        Self { places, other: AtomicU64::new(0) }
    }
}

impl Errors {
    /// One more with this code.
    pub fn add(&self, code: &'static str) {
        // Taken from the first place on, so the first one without a code is the end.
        let place = self.places.iter().find(|place| *place.code.get_or_init(|| code) == code);
        place.map_or(&self.other, |place| &place.count).fetch_add(1, Ordering::Relaxed);
    }

    /// Writes all of it.
    pub fn write(&self, text: &mut Text) {
        text.begin(&ERRORS);
        let taken = self.places.iter().filter_map(|place| Some((*place.code.get()?, &place.count)));
        let mut all: Vec<_> = taken.chain([(OTHER, &self.other)]).collect();
        all.sort_unstable_by_key(|(code, _)| *code);
        for (code, count) in all {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                text.sample(&ERRORS, &[code], count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_counted_apart_and_never_more_than_there_are_places() {
        let errors = Errors::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..1_000 {
                        errors.add(["b", "a", "c"][n % 3]);
                    }
                });
            }
        });
        for n in 0..200 {
            errors.add(Box::leak(format!("code-{n}").into_boxed_str()));
        }
        let mut text = Text::default();
        errors.write(&mut text);
        let text = text.finish();
        for line in [
            "tokenrouter_error_responses_total{code=\"a\"} 1332",
            "tokenrouter_error_responses_total{code=\"b\"} 1336",
            "tokenrouter_error_responses_total{code=\"code-0\"} 1",
            "tokenrouter_error_responses_total{code=\"other\"} 75",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
        }
    }
}
