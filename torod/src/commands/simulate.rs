//! `torod simulate`: the simulated provider alone.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokenrouter_simulator::{SCRIPTS, Settings, Simulator};

use super::Exit;
use crate::lifecycle::{self, Lifecycle};

/// Run the simulated provider alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The model's name chooses what happens: ok, tool, think, s503, hang, die5, …\nOptions follow it: ok+chunks=400+interval_ms=5\n\nExample:\n  torod simulate --listen 127.0.0.1:9900\n  curl http://127.0.0.1:9900/v1/models"
)]
pub struct Simulate {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9900")]
    listen: SocketAddr,
    /// How many chunks a stream has.
    #[arg(long, default_value_t = 20)]
    chunks: u32,
    /// Between two chunks, in milliseconds.
    #[arg(long, default_value_t = 10)]
    interval_ms: u64,
    /// Before the first chunk, in milliseconds.
    #[arg(long, default_value_t = 0)]
    first_token_ms: u64,
    /// Refuse requests with another key.
    #[arg(long)]
    api_key: Option<String>,
    /// Do not keep what was received for GET /calls.
    #[arg(long)]
    no_record: bool,
    /// Answer requests too that the real provider would refuse.
    #[arg(long)]
    lenient: bool,
    /// Print the address as one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Simulate {
    /// Runs until a signal.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let settings = Settings {
            chunks: self.chunks,
            interval: Duration::from_millis(self.interval_ms),
            first_token: Duration::from_millis(self.first_token_ms),
            api_key: self.api_key,
            record: !self.no_record,
            strict: !self.lenient,
            ..Settings::default()
        };
        let simulator = Simulator::start(self.listen, settings)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        if self.json {
            writeln!(out, r#"{{"url":"{}"}}"#, simulator.url())?;
        } else {
            writeln!(out, "simulated provider at {0}/v1 — calls at {0}/calls", simulator.url())?;
            writeln!(out, "models: {}", SCRIPTS.join(" "))?;
        }
        out.flush()?;
        let lifecycle = Lifecycle::default();
        let stopping = lifecycle.clone();
        tokio::select! {
            () = lifecycle::follow_signals(lifecycle) => {}
            () = stopping.soft_stop() => {}
        }
        simulator.stop().await;
        Ok(Exit::Done)
    }
}
