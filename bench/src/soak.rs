//! A long run at a fixed rate with everything on: whether memory grows, whether a row is lost, how files grow.
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use crate::body;
use crate::clock::now;
use crate::cpu;
use crate::load::{self, Ask, Shared};
use crate::process::Cpus;
use crate::stats::{median, percentile};
use crate::targets::{self, Running};

/// How many connections there are at most.
const CONNECTIONS: u32 = 256;
/// What is kept in full of conversations, by the file it writes.
const KEPT: u64 = 5_000;
/// Until then caches fill up and pools are made.
const SETTLED: Duration = Duration::from_mins(5);
/// What a row takes of its file at most, and what the write-ahead log may be long beside it.
const ROW_BYTES: u64 = 250;
const LOG_BYTES: u64 = 16 << 20;
/// How long what waits to be written may take.
const SETTLING: Duration = Duration::from_secs(30);

/// Run torod at a fixed rate for a long time, conversations kept
#[derive(clap::Args)]
pub(crate) struct Soak {
    /// How long
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
    /// Also write every sample to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The torod to run; without it the one built beside this program
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) torod: Option<PathBuf>,
}

/// How things stood at one moment.
#[derive(Clone, Debug, Serialize)]
struct Sample {
    seconds: u64,
    answers: u64,
    errors: u64,
    rss_kib: u64,
    /// The database, its write-ahead log included.
    rows_bytes: u64,
    /// The same of the conversations' database.
    conversations_bytes: u64,
}

/// What `/v1/status` says that matters here.
#[derive(Debug, Deserialize)]
struct Status {
    usage: UsageStatus,
    conversations: CaptureStatus,
}

#[derive(Debug, Deserialize)]
struct UsageStatus {
    written: u64,
    waiting: u64,
    lost: u64,
}

#[derive(Debug, Deserialize)]
struct CaptureStatus {
    kept: u64,
    waiting: u64,
    lost: u64,
}

/// Runs it, tells how it stands every minute, and fails where memory grew or a row is missing.
pub(crate) async fn run(soak: &Soak, upstream: SocketAddr, torod: &Path, cpus: Option<Cpus>) -> anyhow::Result<()> {
    let more = format!("\n[conversations]\nenabled = true\nmax_items = {KEPT}\n");
    let target = targets::start_torod(upstream, torod, cpus, &more).await?;
    let (pid, data) = (target.pid().context("torod has no process")?, target.data().context("torod has no folder")?);
    let before = settled(&target).await?.usage.written;
    let rows_bytes_before = bytes_of(&data, "torod.db");

    let total = soak.minutes * 60 * soak.rate;
    let (tally, kinds) = (Shared::default(), Kinds::new()?);
    let (addr, key) = (target.addr, target.key.clone());
    let asks: load::Asks = Rc::new(move |number| {
        let (body, pieces) = kinds.body(number);
        Ask { addr, key: key.clone(), body, pieces }
    });
    let (start, mut samples) = (now(), Vec::new());
    let (mut answers, mut errors, mut problem) = (0, 0, None);
    let mut load = std::pin::pin!(load::open_loop(&asks, soak.rate, total, CONNECTIONS, &tally));
    let mut over = false;
    while !over {
        tokio::select! {
            () = &mut load => over = true,
            () = sleep(Duration::from_secs(10)) => {}
        }
        let mut counted = tally.take();
        answers += counted.answers;
        errors += counted.errors;
        problem = problem.or(counted.problem.take());
        let sample = Sample {
            seconds: now().saturating_duration_since(start).as_secs(),
            answers,
            errors,
            rss_kib: cpu::rss_kib(pid),
            rows_bytes: bytes_of(&data, "torod.db"),
            conversations_bytes: bytes_of(&data, "conversations.db"),
        };
        if samples.len() % 6 == 5 || over {
            crate::tell(&line(&sample, percentile(&mut counted.latency_us, 990)));
        }
        samples.push(sample);
    }
    if let Some(file) = &soak.json {
        let json = serde_json::to_string_pretty(&samples)?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }

    let ended = settled(&target).await?;
    let written = ended.usage.written - before;
    crate::tell(&format!(
        "{written} rows of {total} requests, {} lost; {} requests kept of conversations, {} lost",
        ended.usage.lost, ended.conversations.kept, ended.conversations.lost
    ));
    ensure!(errors == 0, "{errors} answers were wrong, the first: {}", problem.unwrap_or_default());
    ensure!(ended.usage.lost == 0 && written == u64::from(total), "a row is missing");
    ensure!(ended.conversations.lost == 0, "a request is missing in the conversations");
    let grown = bytes_of(&data, "torod.db").saturating_sub(rows_bytes_before);
    crate::tell(&format!("{} bytes of the database for each row", grown / written.max(1)));
    ensure!(grown <= ROW_BYTES * written + LOG_BYTES, "rows take more than {ROW_BYTES} bytes each");
    // No more than so many requests are kept in full, so that their file is as long as it gets long before. It is given back
    // and grows again every few minutes, so that it is looked at how long it ever was.
    if let Some(growth) = peak_growth_per_mille(&samples, |sample| sample.conversations_bytes) {
        crate::tell(&format!(
            "the file of conversations was at most {}.{} % longer in the second half than in the first, after minute five",
            growth / 10,
            growth % 10
        ));
        ensure!(growth < 100, "conversations are kept longer than they should be");
    }
    if let Some(growth) = growth_per_mille(&samples, |sample| sample.rss_kib) {
        crate::tell(&format!("memory grew by {}.{} % after minute five", growth / 10, growth % 10));
        ensure!(growth < 50, "memory grew by more than 5 %");
    }
    Ok(())
}

