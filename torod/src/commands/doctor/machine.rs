//! What the machine gives: the address, open files, the time, and proxies of the environment.

use std::net::SocketAddr;
use std::path::Path;

use chrono::{DateTime, Local};
use nix::sys::resource::{Resource, getrlimit};

use super::report::Report;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::bind;
use crate::tls;

/// Each stream takes two.
const FILES_PER_STREAM: u64 = 2;
/// Databases, logs and listeners.
const FILES_BESIDES: u64 = 200;
/// So long before its end a certificate should have been renewed.
const SOON_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// When this program cannot have run yet: the beginning of 2025.
const TOO_EARLY_MS: i64 = 1_735_689_600_000;

/// Whether every address can be listened at, or is the running gateway's.
pub(super) async fn address(config: Option<&Config>, is_running: bool, report: &mut Report) {
    const CHECK: &str = "address";
    let Some(config) = config else { return report.skipped(CHECK, "not known: the configuration cannot be used") };
    let others = config.server.listen.iter().map(|place| (place, "server.listen"));
    let others = others.chain(config.server.admin_listen.iter().map(|place| (place, "server.admin_listen")));
    let others = others.filter_map(|(place, key)| Some((place.addr()?, key)));
    let http = config.tls.http_addr.filter(|_| config.tls.is_on()).map(|addr| (addr, "tls.http_addr"));
    let metrics = config.telemetry.metrics_addr.map(|addr| (addr, "telemetry.metrics_addr"));
    for (addr, key) in std::iter::once((config.listen_addr, "listen_addr")).chain(others).chain(http).chain(metrics) {
        if is_running {
            let asked = if key == "listen_addr" { "; `torod health` asks the gateway there" } else { "" };
            report.good(CHECK, format!("{addr}{asked}"));
            continue;
        }
        match bind::tcp(addr, key).await {
            Ok(_) => report.good(CHECK, format!("{addr} is free{}", reach(addr))),
            Err(e) => {
                let advice = format!("`ss -ltnp 'sport = :{}'` shows who listens there", addr.port());
                report.bad(CHECK, e.to_string(), advice);
            }
        }
    }
}

/// Whether there is a certificate, and for how long.
pub(super) fn certificate(config: Option<&Config>, dir: &Path, clock: &Clock, report: &mut Report) {
    const CHECK: &str = "certificate";
    let Some(config) = config else { return };
    if !config.tls.is_on() {
        let is_local = config.listen_addr.ip().to_canonical().is_loopback();
        if is_local || config.admin.public_url.is_some() {
            return report.good(CHECK, "none: TLS is off");
        }
        let advice = "set `mode` in [tls], or `admin.public_url` where a reverse proxy speaks TLS for it";
        return report.warn(CHECK, format!("TLS is off, and other machines can reach {}", config.listen_addr), advice);
    }
    let facts = match tls::at_rest(config, dir) {
        Ok(Some(facts)) => facts,
        Ok(None) => return report.skipped(CHECK, "there is none yet: `torod serve` makes it"),
        Err(e) => return report.bad(CHECK, e.to_string(), "`torod tls` tells of the one that is shown"),
    };
    let day = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap_or_default().format("%Y-%m-%d").to_string();
    let text = format!("for {}, until {}", facts.names.join(", "), day(facts.ends_ms));
    let left_ms = facts.ends_ms.saturating_sub(clock.now_ms());
    if left_ms <= 0 {
        report.bad(CHECK, format!("it ended: {text}"), "`torod tls renew`, or put another in its place");
    } else if facts.begins_ms > clock.now_ms() {
        report.bad(CHECK, format!("it begins on {}", day(facts.begins_ms)), "look whether the clock is right");
    } else if left_ms < SOON_MS {
        report.warn(
            CHECK,
            text,
            "`torod tls` tells why it was not renewed; who keeps the files must put another there",
        );
    } else {
        report.good(CHECK, text);
    }
}

fn reach(addr: SocketAddr) -> &'static str {
    if addr.ip().is_loopback() { ", for this machine alone" } else { ", and other machines can reach it" }
}

