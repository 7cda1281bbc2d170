//! `torod tls`: the certificate that the gateway shows, by the running daemon, or as its next start would find it.

use std::io::Write;
use std::path::Path;

use chrono::DateTime;
use http::Method;
use tokenrouter_shared::gateway::{GatewayStatus, ListenerView, TlsRenewal, TlsView};

use super::{Exit, control};
use crate::config::{self, Paths};
use crate::telemetry::plain::plain;
use crate::tls;

const NOTHING: Option<&()> = None;

/// Show the certificate of the gateway, by whose fingerprint `toro connect` knows it, and where it listens.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  torod tls\n  torod tls --json\n  torod tls renew\n\nWhere the certificate comes from stands under [tls] in torod.toml: `torod config reference | grep tls`."
)]
pub struct Tls {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Have the running gateway make, read or order another certificate, although its own is good.
    #[command(after_help = "Examples:\n  torod tls renew\n\n`torod tls` tells afterwards what came of it.")]
    Renew {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What is told.
#[derive(Debug, serde::Serialize)]
struct Told {
    /// Whether a gateway runs.
    running: bool,
    /// Where it listens; empty where none runs.
    listeners: Vec<ListenerView>,
    /// The certificate; `null`: TLS is off, or none was made yet.
    tls: Option<TlsView>,
}

impl Tls {
    /// Shows it.
    pub async fn run(self, paths: &Paths, out: &mut (dyn Write + Send)) -> anyhow::Result<Exit> {
        let dir = &paths.data_dir;
        if let Some(Action::Renew { json }) = self.action {
            return renew(dir, out, json).await;
        }
        let told = if control::is_running(dir) {
            let status: GatewayStatus = control::ask(dir, Method::GET, "/admin/api/status", NOTHING).await?;
            Told { running: true, listeners: status.listeners, tls: status.tls }
        } else {
            let is_set = paths.config_file.exists() || !paths.environment.is_empty();
            let config = if is_set { config::load_paths(paths)? } else { config::Config::default() };
            let facts = tls::at_rest(&config, dir)?;
            let tls = facts.map(|facts| facts.view(config.tls.mode.as_str()));
            Told { running: false, listeners: Vec::new(), tls }
        };
        if self.json {
            serde_json::to_writer(&mut *out, &told)?;
            writeln!(out)?;
        } else {
            show(out, &told)?;
        }
        Ok(Exit::Done)
    }
}

async fn renew(dir: &Path, out: &mut (dyn Write + Send), json: bool) -> anyhow::Result<Exit> {
    if !control::is_running(dir) {
        anyhow::bail!("no gateway runs on {}: a certificate is renewed by the one that shows it", dir.display());
    }
    let told: TlsRenewal = control::ask(dir, Method::POST, "/admin/api/tls/renew", NOTHING).await?;
    if json {
        serde_json::to_writer(&mut *out, &told)?;
        writeln!(out)?;
    } else if told.renewing {
        writeln!(out, "another certificate is on its way; `torod tls` tells what came of it")?;
    } else {
        anyhow::bail!("TLS is off: set `mode` in [tls] of torod.toml");
    }
    Ok(if told.renewing { Exit::Done } else { Exit::Failed })
}

fn show(out: &mut dyn Write, told: &Told) -> std::io::Result<()> {
    match &told.tls {
        Some(tls) => {
            writeln!(out, "mode         {}", plain(&tls.mode))?;
            if tls.fingerprint.is_empty() {
                writeln!(out, "certificate  none yet")?;
            } else {
                writeln!(out, "fingerprint  {}", plain(&tls.fingerprint))?;
                writeln!(out, "for          {}", plain(&tls.names.join(", ")))?;
                writeln!(out, "signed by    {}", plain(&tls.issuer))?;
                writeln!(out, "valid        {} to {}", day(tls.begins_ms), day(tls.ends_ms))?;
            }
            if let Some(renews_ms) = tls.renews_ms.filter(|at_ms| *at_ms > 0) {
                writeln!(out, "next one     {}", day(renews_ms))?;
            }
            if let Some(error) = &tls.error {
                writeln!(out, "error        {}", plain(error))?;
            }
        }
        None if told.running => writeln!(out, "TLS is off: what is sent can be read on the way")?,
        None => writeln!(out, "TLS is off, or there is no certificate yet: `torod serve` makes it")?,
    }
    for listener in &told.listeners {
        let scheme = match (listener.address.starts_with("unix:"), listener.is_tls) {
            (true, _) => "",
            (false, true) => "https://",
            (false, false) => "http://",
        };
        writeln!(out, "{:<12} {scheme}{}", plain(&listener.what), plain(&listener.address))?;
    }
    Ok(())
}

fn day(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms).map_or_else(|| at_ms.to_string(), |at| at.format("%Y-%m-%d").to_string())
}
