//! `torod demo`: a gateway, a simulated provider and a little traffic; no key, no network, nothing left behind.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use tokenrouter::call::{Client, Pieces, Timeouts};
use tokenrouter_simulator::{Settings, Simulator};

use super::{Exit, system_env};
use crate::access::system_random;
use crate::clock::Clock;
use crate::config::{self, LogFormat};
use crate::daemon::{Daemon, Options};
use crate::lifecycle;
use crate::telemetry;

/// Run a gateway against a simulated provider, with a little traffic; nothing is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  torod demo\n\nCtrl-C ends it and removes its folder.")]
pub struct Demo {
    /// The address to listen on; without it 127.0.0.1:8080, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// What the traffic asks for: answers, tools, reasoning, a cache hit, a failure.
const TRAFFIC: [(&str, bool); 8] = [
    ("ok", false),
    ("ok", true),
    ("tool", false),
    ("think", true),
    ("cache", false),
    ("nousage", true),
    ("s503", false),
    ("ok", true),
];

impl Demo {
    /// Runs until a signal.
    pub async fn run(self, out: &mut dyn Write, clock: Clock) -> anyhow::Result<Exit> {
        let folder = Folder::new(&clock)?;
        let settings = Settings::default();
        let models = settings.models.clone();
        let simulator = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await?;
        let mut config = config::parse(&demo_config(&simulator.url(), &models), "demo.toml")
            .map_err(|findings| anyhow::anyhow!("the demo's own configuration is wrong: {findings:?}"))?;
        config.log.format = LogFormat::Human;
        config.listen_addr = match self.listen {
            Some(addr) => addr,
            None => free_address(config.listen_addr).await,
        };
        let log = telemetry::log::start(&config.log, &clock);
        let options = Options {
            config,
            file: None,
            data_dir: folder.path.clone(),
            clock,
            random: system_random,
            env: system_env,
        };
        let daemon = Daemon::start(options).await?;
        if let Some(lines) = &log.lines {
            daemon.keep_log(lines);
        }
        let key = daemon.setup().make_admin(Some("demo".into())).await?.key;
        let url = format!("http://{}", daemon.addr());
        let lifecycle = daemon.lifecycle();
        lifecycle.spawn("signals", lifecycle::follow_signals(lifecycle.clone()));
        make_traffic(&url, &key).await.context("the demo's own traffic failed")?;
        introduce(out, &url, &key, &folder.path)?;
        let ended = daemon.run().await;
        simulator.stop().await;
        Ok(if ended { Exit::Done } else { Exit::Failed })
    }
}

fn introduce(out: &mut dyn Write, url: &str, key: &str, folder: &Path) -> std::io::Result<()> {
    writeln!(out, "\ntorod runs at {url} with a simulated provider; nothing leaves this machine.\n")?;
    writeln!(out, "  token   {key}")?;
    writeln!(out, "  admin   {url}/admin")?;
    writeln!(out, "  usage   torod usage --data-dir {}\n", folder.display())?;
    writeln!(out, "Your first request:\n")?;
    writeln!(
        out,
        "curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{\"model\":\"ok\",\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'\n"
    )?;
    writeln!(
        out,
        "Other models to ask for: tool, think, s503, slow3s, die5 … see GET {url}/v1/models. Ctrl-C ends it."
    )?;
    out.flush()
}

fn demo_config(simulator: &str, models: &[String]) -> String {
    let mut text = format!(
        "auto_detect_local_servers = false\n[conversations]\nenabled = true\n\n[[providers]]\nname = \"simulator\"\nprotocols = {{ openai = \"{simulator}/v1\", responses = \"{simulator}/v1\", anthropic = \"{simulator}/v1\" }}\n"
    );
    // Play money, so that there is something to see.
    for id in models {
        text.push_str(&format!(
            "[[providers.models]]\nid = \"{id}\"\nprice = {{ input = 2.0, output = 8.0, cache_read = 0.2, cache_write = 2.5 }}\n"
        ));
    }
    text
}

/// The usual address if nobody has it, else a free one.
async fn free_address(usual: SocketAddr) -> SocketAddr {
    match tokio::net::TcpListener::bind(usual).await {
        Ok(_) => usual,
        Err(_) => SocketAddr::new(usual.ip(), 0),
    }
}

async fn make_traffic(url: &str, key: &str) -> anyhow::Result<()> {
    let client = Client::new(Timeouts::default(), 2);
    for (model, stream) in TRAFFIC {
        let body = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"Tell me about prompt caches."}}],"tools":[{{"type":"function","function":{{"name":"read","parameters":{{"type":"object"}}}}}}]}}"#
        );
        let request = Request::post(format!("{url}/v1/chat/completions"))
            .header("authorization", format!("Bearer {key}"))
            .body(Pieces::new(vec![Bytes::from(body)]))?;
        client.send(request).await?.into_body().collect().await?;
    }
    Ok(())
}

/// A folder of its own that goes with the demo.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(clock: &Clock) -> anyhow::Result<Self> {
        let mut random = [0_u8; 8];
        system_random(&mut random)?;
        let name = format!("torod-demo-{}-{:016x}", clock.now_ms(), u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_for_has_a_price() {
        let models = Settings::default().models;
        let config = config::parse(&demo_config("http://127.0.0.1:1", &models), "demo.toml").unwrap();
        let priced = |model: &str| config.providers[0].models.iter().any(|one| one.id == model && one.price.is_some());
        assert!(TRAFFIC.iter().all(|(model, _)| priced(model)), "{models:?}");
        assert!(models.iter().all(|model| priced(model)));
    }
}
