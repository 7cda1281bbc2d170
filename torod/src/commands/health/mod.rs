//! `torod health`: whether the gateway on this machine serves, as an exit code, for containers without a shell and for scripts.

mod encrypted;

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, UnixStream};

use super::{Exit, control};
use crate::config::{self, Config, Listen, Paths};
use crate::daemon::SOCKET;
use crate::telemetry::plain::plain;

/// Ask the gateway on this machine whether it serves; the exit code tells.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod health\n  torod health --alive\n  torod health --listen 127.0.0.1:9000 --json\n\nExit code 0: it serves. 1: it does not, and the line says why. `--alive` asks only whether it answers: a restart mends\nno provider that is down, so a container's health check should ask that."
)]
pub struct Health {
    /// Ask only whether it answers, whatever its providers do.
    #[arg(long)]
    alive: bool,
    /// Ask there instead of at `listen_addr`.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How long to wait for the answer.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Where it was asked.
    asked: String,
}

/// What `/health` and `/healthz` say of it, and what an error answer has instead.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    status: String,
    version: Option<String>,
    reason: Option<String>,
    error: Option<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    message: String,
}

/// Why somebody was not heard.
enum Unheard {
    /// Nobody listens there, or nothing came in time.
    Gone(anyhow::Error),
    /// Somebody does, and speaks no HTTP, or no TLS where it should, for this reason.
    Foreign(String),
}

/// Where it is asked.
#[derive(Clone, Copy, Debug)]
struct Place {
    addr: SocketAddr,
    is_tls: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_tls { "https" } else { "http" }, self.addr)
    }
}

impl Health {
    /// Asks and tells.
    pub async fn run(self, paths: &Paths, out: &mut (dyn Write + Send)) -> anyhow::Result<Exit> {
        let told = self.ask(place(paths, self.listen)?, &paths.data_dir).await;
        let is_well = told.status == "ok";
        if self.json {
            serde_json::to_writer(&mut *out, &told)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{told}")?;
        }
        Ok(if is_well { Exit::Done } else { Exit::Failed })
    }

    async fn ask(&self, place: Place, data_dir: &Path) -> Told {
        let limit = Duration::from_secs(self.timeout);
        let asking = async {
            match self.by_listener(place).await {
                // Who cannot have TLS is not served, however well it is; to be alive is another question.
                Err(Unheard::Foreign(why)) if place.is_tls && !self.alive => {
                    bail!("TLS cannot be had from {} ({why}): `torod tls` tells of its certificate", place.addr)
                }
                Err(Unheard::Foreign(_)) => self.by_socket(place.addr, data_dir).await,
                // systemd may have opened another address for it, or the file was changed since it started.
                Err(Unheard::Gone(e)) if self.listen.is_none() => {
                    self.by_socket(place.addr, data_dir).await.map_err(|_| e)
                }
                Err(Unheard::Gone(e)) => Err(e),
                Ok(answer) => Ok((answer, place.to_string())),
            }
        };
        let heard = tokio::time::timeout(limit, asking).await;
        let late = |_| Err(anyhow!("no answer from {} within {} s", place.addr, self.timeout));
        match heard.unwrap_or_else(late) {
            Ok(((status, body), asked)) => judge(status, &body, asked),
            Err(e) => Told {
                status: "unreachable".to_owned(),
                version: None,
                reason: Some(format!("{e:#}")),
                asked: place.to_string(),
            },
        }
    }

    fn request(&self, host: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        let path = if self.alive { "/healthz" } else { "/health" };
        Ok(Request::get(path).header("host", host).body(Full::default())?)
    }

    async fn by_listener(&self, Place { addr, is_tls }: Place) -> Result<(StatusCode, Bytes), Unheard> {
        let stream = TcpStream::connect(addr).await.map_err(|e| {
            let why = format!("nobody listens at {addr} ({e}): start `torod serve`, or name its address with --listen");
            Unheard::Gone(anyhow!(why))
        })?;
        let request = self.request(&addr.to_string()).map_err(Unheard::Gone)?;
        let heard = if is_tls {
            let stream = encrypted::begin(stream, addr.ip()).await.map_err(|e| Unheard::Foreign(e.to_string()))?;
            control::exchange(stream, request).await
        } else {
            control::exchange(stream, request).await
        };
        heard.map_err(|e| Unheard::Foreign(format!("{e:#}")))
    }

