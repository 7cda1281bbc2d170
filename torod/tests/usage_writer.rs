//! The usage writer against a real database: nothing lost, nothing twice, whatever the disk does.
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which clippy does not take for tests")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokenrouter::Protocol;
use tokenrouter::count::{Counts, Source};
use tokenrouter_shared::figures::Dimension;
use torod::clock::Clock;
use torod::store::figures::{Question, figures};
use torod::store::{schema, usage::greatest_id};
use torod::usage::{Committed, Outcome, Record, Sequence, Status, UsageWriter};

const NOW_MS: i64 = 1_780_000_000_000;

fn record(sequence: &Sequence, model: &Arc<str>, token_id: i64) -> Record {
    let exchange_id = sequence.exchange(NOW_MS);
    Record {
        total_us: 1_500_000,
        first_byte_us: 200_000,
        token_id,
        provider: "acme".into(),
        model: Arc::clone(model),
        upstream_protocol: Protocol::Anthropic,
        stream: true,
        counts: Counts {
            input_uncached: 1,
            cache_read: 20,
            cache_write_5m: 300,
            cache_write_1h: 4_000,
            output: 50_000,
            reasoning: 600,
        },
        ..Record::new(sequence.attempt(NOW_MS), exchange_id, NOW_MS)
    }
}

fn start(dir: &Path, bound: usize) -> UsageWriter {
    UsageWriter::start(schema::open_writer(dir).unwrap(), bound, Clock::system()).unwrap()
}

/// Waits for a state of the writer, which arrives in its own time.
#[expect(clippy::disallowed_methods, reason = "a deadline for a test that waits for a thread")]
fn wait_for(writer: &UsageWriter, what: &str, is_there: impl Fn(&Status) -> bool) -> Status {
    let start = Instant::now();
    loop {
        let status = writer.status();
        if is_there(&status) {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "never came: {what}; {status:?}");
        thread::yield_now();
        thread::park_timeout(Duration::from_millis(1));
    }
}

fn one<T: rusqlite::types::FromSql>(dir: &Path, sql: &str) -> T {
    schema::open_reader(dir).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_record_is_on_disk_soon_and_reads_back_whole() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100);
    let sequence = Sequence::after(0);
    let mut kept = record(&sequence, &"m-1".into(), 7);
    kept.model_asked = Some("best".into());
    kept.request_id = Some("mine".into());
    kept.outcome = Outcome::Cut;
    kept.source = Source::Estimated;
    kept.started_ms = NOW_MS - 3;
    let id = kept.id.0;
    writer.recorder().push(kept);
    let status = wait_for(&writer, "the record", |status| status.queued == 0);
    assert_eq!((status.written, status.dropped, status.last_error), (1, 0, None));
    let all: String = one(
        temp.path(),
        "SELECT concat_ws('|', usage.id, exchange_id, skew_ms, total_us, first_byte_us, token_id,
            (SELECT text FROM name WHERE id = provider), (SELECT text FROM name WHERE id = model),
            (SELECT text FROM name WHERE id = model_asked), (SELECT text FROM name WHERE id = surface),
            client_protocol, upstream_protocol, status, outcome, stream, estimated,
            input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning, request_id) FROM usage",
    );
    let expected =
        format!("{id}|{}|-3|1500000|200000|7|acme|m-1|best|chat|0|2|200|5|1|1|1|20|300|4000|50000|600|mine", id - 1);
    assert_eq!(all, expected);
    assert!(writer.stop(Duration::from_secs(20)));
}

#[test]
fn four_threads_push_and_every_record_is_there_exactly_once() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 1_000_000);
    let sequence = Sequence::after(0);
    let models: Vec<Arc<str>> = (0..9).map(|n| format!("m-{n}").into()).collect();
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (recorder, sequence, models) = (writer.recorder(), &sequence, &models);
            scope.spawn(move || {
                for n in 0..5_000 {
                    recorder.push(record(sequence, &models[(n + usize::from(thread)) % models.len()], thread.into()));
                }
            });
        }
    });
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 20_000);
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage WHERE token_id = 3"), 5_000);
    assert_eq!(writer.status().written, 20_000);
    let reader = schema::open_reader(temp.path()).unwrap();
    let report = figures(&reader, &Question::new(NOW_MS - 1, NOW_MS + 10_000).by(Dimension::Model)).unwrap();
    assert_eq!(report.lines.len(), 9);
    assert_eq!((report.total.exchanges, report.total.counts.output), (20_000, 1_000_000_000));
    assert_eq!(report.total.counts.total(), 20_000 * 54_321);
    assert_eq!(figures(&reader, &Question::new(0, NOW_MS).by(Dimension::Model)).unwrap().lines, []);
}

