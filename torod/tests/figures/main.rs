//! Figures of usage against the same reckoned the plain way.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod history;
mod kinds;
mod told;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter_shared::Role;
use tokenrouter_shared::figures::{Dimension, Sort, StepUnit};
use torod::clock::Clock;
use torod::store::figures::{Figures, Filter, Question, Step, figures};
use torod::store::tokens::{self, TokenRow};
use torod::store::{StoreError, schema};
use torod::usage::{AgentSession, Record, UsageWriter};
use world::{Dice, World, grouped, key, totals};

const NOW_MS: i64 = 1_780_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Every dimension, and labels that there are and that there are not.
fn dimensions() -> Vec<Dimension> {
    let labels = ["team", "stage", "none"].map(|name| Dimension::Label(name.to_owned()));
    Dimension::ALL.into_iter().chain(labels).collect()
}

/// Three tokens below one another, the last one made for a run.
fn make_tokens(dir: &Path) {
    let connection = schema::open_writer(dir).unwrap();
    for id in 1..=3_u8 {
        let row = TokenRow {
            id: id.into(),
            digest: [id; 32],
            parent_id: (id > 1).then(|| i64::from(id) - 1),
            run: id == 3,
            ..TokenRow::new(&format!("tok_{id}"), Role::Keymaster)
        };
        tokens::insert(&connection, &row).unwrap();
    }
}

/// Writes records as the daemon does.
fn write(dir: &Path, records: &[Record]) {
    let writer = UsageWriter::start(schema::open_writer(dir).unwrap(), 1 << 20, Clock::fixed(NOW_MS)).unwrap();
    for record in records {
        writer.recorder().push(record.clone());
    }
    assert!(writer.stop(Duration::from_mins(1)));
}

/// Three days of requests.
fn some(seed: u64, requests: i64) -> Vec<Record> {
    let (world, mut dice) = (World::default(), Dice(seed));
    (0..requests).flat_map(|n| world.request(&mut dice, NOW_MS + n * 3 * DAY_MS / requests)).collect()
}

fn ask(dir: &Path, question: &Question) -> Figures {
    figures(&schema::open_reader(dir).unwrap(), question).unwrap()
}

