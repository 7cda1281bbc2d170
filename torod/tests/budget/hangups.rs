//! Clients that hang up, at whatever moment: every place that they held is free again, and nothing stays reserved.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rig::{PRICES, Token};
use crate::support::{TestDaemon, chat_body, until};

/// How many come and go, and how many at once.
const ALL: u64 = 2_000;
const AT_ONCE: usize = 100;

const LIMITS: &str = "[limits]\nconcurrent = 60\nconcurrent_streams = 12\nconcurrent_non_streams = 12\nqueue = 8\nqueue_wait = \"300ms\"\n";

/// A number that looks random and is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// One client: how much of its request it sends, and how much of the answer it waits for.
async fn come_and_go(addr: String, key: String, mut dice: Dice) {
    let model = ["ok", "slow3s", "ok+interval_ms=40", "ok+first_token_ms=80", "s500"][dice.below(5) as usize];
    let more = [r#","stream":true"#, ""][dice.below(2) as usize];
    let body = chat_body(&format!("sim/{model}"), more);
    let path = ["/v1/chat/completions", "/v1/chat/completions", "/v1/messages/count_tokens"][dice.below(3) as usize];
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let Ok(mut stream) = TcpStream::connect(addr).await else { return };
    // Mostly all of it, else a part: of the head, or of the body.
    let sent = if dice.below(4) == 0 { dice.below(request.len() as u64) as usize } else { request.len() };
    let cut = dice.below(sent as u64 + 1) as usize;
    for piece in [&request.as_bytes()[..cut], &request.as_bytes()[cut..sent]] {
        if stream.write_all(piece).await.is_err() {
            return;
        }
    }
    // A moment, or so many bytes, or all that comes for a while.
    let patience = Duration::from_millis([0, 1, 5, 20, 60, 150][dice.below(6) as usize]);
    let wanted = [0, 1, 200, 1_000, usize::MAX][dice.below(5) as usize];
    let reading = async {
        let (mut piece, mut heard) = ([0; 512], 0);
        while heard < wanted {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => heard += read,
            }
        }
    };
    _ = tokio::time::timeout(patience, reading).await;
    if dice.below(2) == 0 {
        // With a reset, as a client does that was killed with something unread.
        _ = stream.set_zero_linger();
    }
}

/// What is taken now: requests, streams, others, waiting, calls, and places of each of the tokens.
fn taken(daemon: &TestDaemon, tokens: &[&Token]) -> Vec<usize> {
    let app = &daemon.app;
    let calls = app.live.load().providers.iter().map(|provider| provider.in_flight.count()).sum();
    let of_token = |token: &&Token| daemon.entry(token).meter.in_flight.count();
    let gauges = [app.lifecycle.in_flight(), app.streams.count(), app.non_streams.count(), app.queue.count(), calls];
    gauges.into_iter().chain(tokens.iter().map(of_token)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_thousand_hangups_every_place_is_free() {
    let daemon = TestDaemon::with(LIMITS, &format!("concurrent = 20\n{PRICES}")).await;
    let wide = json!({ "concurrent": 24, "budgets": [{ "unit": "tokens", "limit": 100_000_000 }] });
    let parent = daemon.token(None, wide).await;
    let narrow = json!({ "concurrent": 10, "budgets": [{ "unit": "requests", "limit": 1_000_000 }] });
    let children = [daemon.token(Some(&parent), narrow.clone()).await, daemon.token(Some(&parent), narrow).await];
    let all = [&parent, &children[0], &children[1]];
    let addr = daemon.url.trim_start_matches("http://").to_owned();
    let (mut clients, mut most) = (JoinSet::new(), vec![0; 8]);
    for n in 0..ALL {
        let key = all[(n % 3) as usize].key.clone();
        clients.spawn(come_and_go(addr.clone(), key, Dice(0x9e37_79b9_7f4a_7c15 ^ (n + 1).wrapping_mul(0xd134_2543))));
        if clients.len() >= AT_ONCE {
            clients.join_next().await;
        }
        for (most, now) in most.iter_mut().zip(taken(&daemon, &all)) {
            *most = now.max(*most);
        }
    }
    clients.join_all().await;
    // They were there, and never more than may be.
    assert!(most[1] > 3 && most[2] > 3 && most[3] > 0 && most[5] > 10, "{most:?}");
    let limits = [60 + AT_ONCE, 12, 12, 8, 20, 24, 10, 10];
    assert!(most.iter().zip(limits).all(|(most, limit)| *most <= limit), "{most:?}");
    until("every place is free", || async { taken(&daemon, &all).iter().all(|count| *count == 0) }).await;
    // What is used is what the rows say: nothing is reserved for anybody any more.
    let [_, tokens, _] = daemon.spent(&all).await;
    assert_eq!(daemon.used(&parent), [tokens]);
    for child in &children {
        assert_eq!(daemon.used(child), [daemon.spent(&[child]).await[0]]);
    }
    // As many as before come in at once, and one more does not.
    let mut answers = Vec::new();
    for _ in 0..10 {
        let request =
            daemon.request_of(&children[0], "/v1/chat/completions", chat_body("sim/slow3s", r#","stream":true"#));
        let client = daemon.client.clone();
        answers.push(
            tokio::runtime::Handle::current().spawn(async move { client.request(request).await.unwrap().status() }),
        );
    }
    until("ten are in", || async { daemon.entry(&children[0]).meter.in_flight.count() == 10 }).await;
    assert_eq!(daemon.chat_of(&children[0], "sim/ok", "").await.status, 429);
    for answer in answers {
        assert_eq!(answer.await.unwrap(), 200);
    }
    daemon.stop().await;
}
