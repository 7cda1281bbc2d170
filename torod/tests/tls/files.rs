//! Certificates of our own making and from files: kept, changed under load, refused with a sentence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use torod::clock::Clock;

use crate::support::{Gateway, PEM, chain, fingerprint, made, put, until};

#[tokio::test]
async fn a_certificate_of_our_own_is_kept_and_its_fingerprint_told() {
    let gateway = Gateway::start("[tls]\nmode = \"self-signed\"\nhosts = [\"gw.lan\"]\n").await;
    assert!(gateway.url.starts_with("https://127.0.0.1:"), "{}", gateway.url);
    let shown = fingerprint(gateway.addr).await.unwrap();
    let tls = gateway.status().await["tls"].clone();
    assert_eq!(tls["fingerprint"], shown.as_str());
    assert_eq!((&tls["mode"], &tls["names"][0]), (&"self-signed".into(), &"gw.lan".into()));
    assert!(tls["renews_ms"].as_i64() < tls["ends_ms"].as_i64());
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    let folder = gateway.stop().await;
    let again = "[tls]\nmode = \"self-signed\"\nhosts = [\"gw.lan\"]\n";
    let gateway = Gateway::in_folder(again, folder, Clock::system()).await.unwrap();
    assert_eq!(fingerprint(gateway.addr).await.unwrap(), shown, "it is kept across restarts");
    gateway.stop().await;
}

#[tokio::test]
async fn another_certificate_under_load_costs_no_request() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &made(&["one.example"], 2020, 2090));
    let gateway = Arc::new(Gateway::in_folder(PEM, folder, Clock::system()).await.unwrap());
    let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (gateway, is_over, done) = (Arc::clone(&gateway), Arc::clone(&is_over), Arc::clone(&done));
        clients.push(tokio::runtime::Handle::current().spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                // Each on a connection of its own, so that handshakes meet the change.
                let answer = gateway.by_tls(gateway.chat()).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                done.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for round in 0..4 {
        let before = fingerprint(gateway.addr).await.unwrap();
        let served = done.load(Ordering::Relaxed);
        put(gateway.folder.path(), &made(&[&format!("r{round}.example")], 2020, 2090));
        until("the next certificate is shown", || async { fingerprint(gateway.addr).await.unwrap() != before }).await;
        until("requests go on", || async { done.load(Ordering::Relaxed) > served + 10 }).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    Arc::into_inner(gateway).unwrap().stop().await;
}

#[tokio::test]
async fn a_chain_that_is_mended_behind_the_same_certificate_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = made(&["one.example"], 2020, 2090);
    put(folder.path(), &(certificate.clone(), key.clone()));
    let gateway = Gateway::in_folder(PEM, folder, Clock::system()).await.unwrap();
    let shown = fingerprint(gateway.addr).await.unwrap();
    assert_eq!(chain(gateway.addr).await, 1);
    let (issuer, _) = made(&["issuer.example"], 2020, 2090);
    put(gateway.folder.path(), &(certificate + &issuer, key));
    until("the issuer is shown, too", || async { chain(gateway.addr).await == 2 }).await;
    assert_eq!(fingerprint(gateway.addr).await.unwrap(), shown);
    gateway.stop().await;
}

#[tokio::test]
async fn a_bad_certificate_is_told_and_the_old_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = made(&["one.example"], 2020, 2090);
    put(folder.path(), &good);
    let gateway = Gateway::in_folder(PEM, folder, Clock::system()).await.unwrap();
    let shown = fingerprint(gateway.addr).await.unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (pair, said) in [
        (made(&["two.example"], 2020, 2021), "ended at 2021-01-01"),
        ((good.0.clone(), encrypted.to_owned()), "has a passphrase"),
        ((good.0.clone(), made(&["x"], 2020, 2090).1), "is not the key of the certificate"),
    ] {
        put(gateway.folder.path(), &pair);
        until(said, || async { gateway.status().await["tls"]["error"].as_str().is_some_and(|e| e.contains(said)) })
            .await;
        assert_eq!(fingerprint(gateway.addr).await.unwrap(), shown, "{said}");
        assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    }
    put(gateway.folder.path(), &good);
    until("all is well again", || async { gateway.status().await["tls"]["error"].is_null() }).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_start_with_a_bad_certificate_is_refused_with_a_sentence() {
    for (pair, said) in [
        (made(&["two.example"], 2020, 2021), "ended at 2021-01-01"),
        (made(&["two.example"], 2089, 2090), "is valid from 2089-01-01"),
        ((String::new(), String::new()), "holds no certificate"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &pair);
        let refused = Gateway::in_folder(PEM, folder, Clock::system()).await.err().unwrap().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
