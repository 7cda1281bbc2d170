//! Configuration by the environment alone, and over a file; where each value came from is told.

use std::fs;

use crate::site::{KEY, Site};

/// A site without a file, where none can be written.
async fn bare() -> Site {
    let site = Site::new().await;
    fs::remove_file(site.path("torod.toml")).unwrap();
    let url = site.simulator.url();
    site.with("TOROD_LISTEN_ADDR", "127.0.0.1:0")
        .with("TOROD_AUTO_DETECT_LOCAL_SERVERS", "false")
        .with("TOROD_PROVIDERS__MY_SIM__BASE_URL", &url)
        .with("TOROD_PROVIDERS__MY_SIM__API_KEY", KEY)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_runs_by_the_environment_alone() {
    let site = bare().await;
    let told = site.torod(&["config", "check"]).well();
    assert!(told.out.contains("4 settings from the environment"), "{told:?}");
    let shown = site.torod(&["config", "show"]).well();
    assert!(shown.out.contains("listen_addr = \"127.0.0.1:0\"  # TOROD_LISTEN_ADDR"), "{shown:?}");
    let tested = site.torod(&["provider", "test", "my-sim"]).well();
    assert!(tested.out.contains("works"), "{tested:?}");
    // Where it can, the first start writes a file to which changes go.
    let running = site.serve(&[]).await;
    site.torod(&["health", "--listen", &running.address()]).well();
    let text = fs::read_to_string(site.path("torod.toml")).unwrap();
    assert!(!text.contains(KEY) && !text.contains("my-sim"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_file_can_be_written_none_is_needed() {
    let mut site = bare().await;
    // As in a container whose root is read-only: nobody makes folders here, root neither.
    site.config = "/sys/torod/torod.toml".into();
    let running = site.serve(&[]).await;
    site.torod(&["health", "--listen", &running.address()]).well();
    let log = fs::read_to_string(site.path("log")).unwrap();
    assert!(log.contains("Running without a file"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_environment_over_the_file() {
    let site = Site::new().await.with("TOROD_LOSSY", "reject");
    let _running = site.serve(&[]).await;
    let text = fs::read_to_string(site.path("torod.toml")).unwrap();
    let text =
        format!("lossy = \"warn\"\n{text}\n[[providers]]\nname = \"second\"\nbase_url = \"http://127.0.0.1:9\"\n");
    site.write(&text);
    let seen = async {
        while !site.torod(&["provider", "list", "--json"]).out.contains("second") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::site::SOON, seen).await.unwrap();
    let shown = site.torod(&["config", "show", "--json"]).well().json();
    assert_eq!((&shown["lossy"], &shown["origins"]["lossy"]), (&"reject".into(), &"TOROD_LOSSY".into()));
    let line = format!("torod.toml:{}", text.lines().count());
    assert_eq!(shown["origins"]["providers.second.base_url"], line);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_keeps_it_from_starting_and_what_is_unknown_does_not() {
    let site = Site::new().await.with("TOROD_LIMITS__REQUEST_BODI", "1MiB");
    let told = site.torod(&["config", "check"]).well();
    assert!(told.out.contains("did you mean `TOROD_LIMITS__REQUEST_BODY`?"), "{told:?}");
    let site = site.with("TOROD_LIMITS__REQUEST_BODY", "much");
    let told = site.torod(&["config", "check"]);
    assert!(told.code == Some(1) && told.out.contains("TOROD_LIMITS__REQUEST_BODY: `much` is not a size"), "{told:?}");
    let told = site.torod(&["serve"]);
    assert!(told.code == Some(1) && told.err.contains("is not a size"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_is_read_from_there() {
    let site = Site::new().await;
    let file = site.path("key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let site = site.with("TOROD_PROVIDERS__SIM__API_KEY_FILE", file.to_str().unwrap());
    let shown = site.torod(&["config", "show"]).well();
    assert!(shown.out.contains("# TOROD_PROVIDERS__SIM__API_KEY_FILE"), "{shown:?}");
    site.torod(&["provider", "test", "sim"]).well();
    fs::remove_file(&file).unwrap();
    let told = site.torod(&["config", "check"]);
    assert_eq!(told.code, Some(1), "{told:?}");
}