    /// Somebody listens, and the gateway is asked by its own door whether it is the one and well.
    async fn by_socket(&self, addr: SocketAddr, data_dir: &Path) -> anyhow::Result<((StatusCode, Bytes), String)> {
        let socket = data_dir.join(SOCKET);
        let stream = UnixStream::connect(&socket).await.with_context(|| {
            format!(
                "what listens at {addr} speaks no plain HTTP, and no torod serves {}: name its folder with --data-dir",
                data_dir.display()
            )
        })?;
        let answer = control::exchange(stream, self.request("localhost")?).await?;
        Ok((answer, socket.display().to_string()))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, plain(&self.status))?;
        if let Some(version) = &self.version {
            write!(f, ", torod {}", plain(version))?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {}", plain(reason)),
            None => Ok(()),
        }
    }
}

/// Where the configuration has it listen, or `said`; the usual place where there is no file.
fn place(paths: &Paths, said: Option<SocketAddr>) -> anyhow::Result<Place> {
    let is_set = paths.config_file.exists() || !paths.environment.is_empty();
    let read = if is_set { config::load_paths(paths) } else { Ok(Config::default()) };
    let (addr, config) = match (said, read) {
        (Some(addr), read) => (addr, read.unwrap_or_default()),
        (None, read) => {
            let config = read.context("where torod listens is not known: mend the file, or give --listen")?;
            (config.listen_addr, config)
        }
    };
    if addr.port() == 0 {
        bail!("`listen_addr` takes whatever port is free: say with --listen which one it was");
    }
    Ok(Place { addr: reachable(addr), is_tls: speaks_tls(&config, addr) })
}

/// Whether TLS is spoken at `addr`.
fn speaks_tls(config: &Config, addr: SocketAddr) -> bool {
    let mut others = config.server.listen.iter().chain(&config.server.admin_listen);
    let is_plain = others.any(
        |place| matches!(place, Listen::Tcp { addr: other, is_plain: true } if reachable(*other) == reachable(addr)),
    );
    config.tls.is_on() && !is_plain && config.tls.http_addr.map(reachable) != Some(reachable(addr))
}

/// Where a listener at `addr` is reached from this machine.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

fn judge(status: StatusCode, body: &[u8], asked: String) -> Told {
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    let reason = answer.reason.or_else(|| answer.error.map(|refused| refused.message));
    let is_ours = !answer.status.is_empty() || reason.is_some();
    if !is_ours {
        let reason = format!("another program than torod answers there, with status {}", status.as_u16());
        return Told { status: "foreign".to_owned(), version: None, reason: Some(reason), asked };
    }
    let word = match answer.status.as_str() {
        "" => "refused".to_owned(),
        // Whatever the words are, the status decides.
        "ok" if !status.is_success() => "degraded".to_owned(),
        word => word.to_owned(),
    };
    Told { status: word, version: answer.version, reason, asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_at_one_of_this_machine() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn tls_is_spoken_where_the_file_says_so() {
        let text = "listen_addr = '0.0.0.0:443'\n[tls]\nmode = 'self-signed'\nhttp_addr = '0.0.0.0:80'\n\
                    [server]\nlisten = ['http://127.0.0.1:8081', '127.0.0.1:8443']";
        let config = config::parse(text, "t").unwrap();
        for (addr, is_tls) in [
            ("0.0.0.0:443", true),
            ("127.0.0.1:443", true),
            ("127.0.0.1:8443", true),
            ("127.0.0.1:8081", false),
            ("127.0.0.1:80", false),
        ] {
            assert_eq!(speaks_tls(&config, addr.parse().unwrap()), is_tls, "{addr}");
        }
        assert!(!speaks_tls(&Config::default(), "127.0.0.1:8080".parse().unwrap()));
    }

    #[test]
    fn the_status_decides_and_others_are_told_from_torod() {
        let told = |status: u16, body: &str| {
            let told = judge(StatusCode::from_u16(status).unwrap(), body.as_bytes(), "u".to_owned());
            told.to_string()
        };
        assert_eq!(told(200, r#"{"status":"ok","version":"1.2"}"#), "u: ok, torod 1.2");
        assert_eq!(told(503, r#"{"status":"ok"}"#), "u: degraded");
        assert_eq!(told(503, r#"{"status":"degraded","reason":"why"}"#), "u: degraded: why");
        assert_eq!(told(503, r#"{"error":{"message":"it is stopping"}}"#), "u: refused: it is stopping");
        assert_eq!(told(200, "<html>"), "u: foreign: another program than torod answers there, with status 200");
        assert!(!told(200, "{\"status\":\"a\\u001b[2J\"}").contains('\u{1b}'));
    }
}
