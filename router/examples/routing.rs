//! Two keys of one provider with another provider behind them: who serves which request, and why.
//!
//! The providers are simulated and the clock is moved by hand, so that a minute takes no time and every run is the same:
//!
//! ```sh
//! cargo run -p tokenrouter --example routing
//! ```

use std::error::Error;
use std::io::{Write as _, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokenrouter::Protocol;
use tokenrouter::call::clock::Wait;
use tokenrouter::call::{Client, Clock, Endpoint, Pool, Routing, Timeouts};
use tokenrouter::catalog::BaseUrl;
use tokenrouter::convert::{Asked, Context};
use tokenrouter::pick::breaker::Trip;
use tokenrouter::pick::course::Rules;
use tokenrouter::pick::endpoint::{Ready, Trips};
use tokenrouter_simulator::{Settings, Simulator};

const NAMES: [&str; 3] = ["one, key a", "one, key b", "two"];

/// A clock that stands still until it is moved, or somebody waits for it.
#[derive(Clone, Debug)]
struct ByHand(Arc<AtomicU64>);

impl ByHand {
    fn forward(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }
}

impl Clock for ByHand {
    fn uptime_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn unix_ms(&self) -> i64 {
        i64::try_from(self.uptime_us() / 1_000).unwrap_or(i64::MAX)
    }

    fn wait(&self, ms: u64) -> Wait<'_> {
        self.forward(ms);
        Box::pin(std::future::ready(()))
    }
}

/// A turn of `who`'s conversation, and a line about who served it.
async fn turn(pool: &Pool, who: &'static str) -> Result<(), Box<dyn Error>> {
    let body = br#"{"model":"any","messages":[{"role":"user","content":"Hello"}]}"#;
    let headers = HeaderMap::from_iter([("session-id".parse()?, HeaderValue::from_static(who))]);
    let asked = Asked::new(Protocol::OpenAi, body);
    let mut answer = pool.ask_with_headers(&headers, asked, Context::default()).await.map_err(|p| p.sentence())?;
    while answer.next().await.transpose()?.is_some() {}
    let name = |endpoint: usize| NAMES.get(endpoint).copied().unwrap_or_default();
    write!(stdout(), "{who}: {} ({})", name(answer.endpoint()), answer.why().as_str())?;
    for failed in answer.failures() {
        write!(stdout(), "; {} said {}", name(failed.endpoint), failed.problem.code)?;
    }
    writeln!(stdout())?;
    Ok(())
}

fn tell_status(pool: &Pool) -> Result<(), Box<dyn Error>> {
    for (status, name) in pool.status().iter().zip(NAMES) {
        let ready = match status.ready {
            Ready::Yes => "ready",
            Ready::Probe => "to be tried",
            Ready::No(_, why) => why.as_str(),
        };
        writeln!(stdout(), "  {name}: {ready}, {} of {} calls failed", status.failures, status.calls)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings { chunks: 3, interval: Duration::ZERO, ..Settings::default() };
    let one = Simulator::start(([127, 0, 0, 1], 0).into(), settings.clone()).await?;
    let two = Simulator::start(([127, 0, 0, 1], 0).into(), settings).await?;

    // The first provider fails twice and is well afterwards.
    let at_one = Endpoint::new(Protocol::OpenAi, BaseUrl::parse(&one.url())?, "s503x2");
    let endpoints = vec![
        // Of the same priority: they share the conversations.
        at_one.clone().with_key("sk-a")?.with_priority(0),
        at_one.with_key("sk-b")?.with_priority(0),
        Endpoint::new(Protocol::Anthropic, BaseUrl::parse(&two.url())?, "ok").with_key("sk-c")?.with_priority(1),
    ];
    let endpoint = Trip { failures: 1, recovery_ms: 60_000 };
    let rules = Rules { trips: Trips { endpoint, ..Trips::default() }, ..Rules::default() };
    let clock = ByHand(Arc::new(AtomicU64::new(1_000_000_000)));
    let pool = Pool::new(Client::new(Timeouts::default(), 4), endpoints)
        .with_routing(Routing { rules, ..Routing::default() })
        .with_clock(clock.clone())
        .with_dice(7);

    writeln!(stdout(), "the first provider fails")?;
    turn(&pool, "Ann").await?;
    turn(&pool, "Ben").await?;
    tell_status(&pool)?;
    writeln!(stdout(), "a minute later")?;
    clock.forward(60_000);
    tell_status(&pool)?;
    turn(&pool, "Cleo").await?;
    turn(&pool, "Dan").await?;
    tell_status(&pool)?;
    writeln!(stdout(), "whose prompts are cached somewhere stay there")?;
    for who in ["Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Eve", "Finn", "Gus"] {
        turn(&pool, who).await?;
    }
    one.stop().await;
    two.stop().await;
    Ok(())
}
