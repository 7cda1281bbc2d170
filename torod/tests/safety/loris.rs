//! Clients that send a byte now and then and never finish: normal ones must not notice.
//!
//! The large run, 10,000 connections for a minute, is for a quiet machine:
//!
//!     ulimit -n 20000
//!     cargo test --release -p torod --test safety -- --ignored --nocapture ten_thousand
//!
//! or, where there is a release build already, with `TOROD_BINARY=$PWD/target/release/torod` and without `--release`.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::site::{Site, provider};
use crate::support::chat_body;

/// Between two bytes of a connection.
const PAUSE: Duration = Duration::from_secs(1);
/// How many connections one task looks after.
const HERD: usize = 500;

/// How a connection begins; the rest never comes.
fn beginning(n: usize, key: &str) -> String {
    match n % 4 {
        0 => "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-".to_owned(),
        1 => "GE".to_owned(),
        2 => format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: 100000\r\n\r\n{{"
        ),
        // A stranger's body: refused, and then another head that never ends.
        _ => "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: nobody\r\ncontent-length: 1000\r\n\r\n{"
            .to_owned(),
    }
}

/// Keeps `HERD` connections alive, a byte at a time, and opens those anew that are closed. Says how often.
async fn herd(addr: String, from: usize, count: usize, key: String, end: CancellationToken) -> usize {
    let open = async |n: usize| {
        let mut stream = TcpStream::connect(&addr).await.ok()?;
        stream.write_all(beginning(n, &key).as_bytes()).await.ok()?;
        Some(stream)
    };
    let mut streams = Vec::new();
    for n in from..from + count {
        streams.push(open(n).await);
    }
    let mut anew = 0;
    while end.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
        for (at, stream) in streams.iter_mut().enumerate() {
            let is_open = match stream {
                Some(stream) => stream.write_all(b"y").await.is_ok(),
                None => false,
            };
            if !is_open {
                *stream = open(from + at).await;
                anew += 1;
            }
        }
    }
    anew
}

/// Asks so often, one after the other; each must be answered. The times, sorted.
async fn ask(site: &Site, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let answer = site.ask("POST", "/v1/chat/completions", &chat_body("p/ok", "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

fn told(what: &str, took: &[Duration]) -> String {
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    format!("{what}: {} answers, p50 {:?}, p99 {:?}, longest {:?}", took.len(), at(50), at(99), at(100))
}

/// `count` slow clients for `time`; what normal ones saw before and meanwhile.
async fn siege(count: usize, time: Duration) -> (Vec<Duration>, Vec<Duration>, usize) {
    let site = Site::start(&provider("ONE", "")).await;
    let before = ask(&site, 50).await;
    let (end, mut herds) = (CancellationToken::new(), JoinSet::new());
    for from in (0..count).step_by(HERD) {
        let addr = site.url().trim_start_matches("http://").to_owned();
        herds.spawn(herd(addr, from, HERD.min(count - from), site.key().to_owned(), end.clone()));
    }
    let began = Instant::now();
    let mut meanwhile = Vec::new();
    while began.elapsed() < time {
        meanwhile.extend(ask(&site, 20).await);
    }
    meanwhile.sort_unstable();
    let status = site.status().await;
    assert!(status["in_flight"].as_u64().unwrap() as usize >= count / 8, "they are not there: {status}");
    end.cancel();
    let anew = herds.join_all().await.into_iter().sum();
    site.stop().await;
    (before, meanwhile, anew)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_slow_clients_disturb_nobody() {
    let (_, meanwhile, _) = siege(200, Duration::from_secs(2)).await;
    assert!(meanwhile.len() >= 20);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute on a quiet machine, and 20,000 file descriptors"]
async fn ten_thousand_slow_clients_disturb_nobody() {
    let (before, meanwhile, anew) = siege(10_000, Duration::from_mins(1)).await;
    println!("{}\n{}", told("alone", &before), told("beside 10,000", &meanwhile));
    println!("{anew} connections were closed and opened anew");
    assert!(meanwhile.len() >= 200);
}