/// How torod stands once nothing waits to be written any more.
async fn settled(target: &Running) -> anyhow::Result<Status> {
    let until = now() + SETTLING;
    loop {
        let status = status(target).await?;
        if status.usage.waiting == 0 && status.conversations.waiting == 0 {
            return Ok(status);
        }
        ensure!(now() < until, "records still wait to be written after {} s", SETTLING.as_secs());
        sleep(Duration::from_millis(50)).await;
    }
}

/// The kinds of requests, as they are before each gets words of its own.
struct Kinds {
    plain: Value,
    short: Value,
    long: Value,
    agent: Value,
}

impl Kinds {
    fn new() -> anyhow::Result<Self> {
        let small = |model, stream| serde_json::from_slice(&body::small(model, stream));
        Ok(Self {
            plain: small("up/ok", false)?,
            short: small("up/ok+chunks=10+interval_ms=20", true)?,
            long: small("up/ok+chunks=50+interval_ms=40", true)?,
            agent: serde_json::from_slice(&body::agent("up/ok"))?,
        })
    }

    /// The body of the request of this number, and the pieces of its answer: of twenty, twelve are plain, seven streams
    /// and one an agent's; no two are alike.
    fn body(&self, number: u32) -> (Bytes, Option<u64>) {
        let (kind, pieces) = match number % 20 {
            0 => (&self.agent, None),
            1..=5 => (&self.short, Some(10)),
            6 | 7 => (&self.long, Some(50)),
            _ => (&self.plain, None),
        };
        let mut body = kind.clone();
        if let Some(content) = body.pointer_mut("/messages/1/content") {
            *content = Value::String(format!("{}{}", words(number), content.as_str().unwrap_or_default()));
        }
        (Bytes::from(body.to_string()), pieces)
    }
}

/// Words that no other number has.
fn words(number: u32) -> String {
    let (mut state, mut words) = (u64::from(number) + 1, String::new());
    for _ in 0..40 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(words, "{:x} ", state >> 44);
    }
    words
}

/// A file's size with its write-ahead log.
fn bytes_of(data: &Path, name: &str) -> u64 {
    let size = |name: String| std::fs::metadata(data.join(name)).map_or(0, |file| file.len());
    size(name.to_owned()) + size(format!("{name}-wal"))
}

async fn status(target: &Running) -> anyhow::Result<Status> {
    let text = load::get(target.addr, &target.key, "/v1/status").await?;
    serde_json::from_slice(&text).context("/v1/status is not as it was")
}

/// By how many thousandths something grew from the fifth minute on, as medians of a minute each; none for short runs.
fn growth_per_mille(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> Option<u64> {
    let end = samples.last()?.seconds;
    let settled = SETTLED.as_secs();
    let median_of = |from: u64, to: u64| {
        let within = samples.iter().filter(|sample| (from..to).contains(&sample.seconds));
        median(&mut within.map(&of).collect::<Vec<_>>())
    };
    let before = median_of(settled, settled + 60)?;
    let after = median_of(end.saturating_sub(60).max(settled + 60), end + 1)?;
    Some(after.saturating_sub(before) * 1_000 / before.max(1))
}

/// By how many thousandths more the most of something was in the second half of the time after the fifth minute than in the
/// first; none for short runs.
fn peak_growth_per_mille(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> Option<u64> {
    let (settled, end) = (SETTLED.as_secs(), samples.last()?.seconds);
    let middle = settled + end.checked_sub(settled)? / 2;
    let most = |from: u64, to: u64| samples.iter().filter(|sample| (from..to).contains(&sample.seconds)).map(&of).max();
    let (before, after) = (most(settled, middle)?, most(middle, end + 1)?);
    Some(after.saturating_sub(before) * 1_000 / before.max(1))
}

fn line(sample: &Sample, p99_us: Option<u64>) -> String {
    format!(
        "{:>5} s  {:>8} answers  {} wrong  {:>3} MiB resident  {:>4} MiB rows  {:>4} MiB conversations  p99 {} µs",
        sample.seconds,
        sample.answers,
        sample.errors,
        sample.rss_kib >> 10,
        sample.rows_bytes >> 20,
        sample.conversations_bytes >> 20,
        p99_us.unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_are_alike() {
        let kinds = Kinds::new().unwrap();
        let bodies: Vec<_> = (0..60).map(|number| kinds.body(number).0).collect();
        assert!((1..60).all(|at| !bodies[..at].contains(&bodies[at])));
        assert_eq!((0..20).filter_map(|number| kinds.body(number).1).sum::<u64>(), 5 * 10 + 2 * 50);
    }

    #[test]
    fn growth_is_told_after_five_minutes() {
        let sample = |seconds, rss_kib| Sample {
            seconds,
            answers: 0,
            errors: 0,
            rss_kib,
            rows_bytes: 0,
            conversations_bytes: 0,
        };
        let samples: Vec<_> = (0..60).map(|at| sample(at * 10, if at < 45 { 1_000 } else { 1_060 })).collect();
        assert_eq!(growth_per_mille(&samples, |sample| sample.rss_kib), Some(60));
        assert_eq!(growth_per_mille(&samples, |sample| sample.rows_bytes), Some(0));
        assert_eq!(growth_per_mille(&samples[..20], |sample| sample.rss_kib), None);
        assert_eq!(peak_growth_per_mille(&samples, |sample| sample.rss_kib), Some(60));
        assert_eq!(peak_growth_per_mille(&samples[..45], |sample| sample.rss_kib), Some(0));
        assert_eq!(peak_growth_per_mille(&samples[..20], |sample| sample.rss_kib), None);
    }
}
