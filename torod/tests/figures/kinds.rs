//! Failures by kind and conversations by age, compared with the plain way.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use tokenrouter_shared::figures::{ERROR_CLASSES, Totals};
use tokenrouter_shared::ids::ms_of;
use torod::store::figures::{Question, SessionSums, failures, sessions, unread};
use torod::usage::{Outcome, Record};

use super::world::totals;

/// Compares the failures of a question, which `passes` says the same of, with `most` kinds told.
pub fn check_failures(
    connection: &Connection,
    question: &Question,
    records: &[Record],
    most: usize,
    passes: impl Fn(&Record) -> bool,
) {
    let span = question.since_ms..question.until_ms;
    let passed: Vec<&Record> = records.iter().filter(|r| span.contains(&ms_of(r.id.0)) && passes(r)).collect();
    let failed = passed.iter().filter(|record| record.outcome != Outcome::Ok);
    let mut kinds: BTreeMap<(&str, &str, &str, u16), Vec<&Record>> = BTreeMap::new();
    for record in failed {
        let class = ERROR_CLASSES[usize::from(record.error_class)];
        let kind = (record.outcome.as_str(), class, &*record.provider, record.status);
        kinds.entry(kind).or_default().push(record);
    }
    let found = failures(connection, question, most).unwrap();
    assert_eq!(found.attempts, passed.len() as u64, "{question:?}");
    assert_eq!(found.failures, kinds.values().map(|kind| kind.len() as u64).sum::<u64>(), "{question:?}");
    assert_eq!((found.kinds, found.rows.len()), (kinds.len() as u64, kinds.len().min(most)), "{question:?}");
    let mut counts: Vec<u64> = kinds.values().map(|kind| kind.len() as u64).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.truncate(most);
    assert_eq!(found.rows.iter().map(|row| row.count).collect::<Vec<_>>(), counts, "the most frequent first");
    for row in &found.rows {
        let kind = &kinds[&(&*row.outcome, &*row.class, &*row.provider, row.status)];
        let models: BTreeSet<&str> = kind.iter().map(|record| &*record.model).collect();
        let last = kind.iter().max_by_key(|record| record.id.0).unwrap();
        assert_eq!((row.count, row.models), (kind.len() as u64, models.len() as u64), "{row:?}");
        let begun_ms = last.started_ms;
        assert_eq!(
            (row.last_ms, &*row.model, row.request),
            (begun_ms, &*last.model, Some(last.exchange_id)),
            "{row:?}"
        );
    }
}

/// Compares the conversations that read nothing of what they wrote, of a question which `passes` says the same of.
pub fn check_unread(
    connection: &Connection,
    question: &Question,
    records: &[Record],
    passes: impl Fn(&Record) -> bool,
) -> u64 {
    let span = question.since_ms..question.until_ms;
    let mut all: BTreeMap<(i64, &str), Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| span.contains(&ms_of(record.id.0)) && passes(record)) {
        if let Some(session) = &record.session {
            all.entry((record.token_id, &session.id)).or_default().push(record);
        }
    }
    let written = |of: &Totals| of.counts.cache_write_5m + of.counts.cache_write_1h;
    let sums = all.into_values().map(|of| totals(of.into_iter()));
    let mut expected: Vec<Totals> = sums.filter(|of| of.counts.cache_read == 0 && written(of) > 0).collect();
    expected.sort_by_key(|of| std::cmp::Reverse(written(of)));
    let found = unread(connection, question, 3).unwrap();
    assert_eq!(found.sessions, expected.len() as u64, "{question:?}");
    assert_eq!(found.tokens, expected.iter().map(written).sum::<u64>(), "{question:?}");
    let lost = expected.iter().map(|of| of.savings_nanos.min(0).unsigned_abs()).sum::<u64>();
    assert_eq!((found.lost_nanos, found.is_least), (lost, false), "{question:?}");
    expected.truncate(3);
    assert_eq!(found.lines.iter().map(|line| line.totals).collect::<Vec<_>>(), expected, "{question:?}");
    found.sessions
}

/// What is known of a conversation: its id, who asked, from when to when, and its sums.
type Known = (Option<String>, Option<String>, i64, i64, String);

fn known(of: &SessionSums) -> Known {
    (of.id.clone(), of.agent.clone(), of.first_ms, of.last_ms, format!("{:?}", of.totals))
}

/// Compares the conversations of a question, which `passes` says the same of.
pub fn check_sessions(
    connection: &Connection,
    question: &Question,
    records: &[Record],
    passes: impl Fn(&Record) -> bool,
) {
    let span = question.since_ms..question.until_ms;
    let mut all: BTreeMap<(i64, Option<&str>), Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| span.contains(&ms_of(record.id.0)) && passes(record)) {
        // The same id with another token is another conversation.
        let session = record.session.as_ref().map(|session| &*session.id);
        all.entry((if session.is_some() { record.token_id } else { 0 }, session)).or_default().push(record);
    }
    let mut expected: Vec<Known> = all
        .iter()
        .map(|((_, id), of)| {
            let agents: BTreeSet<&str> = of.iter().filter_map(|record| record.agent.as_deref()).collect();
            let agent = agents.first().filter(|_| agents.len() == 1).map(ToString::to_string);
            let times = of.iter().map(|record| ms_of(record.id.0));
            let (first, last) = (times.clone().min().unwrap(), times.max().unwrap());
            let sums: Totals = totals(of.iter().copied());
            (id.map(str::to_owned), agent, first, last, format!("{:?}", sums.counted()))
        })
        .collect();
    let (found, count) = sessions(connection, question, 1_000).unwrap();
    assert_eq!(count, all.len() as u64, "{question:?}");
    assert!(found.is_sorted_by_key(|session| session.first_ms), "the oldest first");
    let mut told: Vec<Known> = found.iter().map(known).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected, "{question:?}");
    let (fewer, count) = sessions(connection, question, 2).unwrap();
    assert_eq!((fewer.len(), count), (all.len().min(2), all.len() as u64));
}
