//! Attempts one by one: which of them match, those of a request, and all of a span in the order of time.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use tokenrouter_shared::ExchangeId;
use tokenrouter_shared::attempt::UsageAttempt;
use tokenrouter_shared::figures::{Dimension, ERROR_CLASSES, OUTCOMES, PROTOCOLS};
use tokenrouter_shared::ids::{first_of_ms, ms_of};
use tokenrouter_shared::usage_of::Buckets;

use super::StoreError;
use super::attempt_filter::Conditions;
use super::figures::Filter;
use super::history::State;
use super::requests::{attempt_ids, exchanges_named};

/// Which attempts are asked for.
#[derive(Clone, Debug)]
pub struct AttemptQuery {
    /// From this time on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Before this time.
    pub until_ms: i64,
    /// Only of this token and those below it.
    pub root: Option<i64>,
    /// Only those that match all of these.
    pub filters: Vec<Filter>,
}

/// An attempt, and where it stands.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its row.
    pub id: i64,
    /// The exchange that it belongs to.
    pub exchange_id: i64,
    /// The number of its token; 0: none.
    pub token_id: i64,
    /// Whether it matches what was asked for: of a request, all attempts are told.
    pub is_match: bool,
    /// What is known of it; `run` is left to be found.
    pub view: UsageAttempt,
}

/// What [`read`] reads, in its order, but for whether it matches.
const COLUMNS: &str = "
    id, exchange_id, skew_ms, total_us, first_byte_us, token_id,
    (SELECT text FROM name WHERE id = usage.provider), (SELECT text FROM name WHERE id = usage.model),
    (SELECT text FROM name WHERE id = usage.model_asked), (SELECT text FROM name WHERE id = usage.surface),
    client_protocol, upstream_protocol, status, outcome, stream, estimated,
    input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning,
    request_id, cost_nanos, price IS NULL,
    (SELECT version FROM price WHERE id = usage.price), (SELECT rates FROM price WHERE id = usage.price), counted,
    (SELECT text FROM agent_session WHERE id = usage.session), (SELECT text FROM name WHERE id = usage.agent),
    (SELECT text FROM name WHERE id = usage.credential),
    (SELECT text FROM name WHERE id = (SELECT address FROM origin WHERE id = usage.origin)),
    (SELECT text FROM name WHERE id = (SELECT user_agent FROM origin WHERE id = usage.origin)),
    (SELECT text FROM label_set WHERE id = (SELECT labels FROM origin WHERE id = usage.origin)),
    error_class, degraded, savings_nanos, generation_us, prompt_us,
    (SELECT fields FROM usage_degraded WHERE id = usage.id),
    coalesce((SELECT public_id FROM token WHERE id = token_id), (SELECT public_id FROM token_removed WHERE id = token_id)),
    coalesce((SELECT name FROM token WHERE id = token_id), (SELECT name FROM token_removed WHERE id = token_id))";

/// So many requests of one id of a client are looked at.
const MOST_NAMESAKES: usize = 100;

fn word(words: &[&str], at: i64) -> String {
    let known = usize::try_from(at).ok().and_then(|at| words.get(at));
    known.map_or_else(|| format!("#{at}"), |word| (*word).to_owned())
}

