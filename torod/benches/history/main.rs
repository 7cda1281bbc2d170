//! Ten million usage rows: how fast they are written, how long they are, and how long every question of a dashboard takes.
//!
//! `cargo bench -p torod --bench history` prints a table. `HISTORY_ROWS` makes it shorter, `HISTORY_DIR` keeps the database.
//! `HISTORY_TOKENS` and `HISTORY_UNTIL_MS` say how many people there are and when the rows end; with `HISTORY_FILL` the
//! database is made and nothing is asked of it (`tests/web/big` looks at it in a browser then).
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

mod world;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokenrouter_shared::figures::{Dimension, Sort, StepUnit};
use tokenrouter_shared::ids::ExchangeId;
use tokenrouter_shared::window::Period;
use tokenrouter_shared::{Budget, BudgetUnit, Limits, Role, Window};
use torod::clock::Clock;
use torod::store::figures::{Figures, Question, Step, failures, figures, sessions};
use torod::store::history::{Cutoffs, prune_step};
use torod::store::tokens::{self, TokenRow};
use torod::store::{Connection, requests, schema};
use torod::usage::UsageWriter;
use world::{RUNS, TOKENS, World};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const DAY_MS: i64 = 86_400_000;
/// How long the rows were used for.
const DAYS: i64 = 90;
/// 2026-10-30, ninety days after the first of August.
const UNTIL_MS: i64 = 1_785_542_400_000 + DAYS * DAY_MS;

/// A number that the environment names, or another one.
fn wanted(variable: &str, otherwise: i64) -> i64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// When the first of the rows was used.
fn began_ms() -> i64 {
    wanted("HISTORY_UNTIL_MS", UNTIL_MS) - DAYS * DAY_MS
}

fn seconds(from: Instant, clock: &Clock) -> f64 {
    clock.instant().duration_since(from).as_secs_f64()
}

/// For how long this thread has had a processor, in milliseconds: on a shared machine the clock on the wall tells of the others
/// too. Zero where the system does not say.
fn worked_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

/// What a person may spend.
fn a_month() -> Limits {
    let window = Window::Calendar { period: Period::Month, time_zone: "UTC".into() };
    Limits {
        budgets: vec![Budget { unit: BudgetUnit::UsdNanos, limit: 5_000_000_000_000, window }],
        ..Limits::default()
    }
}

