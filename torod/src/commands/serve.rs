//! `torod serve`: the gateway.

use std::io::{ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokenrouter::catalog::Presets;

use super::{Exit, system_env};
use crate::access::system_random;
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, ConfigFile, Detected, Examined, LogFormat, Overrides, Paths, TlsMode};
use crate::daemon::{self, Daemon, Options};
use crate::lifecycle;
use crate::server::{activation, descriptors};
use crate::telemetry;
use crate::telemetry::lines::NOT_KEPT;
use crate::tls;
use crate::upstreams::detect;

/// Until a model server of this machine must have answered on a first start.
const PROBE: Duration = Duration::from_millis(300);

/// Run the gateway.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod serve\n  torod serve --listen 127.0.0.1:9000 --config ./torod.toml --data-dir ./data\n\nA first start writes a commented torod.toml with the providers whose keys it finds in the environment.\nCtrl-C lets running answers finish; a second one ends at once."
)]
pub struct Serve {
    /// Listen here instead of at `listen_addr`; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Write the URL to this file when the gateway is ready.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Log for people even if stderr is no terminal, or as JSON even if it is one.
    #[arg(long, value_name = "FORMAT", value_parser = ["human", "json"])]
    log_format: Option<String>,
}

impl Serve {
    /// Runs until a signal.
    pub async fn run(self, paths: &Paths, clock: Clock) -> anyhow::Result<Exit> {
        let mut say = anstream::stderr();
        let (mut config, has_file) = if paths.config_file.exists() {
            (load(paths, &mut say)?, true)
        } else {
            first_start(paths, &mut say).await?
        };
        let log_format = self.log_format.as_deref();
        let overrides = Overrides {
            listen_addr: self.listen,
            log_format: log_format.map(|name| if name == "human" { LogFormat::Human } else { LogFormat::Json }),
            environment: paths.environment.clone(),
        };
        overrides.apply(&mut config);
        // Who tries it by hand believes the certificate that was made here.
        let trust = match config.tls.mode {
            TlsMode::SelfSigned => format!("--cacert {} ", paths.data_dir.join(tls::SELF_SIGNED).display()),
            TlsMode::Off | TlsMode::Pem | TlsMode::Acme => String::new(),
        };
        let file = has_file.then(|| ConfigFile { path: paths.config_file.clone(), overrides });
        let log = telemetry::log::start(&config.log, &clock);
        telemetry::panics::tell();
        let options =
            Options { config, file, data_dir: paths.data_dir.clone(), clock, random: system_random, env: system_env };
        let given = activation::take(&system_env).context("the sockets that systemd handed over cannot be used")?;
        let daemon = Daemon::start_on(options, given).await?;
        if let Some(lines) = &log.lines {
            daemon.keep_log(lines);
        }
        let url = daemon.url();
        tracing::info!(url, config = %paths.config_file.display(), data = %paths.data_dir.display(), "torod listens at {url}");
        first_admin(&daemon, &url, &trust, &mut say).await?;
        if let Some(path) = &self.ready_file {
            daemon::announce(path, &url).with_context(|| format!("cannot write {}", path.display()))?;
        }
        descriptors::raise_limit();
        let lifecycle = daemon.lifecycle();
        lifecycle.spawn("signals", lifecycle::follow_signals(lifecycle.clone()));
        if system_env("NOTIFY_SOCKET").is_some() {
            lifecycle.spawn("service manager", lifecycle::tell_service_manager(lifecycle.clone()));
        }
        Ok(if daemon.run().await { Exit::Done } else { Exit::Failed })
    }
}

fn load(paths: &Paths, say: &mut dyn Write) -> anyhow::Result<Config> {
    judged(config::examine_paths(paths)?, paths, say)
}

fn judged(examined: Examined, paths: &Paths, say: &mut dyn Write) -> anyhow::Result<Config> {
    for finding in &examined.findings {
        finding.write_with_source(say)?;
    }
    if examined.has_errors() {
        anyhow::bail!("{} cannot be used as it is; see above", paths.config_file.display());
    }
    Ok(examined.config)
}

/// Writes the first configuration and says what it found. Where nothing can be written, in a container for one, what was
/// found and the environment are enough.
async fn first_start(paths: &Paths, say: &mut dyn Write) -> anyhow::Result<(Config, bool)> {
    let keys = detect::env_keys(&system_env);
    let own = Config::default().listen_addr;
    let servers = detect::local_servers(&Presets::default(), own, PROBE).await;
    let found = Detected { keys, servers };
    let text = config::first_run(&found);
    let is_written = match config::write_new(&paths.config_file, &text) {
        Ok(()) => true,
        Err(ConfigError::Io { cause, .. }) if is_closed(cause.kind()) => false,
        Err(e) => return Err(e.into()),
    };
    if is_written {
        writeln!(say, "First start: wrote {}", paths.config_file.display())?;
    } else {
        let file = paths.config_file.display();
        writeln!(say, "Running without a file, since {file} cannot be written: TOROD_… variables say what it would")?;
    }
    for key in &found.keys {
        writeln!(say, "  found {} in the environment: provider \"{}\"", key.env_var, key.preset)?;
    }
    for server in &found.servers {
        writeln!(
            say,
            "  found a model server at {}: provider \"{}\", {} models",
            server.url, server.preset, server.models
        )?;
    }
    let examined = config::examine_with(&text, &paths.config_file.display().to_string(), &paths.environment);
    if examined.config.providers.is_empty() && is_written {
        writeln!(say, "  found no provider key in the environment and no model server on this machine")?;
        writeln!(say, "  next, while it runs: `torod provider add PRESET` or `torod config`; or try `torod demo`")?;
    }
    Ok((judged(examined, paths, say)?, is_written))
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// On a terminal the first admin token is made and shown at once; elsewhere the log has a code that makes it.
async fn first_admin(daemon: &Daemon, url: &str, trust: &str, say: &mut dyn Write) -> anyhow::Result<()> {
    if daemon.has_admin() {
        return Ok(());
    }
    if std::io::stderr().is_terminal() && std::io::stdin().is_terminal() {
        let made = daemon.setup().make_admin(None).await?;
        writeln!(say, "\nYour admin token, shown once:\n\n  {}\n", made.key)?;
        writeln!(say, "Try it:\n\n  curl {trust}{url}/v1/models -H 'Authorization: Bearer {}'\n", made.key)?;
    } else {
        let code = daemon.setup().open()?;
        tracing::warn!(
            target: NOT_KEPT,
            "no admin token exists. Make one at {url}/admin with the setup code {code}, with `torod token create --role \
             admin`, or once with: curl {trust}{url}/admin/api/setup -H 'content-type: application/json' -d '{{\"code\":\"{code}\"}}'"
        );
    }
    Ok(())
}
