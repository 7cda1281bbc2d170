//! Cohere's usage object: what was counted, and what of it is billed.

use super::lenient::Lenient;
use crate::count::{Counts, Media, Report};
use crate::walk;

#[derive(Clone, Copy, Debug, Default)]
struct Units {
    input: Lenient,
    output: Lenient,
    queries: Lenient,
}

impl Units {
    fn of(json: &[u8]) -> Self {
        let mut units = Self::default();
        for (name, value) in walk::top(json) {
            match name {
                b"input_tokens" => units.input = Lenient::of(value),
                b"output_tokens" => units.output = Lenient::of(value),
                b"search_units" => units.queries = Lenient::of(value),
                _ => {}
            }
        }
        units
    }

    const fn has_tokens(&self) -> bool {
        self.input.0.is_some() || self.output.0.is_some()
    }
}

/// Reads it; none if it holds no number. Instructions of Cohere's own are counted and not billed, so that both are told.
pub(in crate::count) fn read(json: &[u8]) -> Option<Report> {
    let (mut tokens, mut billed, mut cached) = (Units::default(), Units::default(), Lenient::default());
    for (name, value) in walk::top(json) {
        match name {
            b"tokens" => tokens = Units::of(value),
            b"billed_units" => billed = Units::of(value),
            b"cached_tokens" => cached = Lenient::of(value),
            _ => {}
        }
    }
    if !tokens.has_tokens() && !billed.has_tokens() && billed.queries.0.is_none() {
        return None;
    }
    let counted = if tokens.has_tokens() { tokens } else { billed };
    let (input, output) = (counted.input.0.unwrap_or(0), counted.output.0.unwrap_or(0));
    let cache_read = cached.0.unwrap_or(0).min(input);
    let counts = Counts { input_uncached: input - cache_read, cache_read, output, ..Counts::default() };
    let paid = [billed.input.0.unwrap_or(0), billed.output.0.unwrap_or(0)];
    let is_other = billed.has_tokens() && (paid != [input, output] || cache_read > 0);
    let media = Media { queries: billed.queries.0.unwrap_or(0), ..Media::default() };
    Some(Report { media, billed: is_other.then_some(paid), ..Report::of(counts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_billed_is_told_where_it_is_not_what_was_counted() {
        let json = br#"{"billed_units":{"input_tokens":2406.0,"output_tokens":7},"tokens":{"input_tokens":2935.0,"output_tokens":7.0},"cached_tokens":2928.0}"#;
        let report = read(json).unwrap();
        assert_eq!((report.counts.total(), report.counts.cache_read, report.billed), (2942, 2928, Some([2406, 7])));
        let same =
            br#"{"billed_units":{"input_tokens":3,"output_tokens":7},"tokens":{"input_tokens":3,"output_tokens":7}}"#;
        assert!(read(same).unwrap().is_plain());
        let rerank = read(br#"{"api_version":{"version":"2"},"billed_units":{"search_units":2}}"#).unwrap();
        assert_eq!((rerank.media.queries, rerank.counts.total()), (2, 0));
        assert_eq!((read(b"{}"), read(b"[]"), read(br#"{"tokens":null}"#)), (None, None, None));
    }
}