/// Whether there are as many open files as the limits of the configuration allow streams.
pub(super) fn limits(config: Option<&Config>, report: &mut Report) {
    const CHECK: &str = "open files";
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return report.skipped(CHECK, "the system does not tell its limit");
    };
    // The daemon raises it as far as it may.
    let allowed = soft.max(hard);
    let streams = config.map_or(0, |config| config.limits.concurrent_streams as u64);
    let wanted = streams.saturating_mul(FILES_PER_STREAM).saturating_add(FILES_BESIDES);
    if allowed >= wanted {
        report.good(CHECK, format!("{} are allowed", told(allowed)));
    } else {
        let most = allowed.saturating_sub(FILES_BESIDES) / FILES_PER_STREAM;
        report.warn(
            CHECK,
            format!("{allowed} are allowed, enough for about {most} streams at once, and `limits.concurrent_streams` is {streams}"),
            format!("raise it: `LimitNOFILE={wanted}` in the unit, `ulimit -n {wanted}` in a shell; or lower the limit"),
        );
    }
}

fn told(files: u64) -> String {
    if files >= 1 << 40 { "as many as one likes".to_owned() } else { files.to_string() }
}

/// Whether the time can be right, and which zone holds.
pub(super) fn clock(clock: &Clock, report: &mut Report) {
    const CHECK: &str = "clock";
    let now_ms = clock.now_ms();
    let Some(now) = DateTime::from_timestamp_millis(now_ms).map(|now| now.with_timezone(&Local)) else {
        return report.bad(CHECK, "the clock tells no time", "set it");
    };
    let text = now.format("%Y-%m-%d %H:%M:%S %:z").to_string();
    if now_ms < TOO_EARLY_MS {
        report.bad(
            CHECK,
            format!("it is {text}, which is too early"),
            "set the clock: certificates and budgets go by it",
        );
    } else {
        report.good(CHECK, text);
    }
    match std::env::var("TZ").ok().filter(|zone| !zone.is_empty()) {
        Some(zone) if jiff::tz::TimeZone::get(zone.trim_start_matches(':')).is_err() && !zone.starts_with('/') => {
            let text = format!("TZ={zone} is no zone that is known here");
            report.warn(
                "time zone",
                text,
                "write a name such as Europe/Berlin; days of reports begin in UTC otherwise",
            );
        }
        Some(zone) => report.good("time zone", format!("{zone}, by TZ")),
        None => report.good("time zone", format!("{}, the system's", now.format("%:z"))),
    }
}

/// Proxies of the environment, which torod does not use.
pub(super) fn proxies(env: &dyn Fn(&str) -> Option<String>, report: &mut Report) {
    const CHECK: &str = "proxy";
    let set = |name: &&str| env(name).or_else(|| env(&name.to_lowercase())).is_some_and(|value| !value.is_empty());
    match ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].iter().find(|name| set(name)) {
        None => report.good(CHECK, "none in the environment"),
        Some(name) => report.warn(
            CHECK,
            format!("{name} is set, and torod asks no proxy for providers"),
            "providers must be reachable from here without it, or by a `base_url` that leads to a reverse proxy",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Grade;

    #[test]
    fn a_proxy_is_told_of_in_either_spelling() {
        for (name, grade) in [("https_proxy", Grade::Warning), ("ALL_PROXY", Grade::Warning), ("NO_PROXY", Grade::Good)]
        {
            let mut report = Report::default();
            proxies(&|wanted| (wanted == name).then(|| "http://proxy:3128".to_owned()), &mut report);
            assert_eq!(report.findings[0].grade, grade, "{name}");
        }
    }

    #[test]
    fn more_streams_than_files_are_told_of() {
        let mut config = Config::default();
        config.limits.concurrent_streams = usize::MAX / 4;
        let mut report = Report::default();
        limits(Some(&config), &mut report);
        assert_eq!(report.findings[0].grade, Grade::Warning, "{:?}", report.findings);
        assert!(report.findings[0].advice.contains("LimitNOFILE="));
    }

    #[tokio::test]
    async fn a_taken_address_is_told_of_with_who_may_have_it() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config { listen_addr: taken.local_addr().unwrap(), ..Config::default() };
        let mut report = Report::default();
        address(Some(&config), false, &mut report).await;
        let told = &report.findings[0];
        assert!(told.grade == Grade::Bad && told.advice.contains("ss -ltnp"), "{told:?}");
    }
}
