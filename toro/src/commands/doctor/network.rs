//! From here to the gateway: name, connection, certificate, clock, keys, and how fast it lists its models.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use tokenrouter_shared::session::Me;

use super::report::{Report, took};
use crate::client::{Client, ClientError};
use crate::commands::Context;
use crate::exit::Failure;
use crate::printer::time::{Zone, distance};
use crate::printer::{counted, plain};
use crate::profile::Server;

/// An address answers within that time, or is none.
const CONNECT: Duration = Duration::from_secs(5);
/// So many of a name's addresses are tried.
const MOST_ADDRESSES: usize = 6;
/// Clocks that are further apart than this make times in reports wrong, in milliseconds.
const SKEW_MS: u64 = 30_000;
/// A certificate that ends within that time wants to be renewed, in milliseconds.
const SOON_MS: i64 = 14 * 86_400_000;
/// Agents wait no longer for a list of models.
const LIST: Duration = Duration::from_secs(3);

/// Checks all; whether there is a gateway to go on with.
pub(super) async fn check(context: &Context, server: &Server, report: &mut Report<'_>) -> Result<bool, Failure> {
    if !reach(context, server, report).await? {
        return Ok(false);
    }
    if server.address.is_https() {
        certificate(context, server, report).await?;
    } else if server.address.is_loopback() {
        report.good("encryption", "none, and none is needed: nothing leaves this machine")?;
    } else {
        let advice = "Give the gateway a certificate (`torod serve --help`), then `toro connect https://…`.";
        report.warn("encryption", "none: whoever sees the network sees the token and all that is said", advice)?;
    }
    let client = match Client::new(server) {
        Ok(client) => client,
        Err(e) => return report.failed("tls", e).map(|()| false),
    };
    if !alive(context, &client, report).await? {
        return Ok(false);
    }
    let me: Me = match client.get("/admin/api/me").await {
        Ok(me) => me,
        Err(e) => return report.failed("token", e).map(|()| false),
    };
    let ends = me.ends_ms.or(me.expires_ms);
    let ends = ends.map_or_else(
        || "never ends by itself".to_owned(),
        |at| format!("ends {}", distance(at, context.clock.now_ms())),
    );
    report.good("token", &format!("{} ({}), {ends}", plain(&me.name), me.role))?;
    if me.left.iter().any(|left| left.remaining == 0) {
        report.bad("budget", "it is used up", "`toro status` shows when there is more.")?;
    }
    headers(server, report).await?;
    list(context, &client, report).await?;
    Ok(true)
}

/// The name and the connection.
async fn reach(context: &Context, server: &Server, report: &mut Report<'_>) -> Result<bool, Failure> {
    let (host, port) = (server.address.host().to_owned(), server.address.port());
    let begun = context.clock.moment();
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((host.as_str(), port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.take(MOST_ADDRESSES).collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            report.bad(
                "dns",
                &format!("nobody says what {host} is within 5 s"),
                "Check this machine's name servers.",
            )?;
            return Ok(false);
        }
    };
    if addresses.is_empty() {
        let advice = "Check its spelling (`toro connect` stores another one), or this machine's name servers.";
        report.bad("dns", &format!("nobody knows the name {host}"), advice)?;
        return Ok(false);
    }
    let listed = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    if host.parse::<std::net::IpAddr>().is_ok() {
        report.good("dns", "not needed: it is an address")?;
    } else {
        report.good("dns", &format!("{host} is {listed} ({})", took(context.clock.moment().duration_since(begun))))?;
    }
    let (mut reached, mut missed) = (Vec::new(), Vec::new());
    for address in &addresses {
        let begun = context.clock.moment();
        match tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(_)) => reached.push(took(context.clock.moment().duration_since(begun))),
            Ok(Err(e)) => missed.push(format!("{}: {e}", address.ip())),
            Err(_) => missed.push(format!("{}: no answer within 5 s", address.ip())),
        }
    }
    match (reached.first(), missed.is_empty()) {
        (Some(time), true) => report.good("tcp", &format!("port {port} answers in {time}"))?,
        (Some(_), false) => report.warn(
            "tcp",
            &format!("port {port} answers, but not at every address: {}", missed.join("; ")),
            "Agents may try that address first and wait: take it out of the name, or make it work.",
        )?,
        (None, _) => {
            let advice = if server.address.is_loopback() {
                "Is torod running? `torod serve` starts it."
            } else {
                "Is the gateway up, and does a firewall let you through?"
            };
            report.bad("tcp", &format!("port {port} does not answer: {}", missed.join("; ")), advice)?;
        }
    }
    Ok(!reached.is_empty())
}

async fn certificate(context: &Context, server: &Server, report: &mut Report<'_>) -> Result<(), Failure> {
    let seen = match Client::seen_certificate(&server.address).await {
        Ok(seen) => seen,
        Err(e) => return report.failed("tls", e),
    };
    let pinned = match server.fingerprint {
        Some(wanted) if wanted == seen.fingerprint => "it is the one that was pinned",
        Some(_) => {
            let text = format!("it is another one than the one that was pinned: {}", seen.fingerprint);
            return report.bad("tls", &text, "Ask whoever runs the gateway. If they changed it: `toro connect`.");
        }
        None => "it is asked for by name",
    };
    let zone = Zone::here();
    let now_ms = context.clock.now_ms();
    match seen.ends_ms {
        Some(end) if end <= now_ms => {
            let text = format!("the certificate ended {}", zone.moment(end, now_ms));
            report.bad("tls", &text, "Renew it; torod does so by itself with [tls] acme.")
        }
        Some(end) if end - now_ms < SOON_MS => {
            let text = format!("the certificate ends {}; {pinned}", zone.moment(end, now_ms));
            report.warn("tls", &text, "Renew it soon.")
        }
        end => {
            let end = end.map(|end| format!("ends {}", zone.moment(end, now_ms)));
            let end = end.unwrap_or_else(|| "does not say when it ends".to_owned());
            report.good("tls", &format!("the certificate {end}; {pinned}; {}", seen.fingerprint))
        }
    }
}

