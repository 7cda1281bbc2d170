//! The one line in the log that a request gets when it is over, with every attempt that was made for it.

use std::fmt::Write as _;
use std::sync::Arc;

use tokenrouter::count::Counts;

use crate::usage::record::Outcome;

/// So much of the attempts before the last one is told, in bytes.
const LONGEST: usize = 1_024;

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    /// From its beginning to its end.
    pub(super) took_us: u64,
    pub(super) counts: Counts,
    pub(super) cost_nanos: u64,
}

/// What is to be told of a request.
#[derive(Debug, Default)]
pub(super) struct Line {
    attempts: u32,
    /// Those before the last one, in words; nothing is allocated where there was but one.
    before: String,
    last: Option<Ended>,
    took_us: u64,
    sum: Counts,
    cost_nanos: u64,
}

/// Whose request it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    pub(super) request_id: &'a str,
    pub(super) caller: &'a str,
    pub(super) surface: &'a str,
}

impl Line {
    /// An attempt ended.
    pub(super) fn add(&mut self, ended: Ended) {
        self.attempts += 1;
        self.took_us += ended.took_us;
        self.sum.input_uncached += ended.counts.input_uncached;
        self.sum.cache_read += ended.counts.cache_read;
        self.sum.cache_write_5m += ended.counts.cache_write_5m;
        self.sum.cache_write_1h += ended.counts.cache_write_1h;
        self.sum.output += ended.counts.output;
        self.cost_nanos = self.cost_nanos.saturating_add(ended.cost_nanos);
        if let Some(before) = self.last.replace(ended)
            && self.before.len() < LONGEST
        {
            let lead = if self.before.is_empty() { "" } else { "; " };
            let Ended { provider, model, status, outcome, took_us, .. } = before;
            // Writing into a String cannot fail.
            _ = write!(self.before, "{lead}{provider}/{model} {status} {outcome} in {} ms", took_us / 1_000);
        }
    }

    /// Tells it, once.
    pub(super) fn tell(&mut self, whose: Whose<'_>) {
        let Some(last) = self.last.take() else { return };
        let Whose { request_id, caller, surface } = whose;
        let (before, input, took_ms) = (self.before.as_str(), self.sum.input(), self.took_us / 1_000);
        let after = if before.is_empty() { "" } else { ", after " };
        tracing::info!(
            target: "request",
            id = request_id,
            caller,
            surface,
            provider = &*last.provider,
            model = &*last.model,
            status = last.status,
            outcome = last.outcome.as_str(),
            ms = took_ms,
            input,
            cached = self.sum.cache_read,
            output = self.sum.output,
            cost_nanos = self.cost_nanos,
            attempts = self.attempts,
            failed = (!before.is_empty()).then_some(before),
            "{surface} {}/{} {} {} in {took_ms} ms, {input} tokens in ({} cached), {} out{after}{before}",
            last.provider,
            last.model,
            last.status,
            last.outcome,
            self.sum.cache_read,
            self.sum.output
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::store::log::NewLine;
    use crate::telemetry::lines::{Kept, Lines};
    use tracing_subscriber::layer::SubscriberExt as _;

    fn ended(provider: &str, status: u16, outcome: Outcome, output: u64) -> Ended {
        let counts = Counts { input_uncached: 10, output, ..Counts::default() };
        Ended { provider: provider.into(), model: "m".into(), status, outcome, took_us: 40_900, counts, cost_nanos: 7 }
    }

    fn told(ends: Vec<Ended>) -> Vec<NewLine> {
        let lines = Lines::new(Clock::fixed(0), 10);
        let subscriber = tracing_subscriber::registry().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, || {
            let mut line = Line::default();
            for ended in ends {
                line.add(ended);
            }
            for _ in 0..2 {
                line.tell(Whose { request_id: "req_1", caller: "test", surface: "chat" });
            }
        });
        lines.all()
    }

    #[test]
    fn one_line_tells_of_all_attempts() {
        let lines = told(vec![
            ended("a", 503, Outcome::UpstreamError, 0),
            ended("b", 0, Outcome::ConnectFailed, 0),
            ended("c", 200, Outcome::Ok, 5),
        ]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let failed = "a/m 503 upstream_error in 40 ms; b/m 0 connect_failed in 40 ms";
        let expected = format!("chat c/m 200 ok in 122 ms, 30 tokens in (0 cached), 5 out, after {failed}");
        assert_eq!(lines[0].message, expected);
        let fields: serde_json::Value = serde_json::from_str(lines[0].fields.as_ref().unwrap()).unwrap();
        assert_eq!(
            (&fields["attempts"], &fields["failed"], &fields["cost_nanos"]),
            (&3.into(), &failed.into(), &21.into())
        );
    }

    #[test]
    fn a_single_attempt_says_nothing_of_others() {
        let lines = told(vec![ended("a", 200, Outcome::Ok, 5)]);
        assert_eq!(lines[0].message, "chat a/m 200 ok in 40 ms, 10 tokens in (0 cached), 5 out");
        assert!(!lines[0].fields.as_ref().unwrap().contains("failed"));
        assert_eq!(told(Vec::new()), []);
        let many = told((0..1_000).map(|_| ended("a", 500, Outcome::UpstreamError, 0)).collect());
        assert!(many[0].message.len() < 2 * LONGEST);
    }
}
