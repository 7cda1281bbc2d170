//! `torod provider quota`: what providers have left, by the running daemon, or as it was known last when none runs.

use std::io::Write;
use std::path::Path;

use clap::Args;
use http::Method;
use tokenrouter::quota::Unit;
use tokenrouter_shared::quota::{QuotaMetric, QuotaPage, QuotaRefresh, QuotaRefreshed, QuotaView};

use super::print_json;
use super::table::table;
use crate::access::bounds::grouped;
use crate::clock::Clock;
use crate::commands::terminal::tell;
use crate::commands::{Exit, control};
use crate::config::{self, Paths};
use crate::store::{DATABASE, Readers, quotas};
use crate::telemetry::plain::plain;
use crate::upstreams::quota::view_rows;

const NOTHING: Option<&()> = None;
/// How wide a bar is, in characters.
const BAR: u32 = 10;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider quota\n  torod provider quota groq\n  torod provider quota --refresh\n  torod provider quota openrouter --json\n\nWhat answers tell of limits is read in passing. Vendors that answer for nothing what is left of an account are asked\nevery 15 minutes while they are used; --refresh asks them now."
)]
pub(super) struct Quota {
    /// Only this provider.
    name: Option<String>,
    /// Ask the vendors anew that can be asked.
    #[arg(long)]
    refresh: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Quota {
    pub(super) async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let (views, too_soon) = self.views(&paths.data_dir, clock).await?;
        if self.json {
            print_json(out, &views)?;
            return Ok(Exit::Done);
        }
        if views.is_empty() {
            writeln!(out, "no providers yet: `torod provider add PRESET` adds one")?;
            return Ok(Exit::Done);
        }
        show(out, &views, is_terminal, clock.now_ms())?;
        if !too_soon.is_empty() {
            tell(
                out,
                &format!("\nonly just asked, and not again before half a minute has passed: {}", too_soon.join(", ")),
                0,
            )?;
        }
        Ok(Exit::Done)
    }

    /// What is known, and whom nobody asked because that was only just done.
    async fn views(&self, dir: &Path, clock: &Clock) -> anyhow::Result<(Vec<QuotaView>, Vec<String>)> {
        if control::is_running(dir) {
            if self.refresh {
                let wanted = QuotaRefresh { provider: self.name.clone() };
                let path = "/admin/api/quotas/refresh";
                let told: QuotaRefreshed =
                    control::ask_within(dir, Method::POST, path, Some(&wanted), control::LONG).await?;
                return Ok((told.quotas, told.too_soon));
            }
            return Ok((known(dir, self.name.as_deref()).await?, Vec::new()));
        }
        if self.refresh {
            anyhow::bail!("no gateway runs on {}: start it with `torod serve`, then ask again", dir.display());
        }
        if !dir.join(DATABASE).exists() {
            anyhow::bail!("nothing is known yet: there is no database in {}; `torod serve` makes it", dir.display());
        }
        let rows = Readers::new(dir.to_owned()).with(quotas::all)?;
        let mut views = view_rows(&rows, clock.now_ms());
        if let Some(name) = &self.name {
            views.retain(|view| view.provider.eq_ignore_ascii_case(name));
            if views.is_empty() {
                anyhow::bail!("nothing is known of a provider `{}`", config::shorten(name));
            }
        }
        Ok((views, Vec::new()))
    }
}

/// What a running gateway knows of `only`, or of every provider.
pub(super) async fn known(dir: &Path, only: Option<&str>) -> anyhow::Result<Vec<QuotaView>> {
    let path = match only {
        Some(name) => format!("/admin/api/quotas?provider={}", control::escape(name)),
        None => "/admin/api/quotas".to_owned(),
    };
    let page: QuotaPage = control::ask(dir, Method::GET, &path, NOTHING).await?;
    Ok(page.quotas)
}

/// A table with one line for each limit.
pub(super) fn show(out: &mut dyn Write, views: &[QuotaView], is_terminal: bool, now_ms: i64) -> std::io::Result<()> {
    let mut table = table(is_terminal);
    table.set_header(["provider", "key", "limit", "left", "of", "set back", "told by", "when"]);
    table.spare(&[7, 6, 1]);
    table.keep_whole(&[3]);
    let dash = || "-".to_owned();
    for view in views {
        let plan = view.plan.as_deref().map(|plan| format!(" ({})", plain(plan))).unwrap_or_default();
        let name = format!("{}{plan}", plain(&view.provider));
        let key = view.credential.as_deref().map_or_else(dash, |key| plain(key).into_owned());
        if let Some(why) = &view.error {
            table.add_row([
                name.clone(),
                key.clone(),
                format!("not known: {}", plain(why)),
                dash(),
                dash(),
                dash(),
                dash(),
                dash(),
            ]);
        } else if view.metrics.is_empty() {
            let why = if view.state == "disabled" {
                "switched off"
            } else if view.state == "ok" {
                "no limit"
            } else {
                "nothing was told yet"
            };
            table.add_row([name.clone(), key.clone(), why.to_owned(), dash(), dash(), dash(), dash(), dash()]);
        }
        for metric in &view.metrics {
            table.add_row([
                name.clone(),
                key.clone(),
                limit(metric),
                left(metric, is_terminal),
                metric
                    .limit
                    .filter(|_| metric.unit != "percent")
                    .map_or_else(dash, |limit| amount(limit, &metric.unit)),
                metric.resets_ms.map_or_else(dash, |at| moment(at, now_ms)),
                metric.source.clone(),
                ago(metric.seen_ms, now_ms),
            ]);
        }
    }
    writeln!(out, "{table}")
}

