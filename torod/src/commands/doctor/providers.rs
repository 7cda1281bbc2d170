//! Whether the providers answer: each is asked for its list of models, with its own key and over the way of real requests.

use std::time::Duration;

use super::report::Report;
use crate::clock::Clock;
use crate::commands::provider::{Way, listed};
use crate::config::{Config, Paths};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) async fn check(
    config: &Config,
    paths: &Paths,
    is_shown: bool,
    clock: &Clock,
    report: &mut Report,
) -> anyhow::Result<()> {
    const CHECK: &str = "provider";
    for provider in config.providers.iter().filter(|provider| provider.enabled) {
        let name = &provider.name;
        let way = Way { model: None, deadline: DEADLINE, json: !is_shown, data_dir: paths.data_dir.clone() };
        match listed(provider, &way, clock).await? {
            Err(why) => report.bad(CHECK, format!("{name}: {why:#}"), format!("`torod provider show {name}`")),
            Ok(step) if step.result == "works" => {
                report.good(CHECK, format!("{name}: {} ({} ms)", step.message, step.took_ms));
            }
            Ok(step) if step.result == "skipped" => report.skipped(CHECK, format!("{name}: {}", step.message)),
            Ok(step) => {
                let problem = step.problem.unwrap_or_else(|| "no answer".to_owned());
                let text = format!("{name}: {problem}: {}", step.message);
                report.bad(CHECK, text, format!("`torod provider test {name}` tries a call"));
            }
        }
    }
    Ok(())
}
