//! How a gateway is found, checked and stored.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use super::support::{Ended, Gateway, Home, Said};

/// Runs it with this on its standard input.
fn with_input(home: &Home, words: &[&str], input: &str) -> Said {
    let mut command = home.toro(words);
    let mut toro = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that ends before it reads has no use for it.
    drop(toro.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = toro.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { ended: Ended::Code(output.status.code().unwrap()), out: text(output.stdout), err: text(output.stderr) }
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_gateway_and_its_token_are_stored_for_the_owner_alone_and_used_later() {
    let gateway = Gateway::start();
    let home = Home::new();
    let key = gateway.make(&json!({ "role": "keymaster", "name": "mine" }))["key"].as_str().unwrap().to_owned();
    // With or without a version, and by more than one name.
    let said = with_input(&home, &["connect", &format!("{}/v1/", gateway.url())], &format!("{key}\n"));
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    assert!(
        said.out.contains("mine (keymaster), never ends by itself") && said.out.contains("make tokens below itself"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains(&format!("gateway  {} (torod {})", gateway.url(), env!("CARGO_PKG_VERSION"))),
        "{}",
        said.out
    );
    assert!(!said.out.contains(&key) && !said.err.contains(&key));
    assert_eq!(mode(&home.config()), 0o600);
    assert_eq!(mode(home.config().parent().unwrap()), 0o700);
    assert_eq!(home.run(&["wrap", "--", "true"]).ended, Ended::Code(0));

    let limited = json!({ "role": "inferrer", "name": "poor", "ttl_ms": 7_200_000, "limits": { "budgets": [{ "unit": "usd_nanos", "limit": 5_000_000_000_u64 }] } });
    let poor = gateway.make(&limited)["key"].as_str().unwrap().to_owned();
    let said = with_input(&home, &["--server", "poor", "connect", &gateway.url()], &poor);
    assert!(
        said.out.contains("poor (inferrer), ends in 119 min") && said.out.contains("$5.00 left of $5.00"),
        "{}",
        said.out
    );
    let text = std::fs::read_to_string(home.config()).unwrap();
    assert!(text.contains("[servers.local]") && text.contains("[servers.poor]"), "{text}");
    assert_eq!(home.run(&["--server", "local", "wrap", "--", "true"]).ended, Ended::Code(0));
    assert_eq!(
        home.run(&["wrap", "--", "true"]).ended,
        Ended::Code(125),
        "the last one that was stored is the default"
    );
}

#[test]
fn the_owner_of_a_daemon_here_types_nothing() {
    let mut gateway = Gateway::start();
    // At a port that its settings name.
    gateway.down();
    gateway.up();
    let home = Home::new();
    let mut command = home.toro(&["connect"]);
    command.env("TOROD_DATA_DIR", gateway.data());
    let said = super::support::said(command);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    assert!(said.out.contains("(keymaster)"), "{}", said.out);
    assert_eq!(home.run(&["wrap", "--", "true"]).ended, Ended::Code(0));
    // Once more: what is good is kept.
    let before = std::fs::read_to_string(home.config()).unwrap();
    let mut command = home.toro(&["connect"]);
    command.env("TOROD_DATA_DIR", gateway.data());
    assert_eq!(super::support::said(command).ended, Ended::Code(0));
    assert_eq!(std::fs::read_to_string(home.config()).unwrap(), before);
}

#[test]
fn what_is_no_good_is_not_stored() {
    let mut gateway = Gateway::start();
    let home = Home::new();
    let wrong = format!("tr_{}", "x".repeat(49));
    let said = with_input(&home, &["connect", &gateway.url()], &wrong);
    assert_eq!(said.ended, Ended::Code(5), "{}", said.err);
    let said = with_input(&home, &["connect", &gateway.url()], "two words");
    assert_ne!(said.ended, Ended::Code(0), "{}", said.err);
    let said = with_input(&home, &["connect", "ftp://x"], &wrong);
    assert_eq!(said.ended, Ended::Code(2), "{}", said.err);
    gateway.down();
    let said = with_input(&home, &["connect", &gateway.url()], &wrong);
    assert_eq!(said.ended, Ended::Code(4), "{}", said.err);
    assert!(!home.config().exists());
}

#[test]
fn another_token_is_stored_from_standard_input_and_comments_stay() {
    let gateway = Gateway::start();
    let home = gateway.home("inferrer", &json!({}));
    let text = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(home.config(), format!("# mine\n{text}")).unwrap();
    let key = gateway.make(&json!({ "role": "keymaster" }))["key"].as_str().unwrap().to_owned();
    let said = with_input(&home, &["set-key"], &format!("  {key}\n"));
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    let text = std::fs::read_to_string(home.config()).unwrap();
    assert!(text.starts_with("# mine\n") && text.contains(&key), "{text}");
    assert_eq!(mode(&home.config()), 0o600);
    let said = with_input(&home, &["set-key", "--server", "nobody"], &key);
    assert_eq!(said.ended, Ended::Code(3), "{}", said.err);
}

#[test]
fn a_key_may_come_from_elsewhere_and_an_open_file_is_remarked() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let text = std::fs::read_to_string(home.config()).unwrap();
    let key = text.split('"').find(|text| text.starts_with("tr_")).unwrap().to_owned();
    std::fs::write(home.work().join("key"), &key).unwrap();
    let command =
        format!("default = \"t\"\n[servers.t]\nurl = \"{}\"\nkey_command = [\"cat\", \"key\"]\n", gateway.url());
    std::fs::write(home.config(), command).unwrap();
    assert_eq!(home.run(&["wrap", "--", "true"]).ended, Ended::Code(0));
    std::fs::set_permissions(home.config(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(home.run(&["wrap", "--", "true"]).err.contains("others may read"));
    let mut command = home.toro(&["wrap", "--", "true"]);
    command.env("TORO_URL", gateway.url()).env("TORO_KEY", &key).env("TORO_CONFIG", home.work().join("none.toml"));
    assert_eq!(super::support::said(command).ended, Ended::Code(0));
    // What the older tokenrouter wrote.
    std::fs::write(home.config(), format!("server_url = \"{}/v1\"\napi_key = \"{key}\"\n", gateway.url())).unwrap();
    assert_eq!(home.run(&["-q", "wrap", "--", "true"]).ended, Ended::Code(0));
}
