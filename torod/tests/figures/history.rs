//! Sums equal the rows that they are made from, whatever happens on the way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tokenrouter::catalog::{Catalogue, Tariff};
use tokenrouter::count::Report;
use tokenrouter::price::Price;
use tokenrouter_shared::figures::{Dimension, StepUnit, Totals};
use tokenrouter_shared::reprice::Reprice;
use torod::clock::Clock;
use torod::store::figures::{Question, Step};
use torod::store::history::{Cutoffs, History, prune_step, sum_up_old_by};
use torod::store::{requests, schema};
use torod::telemetry::metrics::Metrics;
use torod::usage::{Charge, Record, UsageWriter, reprice};

use super::kinds::{check_failures, check_sessions, check_unread};
use super::world::{Dice, World, totals};
use super::{DAY_MS, HOUR_MS, NOW_MS, ask, check, dimensions, make_tokens, told};

/// So many rows a chunk has here: a day's sums are made of 32 chunks.
const CHUNK: u64 = 20;

/// What happens to a gateway.
#[derive(Clone, Debug)]
enum Event {
    /// So many requests, this far apart in seconds.
    Requests(u8, u16),
    /// The clock is set, in minutes.
    Clock(i8),
    /// It ends and starts again.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..120_u8, 0..1_200_u16).prop_map(|(count, apart)| Event::Requests(count, apart)),
        1 => (-90..60_i8).prop_map(Event::Clock),
        1 => Just(Event::Restart),
    ]
}

fn start(dir: &Path, metrics: &Arc<Metrics>) -> UsageWriter {
    let connection = schema::open_writer(dir).unwrap();
    let writer = UsageWriter::start_with(connection, 1 << 20, Clock::fixed(NOW_MS), History::by(CHUNK)).unwrap();
    writer.listen(metrics.feed());
    writer
}

