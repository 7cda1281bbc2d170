//! How long it takes from the start of the program to its first answer, with ten million usage rows of half a year in the
//! database and budgets of every kind that are counted anew from them.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokenrouter::count::Counts;
use tokenrouter_shared::Role;
use tokenrouter_shared::limits::Limits;
use tokenrouter_simulator::{Settings, Simulator};
use torod::access::Key;
use torod::clock::Clock;
use torod::store::schema;
use torod::store::tokens::{self, TokenRow};
use torod::usage::{Charge, Record, Sequence, UsageWriter};

const ROWS: i64 = 10_000_000;
/// People, each with runs of their own below.
const PEOPLE: i64 = 10;
const RUNS: i64 = 50;
const DAY_MS: i64 = 86_400_000;
const SPAN_MS: i64 = 180 * DAY_MS;
const BODY: &str = r#"{"model":"sim/ok","messages":[{"role":"user","content":"hello"}]}"#;
/// Until the program must have answered.
const LONGEST: Duration = Duration::from_secs(20);

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn key(n: i64) -> Key {
    let mut seed = n.cast_unsigned();
    Key::generate(&mut |bytes| {
        for byte in bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = u8::try_from(seed >> 56).unwrap_or(0);
        }
    })
}

/// A budget of every kind of window.
fn every_window() -> Fallible<Limits> {
    let windows = [
        r#"{"calendar":"month","time_zone":"Europe/Berlin"}"#,
        r#"{"calendar":"week","time_zone":"America/New_York"}"#,
        r#"{"calendar":"day","time_zone":"UTC"}"#,
        r#"{"seconds":2592000}"#,
        r#"{"seconds":604800}"#,
        r#"{"seconds":86400}"#,
    ];
    let most = 1_000_000_000_000_000_000_u64;
    let of = |window: &str| format!(r#"{{"unit":"usd_nanos","limit":{most},"window":{window}}}"#);
    let budgets: Vec<String> = windows.into_iter().map(of).collect();
    let life = format!(r#"{{"unit":"usd_nanos","limit":{most}}}"#);
    Ok(serde_json::from_str(&format!(
        r#"{{"budgets":[{life},{}],"requests_per_minute":1000000,"tokens_per_minute":1000000000}}"#,
        budgets.join(",")
    ))?)
}

/// Writes tokens and rows as the daemon does.
fn fill(data: &Path, clock: &Clock) -> Fallible<()> {
    let connection = schema::open_writer(data)?;
    let limits = every_window()?;
    for id in 1..=PEOPLE + RUNS {
        let is_run = id > PEOPLE;
        let row = TokenRow {
            id,
            digest: key(id).digest().0,
            parent_id: is_run.then_some(id % PEOPLE + 1),
            limits: if is_run { Limits::default() } else { limits.clone() },
            ..TokenRow::new(&format!("tok_{id:016x}"), if id == 1 { Role::Admin } else { Role::Keymaster })
        };
        tokens::insert(&connection, &row)?;
    }
    let writer = UsageWriter::start(connection, 1 << 20, clock.clone())?;
    let (recorder, ids, now_ms) = (writer.recorder(), Sequence::after(0), clock.now_ms());
    let (provider, model) = (Arc::from("sim"), Arc::from("ok"));
    for n in 0..ROWS {
        let at_ms = now_ms - SPAN_MS + SPAN_MS / ROWS * n;
        recorder.push(Record {
            total_us: 1_234,
            first_byte_us: 900,
            token_id: PEOPLE + 1 + n * 7_919 % RUNS,
            provider: Arc::clone(&provider),
            model: Arc::clone(&model),
            stream: true,
            counts: Counts { input_uncached: 1_000, output: 300, ..Counts::default() },
            charge: Charge { nanos: 1_000_000, ..Charge::default() },
            ..Record::new(ids.attempt(at_ms), ids.exchange(at_ms), at_ms)
        });
    }
    if writer.stop(Duration::from_mins(5)) { Ok(()) } else { Err("the rows were not written".into()) }
}

/// A running torod. Dropped, it is ended.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Starts the program and asks until it has answered. Returns how long that took.
fn start(program: &Path, folder: &Path, at: SocketAddr, clock: &Clock) -> Fallible<Duration> {
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{BODY}",
        key(PEOPLE + 1).reveal(),
        BODY.len(),
    );
    let began = clock.instant();
    let child = Command::new(program)
        .args(["serve", "--config"])
        .arg(folder.join("torod.toml"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut running = Running(child);
    let mut connection = loop {
        match TcpStream::connect(at) {
            Ok(connection) => break connection,
            Err(e) if clock.instant().duration_since(began) > LONGEST => return Err(e.into()),
            Err(_) => std::thread::sleep(Duration::from_micros(100)),
        }
        if let Some(end) = running.0.try_wait()? {
            return Err(format!("torod ended with {end}").into());
        }
    };
    connection.set_read_timeout(Some(LONGEST))?;
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let took = clock.instant().duration_since(began);
    drop(running);
    if answer.starts_with("HTTP/1.1 200") { Ok(took) } else { Err(answer.into()) }
}

fn prepare(clock: &Clock, upstream: &str) -> Fallible<(tempfile::TempDir, SocketAddr)> {
    let folder = tempfile::tempdir()?;
    let at = SocketAddr::from(([127, 0, 0, 1], tokenrouter_simulator::free_port().ok_or("no port is free")?));
    let text = format!(
        "listen_addr = \"{at}\"\nauto_detect_local_servers = false\n[[providers]]\nname = \"sim\"\n\
         protocols = {{ openai = \"{upstream}/v1\" }}\napi_key = \"sk-0123456789\"\n"
    );
    std::fs::write(folder.path().join("torod.toml"), text)?;
    fill(&folder.path().join("data"), clock)?;
    Ok((folder, at))
}

fn measure(c: &mut Criterion) -> Fallible<()> {
    let clock = Clock::system();
    let runtime = tokio::runtime::Runtime::new()?;
    let simulator = runtime.block_on(Simulator::start("127.0.0.1:0".parse()?, Settings::default()))?;
    let (folder, at) = prepare(&clock, &simulator.url())?;
    // Another program can be measured with the same rows.
    let program = std::env::var_os("TOROD").map_or_else(|| env!("CARGO_BIN_EXE_torod").into(), PathBuf::from);
    start(&program, folder.path(), at, &clock)?;
    let mut failure = None;
    let mut group = c.benchmark_group("start");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    group.bench_function("to the first answer, 1,000,000 rows", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                match start(black_box(&program), folder.path(), at, &clock) {
                    Ok(one) => took += one,
                    Err(e) => failure = Some(e),
                }
            }
            took
        });
    });
    group.finish();
    failure.map_or(Ok(()), Err)
}

fn starts(c: &mut Criterion) {
    if let Err(e) = measure(c) {
        _ = writeln!(std::io::stderr(), "nothing was measured: {e}");
        std::process::exit(1);
    }
}

criterion_group!(start_of_the_daemon, starts);
criterion_main!(start_of_the_daemon);