#[test]
fn a_locked_database_costs_nothing_but_time() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 1_000);
    let sequence = Sequence::after(0);
    let other = Connection::open(schema::database_path(temp.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..10 {
        writer.recorder().push(record(&sequence, &"m".into(), 0));
    }
    let status = wait_for(&writer, "the failure", |status| status.last_error.is_some());
    assert_eq!((status.written, status.queued), (0, 10));
    assert!(status.last_error.unwrap().contains("busy"));
    other.execute_batch("ROLLBACK").unwrap();
    let status = wait_for(&writer, "the recovery", |status| status.last_error.is_none() && status.queued == 0);
    assert_eq!((status.written, status.dropped), (10, 0));
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 10);
}

#[test]
fn the_queue_is_bounded_and_what_it_loses_is_counted_in_one_gap() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 8);
    let sequence = Sequence::after(0);
    let other = Connection::open(schema::database_path(temp.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for late in 0..20 {
        let mut kept = record(&sequence, &"m".into(), 0);
        kept.total_us = late * 1_000;
        writer.recorder().push(kept);
    }
    let status = writer.status();
    assert_eq!((status.queued, status.dropped), (8, 12));
    other.execute_batch("ROLLBACK").unwrap();
    let status = wait_for(&writer, "the gap", |status| status.gaps == 1 && status.queued == 0);
    assert_eq!((status.written, status.dropped), (8, 12));
    assert!(writer.stop(Duration::from_secs(20)));
    let gap: String = one(temp.path(), "SELECT from_ms || ' ' || until_ms || ' ' || records FROM usage_gap");
    assert_eq!(gap, format!("{} {} 12", NOW_MS + 8, NOW_MS + 19));
    let reader = schema::open_reader(temp.path()).unwrap();
    let report = figures(&reader, &Question::new(NOW_MS, NOW_MS + 1_000)).unwrap();
    assert_eq!((report.lost_records, report.total.exchanges), (12, 8));
}

#[tokio::test]
async fn a_full_disk_heals() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 10_000);
    let sequence = Sequence::after(0);
    let handle = writer.handle();
    let limit = |pages: &'static str| {
        handle.call(move |connection: &mut Connection| {
            Ok::<_, torod::store::StoreError>(connection.query_row(pages, [], |row| row.get::<_, i64>(0))?)
        })
    };
    let pages = limit("PRAGMA page_count").await.unwrap();
    assert!(pages > 0);
    limit("PRAGMA max_page_count = 1").await.unwrap();
    for _ in 0..2_000 {
        writer.recorder().push(record(&sequence, &"m".into(), 0));
    }
    let status = wait_for(&writer, "the full disk", |status| status.last_error.is_some());
    assert!(status.last_error.unwrap().contains("full"));
    assert_eq!(status.queued, 2_000);
    limit("PRAGMA max_page_count = 100000").await.unwrap();
    let status = wait_for(&writer, "the recovery", |status| status.queued == 0);
    assert_eq!((status.written, status.dropped), (2_000, 0));
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 2_000);
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage JOIN name ON name.id = model"), 2_000);
}

#[test]
fn stopping_with_a_dead_database_says_so_in_time() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100);
    let other = Connection::open(schema::database_path(temp.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    writer.recorder().push(record(&Sequence::after(0), &"m".into(), 0));
    assert!(!writer.stop(Duration::from_millis(300)));
    assert!(!writer.is_alive());
}

#[test]
fn ids_go_on_after_a_restart_with_the_clock_set_back() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100);
    let first = record(&Sequence::after(0), &"m".into(), 0);
    let first_id = first.id;
    writer.recorder().push(first);
    assert!(writer.stop(Duration::from_secs(20)));
    let connection = schema::open_writer(temp.path()).unwrap();
    let sequence = Sequence::after(greatest_id(&connection).unwrap());
    assert!(sequence.attempt(NOW_MS - 60_000) > first_id);
}

#[test]
fn a_batch_that_was_committed_and_comes_again_is_written_once() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100);
    let kept = record(&Sequence::after(0), &"m".into(), 0);
    writer.recorder().push(kept.clone());
    writer.recorder().push(kept);
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 1);
}

