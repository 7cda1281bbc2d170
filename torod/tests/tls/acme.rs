//! Certificates by ACME, against a CA that looks at the challenges.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use torod::clock::Clock;

use crate::ca::Weary;
use crate::pebble::{Looks, Pebble, identity};
use crate::support::{Gateway, SOON, fingerprint, free_port, until};

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// Where everybody is.
struct Ports {
    looks: Looks,
    /// Who the CA is.
    known: TempDir,
}

impl Ports {
    fn free() -> Self {
        let [http_port, tls_port, port] = [free_port(), free_port(), free_port()];
        let known = tempfile::tempdir().unwrap();
        identity(known.path());
        Self { looks: Looks { address: "127.0.0.1", http_port, tls_port, port }, known }
    }

    async fn ca(&self) -> Pebble {
        Pebble::start(self.looks, self.known.path()).await
    }

    /// The gateway's configuration.
    fn config(&self, challenge: &str) -> String {
        let root = self.known.path().join("root.pem").display().to_string();
        let Looks { http_port, tls_port, port, .. } = self.looks;
        format!(
            "listen_addr = \"127.0.0.1:{tls_port}\"\n[tls]\nmode = \"acme\"\nhosts = [\"gw.example.test\"]\n\
             acme_directory = \"https://127.0.0.1:{port}/dir\"\nacme_root = \"{root}\"\nacme_challenge = \"{challenge}\"\n\
             http_addr = \"127.0.0.1:{http_port}\"\nemail = \"ops@example.com\"\n"
        )
    }
}

async fn tls(gateway: &Gateway) -> Value {
    gateway.status().await["tls"].clone()
}

