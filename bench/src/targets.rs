//! What is measured: how each target is started in front of the simulated provider.
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use crate::body;
use crate::clock::now;
use crate::floor;
use crate::load::{self, Ask};
use crate::process::{Cpus, Process};

/// The key that is sent where none is checked.
const ANY_KEY: &str = "bench";

/// One row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// The load generator calls the provider itself
    Direct,
    /// nginx `proxy_pass`: one worker, connections kept, nothing buffered
    Nginx,
    /// hyper alone, bodies passed on unread
    Floor,
    /// hyper with a key check, and a look at the body
    FloorPeek,
    /// torod with tokens and usage rows
    Torod,
}

impl Target {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Floor => "floor",
            Self::FloorPeek => "floor-peek",
            Self::Torod => "torod",
        }
    }

    /// Why it cannot be measured here; none when it can.
    pub(crate) fn missing(self, torod: &Path) -> Option<String> {
        match self {
            Self::Nginx if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() => {
                Some("nginx is not installed (Debian: apt-get install nginx-light)".to_owned())
            }
            Self::Torod if !torod.is_file() => {
                Some(format!("{} is not there: run `cargo build --release` first, or give --torod", torod.display()))
            }
            _ => None,
        }
    }
}

/// A target that runs and has given a right answer.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) key: String,
    /// None for `direct`, where nothing stands between.
    pub(crate) process: Option<Process>,
    dir: Option<TempDir>,
}

/// Starts this program again in a hidden mode, on a CPU, and returns the address it serves.
pub(crate) fn start_self(
    mode: &[&str],
    cpus: Option<(usize, Cpus)>,
    dir: &Path,
) -> anyhow::Result<(Process, SocketAddr)> {
    let program = std::env::current_exe()?;
    let log = dir.join(format!("{}.log", mode.first().unwrap_or(&"self")));
    let mut process = Process::start(Command::new(program).args(mode).stdout(Stdio::piped()), cpus, log)?;
    let addr = process.announced()?;
    Ok((process, addr))
}

/// Starts a target and waits for its first right answer.
pub(crate) async fn start(
    target: Target,
    upstream: SocketAddr,
    torod: &Path,
    cpus: Option<Cpus>,
) -> anyhow::Result<Running> {
    let on = cpus.map(|cpus| (cpus.gateway, cpus));
    let dir = tempfile::Builder::new().prefix("tokenrouter-bench-").tempdir()?;
    let here = dir.path();
    let via = upstream.to_string();
    let (addr, key, process) = match target {
        Target::Direct => (upstream, ANY_KEY.to_owned(), None),
        Target::Floor => {
            let (process, addr) = start_self(&["floor", &via], on, here)?;
            (addr, ANY_KEY.to_owned(), Some(process))
        }
        Target::FloorPeek => {
            let (process, addr) = start_self(&["floor", &via, "--peek"], on, here)?;
            (addr, floor::KEY.to_owned(), Some(process))
        }
        Target::Nginx => {
            let addr = free_addr()?;
            let file = here.join("nginx.conf");
            fs::write(&file, nginx_conf(addr, upstream, here))?;
            let mut command = Command::new("nginx");
            command.arg("-p").arg(here).arg("-c").arg(&file).arg("-e").arg(here.join("error.log"));
            let process = Process::start(command.stdout(Stdio::null()), on, here.join("nginx.log"))?;
            (addr, ANY_KEY.to_owned(), Some(process))
        }
        Target::Torod => return start_torod(upstream, torod, cpus, "").await,
    };
    let mut running = Running { addr, key, process, dir: Some(dir) };
    running.first_answer().await.with_context(|| format!("{} gives no right answer", target.name()))?;
    Ok(running)
}

/// Starts torod with `more` at the end of its configuration, and waits for its first right answer.
pub(crate) async fn start_torod(
    upstream: SocketAddr,
    torod: &Path,
    cpus: Option<Cpus>,
    more: &str,
) -> anyhow::Result<Running> {
    let dir = tempfile::Builder::new().prefix("tokenrouter-bench-").tempdir()?;
    let addr = free_addr()?;
    let (file, data) = (dir.path().join("torod.toml"), dir.path().join("data"));
    fs::write(&file, torod_config(addr, upstream) + more)?;
    let key = create_token(torod, &file, &data)?;
    let mut command = Command::new(torod);
    command.arg("serve").arg("--config").arg(&file).arg("--data-dir").arg(&data).stdout(Stdio::null());
    let on = cpus.map(|cpus| (cpus.gateway, cpus));
    let process = Process::start(&mut command, on, dir.path().join("torod.log"))?;
    let mut running = Running { addr, key, process: Some(process), dir: Some(dir) };
    running.first_answer().await.context("torod gives no right answer")?;
    Ok(running)
}

impl Running {
    /// A target that runs in this process.
    #[cfg(test)]
    pub(crate) fn at(addr: SocketAddr, key: &str) -> Self {
        Self { addr, key: key.to_owned(), process: None, dir: None }
    }

    /// Asks until the answer is right, for at most 15 s.
    async fn first_answer(&mut self) -> anyhow::Result<()> {
        let ask = self.ask(body::small("up/ok", false), None);
        let deadline = now() + Duration::from_secs(15);
        loop {
            let Err(problem) = load::once(&ask).await else { return Ok(()) };
            if let Some(process) = &mut self.process {
                process.check()?;
            }
            if now() > deadline {
                let log = self.process.as_ref().map(Process::last_words).unwrap_or_default();
                bail!("{problem:#}\n{log}");
            }
        }
    }

    /// A request to it.
    pub(crate) fn ask(&self, body: bytes::Bytes, pieces: Option<u64>) -> Ask {
        Ask { addr: self.addr, key: self.key.clone(), body, pieces }
    }

    /// torod's data folder.
    pub(crate) fn data(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.path().join("data"))
    }

    /// The process whose CPU time and memory count.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }
}

/// A loopback address that nobody else is given, for programs that cannot say which port they took.
fn free_addr() -> anyhow::Result<SocketAddr> {
    let port = tokenrouter_simulator::free_port().context("no port is free")?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

fn create_token(torod: &Path, file: &Path, data: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(torod);
    command.args(["token", "create", "--name", "bench", "--role", "inferrer", "--json"]);
    let output = command.arg("--config").arg(file).arg("--data-dir").arg(data).stdin(Stdio::null()).output()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let Some(key) = answer.get("key").and_then(|key| key.as_str()) else {
        bail!("torod makes no token: {}", String::from_utf8_lossy(&output.stderr).trim());
    };
    Ok(key.to_owned())
}

fn torod_config(addr: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"listen_addr = "{addr}"
default_provider = "up"
auto_detect_local_servers = false
allow_localhost_no_auth = false

[[providers]]
name = "up"
protocols = {{ openai = "http://{upstream}/v1" }}
api_key = "sk-upstream"
enabled = true

[log]
level = "warn"
"#
    )
}

/// One worker, upstream connections kept, and every event passed on at once.
fn nginx_conf(addr: SocketAddr, upstream: SocketAddr, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
  fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  client_body_buffer_size 512k;
  client_max_body_size 64m;
  keepalive_requests 100000000;
  upstream provider {{ server {upstream}; keepalive 2048; keepalive_requests 100000000; }}
  server {{
    listen {addr} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Authorization \"Bearer sk-upstream\";
      proxy_buffering off;
      proxy_read_timeout 120s;
    }}
  }}
}}
"
    )
}