/// Names that stand in one text.
pub fn degraded_fields(text: Option<&str>) -> Vec<String> {
    text.into_iter().flat_map(|text| text.split(", ")).map(str::to_owned).collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let number = |at: usize| -> rusqlite::Result<u64> { Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0)) };
    let known = |at: usize| -> rusqlite::Result<Option<u64>> { Ok(Some(number(at)?).filter(|number| *number > 0)) };
    let text = |at: usize| -> rusqlite::Result<Option<String>> {
        Ok(row.get::<_, Option<String>>(at)?.filter(|text| !text.is_empty()))
    };
    let (id, exchange_id, skew_ms): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let outcome: i64 = row.get(13)?;
    let (cost_nanos, is_without_price) = (number(23)?, row.get::<_, bool>(24)?);
    let labels = text(33)?.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let counts = Buckets {
        input_uncached: number(16)?,
        cache_read: number(17)?,
        cache_write_5m: number(18)?,
        cache_write_1h: number(19)?,
        output: number(20)?,
        reasoning: number(21)?,
    };
    let view = UsageAttempt {
        id: id.to_string(),
        request: ExchangeId(exchange_id).to_string(),
        client_request_id: text(22)?,
        started_ms: ms_of(id).saturating_add(skew_ms),
        total_us: number(3)?,
        first_byte_us: known(4)?,
        provider: text(6)?.unwrap_or_default(),
        model: text(7)?.unwrap_or_default(),
        model_asked: text(8)?,
        token: text(40)?,
        token_name: text(41)?,
        run: None,
        session: text(28)?,
        agent: text(29)?,
        labels,
        address: text(31)?,
        user_agent: text(32)?,
        credential: text(30)?,
        surface: text(9)?.unwrap_or_default(),
        client_protocol: word(&PROTOCOLS, row.get(10)?),
        upstream_protocol: word(&PROTOCOLS, row.get(11)?),
        status: u16::try_from(row.get::<_, i64>(12)?).unwrap_or(0),
        outcome: word(&OUTCOMES, outcome),
        error_class: Some(word(&ERROR_CLASSES, row.get(34)?)).filter(|class| !class.is_empty()),
        stream: row.get(14)?,
        estimated: row.get(15)?,
        counted: row.get(27)?,
        degraded: number(35)?,
        degraded_fields: degraded_fields(text(39)?.as_deref()),
        counts,
        cost_nanos,
        unpriced: is_without_price && (cost_nanos > 0 || counts.total() > 0),
        price_version: text(25)?,
        price: text(26)?,
        savings_nanos: row.get(36)?,
        generation_us: known(37)?,
        prompt_us: known(38)?,
    };
    Ok(Attempt { id, exchange_id, token_id: row.get(5)?, is_match: row.get(42)?, view })
}

impl AttemptQuery {
    /// Whether nothing that ended well matches.
    fn wants_failures(&self) -> bool {
        self.filters.iter().any(|filter| {
            let names_ok = filter.values.iter().any(|value| value == OUTCOMES[0]);
            filter.dimension == Dimension::Outcome && names_ok == filter.not
        })
    }

    fn conditions(&self, connection: &Connection) -> Result<Conditions, StoreError> {
        Conditions::of(connection, self.root, &self.filters)
    }
}

/// So many attempts that match, in the order of their ids, from behind `after` on; empty at the end.
pub fn following(
    connection: &Connection,
    query: &AttemptQuery,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<Attempt>, StoreError> {
    let conditions = query.conditions(connection)?;
    let from = after.map_or_else(|| first_of_ms(query.since_ms), |after| after.saturating_add(1));
    let sql =
        format!("SELECT {COLUMNS}, 1 FROM usage WHERE id >= ? AND id < ? AND {} ORDER BY id LIMIT ?", conditions.sql());
    let bound = [from.into(), first_of_ms(query.until_ms).into()].into_iter().chain(conditions.values().cloned());
    let bound = bound.chain([Value::from(i64::try_from(limit).unwrap_or(i64::MAX))]);
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_map(params_from_iter(bound), read)?.collect::<Result<_, _>>()?)
}

/// An attempt that matches.
struct Found {
    id: i64,
    exchange_id: i64,
    /// Whether it is known to be the only attempt of its request: there is no second one where the first went well, but for
    /// the question to a model that chooses, which comes before the request's own attempts.
    is_alone: bool,
}