/// Waits for a certificate other than `before`.
async fn issued(gateway: &Gateway, pebble: &Pebble, before: Option<&str>) -> String {
    let waiting = async {
        loop {
            match fingerprint(gateway.addr).await {
                Some(now) if Some(now.as_str()) != before => return now,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let Ok(now) = tokio::time::timeout(SOON, waiting).await else {
        panic!("no certificate is issued: {}\n{}", tls(gateway).await, pebble.log());
    };
    now
}

/// Waits for a failure with `said` in it.
async fn failed(gateway: &Gateway, said: &str) -> String {
    until(said, || async { tls(gateway).await["error"].as_str().is_some_and(|error| error.contains(said)) }).await;
    tls(gateway).await["error"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_challenges_bring_a_certificate_that_is_kept_and_renewed() {
    for challenge in ["tls-alpn-01", "http-01"] {
        let ports = Ports::free();
        let pebble = ports.ca().await;
        let config = ports.config(challenge);
        let gateway = Gateway::start(&config).await;
        let first = issued(&gateway, &pebble, None).await;
        let shown = tls(&gateway).await;
        assert_eq!(
            (shown["fingerprint"].as_str(), shown["names"][0].as_str()),
            (Some(&*first), Some("gw.example.test"))
        );
        assert!(shown["issuer"].as_str().unwrap().contains("Pebble"), "{shown}");
        assert!(shown["error"].is_null(), "{shown}");
        let [begins, renews, ends] = ["begins_ms", "renews_ms", "ends_ms"].map(|key| shown[key].as_i64().unwrap());
        let life = ends - begins;
        assert!(renews <= begins + life / 3 * 2 && renews >= begins + life / 2, "{shown}");
        assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
        // Renewal forced.
        let renewing = gateway.control("POST", "/admin/api/tls/renew").await.json();
        assert_eq!(renewing["renewing"], true);
        let second = issued(&gateway, &pebble, Some(&first)).await;
        // What is kept is the owner's alone, and good for the next start without the CA.
        let folder = gateway.stop().await;
        drop(pebble);
        let gateway = Gateway::in_folder(&config, folder, Clock::system()).await.unwrap();
        assert_eq!(fingerprint(gateway.addr).await.unwrap(), second);
        for entry in fs::read_dir(gateway.data().join("acme"))
            .unwrap()
            .flat_map(|one| fs::read_dir(one.unwrap().path()).unwrap())
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&entry.as_ref().unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{entry:?}");
        }
        // As good as a full disk: nothing can be written there any more. The old one goes on.
        let kept = fs::read_dir(gateway.data().join("acme")).unwrap().next().unwrap().unwrap().path();
        fs::rename(&kept, gateway.data().join("away")).unwrap();
        fs::write(&kept, "").unwrap();
        gateway.control("POST", "/admin/api/tls/renew").await;
        let said = failed(&gateway, "Make room there").await;
        assert!(said.contains(&kept.display().to_string()), "{said}");
        assert_eq!(fingerprint(gateway.addr).await.unwrap(), second);
        fs::remove_file(&kept).unwrap();
        fs::rename(gateway.data().join("away"), &kept).unwrap();
        // The CA is down: the old one goes on.
        gateway.control("POST", "/admin/api/tls/renew").await;
        let said = failed(&gateway, "cannot be asked").await;
        assert!(said.contains("no certificate could be had"), "{said}");
        assert_eq!(fingerprint(gateway.addr).await.unwrap(), second);
        // It is back, and knows nobody any more.
        let pebble = ports.ca().await;
        gateway.control("POST", "/admin/api/tls/renew").await;
        issued(&gateway, &pebble, Some(&second)).await;
        until("all is well again", || async { tls(&gateway).await["error"].is_null() }).await;
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_while_the_ca_is_down_gets_a_certificate_when_it_is_back() {
    let ports = Ports::free();
    let gateway = Gateway::start(&ports.config("auto")).await;
    let said = failed(&gateway, "cannot be asked").await;
    assert!(said.contains("no certificate could be had"), "{said}");
    // It lives, says why, and shows no certificate that is none of its own.
    assert_eq!(fingerprint(gateway.addr).await, None);
    let pebble = ports.ca().await;
    gateway.control("POST", "/admin/api/tls/renew").await;
    issued(&gateway, &pebble, None).await;
    until("all is well", || async { tls(&gateway).await["error"].is_null() }).await;
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_by_the_clock_and_a_wrong_clock_is_told() {
    let ports = Ports::free();
    let pebble = ports.ca().await;
    let clock = Clock::fixed(Clock::system().now_ms());
    let config = ports.config("tls-alpn-01");
    let gateway = Gateway::in_folder(&config, tempfile::tempdir().unwrap(), clock.clone()).await.unwrap();
    let first = issued(&gateway, &pebble, None).await;
    let shown = tls(&gateway).await;
    let [renews, ends] = ["renews_ms", "ends_ms"].map(|at| shown[at].as_i64().unwrap());
    // It is time by this clock, which is not the CA's, and time for the next one too, whose orders are spread anew: what comes is
    // shown, and the clock told of.
    clock.advance(renews / 2 + ends / 2 - clock.now_ms());
    gateway.app.reload.tls().unwrap().look();
    let second = issued(&gateway, &pebble, Some(&first)).await;
    let said = failed(&gateway, "Set this machine's clock right").await;
    assert!(said.contains("has just made is valid from"), "{said}");
    // Not again and again.
    let next = tls(&gateway).await["renews_ms"].as_i64().unwrap();
    assert!(next > clock.now_ms() + 60_000, "{next}");
    assert_eq!(fingerprint(gateway.addr).await.unwrap(), second);
    // Whoever sets it right need not order another one.
    clock.jump(Clock::system().now_ms() - clock.now_ms());
    gateway.app.reload.tls().unwrap().look();
    until("all is well again", || async { tls(&gateway).await["error"].is_null() }).await;
    assert_eq!(fingerprint(gateway.addr).await.unwrap(), second);
    clock.jump(-20 * YEAR_MS);
    gateway.control("POST", "/admin/api/tls/renew").await;
    let third = issued(&gateway, &pebble, Some(&second)).await;
    failed(&gateway, "Set this machine's clock right").await;
    assert_eq!(fingerprint(gateway.addr).await.unwrap(), third);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_is_told() {
    let mut ports = Ports::free();
    // Nobody listens there.
    ports.looks.address = "127.0.0.9";
    let _pebble = ports.ca().await;
    let config = ports.config("http-01");
    let gateway = Gateway::start(&config).await;
    let said = failed(&gateway, "could not see that the names are ours").await;
    assert!(said.contains("gw.example.test") && said.contains("port 80 or 443"), "{said}");
    assert_eq!(fingerprint(gateway.addr).await, None);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_has_had_too_much_is_left_alone_for_as_long_as_it_says() {
    let mut ports = Ports::free();
    let weary = Weary::start(ports.known.path()).await;
    ports.looks.port = weary.addr.port();
    let clock = Clock::fixed(Clock::system().now_ms());
    let config = ports.config("auto");
    let gateway = Gateway::in_folder(&config, tempfile::tempdir().unwrap(), clock.clone()).await.unwrap();
    let said = failed(&gateway, "the CA takes no more orders for now").await;
    assert!(said.contains("too many orders") && !said.contains('\u{1b}'), "{said:?}");
    let orders = weary.orders.load(Ordering::SeqCst);
    assert_eq!(orders, 1);
    let renews = tls(&gateway).await["renews_ms"].as_i64().unwrap();
    assert_eq!(renews, clock.now_ms() + 7_200_000);
    // What happens meanwhile, such as SIGHUP, changes nothing; then it is time.
    let keeper = gateway.app.reload.tls().unwrap();
    keeper.look();
    gateway.status().await;
    assert_eq!(weary.orders.load(Ordering::SeqCst), 1);
    clock.advance(7_200_001);
    keeper.look();
    until("it is tried again", || async { weary.orders.load(Ordering::SeqCst) == 2 }).await;
    gateway.stop().await;
}
