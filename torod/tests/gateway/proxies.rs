//! Who is believed about whom a request comes from.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero};

async fn start(more: &str) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", more).replace("no_auth = false", "no_auth = true");
    TestDaemon::configured(simulator, &text, Clock::fixed(1_800_000_000_000)).await
}

async fn send(daemon: &TestDaemon, path: &str, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut request = daemon.request(path, body.to_owned());
    request.headers_mut().remove("authorization");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    daemon.send(request).await
}

#[tokio::test]
async fn a_trusted_proxy_is_never_a_program_on_this_machine() {
    let daemon = start("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]").await;
    for headers in [&[][..], &[("x-forwarded-for", "127.0.0.1")], &[("forwarded", "for=\"[::1]\"")]] {
        let answer = send(&daemon, "/v1/chat/completions", headers, &chat_body("ok", "")).await;
        assert_eq!(answer.status, 401, "{headers:?}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn wrong_keys_are_counted_by_the_client_that_a_trusted_proxy_names_and_by_nobody_elses_word() {
    for (trusted, expected) in [(true, 401), (false, 429)] {
        let more = if trusted { "[server]\ntrusted_proxies = [\"127.0.0.1\"]" } else { "" };
        let daemon = start(more).await;
        let wrong = r#"{"key":"sk-wrong"}"#;
        for n in 0..10 {
            let from =
                format!("192.0.2.7, {}", if trusted { "198.51.100.1".to_owned() } else { format!("198.51.100.{n}") });
            let answer = send(&daemon, "/admin/api/login", &[("x-forwarded-for", &from)], wrong).await;
            assert_eq!(answer.status, 401);
        }
        if trusted {
            let answer =
                send(&daemon, "/admin/api/login", &[("x-forwarded-for", "8.8.8.8, 198.51.100.1")], wrong).await;
            assert_eq!(answer.status, 429, "what stands before the address that the proxy saw is made up");
        }
        let answer = send(&daemon, "/admin/api/login", &[("x-forwarded-for", "198.51.100.77")], wrong).await;
        assert_eq!(answer.status.as_u16(), expected, "trusted: {trusted}");
        daemon.stop().await;
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_makes_a_session_one_for_tls() {
    for (trusted, name) in [(true, "__Host-tokenrouter_session="), (false, "tokenrouter_session=")] {
        let more = if trusted { "[server]\ntrusted_proxies = [\"127.0.0.1\"]" } else { "" };
        let daemon = start(more).await;
        let body = format!(r#"{{"key":"{}"}}"#, daemon.key);
        let tls = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        let answer = send(&daemon, "/admin/api/login", &tls, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let cookie = answer.header("set-cookie").to_owned();
        assert!(cookie.starts_with(name), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), trusted, "{cookie}");
        assert!(cookie.contains(if trusted { "; Path=/;" } else { "; Path=/admin;" }), "{cookie}");
        // Its own page is one with https now.
        let own = daemon.url.replace("http://", "https://");
        let page = [tls[0], tls[1], ("origin", own.as_str())];
        let answer = send(&daemon, "/admin/api/login", &page, &body).await;
        assert_eq!(answer.status.as_u16(), if trusted { 201 } else { 403 });
        daemon.stop().await;
    }
}