fn one(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Lives through `events`. Returns what was written.
fn live(dir: &Path, events: &[Event], seed: u64) -> Vec<Record> {
    live_counted(dir, events, seed, &told::counters())
}

/// The same with the counters of all the time.
fn live_counted(dir: &Path, events: &[Event], seed: u64, metrics: &Arc<Metrics>) -> Vec<Record> {
    let (world, mut dice) = (World::default(), Dice(seed));
    let mut now_ms = NOW_MS;
    let mut written: Vec<Record> = Vec::new();
    let mut late: Vec<Record> = Vec::new();
    let mut writer = start(dir, metrics);
    let push = |writer: &UsageWriter, record: Record, written: &mut Vec<Record>| {
        written.push(record.clone());
        writer.recorder().push(record);
        // A chunk is made at the end of a batch: of what is written at once there would be one.
        while written.len().is_multiple_of(25) && writer.status().queued > 0 {
            std::thread::yield_now();
        }
    };
    for event in events {
        match event {
            Event::Requests(count, apart_s) => {
                for _ in 0..*count {
                    for record in world.request(&mut dice, now_ms) {
                        // Some attempts take hours, and their rows come when others are summed up long since.
                        if dice.roll(20) == 0 { late.push(record) } else { push(&writer, record, &mut written) }
                    }
                    now_ms += i64::from(*apart_s) * 1_000;
                    if dice.roll(40) == 0 {
                        late.drain(..).for_each(|record| push(&writer, record, &mut written));
                    }
                }
            }
            Event::Clock(minutes) => now_ms += i64::from(*minutes) * 60_000,
            Event::Restart => {
                assert!(writer.stop(Duration::from_mins(1)));
                writer = start(dir, metrics);
            }
        }
    }
    late.drain(..).for_each(|record| push(&writer, record, &mut written));
    assert!(writer.stop(Duration::from_mins(1)));
    written
}

/// Compares answers of every kind with the plain way.
fn check_all(dir: &Path, records: &[Record], since_ms: i64, dice: &mut Dice) {
    let last_ms = records.iter().map(|record| tokenrouter_shared::ids::ms_of(record.id.0)).max().unwrap_or(NOW_MS);
    if last_ms < since_ms {
        return;
    }
    let all = Question::new(since_ms, last_ms + 1);
    check(dir, &all, records, None, |_| true);
    let step = |unit| Step { unit, zone: "UTC".into() };
    let units = [(StepUnit::FiveMinutes, 300_000), (StepUnit::Hour, HOUR_MS), (StepUnit::Day, DAY_MS)];
    for (unit, step_ms) in units {
        if (last_ms - since_ms) / step_ms > 9_000 {
            continue;
        }
        check(dir, &all.clone().step(step(unit)), records, Some(step_ms), |_| true);
        check(dir, &all.clone().by(Dimension::Provider).step(step(unit)), records, Some(step_ms), |_| true);
    }
    let known = dimensions();
    for _ in 0..6 {
        let span = u64::try_from(last_ms - since_ms).unwrap_or(0) + 2;
        let (a, b) = (dice.roll(span).cast_signed(), dice.roll(span).cast_signed());
        let by = known[dice.roll(known.len() as u64) as usize].clone();
        let token = dice.roll(4).cast_signed();
        let question = Question::new(since_ms + a.min(b), since_ms + a.max(b)).by(by).only(Dimension::Stream, "yes");
        check(dir, &question, records, None, |record| record.stream);
        let question = Question { root: Some(token.max(1)), filters: Vec::new(), ..question };
        check(dir, &question, records, None, |record| record.token_id >= token.max(1));
        let connection = schema::open_reader(dir).unwrap();
        check_sessions(&connection, &question, records, |record| record.token_id >= token.max(1));
        check_failures(&connection, &question, records, 1_000, |record| record.token_id >= token.max(1));
        check_unread(&connection, &question, records, |record| record.token_id >= token.max(1));
        let question = Question { root: None, ..question }.only(Dimension::Model, "name-2");
        check_unread(&connection, &question, records, |record| &*record.model == "name-2");
        check_failures(&connection, &question, records, 5, |record| &*record.model == "name-2");
    }
    let connection = schema::open_reader(dir).unwrap();
    check_sessions(&connection, &all, records, |_| true);
    check_failures(&connection, &all, records, 1_000, |_| true);
}

/// What budgets were charged.
fn check_spend(dir: &Path, records: &[Record]) {
    let connection = schema::open_reader(dir).unwrap();
    for token_id in 1..=3 {
        let its: Totals = totals(records.iter().filter(|record| record.token_id == token_id));
        for table in ["spend", "spend_span", "spend_total"] {
            let sum = |column: &str| {
                one(&connection, &format!("SELECT coalesce(sum({column}), 0) FROM {table} WHERE token_id = {token_id}"))
            };
            let charged = [sum("requests"), sum("tokens"), sum("cost_nanos")];
            let expected = [its.requests, its.counts.total(), its.cost_nanos].map(u64::cast_signed);
            assert_eq!(charged, expected, "token {token_id} in {table}");
        }
    }
}

/// What is repriced: about half of all models, by one price.
fn prices(tariff: &Arc<Tariff>, model: &str) -> Option<Arc<Tariff>> {
    (model.bytes().map(u32::from).sum::<u32>() % 2 == 0).then(|| Arc::clone(tariff))
}

/// The same row by row.
fn repriced(records: &mut [Record], tariff: &Arc<Tariff>) {
    for record in records {
        let is_asked = record.charge.tariff.is_some() || record.is_unpriced();
        if let Some(tariff) = prices(tariff, &record.model).filter(|_| is_asked) {
            let report = Report::of(record.counts);
            let charge = Charge::of(Some(tariff), &Price::free(), &report, record.started_ms);
            let was = &record.charge;
            // What costs the same is left alone.
            if was.tariff.is_some() && (was.nanos, was.assumed) == (charge.nanos, charge.assumed) {
                continue;
            }
            record.charge = charge;
            record.savings_nanos = record.charge.saved_nanos;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn costs_that_are_corrected_are_in_every_sum(events in prop::collection::vec(event(), 2..12), seed: u64) {
        let temp = tempfile::tempdir().unwrap();
        make_tokens(temp.path());
        let mut records = live(temp.path(), &events, seed);
        let greatest = records.iter().map(|record| record.id.0).max().unwrap_or(0);
        let (world, mut dice) = (World::after(greatest), Dice(seed ^ 1));
        let now_ms = tokenrouter_shared::ids::ms_of(greatest).max(NOW_MS);
        let writer = start(temp.path(), &told::counters());
        let more = |dice: &mut Dice, records: &mut Vec<Record>| {
            for _ in 0..dice.roll(30) {
                for record in world.request(dice, now_ms) {
                    records.push(record.clone());
                    writer.recorder().push(record);
                }
            }
        };
        // Some are in chunks, some in no chunk yet, and of those some in memory.
        more(&mut dice, &mut records);
        let tariff = Arc::new(Catalogue::embedded().find("openai", "gpt-5").price.unwrap().tariff());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut asked = Reprice { all: true, write: true, until_ms: Some(i64::MAX >> 21), ..Reprice::default() };
        loop {
            let (step, tariff) = (asked.clone(), Arc::clone(&tariff));
            let work = move |connection: &mut Connection| {
                let prices = |_: &str, model: &str| prices(&tariff, model);
                reprice::run(connection, &step, &prices, "test", NOW_MS).map(|step| step.told)
            };
            asked.after = runtime.block_on(writer.handle().call(work)).unwrap().next;
            if asked.after.is_none() {
                break;
            }
        }
        repriced(&mut records, &tariff);
        more(&mut dice, &mut records);
        prop_assert!(writer.stop(Duration::from_mins(1)));
        check_all(temp.path(), &records, NOW_MS - 100 * 60_000, &mut dice);
        check_spend(temp.path(), &records);
    }

    #[test]
    fn rows_and_sums_and_exports_and_metrics_and_budgets_say_the_same(
        events in prop::collection::vec(event(), 4..24), seed: u64,
    ) {
        let temp = tempfile::tempdir().unwrap();
        make_tokens(temp.path());
        let metrics = told::counters();
        let records = live_counted(temp.path(), &events, seed, &metrics);
        told::check(temp.path(), &metrics, &records);
        let mut dice = Dice(seed ^ 1);
        check_all(temp.path(), &records, NOW_MS - DAY_MS, &mut dice);
        check_spend(temp.path(), &records);
        let connection = schema::open_reader(temp.path()).unwrap();
        prop_assert_eq!(one(&connection, "SELECT count(*) FROM usage"), i64::try_from(records.len()).unwrap());
        let failures = "SELECT count(*) FROM usage_failure JOIN usage USING (id) WHERE outcome <> 0";
        prop_assert_eq!(one(&connection, failures), totals(records.iter()).failures.cast_signed());
        prop_assert_eq!(one(&connection, "SELECT count(*) FROM usage_failure"), one(&connection, failures));
        for record in records.iter().take(50) {
            let ids = requests::attempt_ids(&connection, record.exchange_id).unwrap();
            let mut expected: Vec<i64> =
                records.iter().filter(|r| r.exchange_id == record.exchange_id).map(|r| r.id.0).collect();
            expected.sort_unstable();
            prop_assert_eq!(ids, expected);
            if let Some(name) = &record.request_id {
                prop_assert!(requests::exchanges_named(&connection, name).unwrap().contains(&record.exchange_id));
            }
        }
        drop(connection);

        // What is older than the middle goes; sums stay, and so do budgets.
        let mut times: Vec<i64> = records.iter().map(|r| tokenrouter_shared::ids::ms_of(r.id.0)).collect();
        times.sort_unstable();
        let cut = times.get(times.len() / 2).copied().unwrap_or(NOW_MS);
        let mut connection = schema::open_writer(temp.path()).unwrap();
        while !prune_step(&mut connection, &Cutoffs { rows_ms: cut, hours_ms: 0, days_ms: 0 }).unwrap().is_nothing() {}
        drop(connection);
        let whole = ask(temp.path(), &Question::new(0, i64::MAX).by(Dimension::Model));
        prop_assert_eq!(whole.total, totals(records.iter()));
        let since = cut - cut.rem_euclid(DAY_MS) + DAY_MS;
        check_all(temp.path(), &records, since, &mut dice);
        check_spend(temp.path(), &records);
    }
}

#[test]
fn rows_from_before_are_summed_up_step_by_step_and_counted_all_the_while() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records =
        live(temp.path(), &[Event::Requests(250, 900), Event::Requests(250, 900), Event::Requests(90, 20)], 9);
    // As a database is that was written before there were chunks.
    schema::open_writer(temp.path())
        .unwrap()
        .execute_batch(
            "DELETE FROM usage_sum; DELETE FROM usage_failure; UPDATE usage SET round = NULL;
             UPDATE usage_fold SET round = 1, oldest_id = 9223372036854775807, old_done_id = 0,
                 old_until_id = (SELECT max(id) FROM usage)",
        )
        .unwrap();
    let mut connection = schema::open_writer(temp.path()).unwrap();
    let mut dice = Dice(3);
    let mut steps = 0;
    loop {
        if steps % 7 == 0 {
            check_all(temp.path(), &records, NOW_MS - DAY_MS, &mut dice);
        }
        steps += 1;
        if !sum_up_old_by(&mut connection, CHUNK).unwrap() {
            break;
        }
    }
    assert!(steps > 10, "{steps} steps");
    check_all(temp.path(), &records, NOW_MS - DAY_MS, &mut dice);
    assert_eq!(one(&connection, "SELECT count(*) FROM usage_failure"), totals(records.iter()).failures.cast_signed());
    assert!(one(&connection, "SELECT count(*) FROM usage_sum WHERE id >> 40 = 6") > 0, "sums by days");
}

#[test]
fn questions_read_sums_and_not_rows() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = live(temp.path(), &[Event::Requests(120, 600), Event::Requests(120, 600)], 4);
    let connection = schema::open_writer(temp.path()).unwrap();
    assert!(one(&connection, "SELECT count(*) FROM usage_sum WHERE id < 1 << 40") > 8);
    assert!(one(&connection, "SELECT count(*) FROM usage_sum WHERE id >> 40 = 1") > 0);
    // Rows that are summed up could as well be gone.
    let gone = connection.execute("DELETE FROM usage WHERE round < (SELECT round FROM usage_fold)", []).unwrap();
    assert!(gone > 100, "{gone}");
    let found = ask(temp.path(), &Question::new(NOW_MS - DAY_MS, NOW_MS + 9 * DAY_MS).by(Dimension::Token));
    assert_eq!(found.total, totals(records.iter()));
}

#[test]
fn a_damaged_sum_fails_the_question_and_not_the_writer() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let first = live(temp.path(), &[Event::Requests(120, 60)], 5);
    schema::open_writer(temp.path())
        .unwrap()
        .execute_batch("UPDATE usage_sum SET data = x'01ffffffffff', totals = x''")
        .unwrap();
    let question = Question::new(NOW_MS - DAY_MS, NOW_MS + 9 * DAY_MS);
    for question in [question.clone(), question.by(Dimension::Token)] {
        let error = torod::store::figures::figures(&schema::open_reader(temp.path()).unwrap(), &question).unwrap_err();
        assert!(error.to_string().contains("sums of usage that cannot be read"), "{error}");
    }
    // Rows go on being written, and what is damaged is not summed up further.
    let world = World::after(first.iter().map(|record| record.id.0).max().unwrap());
    let (writer, mut dice, mut more) = (start(temp.path(), &told::counters()), Dice(6), 0);
    for _ in 0..300 {
        for record in world.request(&mut dice, NOW_MS + DAY_MS) {
            writer.recorder().push(record);
            more += 1;
        }
    }
    assert!(writer.stop(Duration::from_mins(1)));
    let connection = schema::open_reader(temp.path()).unwrap();
    assert_eq!(one(&connection, "SELECT count(*) FROM usage"), i64::try_from(first.len()).unwrap() + more);
}