/// Whether something answers there, whether it is a gateway, and what its clock says.
async fn alive(context: &Context, client: &Client, report: &mut Report<'_>) -> Result<bool, Failure> {
    let begun = context.clock.moment();
    let answer = match client.send(Method::GET, "/health", HeaderMap::new(), Bytes::new()).await {
        Ok(answer) => answer,
        Err(e) => return report.failed("health", e).map(|()| false),
    };
    let time = took(context.clock.moment().duration_since(begun));
    let date = answer.headers.get(DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // One that cannot serve says so with 503, and is still a gateway.
    let told = async {
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.json().await
        } else {
            answer.checked().await?.json().await
        }
    };
    let health: Value = match told.await {
        Ok(health) => health,
        Err(e) => return report.failed("health", e).map(|()| false),
    };
    let text = |key: &str| health.get(key).and_then(Value::as_str).map(plain).unwrap_or_default();
    let version = text("version");
    match text("status").as_str() {
        "ok" => report.good("health", &format!("torod {version} answers in {time}"))?,
        status => {
            let text = format!("torod {version} says `{status}`: {}", text("reason"));
            report.bad("health", &text, "Look at its providers: `toro status`, or the gateway's log.")?;
        }
    }
    let now_ms = context.clock.now_ms();
    let theirs = date.and_then(|text| jiff::fmt::rfc2822::parse(&text).ok()).map(|at| at.timestamp());
    match theirs.map(Timestamp::as_millisecond) {
        None => report.skipped("clock", "the gateway does not say what time it is")?,
        // It is told to the second.
        Some(theirs) if theirs.abs_diff(now_ms) <= SKEW_MS => report.good("clock", "as the gateway's, within 30 s")?,
        Some(theirs) => {
            let way = if theirs > now_ms { "behind" } else { "ahead of" };
            let text =
                format!("this machine is {} {way} the gateway", took(Duration::from_millis(theirs.abs_diff(now_ms))));
            report.warn("clock", &text, "Times in reports are off by that: set the clock, best by NTP.")?;
        }
    }
    Ok(true)
}

/// Every way that agents send a key in, and none at all.
async fn headers(server: &Server, report: &mut Report<'_>) -> Result<(), Failure> {
    let bare = Client::to(&server.address, None, server.fingerprint.as_ref())?;
    let forms = [
        (AUTHORIZATION, "Authorization: Bearer", format!("Bearer {}", server.key.expose())),
        (HeaderName::from_static("x-api-key"), "x-api-key", server.key.expose().to_owned()),
        (HeaderName::from_static("x-goog-api-key"), "x-goog-api-key", server.key.expose().to_owned()),
    ];
    let mut refused = Vec::new();
    for (name, title, value) in forms {
        let Ok(mut value) = HeaderValue::from_str(&value) else { return report.failed("keys", ClientError::BadKey) };
        value.set_sensitive(true);
        let sent =
            bare.send(Method::GET, "/v1/models?limit=1", HeaderMap::from_iter([(name, value)]), Bytes::new()).await;
        match sent {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => refused.push(format!("{title} ({})", answer.status.as_u16())),
            Err(e) => refused.push(format!("{title} ({e})")),
        }
    }
    if refused.is_empty() {
        report.good("keys", "taken as Authorization: Bearer, x-api-key and x-goog-api-key")?;
    } else {
        let text = format!("not taken as {}", refused.join(", "));
        report.bad("keys", &text, "Something before the gateway takes headers away: let it pass them on.")?;
    }
    match bare.send(Method::GET, "/v1/models?limit=1", HeaderMap::new(), Bytes::new()).await {
        Ok(answer) if answer.status.is_success() => {
            let advice = "Set allow_localhost_no_auth = false in torod.toml, if others use this machine.";
            report.warn("no key", "the gateway serves whoever asks from here", advice)
        }
        Ok(_) => report.good("no key", "who has none is refused"),
        Err(e) => report.failed("no key", e),
    }
}

async fn list(context: &Context, client: &Client, report: &mut Report<'_>) -> Result<(), Failure> {
    let begun = context.clock.moment();
    let names = match crate::talk::listed(client, "").await {
        Ok(names) => names,
        Err(e) => return report.failed("model list", e),
    };
    let time = context.clock.moment().duration_since(begun);
    let told = format!("{} in {}", counted(names.len() as u64, "model"), took(time));
    if names.is_empty() {
        report.bad(
            "model list",
            "no model",
            "Add a provider (`torod provider add`), or look at what your token may use: `toro status`.",
        )
    } else if time > LIST {
        report.warn(
            "model list",
            &told,
            "Agents give up after 3 s: is the way there slow, or does the list need --models?",
        )
    } else {
        report.good("model list", &told)
    }
}