/// Writes the rows as the daemon does.
fn fill(dir: &Path, rows: i64, clock: &Clock) -> Fallible<()> {
    let connection = schema::open_writer(dir)?;
    let people = wanted("HISTORY_TOKENS", TOKENS.cast_signed()).max(1);
    let began_ms = began_ms();
    for id in 1..=people + RUNS.cast_signed() {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&id.to_le_bytes());
        let is_run = id > people;
        let row = TokenRow {
            id,
            digest,
            run: is_run,
            parent_id: is_run.then_some(1 + id % people),
            name: if is_run { format!("agent of person-{}", 1 + id % people) } else { format!("person-{id}") },
            created_ms: began_ms + id,
            limits: if is_run { Limits::default() } else { a_month() },
            ..TokenRow::new(&format!("tok_{id:016x}"), Role::Keymaster)
        };
        tokens::insert(&connection, &row)?;
    }
    let writer = UsageWriter::start(connection, 1 << 20, clock.clone())?;
    let (recorder, mut world) = (writer.recorder(), World::new(people.cast_unsigned()));
    let (mut made, mut making_s) = (0, 0.0);
    let began = clock.instant();
    while made < rows {
        let from = clock.instant();
        for _ in 0..2_000 {
            let at_ms = began_ms + (made as f64 / rows as f64 * (DAYS * DAY_MS) as f64) as i64;
            world.request(at_ms, |record| {
                recorder.push(record);
                made += 1;
            });
        }
        making_s += seconds(from, clock);
        while writer.status().queued > 200_000 {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
    while writer.status().queued > 0 {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let took = seconds(began, clock);
    println!(
        "{made} rows written in {took:.1} s: {:.0} a second (made beside it in {making_s:.1} s)",
        made as f64 / took
    );
    println!("{:?}", writer.status());
    if writer.stop(Duration::from_mins(1)) { Ok(()) } else { Err("the rows were not written".into()) }
}

fn one(connection: &Connection, sql: &str) -> Fallible<i64> {
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn sizes(dir: &Path) -> Fallible<()> {
    let connection = schema::open_reader(dir)?;
    let rows = one(&connection, "SELECT count(*) FROM usage")?;
    let bytes = std::fs::metadata(schema::database_path(dir))?.len();
    println!("{rows} rows, {bytes} bytes: {:.1} bytes a row in the file", bytes as f64 / rows as f64);
    for (what, sql) in [
        (
            "sums by five minutes",
            "SELECT coalesce(sum(length(data) + length(totals)), 0) FROM usage_sum WHERE id < 1 << 40",
        ),
        ("hashes of clients' ids", "SELECT coalesce(sum(length(named)), 0) FROM usage_sum"),
        ("sums by hours", "SELECT coalesce(sum(length(data) + length(totals)), 0) FROM usage_sum WHERE id >> 40 = 1"),
        ("sums by days", "SELECT coalesce(sum(length(data) + length(totals)), 0) FROM usage_sum WHERE id >> 40 = 2"),
    ] {
        println!("  {what}: {:.1} bytes a row", one(&connection, sql)? as f64 / rows as f64);
    }
    Ok(())
}

fn questions() -> Vec<(String, Question)> {
    let until = began_ms() + DAYS * DAY_MS;
    let last = |days: i64| Question::new(until - days * DAY_MS + 1_234_567, until - 7_654_321);
    let step = |unit| Step { unit, zone: "Europe/Berlin".into() };
    let mut asked = Vec::new();
    for (span, days) in [("1 d", 1), ("7 d", 7), ("30 d", 30), ("all", DAYS)] {
        asked.push((format!("overview, {span}"), last(days)));
        let spread = Question { spread: true, ..last(days) };
        asked.push((format!("overview with percentiles, {span}"), spread));
        for unit in [StepUnit::FiveMinutes, StepUnit::Hour, StepUnit::Day] {
            if days * 288 > 10_000 && unit == StepUnit::FiveMinutes {
                continue;
            }
            asked.push((format!("overview by {unit}, {span}"), last(days).step(step(unit))));
        }
    }
    let labels = [Dimension::Label("team".into()), Dimension::Label("project".into())];
    for dimension in Dimension::ALL.into_iter().chain(labels) {
        for (span, days) in [("7 d", 7), ("30 d", 30), ("all", DAYS)] {
            let by = Question { most: 50, ..last(days).by(dimension.clone()) };
            asked.push((format!("by {dimension}, {span}"), by.clone()));
            let model = by.only(Dimension::Provider, "provider-1");
            asked.push((format!("by {dimension}, one provider, {span}"), model));
        }
    }
    let models = Question { most: 10, ..last(30).by(Dimension::Model) };
    asked.push(("ten models by day, 30 d".into(), models.clone().step(step(StepUnit::Day))));
    asked.push((
        "ten models by hour, 7 d".into(),
        Question { since_ms: until - 7 * DAY_MS, ..models.clone() }.step(step(StepUnit::Hour)),
    ));
    asked.push((
        "model and provider with percentiles, 30 d".into(),
        Question { spread: true, ..models.by(Dimension::Provider) },
    ));
    asked.push((
        "one team by day, all".into(),
        last(DAYS).only(Dimension::Label("team".into()), "team-3").step(step(StepUnit::Day)),
    ));
    asked.push(("one session, all".into(), last(DAYS).only(Dimension::Session, "none")));
    asked.push(("subtree by model, all".into(), Question { root: Some(7), ..last(DAYS).by(Dimension::Model) }));
    asked.push(("runs page, 30 d".into(), Question { most: 100, ..last(30).by(Dimension::Run) }));
    asked.push((
        "sessions page, 30 d".into(),
        Question { most: 100, sort: Sort::Time, ..last(30).by(Dimension::Session) },
    ));
    let errors = Question { sort: Sort::Failures, most: 20, ..last(30).by(Dimension::ErrorClass).by(Dimension::Model) };
    asked.push(("top errors, 30 d".into(), errors));
    asked
}

type Answer = Box<dyn Fn(&Connection) -> Fallible<usize>>;

/// Questions that are no figures: each tells how many lines its answer has.
fn others() -> Vec<(String, Answer)> {
    let until = began_ms() + DAYS * DAY_MS;
    let last = |days: i64| Question::new(until - days * DAY_MS + 1_234_567, until - 7_654_321);
    let mut asked: Vec<(String, Answer)> = Vec::new();
    for (span, days) in [("1 d", 1), ("7 d", 7), ("30 d", 30), ("all", DAYS)] {
        let one = last(days).only(Dimension::Model, "vendor/model-3-2026-05");
        let below = Question { root: Some(7), ..last(days) };
        for (what, question) in [("", last(days)), (" of a model", one), (" of a subtree", below.clone())] {
            let failed = move |connection: &Connection| Ok(failures(connection, &question, 20)?.rows.len());
            asked.push((format!("failures by kind{what}, {span}"), Box::new(failed)));
        }
        let held = move |connection: &Connection| Ok(sessions(connection, &below, 1_000)?.0.len());
        asked.push((format!("conversations of a subtree, {span}"), Box::new(held)));
    }
    asked
}

fn ask(dir: &Path, clock: &Clock) -> Fallible<()> {
    let connection = schema::open_reader(dir)?;
    let (mut slowest, mut most): ((f64, String), f64) = ((0.0, String::new()), 0.0);
    for (what, question) in questions() {
        let (mut best, mut least) = (f64::MAX, f64::MAX);
        let mut lines = 0;
        for _ in 0..3 {
            let (from, began_ms) = (clock.instant(), worked_ms());
            let found: Figures = figures(&connection, &question)?;
            best = best.min(seconds(from, clock) * 1_000.0);
            least = least.min(worked_ms() - began_ms);
            lines = found.lines.len();
        }
        println!("{best:8.1} ms, {least:6.1} of them at work  {what} ({lines} lines)");
        if best > slowest.0 {
            slowest = (best, what);
        }
        most = most.max(least);
    }
    for (what, answer) in others() {
        let (mut best, mut least) = (f64::MAX, f64::MAX);
        let mut lines = 0;
        for _ in 0..3 {
            let (from, began_ms) = (clock.instant(), worked_ms());
            lines = answer(&connection)?;
            best = best.min(seconds(from, clock) * 1_000.0);
            least = least.min(worked_ms() - began_ms);
        }
        println!("{best:8.1} ms, {least:6.1} of them at work  {what} ({lines} lines)");
        if best > slowest.0 {
            slowest = (best, what);
        }
        most = most.max(least);
    }
    println!("slowest: {:.1} ms, {}; most work: {most:.1} ms", slowest.0, slowest.1);
    let some = one(
        &connection,
        "SELECT exchange_id FROM usage WHERE request_id IS NOT NULL AND id > (SELECT max(id) / 2 + min(id) / 2 FROM usage) LIMIT 1",
    )?;
    let name: String =
        connection
            .query_row("SELECT request_id FROM usage WHERE exchange_id = ?1 AND id > ?1", [some], |row| row.get(0))?;
    let from = clock.instant();
    let attempts = requests::attempt_ids(&connection, ExchangeId(some))?;
    println!("{:8.2} ms  a request by its id: {} attempts", seconds(from, clock) * 1_000.0, attempts.len());
    let from = clock.instant();
    let found = requests::exchanges_named(&connection, &name)?;
    println!("{:8.2} ms  a request by its client's id: {} found", seconds(from, clock) * 1_000.0, found.len());
    Ok(())
}

/// Rows that are written while the oldest tenth is removed.
fn retain(dir: &Path, clock: &Clock) -> Fallible<()> {
    let began = clock.instant();
    let mut connection = schema::open_writer(dir)?;
    println!("opened in {:.1} ms", seconds(began, clock) * 1_000.0);
    let mut steps = Vec::new();
    let cut = began_ms() + DAYS * DAY_MS / 10;
    let cutoffs = Cutoffs { rows_ms: cut, hours_ms: 0, days_ms: 0 };
    loop {
        let from = clock.instant();
        let gone = prune_step(&mut connection, &cutoffs)?;
        if gone.is_nothing() || steps.len() > 2_000 {
            break;
        }
        steps.push(seconds(from, clock) * 1_000.0);
    }
    steps.sort_by(f64::total_cmp);
    let at = |percent: usize| steps.get(steps.len() * percent / 100).copied();
    println!("{} steps of retention: p50 {:.2?} ms, p99 {:.2?} ms", steps.len(), at(50), at(99));
    Ok(())
}

fn main() -> Fallible<()> {
    let rows = wanted("HISTORY_ROWS", 10_000_000);
    let clock = Clock::system();
    let temp = tempfile::tempdir()?;
    let dir = std::env::var_os("HISTORY_DIR").map_or_else(|| temp.path().to_owned(), PathBuf::from);
    if !schema::database_path(&dir).exists() {
        fill(&dir, rows, &clock)?;
    }
    if std::env::var_os("HISTORY_FILL").is_some() {
        return Ok(());
    }
    sizes(&dir)?;
    ask(&dir, &clock)?;
    retain(&dir, &clock)
}