#[test]
fn a_damaged_page_is_told_counted_as_a_gap_and_heals() {
    use std::os::unix::fs::FileExt as _;
    let temp = tempfile::tempdir().unwrap();
    let sequence = Sequence::after(0);
    let writer = start(temp.path(), 10_000);
    for _ in 0..500 {
        writer.recorder().push(record(&sequence, &"m".into(), 1));
    }
    assert!(writer.stop(Duration::from_secs(20)));
    // The page that the next row belongs to.
    let last = "SELECT pageno FROM dbstat WHERE name = 'usage' AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1";
    let at = u64::try_from(one::<i64>(temp.path(), last) - 1).unwrap() * 4_096;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(schema::database_path(temp.path())).unwrap();
    let mut whole = [0; 4_096];
    file.read_exact_at(&mut whole, at).unwrap();
    file.write_all_at(&[0xee; 4_096], at).unwrap();
    let writer = start(temp.path(), 10);
    for _ in 0..25 {
        writer.recorder().push(record(&sequence, &"m".into(), 1));
    }
    let status = wait_for(&writer, "the damage", |status| status.last_error.is_some());
    assert!(status.last_error.unwrap().contains("malformed"));
    assert_eq!((status.queued, status.dropped), (10, 15));
    let told = figures(&schema::open_reader(temp.path()).unwrap(), &Question::new(0, NOW_MS * 2)).unwrap_err();
    assert!(told.to_string().contains("malformed"), "{told}");
    // Somebody puts the page back; what another connection writes makes everybody look again.
    file.write_all_at(&whole, at).unwrap();
    let other = Connection::open(schema::database_path(temp.path())).unwrap();
    other.execute_batch("INSERT INTO name (text) VALUES ('another')").unwrap();
    let status = wait_for(&writer, "the recovery", |status| status.queued == 0);
    assert_eq!((status.written, status.dropped, status.last_error), (10, 15, None));
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 510);
    assert_eq!(one::<i64>(temp.path(), "SELECT sum(records) FROM usage_gap"), 15);
    assert_eq!(one::<String>(temp.path(), "PRAGMA integrity_check"), "ok");
}

/// Keeps the ids of what it is told, and meets a defect at the one that it is afraid of.
struct Listener {
    told: Arc<Mutex<Vec<i64>>>,
    afraid_of: Option<i64>,
}

impl Committed for Listener {
    fn committed(&mut self, records: &[Record]) {
        for record in records {
            assert_ne!(Some(record.id.0), self.afraid_of, "a defect");
            self.told.lock().unwrap().push(record.id.0);
        }
    }
}

fn listen(writer: &UsageWriter, afraid_of: Option<i64>) -> Arc<Mutex<Vec<i64>>> {
    let told = Arc::default();
    writer.listen(Box::new(Listener { told: Arc::clone(&told), afraid_of }));
    told
}

#[test]
fn listeners_are_told_once_of_every_row_and_of_nothing_else() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100_000);
    let sequence = Sequence::after(0);
    let first = record(&sequence, &"m".into(), 0);
    let mut ids = vec![first.id.0];
    writer.recorder().push(first.clone());
    wait_for(&writer, "the first", |status| status.written == 1);
    let told = listen(&writer, None);
    // While the database takes nothing, nobody is told of anything.
    let other = Connection::open(schema::database_path(temp.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..5_000 {
        let one = record(&sequence, &"m".into(), 0);
        ids.push(one.id.0);
        writer.recorder().push(one);
    }
    // It has a row already.
    writer.recorder().push(first);
    wait_for(&writer, "the failure", |status| status.last_error.is_some());
    assert_eq!(*told.lock().unwrap(), [] as [i64; 0]);
    other.execute_batch("ROLLBACK").unwrap();
    // Whoever sees that nothing waits may rely on everybody having been told.
    wait_for(&writer, "the recovery", |status| status.queued == 0);
    assert_eq!(*told.lock().unwrap(), ids[1..]);
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 5_001);
    assert!(writer.stop(Duration::from_secs(20)));
}

#[test]
fn a_listener_that_panics_is_told_of_nothing_more_and_harms_nobody() {
    let temp = tempfile::tempdir().unwrap();
    let writer = start(temp.path(), 100);
    let sequence = Sequence::after(0);
    let records: Vec<_> = (0..3).map(|_| record(&sequence, &"m".into(), 0)).collect();
    let ids: Vec<i64> = records.iter().map(|record| record.id.0).collect();
    let before = listen(&writer, None);
    let broken = listen(&writer, Some(ids[1]));
    let after = listen(&writer, None);
    for (at, record) in (1..).zip(records) {
        writer.recorder().push(record);
        wait_for(&writer, "the record", |status| status.written == at);
    }
    assert!(writer.stop(Duration::from_secs(20)));
    assert_eq!(*broken.lock().unwrap(), ids[..1]);
    assert_eq!((&*before.lock().unwrap(), &*after.lock().unwrap()), (&ids, &ids));
    assert_eq!(one::<i64>(temp.path(), "SELECT count(*) FROM usage"), 3);
}