fn refused(dir: &Path, question: &Question) -> String {
    match figures(&schema::open_reader(dir).unwrap(), question) {
        Err(StoreError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// Compares an answer with the plain way.
fn check(dir: &Path, question: &Question, records: &[Record], step_ms: Option<i64>, passes: impl Fn(&Record) -> bool) {
    let in_span = |record: &&Record| {
        (question.since_ms..question.until_ms).contains(&tokenrouter_shared::ids::ms_of(record.id.0)) && passes(record)
    };
    let found = ask(dir, question);
    assert_eq!(found.total, totals(records.iter().filter(in_span)), "{question:?}");
    let mut expected = grouped(records.iter().filter(in_span), &question.by, step_ms);
    if question.by.is_empty() {
        expected.entry((Vec::new(), step_ms.map(|_| 0))).or_default();
        let is_there = |line: &&torod::store::figures::Line| line.totals.attempts > 0;
        let lines: Vec<_> = found.lines.iter().filter(is_there).map(|line| (line.at_ms, line.totals)).collect();
        let expected: Vec<_> = expected.iter().filter(|e| e.1.attempts > 0).map(|((_, at), t)| (*at, *t)).collect();
        assert_eq!(lines, expected, "{question:?}");
        return;
    }
    let mut lines: Vec<_> = found.lines.iter().map(|line| ((line.key.clone(), line.at_ms), line.totals)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    // A conversation's id names one for each token.
    let by_session = question.by.contains(&Dimension::Session);
    if !by_session {
        assert_eq!(lines, expected.into_iter().collect::<Vec<_>>(), "{question:?}");
    }
}

#[test]
fn every_dimension_tells_lines_apart_and_lets_attempts_pass() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(1, 600);
    write(temp.path(), &records);
    let all = Question::new(NOW_MS, NOW_MS + 3 * DAY_MS);
    check(temp.path(), &all, &records, None, |_| true);
    for dimension in dimensions() {
        check(temp.path(), &all.clone().by(dimension.clone()), &records, None, |_| true);
        let values: std::collections::BTreeSet<_> = records.iter().map(|record| key(record, &dimension)).collect();
        for value in values {
            let wanted = value.clone().unwrap_or_default();
            if dimension == Dimension::Outcome && value.is_none() {
                continue;
            }
            for not in [false, true] {
                let filter = Filter { dimension: dimension.clone(), values: vec![wanted.clone()], not };
                let question = Question { filters: vec![filter], ..all.clone() };
                check(temp.path(), &question, &records, None, |record| (key(record, &dimension) == value) != not);
            }
        }
    }
    let by = all.clone().by(Dimension::Model).by(Dimension::Label("team".into()));
    check(temp.path(), &by, &records, None, |_| true);
    let step = |unit| Step { unit, zone: "UTC".into() };
    for (unit, step_ms) in [(StepUnit::FiveMinutes, 300_000), (StepUnit::Hour, HOUR_MS), (StepUnit::Day, DAY_MS)] {
        check(temp.path(), &all.clone().step(step(unit)), &records, Some(step_ms), |_| true);
        check(temp.path(), &by.clone().step(step(unit)), &records, Some(step_ms), |_| true);
    }
    // Ends that fit no stretch.
    let ragged = Question { since_ms: NOW_MS + 12_345_678, until_ms: NOW_MS + 2 * DAY_MS + 7_654_321, ..by.clone() };
    check(temp.path(), &ragged, &records, None, |_| true);
    check(temp.path(), &ragged.step(step(StepUnit::Hour)), &records, Some(HOUR_MS), |_| true);
}

#[test]
fn subtrees_count_what_lies_below_and_sessions_are_those_of_a_token() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(2, 300);
    write(temp.path(), &records);
    let all = Question::new(0, i64::MAX);
    check(temp.path(), &Question { root: Some(2), ..all.clone() }, &records, None, |record| record.token_id >= 2);
    let below = all.clone().only(Dimension::Subtree, "tok_2");
    check(temp.path(), &below, &records, None, |record| record.token_id >= 2);
    let mut outside = below.clone();
    outside.filters[0].not = true;
    check(temp.path(), &outside, &records, None, |record| record.token_id < 2);
    let sessions = ask(temp.path(), &all.clone().by(Dimension::Session).by(Dimension::Token));
    let expected = grouped(records.iter(), &[Dimension::Session, Dimension::Token], None);
    // Those without a conversation of their own are told apart by the token alone.
    assert_eq!(sessions.groups, expected.len() as u64);
    let mut lines: Vec<_> = sessions.lines.into_iter().map(|line| ((line.key, None), line.totals)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(lines, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_first_lines_are_those_with_the_most_and_the_total_counts_the_rest() {
    let temp = tempfile::tempdir().unwrap();
    let records = some(3, 300);
    write(temp.path(), &records);
    for sort in Sort::ALL {
        let question = Question { sort, most: 2, ..Question::new(0, i64::MAX).by(Dimension::Model) };
        let found = ask(temp.path(), &question);
        let weight = |t: &tokenrouter_shared::figures::Totals| match sort {
            Sort::Cost => t.cost_nanos.cast_signed(),
            Sort::Tokens => t.counts.total().cast_signed(),
            Sort::Requests => t.exchanges.cast_signed(),
            Sort::Attempts => t.attempts.cast_signed(),
            Sort::Failures => t.failures.cast_signed(),
            Sort::Savings => t.savings_nanos,
            Sort::Time => t.total_us.cast_signed(),
        };
        let mut expected: Vec<i64> = grouped(records.iter(), &question.by, None).values().map(weight).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let lines: Vec<i64> = found.lines.iter().map(|line| weight(&line.totals)).collect();
        assert_eq!((lines, found.groups), (expected[..2].to_vec(), expected.len() as u64), "{sort}");
        assert_eq!(found.total, totals(records.iter()));
    }
}

#[test]
fn spreads_are_those_of_the_attempts() {
    let temp = tempfile::tempdir().unwrap();
    let records = some(4, 400);
    write(temp.path(), &records);
    let question = Question { spread: true, ..Question::new(0, i64::MAX).by(Dimension::Stream) };
    let found = ask(temp.path(), &question);
    let near = |found: u64, mut all: Vec<u64>, percent: usize| {
        all.sort_unstable();
        let wanted = all[(all.len() * percent).div_ceil(100) - 1];
        assert!(found.abs_diff(wanted) * 100 <= wanted * 5 + 30_000, "p{percent}: {found} and not {wanted}");
    };
    for line in found.lines {
        let is_stream = line.key[0].as_deref() == Some("yes");
        let its = || records.iter().filter(|record| record.stream == is_stream);
        let spread = line.spread.unwrap();
        let total = spread.total.unwrap();
        near(total.p50_us, its().map(|record| record.total_us).collect(), 50);
        near(total.p99_us, its().map(|record| record.total_us).collect(), 99);
        let first = spread.first_byte.unwrap();
        near(first.p90_us, its().map(|record| record.first_byte_us).filter(|us| *us > 0).collect(), 90);
    }
    near(found.spread.unwrap().total.unwrap().p95_us, records.iter().map(|record| record.total_us).collect(), 95);
}

#[test]
fn spreads_of_the_first_of_many_groups_are_those_of_each_alone() {
    let temp = tempfile::tempdir().unwrap();
    let mut records = some(6, 900);
    for (at, record) in records.iter_mut().enumerate() {
        // More than have their spreads in memory at once; the first ones have most.
        let session = if at % 5 == 0 { at % 7 } else { at };
        record.session = Some(Arc::new(AgentSession { id: format!("session-{session}").into(), parent: None }));
        record.token_id = 1;
    }
    write(temp.path(), &records);
    let all = Question { spread: true, most: 30, sort: Sort::Attempts, ..Question::new(0, i64::MAX) };
    let found = ask(temp.path(), &all.clone().by(Dimension::Session));
    let expected = grouped(records.iter(), &[Dimension::Session], None);
    assert!(found.groups > 600 && found.groups == expected.len() as u64, "{} groups", found.groups);
    assert_eq!((found.total, found.spread), (totals(records.iter()), ask(temp.path(), &all).spread));
    assert_eq!(found.lines.len(), 30);
    for line in &found.lines {
        assert_eq!(line.totals, expected[&(line.key.clone(), None)]);
        let own = ask(temp.path(), &all.clone().only(Dimension::Session, line.key[0].as_deref().unwrap()));
        assert_eq!((line.totals, line.spread), (own.total, own.spread), "{:?}", line.key);
    }
    // With a filter, what everything comes to is no sum of chunks.
    let streams = all.clone().only(Dimension::Stream, "yes");
    let (some, whole) = (ask(temp.path(), &streams.clone().by(Dimension::Session)), ask(temp.path(), &streams));
    assert_eq!((some.total, some.spread), (whole.total, whole.spread));
    let brief = ask(temp.path(), &Question { is_brief: true, spread: false, ..all.by(Dimension::Session) });
    let few = |of: &Figures| -> Vec<_> {
        of.lines.iter().map(|line| (line.key.clone(), line.totals.attempts, line.totals.cost_nanos)).collect()
    };
    assert_eq!(few(&brief), few(&found));
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), &some(5, 3));
    let all = Question::new(0, i64::MAX);
    for (question, says) in [
        (Question::new(5, 4), "the span begins"),
        (Question::new(-5, 4), "the span begins"),
        (all.clone().only(Dimension::Outcome, "Ok"), "`Ok` is no outcome; known: ok, client_abort"),
        (all.clone().only(Dimension::Status, "abc"), "`abc` is no HTTP status"),
        (all.clone().only(Dimension::Stream, "true"), "`true` is no stream; known: no, yes"),
        (all.clone().by(Dimension::Model).by(Dimension::Agent).by(Dimension::Token), "two dimensions"),
        (all.clone().step(Step { unit: StepUnit::Day, zone: "Mars".into() }), "`Mars` is no time zone"),
        (Question::new(0, 900 * DAY_MS).step(Step { unit: StepUnit::Hour, zone: "UTC".into() }), "10000 stretches"),
    ] {
        let told = refused(temp.path(), &question);
        assert!(told.contains(says), "{told}");
    }
    // What nobody has is had by nobody.
    assert_eq!(ask(temp.path(), &all.only(Dimension::Model, "' OR 1=1 --")).total.attempts, 0);
}
