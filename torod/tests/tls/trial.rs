//! A change of listeners and TLS by the admin API: tried beside what is there, kept when it is confirmed by the new way, and
//! taken back otherwise.

use std::net::SocketAddr;

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Answer, Gateway, exchange, fingerprint, free_port, tls, until};

const TRIAL: &str = "/admin/api/network/trial";
const CONFIRM: &str = "/admin/api/network/trial/confirm";

impl Gateway {
    fn asking(&self, at: SocketAddr, method: &str, path: &str, body: &Value) -> Request<Full<bytes::Bytes>> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", at.to_string())
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap()
    }

    async fn plainly(&self, at: SocketAddr, method: &str, path: &str, body: &Value) -> Answer {
        let stream = TcpStream::connect(at).await.unwrap();
        exchange(stream, self.asking(at, method, path, body)).await.unwrap()
    }

    async fn securely(&self, at: SocketAddr, method: &str, path: &str, body: &Value) -> Answer {
        let stream = tls(at, &[b"http/1.1"]).await.unwrap();
        exchange(stream, self.asking(at, method, path, body)).await.unwrap()
    }

    async fn network(&self) -> Value {
        self.control("GET", "/admin/api/network").await.json()
    }

    /// Tries `set`.
    async fn try_out(&self, at: SocketAddr, set: Value, within_s: u64) -> Answer {
        let version = self.network().await["version"].clone();
        self.plainly(at, "POST", TRIAL, &json!({ "version": version, "set": set, "within_s": within_s })).await
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("torod.toml")).unwrap()
    }
}

#[tokio::test]
async fn tls_is_tried_beside_plain_http_and_kept_when_it_is_confirmed_by_tls() {
    let gateway = Gateway::with_file("").await;
    let at = gateway.addr;
    let tried = gateway.try_out(at, json!({ "tls.mode": "self-signed", "tls.hosts": ["gw.lan"] }), 60).await;
    assert_eq!(tried.status, 202, "{tried:?}");
    let tried = tried.json();
    assert_eq!(tried["listeners"][0]["address"], at.to_string());
    assert_eq!(tried["listeners"][0]["is_tls"], true);
    assert_eq!(fingerprint(at).await.as_deref(), tried["fingerprint"].as_str());
    // Both ways are open, and only by the new one it can be confirmed.
    let answer = exchange(TcpStream::connect(at).await.unwrap(), gateway.chat()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    let refused = gateway.plainly(at, "POST", CONFIRM, &Value::Null).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "network_old_way"), "{refused:?}");
    assert_eq!(gateway.control("POST", CONFIRM).await.code(), "network_old_way");
    let again = gateway.try_out(at, json!({ "tls.mode": "off" }), 60).await;
    assert_eq!((again.status, again.code().as_str()), (409, "network_tried"));
    let seen = |by_tls: bool| {
        let gateway = &gateway;
        async move {
            let path = "/admin/api/network";
            let shown = if by_tls {
                gateway.securely(at, "GET", path, &Value::Null).await
            } else {
                gateway.plainly(at, "GET", path, &Value::Null).await
            };
            shown.json()["by_trial"].clone()
        }
    };
    assert_eq!((seen(false).await, seen(true).await), (false.into(), true.into()));
    assert!(!gateway.file().contains("self-signed"));
    let kept = gateway.securely(at, "POST", CONFIRM, &Value::Null).await;
    assert_eq!(kept.status, 200, "{kept:?}");
    assert_eq!(kept.json()["at_restart"], json!([]), "it is in force: {kept:?}");
    assert!(
        gateway.file().contains("mode = \"self-signed\"") && gateway.file().contains("gw.lan"),
        "{}",
        gateway.file()
    );
    let refused = exchange(TcpStream::connect(at).await.unwrap(), gateway.chat()).await.unwrap();
    assert_eq!(refused.code(), "tls_required");
    let status = gateway.status().await;
    assert_eq!(
        (&status["tls"]["fingerprint"], &status["listeners"][0]["is_tls"]),
        (&tried["fingerprint"], &true.into())
    );
    assert!(gateway.data().join("self-signed.pem").exists() && !gateway.data().join("self-signed.trial.pem").exists());
    // And off again, confirmed by plain HTTP.
    let version = gateway.network().await["version"].clone();
    let off = json!({ "version": version, "set": { "tls.mode": "off" } });
    assert_eq!(gateway.securely(at, "POST", TRIAL, &off).await.status, 202);
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    assert_eq!(gateway.securely(at, "POST", CONFIRM, &Value::Null).await.code(), "network_old_way");
    assert_eq!(gateway.plainly(at, "POST", CONFIRM, &Value::Null).await.status, 200);
    assert!(tls(at, &[b"http/1.1"]).await.is_err());
    assert!(gateway.status().await["tls"].is_null());
    gateway.stop().await;
}

