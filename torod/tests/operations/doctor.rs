//! `torod doctor`: what it finds, in a folder that is well and in one that is not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::site::Site;

fn check<'a>(told: &'a Value, name: &str) -> Vec<&'a Value> {
    told["checks"].as_array().unwrap().iter().filter(|check| check["check"] == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_it_says_so() {
    let site = Site::new().await;
    site.torod(&["token", "create", "--role", "admin"]).well();
    let told = site.torod(&["doctor", "--json"]).well().json();
    assert_eq!(told["ok"], true, "{told}");
    for name in ["configuration", "keys", "data folder", "files", "database", "admin", "address", "clock", "proxy"] {
        let found = check(&told, name);
        assert!(!found.is_empty() && found.iter().all(|one| one["grade"] == "good"), "{name}: {told}");
    }
    assert_eq!(check(&told, "providers")[0]["grade"], "skipped");
    let text = site.torod(&["doctor"]).well();
    assert!(text.out.contains("0 wrong"), "{text:?}");
    // Nothing was left behind.
    let left: Vec<_> = fs::read_dir(site.path("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("doctor")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_asked_only_when_it_is_wanted() {
    let site = Site::new().await;
    let asked = |site: &Site| site.torod(&["doctor", "--providers", "--json"]);
    let told = asked(&site).json();
    let found = check(&told, "provider");
    assert!(found[0]["grade"] == "good" && found[0]["text"].as_str().unwrap().contains("models"), "{told}");
    site.write("[[providers]]\nname = \"gone\"\nbase_url = \"http://127.0.0.1:9\"\n");
    let ended = asked(&site);
    let told = ended.json();
    assert_eq!((ended.code, &check(&told, "provider")[0]["grade"]), (Some(1), &"bad".into()), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_wrong_has_its_line_and_what_to_do() {
    let site = Site::new().await.with("HTTPS_PROXY", "http://proxy.example.com:3128").with("TZ", "Nowhere/Atall");
    site.torod(&["token", "create"]).well();
    fs::set_permissions(site.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(site.path("data/torod.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = fs::read_to_string(site.path("torod.toml")).unwrap();
    let at = taken.local_addr().unwrap();
    site.write(&text.replace("127.0.0.1:0", &at.to_string()).replace("SIM_KEY", "NEVER_SET"));
    let ended = site.torod(&["doctor", "--json"]);
    let told = ended.json();
    assert_eq!((ended.code, &told["ok"]), (Some(1), &false.into()));
    for (name, grade) in [
        ("keys", "bad"),
        ("data folder", "warning"),
        ("files", "bad"),
        ("address", "bad"),
        ("admin", "warning"),
        ("proxy", "warning"),
        ("time zone", "warning"),
    ] {
        let found = check(&told, name);
        assert!(found.iter().any(|one| one["grade"] == grade && one["advice"] != ""), "{name}: {told}");
    }
    site.write("listen_addr = 1\nzone = 2\n");
    let told = site.torod(&["doctor", "--json"]).json();
    assert_eq!(check(&told, "configuration").len(), 2, "{told}");
}
