//! What the machine gives: the address, open files, the time, and proxies of the environment.

use std::net::SocketAddr;

use chrono::{DateTime, Local};
use nix::sys::resource::{Resource, getrlimit};

use super::report::Report;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::bind;

/// Each stream takes two.
const FILES_PER_STREAM: u64 = 2;
/// Databases, logs and listeners.
const FILES_BESIDES: u64 = 200;
/// When this program cannot have run yet: the beginning of 2025.
const TOO_EARLY_MS: i64 = 1_735_689_600_000;

/// Whether the address can be listened at, or is the running gateway's.
pub(super) async fn address(config: Option<&Config>, is_running: bool, report: &mut Report) {
    const CHECK: &str = "address";
    let Some(config) = config else { return report.skipped(CHECK, "not known: the configuration cannot be used") };
    let addr = config.listen_addr;
    if is_running {
        return report.good(CHECK, format!("{addr}; `torod health` asks the gateway there"));
    }
    match bind::tcp(addr).await {
        Ok(_) => report.good(CHECK, format!("{addr} is free{}", reach(addr))),
        Err(e) => {
            report.bad(CHECK, e.to_string(), format!("`ss -ltnp 'sport = :{}'` shows who listens there", addr.port()))
        }
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