#[tokio::test]
async fn what_nobody_confirms_is_taken_back() {
    let gateway = Gateway::with_file("").await;
    let (at, port) = (gateway.addr, free_port());
    let new: SocketAddr = ([127, 0, 0, 1], port).into();
    let before = gateway.file();
    let tried = gateway.try_out(at, json!({ "server.listen": [new.to_string()], "tls.mode": "self-signed" }), 5).await;
    assert_eq!(tried.status, 202, "{tried:?}");
    assert!(fingerprint(new).await.is_some());
    until("it is taken back", || async { gateway.network().await["trial"].is_null() }).await;
    assert!(TcpStream::connect(new).await.is_err());
    let told = gateway.network().await;
    assert!(told["taken_back"].as_str().unwrap().contains("within 5 s"), "{told}");
    assert_eq!(gateway.file(), before);
    assert!(fingerprint(at).await.is_none());
    let answer = exchange(TcpStream::connect(at).await.unwrap(), gateway.chat()).await.unwrap();
    assert_eq!(answer.status, 200);
    let nothing = gateway.plainly(at, "POST", CONFIRM, &Value::Null).await;
    assert_eq!(nothing.code(), "network_not_tried");
    gateway.stop().await;
}

#[tokio::test]
async fn every_address_takes_the_place_of_one_and_gives_it_back() {
    let port = free_port();
    let gateway = Gateway::with_file(&format!("listen_addr = \"127.0.0.1:{port}\"\n")).await;
    let at = gateway.addr;
    let all = json!({ "listen_addr": format!("0.0.0.0:{port}") });
    // A request that is under way on the old address goes on.
    let stream = TcpStream::connect(at).await.unwrap();
    assert_eq!(gateway.try_out(at, all.clone(), 60).await.status, 202);
    assert_eq!(exchange(stream, gateway.chat()).await.unwrap().status, 200);
    assert_eq!(gateway.listeners("api").await, [format!("0.0.0.0:{port}")]);
    assert_eq!(gateway.plainly(at, "DELETE", TRIAL, &Value::Null).await.status, 204);
    assert_eq!(gateway.listeners("api").await, [format!("127.0.0.1:{port}")]);
    assert_eq!(gateway.plainly(at, "GET", "/healthz", &Value::Null).await.status, 200);
    assert_eq!(gateway.try_out(at, all, 60).await.status, 202);
    assert_eq!(gateway.plainly(at, "POST", CONFIRM, &Value::Null).await.status, 200);
    assert_eq!(gateway.listeners("api").await, [format!("0.0.0.0:{port}")]);
    assert!(gateway.file().contains(&format!("listen_addr = \"0.0.0.0:{port}\"")));
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_had_or_may_not_be_changed_is_told_and_changes_nothing() {
    let gateway = Gateway::with_file("").await;
    let at = gateway.addr;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (set, status, code, said) in [
        (json!({ "server.listen": [taken] }), 422, "network_unusable", "is taken"),
        (json!({ "tls.mode": "pem" }), 422, "config_invalid", "cert_file"),
        (json!({ "tls.mode": "acme" }), 422, "config_invalid", "hosts"),
        (json!({ "tls.cert_file": "/etc/shadow" }), 422, "setting_unknown", "torod.toml"),
        (json!({ "server.listen": ["unix:/tmp/somewhere.sock"] }), 403, "not_from_here", "socket"),
        (json!({ "server.proxy_protocol": false }), 409, "network_same", "already"),
    ] {
        let refused = gateway.try_out(at, set.clone(), 60).await;
        let text = String::from_utf8_lossy(&refused.body).into_owned();
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{set}: {text}");
        assert!(text.contains(said), "{set}: {text}");
    }
    assert_eq!(gateway.try_out(at, json!({ "tls.mode": "self-signed" }), 4).await.status, 400);
    let stale = json!({ "version": "0000000000000000", "set": { "tls.mode": "self-signed" } });
    assert_eq!(gateway.plainly(at, "POST", TRIAL, &stale).await.code(), "version_conflict");
    assert!(gateway.network().await["trial"].is_null());
    assert_eq!(gateway.plainly(at, "GET", "/healthz", &Value::Null).await.status, 200);
    // Somebody else has written the file meanwhile: nothing holds, and it listens as before.
    assert_eq!(gateway.try_out(at, json!({ "tls.mode": "self-signed" }), 60).await.status, 202);
    std::fs::write(gateway.folder.path().join("torod.toml"), format!("{}# by hand\n", gateway.file())).unwrap();
    let stale = gateway.securely(at, "POST", CONFIRM, &Value::Null).await;
    assert_eq!(stale.code(), "version_conflict", "{stale:?}");
    assert!(gateway.network().await["trial"].is_null());
    assert!(fingerprint(at).await.is_none());
    gateway.stop().await;
}