/// What is limited, in which time, and for which model.
fn limit(metric: &QuotaMetric) -> String {
    let window = metric.window.as_deref().map(|window| format!(" a {window}")).unwrap_or_default();
    let model = metric.model.as_deref().map(|model| format!(" ({})", plain(model))).unwrap_or_default();
    format!("{}{window}{model}", plain(&metric.feature))
}

/// A bar with what is left, and the amount.
fn left(metric: &QuotaMetric, is_terminal: bool) -> String {
    let share = metric.left_permille.map(|permille| {
        let share = format!("{}.{} %", permille / 10, permille % 10);
        if !is_terminal {
            return share;
        }
        let full = usize::try_from((permille * BAR).div_ceil(1_000).min(BAR)).unwrap_or(0);
        let bar = "█".repeat(full) + &"░".repeat(usize::try_from(BAR).unwrap_or(0).saturating_sub(full));
        format!("{bar} {share:>7}")
    });
    let sum = metric.remaining.filter(|_| metric.unit != "percent").map(|left| amount(left, &metric.unit));
    match (share, sum) {
        (Some(share), Some(sum)) => format!("{share}  {sum}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "?".to_owned(),
    }
}

fn amount(amount: u64, unit: &str) -> String {
    let unit = Unit::named(unit).unwrap_or(Unit::Requests);
    let cents = amount / (unit.scale() / 100).max(1);
    let money = format!("{}.{:02}", cents / 100, cents % 100);
    match unit {
        Unit::Requests | Unit::Tokens | Unit::Percent => grouped(amount),
        Unit::Usd => format!("${money}"),
        Unit::Cny => format!("¥{money}"),
        Unit::Credits => format!("{money} credits"),
    }
}

/// In how long, and when by the clock.
fn moment(at_ms: i64, now_ms: i64) -> String {
    let local = chrono::DateTime::from_timestamp_millis(at_ms).map(|at| at.with_timezone(&chrono::Local));
    let left_ms = at_ms.saturating_sub(now_ms).max(0);
    let form = if left_ms < 86_400_000 { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    let at = local.map(|at| at.format(form).to_string()).unwrap_or_default();
    format!("in {} ({at})", span(left_ms))
}

fn ago(at_ms: i64, now_ms: i64) -> String {
    match now_ms.saturating_sub(at_ms) {
        ms if ms < 5_000 => "now".to_owned(),
        ms => format!("{} ago", span(ms)),
    }
}

/// A length of time in its two greatest units.
fn span(ms: i64) -> String {
    let seconds = ms.saturating_add(999) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(unit: &str, limit: Option<u64>, remaining: Option<u64>, left_permille: Option<u32>) -> QuotaMetric {
        QuotaMetric {
            key: "k".into(),
            feature: "requests".into(),
            window: Some("day".into()),
            window_seconds: Some(86_400),
            model: Some("m\u{1b}[2J".into()),
            unit: unit.into(),
            limit,
            used: None,
            remaining,
            left_permille,
            resets_ms: None,
            seen_ms: 0,
            source: "headers".into(),
        }
    }

    #[test]
    fn what_is_left_is_a_bar_on_a_terminal_and_plain_elsewhere() {
        let tenth = metric("requests", Some(14_400), Some(720), Some(50));
        assert_eq!(left(&tenth, true), "█░░░░░░░░░   5.0 %  720");
        assert_eq!(left(&tenth, false), "5.0 %  720");
        assert_eq!(left(&metric("percent", Some(1_000), Some(577), Some(577)), false), "57.7 %");
        assert_eq!(left(&metric("usd", None, Some(74_750_000_000), None), true), "$74.75");
        assert_eq!(left(&metric("tokens", None, Some(0), Some(0)), true), "░░░░░░░░░░   0.0 %  0");
        assert_eq!(left(&metric("tokens", None, None, None), true), "?");
        assert_eq!(
            (amount(1_234_567, "tokens").as_str(), amount(5_000_000_000, "cny").as_str()),
            ("1,234,567", "¥5.00")
        );
    }

    #[test]
    fn nothing_that_others_named_commands_the_terminal() {
        let view = QuotaView {
            provider: "p\u{1b}[2J".into(),
            preset: None,
            display_name: "p".into(),
            credential: Some("1".into()),
            reader: "none".into(),
            state: "error".into(),
            error: Some("e\u{1b}[2J".into()),
            plan: Some("free\u{7}".into()),
            left_permille: None,
            resets_ms: None,
            checked_ms: None,
            metrics: vec![metric("requests", None, None, None)],
        };
        let mut out = Vec::new();
        show(&mut out, &[view], false, 0).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{7}']) && text.contains("not known: e"), "{text}");
    }

    #[test]
    fn times_are_told_in_words() {
        for (ms, text) in [(0, "0 s"), (1, "1 s"), (61_000, "1 min"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")]
        {
            assert_eq!(span(ms), text);
        }
        assert!(moment(60_000, 0).starts_with("in 1 min ("));
        assert_eq!((ago(0, 4_000).as_str(), ago(0, 60_000).as_str()), ("now", "1 min ago"));
    }
}