/// The newest attempts that match, before the one with the id `before`.
fn newest(
    connection: &Connection,
    query: &AttemptQuery,
    conditions: &Conditions,
    before: i64,
    limit: usize,
) -> Result<Vec<Found>, StoreError> {
    // Failures are listed apart once rows from before are, so that nobody looks for a few of them among all.
    let from = if query.wants_failures() && State::read(connection)?.is_all_summed_up() {
        "usage_failure CROSS JOIN usage USING (id)"
    } else {
        "usage"
    };
    let sql = format!(
        "SELECT id, exchange_id,
             coalesce(is_first, 0) AND outcome = 0 AND surface <> coalesce((SELECT id FROM name WHERE text = 'auto'), 0)
         FROM {from} WHERE id >= ? AND id < ? AND {} ORDER BY id DESC LIMIT ?",
        conditions.sql()
    );
    let bound = [Value::from(first_of_ms(query.since_ms)), before.into()];
    let bound = bound.into_iter().chain(conditions.values().cloned());
    let bound = bound.chain([Value::from(i64::try_from(limit).unwrap_or(i64::MAX))]);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = |row: &Row<'_>| Ok(Found { id: row.get(0)?, exchange_id: row.get(1)?, is_alone: row.get(2)? });
    Ok(statement.query_map(params_from_iter(bound), found)?.collect::<Result<_, _>>()?)
}

/// One page of requests, each with all of its attempts in their order: those with the newest matching attempt first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The attempts of each request.
    pub requests: Vec<Vec<Attempt>>,
    /// Where the next page starts; none on the last one.
    pub next: Option<i64>,
}

/// The requests of which an attempt matches, from the one before `before` on.
pub fn page(
    connection: &Connection,
    query: &AttemptQuery,
    before: Option<i64>,
    limit: usize,
) -> Result<Page, StoreError> {
    let conditions = query.conditions(connection)?;
    let end = first_of_ms(query.until_ms);
    let start = before.map_or(end, |before| before.min(end));
    let mut page = Page::default();
    let mut at = start;
    loop {
        let wanted = limit.saturating_sub(page.requests.len()).saturating_add(1);
        let found = newest(connection, query, &conditions, at, wanted)?;
        let is_last = found.len() < wanted;
        for Found { id, exchange_id, is_alone } in found {
            if page.requests.len() == limit {
                page.next = Some(at);
                return Ok(page);
            }
            at = id;
            let ids = if is_alone { vec![id] } else { attempt_ids(connection, ExchangeId(exchange_id))? };
            let attempts = of_rows(connection, &ids, query, &conditions)?;
            // Another attempt of the same request is newer: it was told there.
            let is_told = attempts.iter().any(|attempt| attempt.is_match && attempt.id > id && attempt.id < end);
            if !is_told && !attempts.is_empty() {
                page.requests.push(attempts);
            }
        }
        if is_last {
            return Ok(page);
        }
    }
}

/// The attempts of some rows, in their order, as far as they may be seen.
fn of_rows(
    connection: &Connection,
    ids: &[i64],
    query: &AttemptQuery,
    conditions: &Conditions,
) -> Result<Vec<Attempt>, StoreError> {
    let seen = Conditions::of(connection, query.root, &[])?;
    let sql = format!(
        "SELECT {COLUMNS}, ({}) FROM usage WHERE id IN ({}) AND {} ORDER BY id",
        conditions.sql(),
        vec!["?"; ids.len()].join(", "),
        seen.sql()
    );
    let bound = conditions.values().cloned().chain(ids.iter().map(|id| Value::from(*id)));
    let bound = bound.chain(seen.values().cloned());
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_map(params_from_iter(bound), read)?.collect::<Result<_, _>>()?)
}

/// The attempts of one request, as far as they may be seen below `root`.
pub fn request(connection: &Connection, id: ExchangeId, root: Option<i64>) -> Result<Vec<Attempt>, StoreError> {
    let query = AttemptQuery { since_ms: 0, until_ms: i64::MAX, root, filters: Vec::new() };
    let conditions = query.conditions(connection)?;
    of_rows(connection, &attempt_ids(connection, id)?, &query, &conditions)
}

/// The attempts of the newest request that a client gave this id of its own, and that may be seen below `root`.
pub fn named(connection: &Connection, request_id: &str, root: Option<i64>) -> Result<Vec<Attempt>, StoreError> {
    for id in exchanges_named(connection, request_id)?.into_iter().take(MOST_NAMESAKES) {
        let attempts = request(connection, id, root)?;
        if attempts.iter().any(|attempt| attempt.view.client_request_id.as_deref() == Some(request_id)) {
            return Ok(attempts);
        }
    }
    Ok(Vec::new())
}
