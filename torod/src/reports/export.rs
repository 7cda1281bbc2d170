//! Every attempt of a span as comma-separated values or lines of JSON, piece by piece: memory does not grow with the span, and
//! no piece holds the database longer than it takes to read it.

use tokenrouter_shared::attempt::UsageAttempt;

use super::ReportError;
use super::asked::Scope;
use super::csv::{self, Field};
use super::requests::Seen;
use crate::store::Connection;
use crate::store::attempts::{self, AttemptQuery};

/// Attempts of one piece.
const PIECE: usize = 1_000;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values, with a line of names.
    Csv,
    /// One JSON object a line.
    Json,
}

/// What is still to be told of an export.
#[derive(Debug)]
pub struct Export {
    query: AttemptQuery,
    form: Form,
    seen: Seen,
    after: Option<i64>,
    is_begun: bool,
    is_over: bool,
}

/// The columns, in their order.
const COLUMNS: [&str; 42] = [
    "id",
    "request",
    "client_request_id",
    "started_ms",
    "total_us",
    "first_byte_us",
    "provider",
    "model",
    "model_asked",
    "token",
    "token_name",
    "run",
    "session",
    "agent",
    "labels",
    "address",
    "user_agent",
    "credential",
    "surface",
    "client_protocol",
    "upstream_protocol",
    "status",
    "outcome",
    "error_class",
    "stream",
    "estimated",
    "counted",
    "degraded",
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost_nanos",
    "cost_usd",
    "unpriced",
    "price_version",
    "savings_nanos",
    "generation_us",
    "prompt_us",
    "degraded_fields",
];

impl Export {
    /// An export of what `scope` holds, from one moment to before another.
    pub fn new(scope: &Scope, since_ms: i64, until_ms: i64, form: Form) -> Self {
        let (query, seen) = (scope.attempts(since_ms, until_ms), Seen::new(scope.is_admin, scope.root));
        Self { query, form, seen, after: None, is_begun: false, is_over: false }
    }

    /// The next piece; none behind the last one.
    pub fn next(&mut self, connection: &Connection) -> Result<Option<Vec<u8>>, ReportError> {
        if self.is_over {
            return Ok(None);
        }
        let mut piece = Vec::new();
        if !std::mem::replace(&mut self.is_begun, true) && self.form == Form::Csv {
            _ = csv::header(&mut piece, &COLUMNS);
        }
        let found = attempts::following(connection, &self.query, self.after, PIECE)?;
        self.is_over = found.len() < PIECE;
        for attempt in found {
            self.after = Some(attempt.id);
            let view = self.seen.attempt(connection, attempt)?;
            match self.form {
                Form::Csv => write_csv(&mut piece, &view),
                Form::Json => {
                    // Numbers and texts alone: there is nothing in it that has no form in JSON.
                    _ = serde_json::to_writer(&mut piece, &view);
                    piece.push(b'\n');
                }
            }
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

fn text(text: Option<&String>) -> Field<'_> {
    text.map_or(Field::None, |text| Field::Text(text))
}

fn write_csv(piece: &mut Vec<u8>, view: &UsageAttempt) {
    let known = |number: Option<u64>| number.map_or(Field::None, Field::Number);
    let labels =
        if view.labels.is_empty() { String::new() } else { serde_json::to_string(&view.labels).unwrap_or_default() };
    let (counts, lost) = (&view.counts, view.degraded_fields.join("; "));
    let fields = [
        Field::Text(&view.id),
        Field::Text(&view.request),
        text(view.client_request_id.as_ref()),
        Field::Signed(view.started_ms),
        view.total_us.into(),
        known(view.first_byte_us),
        Field::Text(&view.provider),
        Field::Text(&view.model),
        text(view.model_asked.as_ref()),
        text(view.token.as_ref()),
        text(view.token_name.as_ref()),
        text(view.run.as_ref()),
        text(view.session.as_ref()),
        text(view.agent.as_ref()),
        if labels.is_empty() { Field::None } else { Field::Text(&labels) },
        text(view.address.as_ref()),
        text(view.user_agent.as_ref()),
        text(view.credential.as_ref()),
        Field::Text(&view.surface),
        Field::Text(&view.client_protocol),
        Field::Text(&view.upstream_protocol),
        u64::from(view.status).into(),
        Field::Text(&view.outcome),
        text(view.error_class.as_ref()),
        Field::Flag(view.stream),
        Field::Flag(view.estimated),
        Field::Flag(view.counted),
        view.degraded.into(),
        counts.input_uncached.into(),
        counts.cache_read.into(),
        counts.cache_write_5m.into(),
        counts.cache_write_1h.into(),
        counts.output.into(),
        counts.reasoning.into(),
        view.cost_nanos.into(),
        Field::Dollars(i64::try_from(view.cost_nanos).unwrap_or(i64::MAX)),
        Field::Flag(view.unpriced),
        text(view.price_version.as_ref()),
        Field::Signed(view.savings_nanos),
        known(view.generation_us),
        known(view.prompt_us),
        if lost.is_empty() { Field::None } else { Field::Text(&lost) },
    ];
    _ = csv::line(piece, &fields);
}
