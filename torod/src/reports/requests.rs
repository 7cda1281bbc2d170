//! The requests behind any number: page by page, each with its attempts, as far as they may be seen.

use std::collections::HashMap;

use tokenrouter_shared::ExchangeId;
use tokenrouter_shared::attempt::{UsageAttempt, UsageRequest, UsageRequests};

use super::ReportError;
use super::asked::{Asked, Scope};
use crate::store::attempts::{self, Attempt};
use crate::store::runs::{self, TokenFacts};
use crate::store::{Connection, StoreError};

/// The most requests on a page.
pub const MOST: usize = 200;
/// What a page's `next` begins with: it is no number to reckon with.
const CURSOR: &str = "a";

/// A page of requests of which an attempt matches, the newest first.
pub fn page(
    connection: &Connection,
    asked: &Asked,
    scope: &Scope,
    cursor: Option<&str>,
    limit: usize,
) -> Result<UsageRequests, ReportError> {
    if !(1..=MOST).contains(&limit) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST}")));
    }
    let before = cursor.map(read_cursor).transpose()?;
    let query = scope.attempts(asked.span.since_ms, asked.span.until_ms);
    let page = attempts::page(connection, &query, before, limit)?;
    let mut seen = Seen::new(scope.is_admin, scope.root);
    let requests = page.requests.into_iter().map(|attempts| seen.request(connection, attempts));
    Ok(UsageRequests {
        requests: requests.collect::<Result<_, _>>()?,
        next: page.next.map(|at| format!("{CURSOR}{at:x}")),
    })
}

fn read_cursor(text: &str) -> Result<i64, ReportError> {
    let number = text.strip_prefix(CURSOR).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = number.and_then(|digits| i64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| ReportError::Unclear("`cursor` is not the `next` of a page: begin without one".to_owned()))
}

/// One request: by our id, or by the client's own.
pub fn show(
    connection: &Connection,
    which: &str,
    root: Option<i64>,
    is_admin: bool,
) -> Result<UsageRequest, ReportError> {
    let attempts = match which.parse::<ExchangeId>() {
        Ok(id) => attempts::request(connection, id, root)?,
        Err(_) => attempts::named(connection, which, root)?,
    };
    if attempts.is_empty() {
        return Err(ReportError::NoRequest(which.to_owned()));
    }
    Ok(Seen::new(is_admin, root).request(connection, attempts)?)
}

/// What is shown of attempts, with what was looked up for it.
#[derive(Debug)]
pub struct Seen {
    is_admin: bool,
    root: Option<i64>,
    runs: HashMap<i64, Option<String>>,
}

impl Seen {
    /// What an admin sees, or somebody else, of what lies below `root`.
    pub fn new(is_admin: bool, root: Option<i64>) -> Self {
        Self { is_admin, root, runs: HashMap::new() }
    }

    fn request(&mut self, connection: &Connection, attempts: Vec<Attempt>) -> Result<UsageRequest, StoreError> {
        let attempts: Vec<UsageAttempt> =
            attempts.into_iter().map(|attempt| self.attempt(connection, attempt)).collect::<Result<_, _>>()?;
        let started_ms = attempts.iter().map(|one| one.started_ms).min().unwrap_or(0);
        let ends_us = |one: &UsageAttempt| {
            let late_ms = u64::try_from(one.started_ms.saturating_sub(started_ms)).unwrap_or(0);
            late_ms.saturating_mul(1_000).saturating_add(one.total_us)
        };
        Ok(UsageRequest {
            id: attempts.first().map(|one| one.request.clone()).unwrap_or_default(),
            started_ms,
            total_us: attempts.iter().map(ends_us).max().unwrap_or(0),
            outcome: attempts.last().map(|one| one.outcome.clone()).unwrap_or_default(),
            cost_nanos: attempts.iter().fold(0, |sum, one| sum.saturating_add(one.cost_nanos)),
            attempts,
        })
    }

    /// One attempt with its run, without what is not for whoever asks.
    pub fn attempt(&mut self, connection: &Connection, attempt: Attempt) -> Result<UsageAttempt, StoreError> {
        let mut view = attempt.view;
        view.run = self.run(connection, attempt.token_id)?;
        if !self.is_admin {
            view.credential = None;
        }
        Ok(view)
    }

    /// The run that a token was made for, or lies below.
    fn run(&mut self, connection: &Connection, token_id: i64) -> Result<Option<String>, StoreError> {
        /// So many tokens are kept in mind.
        const MOST_KNOWN: usize = 10_000;
        if let Some(run) = self.runs.get(&token_id) {
            return Ok(run.clone());
        }
        let mut at = Some(token_id).filter(|id| *id != 0);
        let mut run = None;
        while let Some(id) = at {
            let Some(token): Option<TokenFacts> = runs::token(connection, id)? else { break };
            if token.run {
                run = Some(token.public_id);
                break;
            }
            // What lies above is not told.
            at = token.parent_id.filter(|parent| *parent < id && self.root != Some(id));
        }
        if self.runs.len() >= MOST_KNOWN {
            self.runs.clear();
        }
        self.runs.insert(token_id, run.clone());
        Ok(run)
    }
}
