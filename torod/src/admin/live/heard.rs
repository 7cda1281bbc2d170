//! What the usage writer's thread leaves for those who listen: sums, and the last attempts, apart for each part of the tree
//! of tokens that somebody listens to.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokenrouter_shared::attempt::UsageAttempt;
use tokenrouter_shared::figures::Totals;
use tokenrouter_shared::usage_of::Buckets;

use crate::access::{TokenEntry, TokenIndex};
use crate::store::attempts::degraded_fields;
use crate::store::usage::Tally;
use crate::usage::{Committed, Record};
use tokenrouter_shared::figures::ERROR_CLASSES;

/// So many attempts are told one by one.
pub(super) const ROWS: usize = 20;

/// Part of the tree: the token at its top; none: all of it.
pub(super) type Root = Option<i64>;

/// Since the last look.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Whether anybody listens: all that the writer's thread looks at while nobody does.
    listens: AtomicBool,
    parts: Mutex<Vec<Part>>,
}

/// What was written below one root.
#[derive(Debug)]
pub(super) struct Part {
    pub root: Root,
    /// When that began, in milliseconds of uptime.
    pub since_ms: u64,
    tally: Tally,
    attempts: u64,
    /// The last of them, the oldest first.
    last: VecDeque<Record>,
}

impl Part {
    fn new(root: Root, since_ms: u64) -> Self {
        Self { root, since_ms, tally: Tally::default(), attempts: 0, last: VecDeque::new() }
    }

    fn hear(&mut self, records: &[Record], tokens: &TokenIndex) {
        let mut judge = Judge { root: self.root, tokens, last: (0, self.root.is_none()) };
        for record in records.iter().filter(|record| judge.sees(record.token_id)) {
            record.tally(&mut self.tally);
            self.attempts += 1;
        }
        let seen = records.iter().rev().filter(|record| judge.sees(record.token_id)).take(ROWS);
        let newest: Vec<Record> = seen.map(plain).collect();
        self.last.extend(newest.into_iter().rev());
        let beyond = self.last.len().saturating_sub(ROWS);
        self.last.drain(..beyond);
    }

    /// The sums, the last attempts as their root sees them, and how many more there are; none where nothing was written.
    pub(super) fn told(&self, tokens: &TokenIndex) -> Option<(Totals, Vec<UsageAttempt>, u64)> {
        if self.attempts == 0 {
            return None;
        }
        let rows: Vec<_> = self.last.iter().rev().map(|record| row(record, tokens, self.root)).collect();
        let left_out = self.attempts.saturating_sub(rows.len() as u64);
        Some((self.tally.totals(), rows, left_out))
    }
}

/// Without what nobody is told here.
fn plain(record: &Record) -> Record {
    let mut record = record.clone();
    (record.detail, record.trace) = (None, None);
    record
}

/// Whether tokens lie below a root. Most records of a batch are of one token.
struct Judge<'t> {
    root: Root,
    tokens: &'t TokenIndex,
    last: (i64, bool),
}

impl Judge<'_> {
    fn sees(&mut self, token_id: i64) -> bool {
        let Some(root) = self.root else { return true };
        if self.last.0 != token_id {
            let token = self.tokens.by_id(token_id);
            let is_below = token.is_some_and(|token| token.chain().any(|token| token.id == root));
            self.last = (token_id, is_below);
        }
        self.last.1
    }
}

impl Heard {
    /// Listens for `roots` from now on, and for no others.
    pub(super) fn listen(&self, roots: &[Root], uptime_ms: u64) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.retain(|part| roots.contains(&part.root));
        for root in roots {
            if !parts.iter().any(|part| part.root == *root) {
                parts.push(Part::new(*root, uptime_ms));
            }
        }
        self.listens.store(!parts.is_empty(), Ordering::Release);
    }

    /// Those parts below which something was written.
    pub(super) fn take(&self, uptime_ms: u64) -> Vec<Part> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |part: &mut Part| {
            let new = Part::new(part.root, uptime_ms);
            (part.attempts > 0).then(|| std::mem::replace(part, new))
        };
        parts.iter_mut().filter_map(fresh).collect()
    }
}

/// The writer's side.
pub(super) struct Ear {
    pub heard: Arc<Heard>,
    pub tokens: Arc<TokenIndex>,
}

impl Committed for Ear {
    fn committed(&mut self, records: &[Record]) {
        if !self.heard.listens.load(Ordering::Acquire) {
            return;
        }
        let mut parts = self.heard.parts.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts.iter_mut() {
            part.hear(records, &self.tokens);
        }
    }
}

/// An attempt as lists show it.
fn row(record: &Record, tokens: &TokenIndex, root: Root) -> UsageAttempt {
    let token = tokens.by_id(record.token_id);
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let known = |number: u64| Some(number).filter(|number| *number > 0);
    let ([input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning], cost_nanos) =
        record.figures();
    let tariff = record.charge.tariff.as_ref();
    UsageAttempt {
        id: record.id.0.to_string(),
        request: record.exchange_id.to_string(),
        client_request_id: record.request_id.as_deref().map(str::to_owned),
        started_ms: record.started_ms,
        total_us: record.total_us,
        first_byte_us: known(record.first_byte_us),
        provider: record.provider.to_string(),
        model: record.model.to_string(),
        model_asked: text(&record.model_asked),
        token: token.as_ref().map(|token| token.public_id.to_string()),
        token_name: token.as_ref().map(|token| token.name.to_string()),
        run: token.as_ref().and_then(|token| run(token, root)),
        session: record.session.as_ref().map(|session| session.id.to_string()),
        agent: text(&record.agent),
        labels: record.labels.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
        address: record.address.map(|address| address.to_string()),
        user_agent: text(&record.user_agent),
        // Which key of a provider was used is for admins.
        credential: root.is_none().then(|| record.credential.to_string()).filter(|label| !label.is_empty()),
        surface: record.surface.to_owned(),
        client_protocol: record.client_protocol.as_str().to_owned(),
        upstream_protocol: record.upstream_protocol.as_str().to_owned(),
        status: record.status,
        outcome: record.outcome.as_str().to_owned(),
        error_class: ERROR_CLASSES
            .get(usize::from(record.error_class))
            .filter(|class| !class.is_empty())
            .map(|class| (*class).to_owned()),
        stream: record.stream,
        estimated: record.source == tokenrouter::count::Source::Estimated,
        counted: record.counted,
        degraded: record.degraded.into(),
        degraded_fields: degraded_fields(record.degraded_fields.as_deref()),
        counts: Buckets { input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning },
        cost_nanos,
        unpriced: record.is_unpriced(),
        price_version: tariff.map(|tariff| tariff.version.to_string()),
        price: tariff.map(|tariff| tariff.price.to_string()),
        savings_nanos: record.savings_nanos,
        generation_us: known(record.generation_us.into()),
        prompt_us: known(record.prompt_us.into()),
    }
}

/// The run that a token was made for, or lies below. What lies above the root is not told.
fn run(token: &TokenEntry, root: Root) -> Option<String> {
    let mut at = Some(token).filter(|token| token.is_run);
    while let Some(token) = at {
        if token.is_own_run {
            return Some(token.public_id.to_string());
        }
        at = token.parent.as_deref().filter(|_| root != Some(token.id));
    }
    None
}
