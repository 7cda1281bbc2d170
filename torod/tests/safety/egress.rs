//! Where torod connects to: what the policy denies is refused in the file, and at the connection whatever a name means.

use tokenrouter_simulator::{Settings, Simulator};
use torod::access::system_random;
use torod::clock::Clock;
use torod::config::{self, Egress};
use torod::daemon::{Daemon, Options};

use crate::support::{TestDaemon, configuration, port_zero, until};

/// What the file says of a provider at `url`.
fn findings(egress: &str, url: &str) -> String {
    let text = format!("{egress}\n[[providers]]\nname = \"a\"\nbase_url = \"{url}\"\n");
    let found = config::parse(&text, "t").err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_address_in_the_file_is_refused_however_it_is_spelt() {
    let strict = "[egress]\nallow_private = false";
    for url in [
        "http://127.0.0.1:11434/v1",
        "http://localhost:11434/v1",
        "http://[::1]/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://2130706433/v1",
        "http://0x7f.1/v1",
        "http://0177.0.0.1/v1",
        "https://10.0.0.8/v1",
        "https://[fd00::1]/v1",
    ] {
        let said = findings(strict, url);
        assert!(said.contains("egress.allow_private = true"), "{url}: {said}");
        assert_eq!(findings("", url), "", "{url}");
    }
    for url in
        ["http://169.254.169.254", "http://[fd00:ec2::254]/v1", "http://0.0.0.0:8080", "http://0xa9fea9fe/latest"]
    {
        let said = findings("", url);
        assert!(said.contains("no setting changes that"), "{url}: {said}");
    }
    let denied = findings("[egress]\ndeny = [\"192.0.2.0/24\"]", "https://192.0.2.7/v1");
    assert!(denied.contains("egress.deny"), "{denied}");
    let local = "[[providers]]\nname = \"o\"\nprovider_type = \"ollama\"\n";
    assert!(config::parse(local, "t").is_ok());
    assert!(config::parse(&format!("{strict}\n{local}"), "t").is_err());
    let grant = "[[providers]]\nname = \"a\"\nbase_url = \"https://a.example\"\napi_key = { oauth = { token_url = \"https://169.254.169.254/t\", client_id = \"c\", client_secret = \"${S}\" } }\n";
    assert!(config::parse(grant, "t").unwrap_err()[0].to_string().contains("egress policy"));
}

/// The file was checked when the name meant another machine.
#[tokio::test]
async fn the_connection_is_refused_too() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url().replace("127.0.0.1", "localhost"), "", "");
    let mut config = config::parse(&text, "t").unwrap();
    for provider in &mut config.providers {
        provider.egress = Egress { allow_private: false, deny: Vec::new() };
    }
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let options =
        Options { config, file: None, data_dir, clock: Clock::system(), random: system_random, env: |_| None };
    let daemon = Daemon::start(options).await.unwrap();
    let (app, lifecycle) = (daemon.app().clone(), daemon.lifecycle());
    let key = daemon.setup().make_admin(None).await.unwrap().key;
    let url = format!("http://{}", daemon.addr());
    let run = tokio::runtime::Handle::current().spawn(daemon.run());
    // Its list was asked for in vain.
    until("the list was asked for", || async { app.live.load().providers.iter().all(|p| p.health.times_ms().1 > 0) })
        .await;
    let other = TestDaemon::start().await;
    let mut request = other.request("/v1/chat/completions", crate::support::chat_body("sim/ok", ""));
    *request.uri_mut() = format!("{url}/v1/chat/completions").parse().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let answer = other.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (502, Some("upstream_unreachable")));
    assert!(answer.text().contains("egress.allow_private = true"), "{}", answer.text());
    assert!(simulator.calls().is_empty(), "somebody got through");
    lifecycle.stop_softly();
    assert!(run.await.unwrap());
    other.stop().await;
    simulator.stop().await;
}
