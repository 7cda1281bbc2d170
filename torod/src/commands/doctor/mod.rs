//! `torod doctor`: is everything here as the gateway needs it?

mod folder;
mod machine;
mod providers;
mod report;

use std::io::Write;

use clap::Args;

use self::report::Report;
use super::{Exit, control, counted, system_env, vault};
use crate::clock::Clock;
use crate::config::{self, Config, Paths};

/// Check what the gateway needs: configuration, data folder, address, limits of the system.
///
/// Nothing is changed, and nobody is called without `--providers`. Ends with 1 when something is wrong.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  torod doctor\n  torod doctor --providers\n  torod doctor --json")]
pub struct Doctor {
    /// Ask every enabled provider for its list of models too, which costs nothing.
    #[arg(long)]
    providers: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Checks all.
    pub async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let mut report = Report::default();
        let config = configuration(paths, &mut report);
        let is_running = control::is_running(&paths.data_dir);
        folder::check(&paths.data_dir, is_running, clock, &mut report);
        machine::address(config.as_ref(), is_running, &mut report).await;
        machine::certificate(config.as_ref(), &paths.data_dir, clock, &mut report);
        machine::limits(config.as_ref(), &mut report);
        machine::clock(clock, &mut report);
        machine::proxies(&system_env, &mut report);
        match &config {
            None => report.skipped("providers", "not known: the configuration cannot be used"),
            Some(_) if !self.providers => report.skipped("providers", "not asked: --providers asks them"),
            Some(config) => providers::check(config, paths, !self.json, clock, &mut report).await?,
        }
        report.tell(out, self.json)?;
        Ok(if report.is_bad() { Exit::Failed } else { Exit::Done })
    }
}

/// The configuration, if it can be used, with all that is to be said of it.
fn configuration(paths: &Paths, report: &mut Report) -> Option<Config> {
    const CHECK: &str = "configuration";
    if !paths.config_file.exists() && paths.environment.is_empty() {
        let text = format!("there is no {}", paths.config_file.display());
        report.warn(CHECK, text, "`torod serve` writes it at a first start, `torod config` step by step");
        return Some(Config::default());
    }
    let examined = match config::examine_paths(paths) {
        Ok(examined) => examined,
        Err(e) => {
            report.bad(CHECK, e.to_string(), "name the right file with --config, or mend this one");
            return None;
        }
    };
    for finding in &examined.findings {
        let place = match finding.line {
            0 => finding.file.clone(),
            line => format!("{}:{line}:{}", finding.file, finding.column),
        };
        let text = format!("{place}: {}", finding.message);
        if finding.is_error() {
            report.bad(CHECK, text, &finding.advice);
        } else {
            report.warn(CHECK, text, &finding.advice);
        }
    }
    if examined.has_errors() {
        return None;
    }
    let config = &examined.config;
    let enabled = config.providers.iter().filter(|provider| provider.enabled).count();
    let set = paths.environment.settings().len();
    let set = if set == 0 { String::new() } else { format!(", {} from the environment", counted(set, "setting")) };
    let text = format!(
        "{}: {enabled} of {} enabled{set}",
        paths.config_file.display(),
        counted(config.providers.len(), "provider")
    );
    if enabled == 0 && !config.auto_detect_local_servers {
        report.warn(CHECK, text, "no request can be served: `torod provider add PRESET` adds a provider");
    } else {
        report.good(CHECK, text);
    }
    let missing = examined.check_secrets(&system_env, &vault(&paths.data_dir));
    for finding in &missing {
        let text = format!("{}: {}", finding.key, finding.message);
        if finding.is_error() {
            report.bad("keys", text, &finding.advice);
        } else {
            report.warn("keys", text, &finding.advice);
        }
    }
    let keys = config.providers.iter().filter(|provider| provider.enabled).flat_map(|provider| &provider.credentials);
    if missing.is_empty() {
        report.good("keys", format!("{} of enabled providers can be read", counted(keys.count(), "key")));
    }
    Some(examined.config)
}
