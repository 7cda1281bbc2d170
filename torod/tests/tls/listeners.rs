//! Several listeners: addresses, sockets, the admin pages apart; and what is told when one cannot be had.

use std::os::unix::fs::PermissionsExt as _;

use http::Request;
use http_body_util::Full;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UnixStream};
use torod::clock::Clock;

use crate::support::{Gateway, SOON, exchange, free_port, tls};

#[tokio::test]
async fn every_place_answers_and_the_sockets_go_with_the_gateway() {
    let more =
        "[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\", \"unix:{folder}/gateway.sock\"]\nsocket_mode = \"0640\"\n";
    let gateway = Gateway::start(more).await;
    let places = gateway.listeners("api").await;
    assert_eq!(places.len(), 4, "{places:?}");
    for place in &places {
        let answer = if let Some(path) = place.strip_prefix("unix:") {
            exchange(UnixStream::connect(path).await.unwrap(), gateway.chat()).await.unwrap()
        } else {
            exchange(TcpStream::connect(place).await.unwrap(), gateway.chat()).await.unwrap()
        };
        assert_eq!(answer.status, 200, "{place}: {answer:?}");
    }
    let socket = gateway.folder.path().join("gateway.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o640);
    gateway.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn whoever_comes_by_a_socket_is_nobody_special() {
    let gateway = Gateway::start("[server]\nlisten = [\"unix:{folder}/s\"]\n").await;
    let ask = async |path: &str, key: &str| {
        let request = Request::get(path).header("host", "localhost").header("authorization", key);
        let stream = UnixStream::connect(gateway.folder.path().join("s")).await.unwrap();
        exchange(stream, request.body(Full::default()).unwrap()).await.unwrap()
    };
    // Neither the owner of the data folder nor a program of this machine that needs no token.
    assert_eq!(ask("/admin/api/tokens", "").await.status, 401);
    assert_eq!(ask("/v1/models", "").await.status, 401);
    assert_eq!(ask("/admin/api/tokens", &format!("Bearer {}", gateway.key)).await.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn the_admin_pages_may_stand_apart() {
    let gateway = Gateway::start("[server]\nadmin_listen = [\"127.0.0.1:0\"]\n").await;
    let [api, admin] = ["api", "admin"].map(|what| gateway.listeners(what));
    let (api, admin) = (api.await.remove(0), admin.await.remove(0));
    let ask = async |place: &str, path: &str| {
        let key = format!("Bearer {}", gateway.key);
        let request = Request::get(path).header("host", place).header("authorization", key);
        let request = request.body(Full::default()).unwrap();
        exchange(TcpStream::connect(place).await.unwrap(), request).await.unwrap()
    };
    for (path, code) in [("/admin", "admin_elsewhere"), ("/admin/api/tokens", "admin_elsewhere")] {
        let refused = ask(&api, path).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, code), "{path}");
    }
    for path in ["/v1/models", "/v1/chat/completions", "/v1/messages", "/v1beta/models"] {
        let refused = ask(&admin, path).await;
        assert_eq!(refused.status, 404, "{path}");
        assert!(String::from_utf8_lossy(&refused.body).contains("admin pages alone"), "{path}: {refused:?}");
    }
    assert_eq!(ask(&api, "/v1/models").await.status, 200);
    assert_eq!(ask(&api, "/healthz").await.status, 200);
    assert_eq!(ask(&admin, "/admin/api/tokens").await.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn what_stands_apart_stands_apart_for_a_proxy_that_has_spoken_tls() {
    let http = free_port();
    let metrics = free_port();
    let gateway = Gateway::start(&format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nadmin_listen = [\"127.0.0.1:0\"]\n\
         [tls]\nmode = \"self-signed\"\nhttp_addr = \"127.0.0.1:{http}\"\n\
         [telemetry]\nprometheus = true\nmetrics_addr = \"127.0.0.1:{metrics}\"\n"
    ))
    .await;
    let admin = gateway.listeners("admin").await.remove(0);
    let ask = async |place: &str, path: &str| {
        let request = gateway.request("GET", path).header("x-forwarded-for", "203.0.113.9");
        let request = request.header("x-forwarded-proto", "https");
        let request = request.body(Full::default()).unwrap();
        exchange(TcpStream::connect(place).await.unwrap(), request).await.unwrap()
    };
    for place in [gateway.addr.to_string(), format!("127.0.0.1:{http}")] {
        let refused = ask(&place, "/admin/api/tokens").await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "admin_elsewhere"), "{place}");
        assert_eq!(ask(&place, "/v1/models").await.status, 200, "{place}");
    }
    let refused = ask(&admin, "/v1/models").await;
    assert_eq!((refused.status, refused.code().as_str()), (404, "inference_elsewhere"));
    assert_eq!(ask(&admin, "/admin/api/tokens").await.status, 200);
    let place = format!("127.0.0.1:{metrics}");
    assert_eq!(ask(&place, "/metrics").await.status, 200);
    assert_eq!(ask(&place, "/v1/models").await.status, 404);
    gateway.stop().await;
}

#[tokio::test]
async fn who_comes_by_a_socket_takes_a_place_as_well() {
    let gateway = Gateway::start("[server]\nlisten = [\"unix:{folder}/s\"]\n[limits]\nconnections = 4\n").await;
    let path = gateway.folder.path().join("s");
    let connect = async || UnixStream::connect(&path).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(connect().await);
    }
    // Whoever has been silent for longest makes room for the others.
    let mut nothing = [0];
    let gone = tokio::time::timeout(SOON, silent[0].read(&mut nothing)).await.expect("it keeps its place");
    assert!(matches!(gone, Ok(0) | Err(_)), "{gone:?}");
    assert_eq!(exchange(connect().await, gateway.chat()).await.unwrap().status, 200);
    // The owner of the data folder gets in all the same.
    assert!(gateway.status().await["listeners"].is_array());
    gateway.stop().await;
}

#[tokio::test]
async fn an_address_in_use_on_one_of_three_is_told_and_nothing_listens() {
    let (first, third) = (free_port(), free_port());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let second = taken.local_addr().unwrap().port();
    let more = format!(
        "listen_addr = \"127.0.0.1:{first}\"\n[server]\nlisten = [\"127.0.0.1:{second}\", \"127.0.0.1:{third}\"]\n"
    );
    let refused = Gateway::in_folder(&more, tempfile::tempdir().unwrap(), Clock::system()).await.err().unwrap();
    let said = format!("{refused:#}");
    assert!(said.contains(&format!("127.0.0.1:{second} is taken")) && said.contains("`server.listen`"), "{said}");
    for port in [first, third] {
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "something listens at {port}");
    }
}

#[tokio::test]
async fn nobody_finds_a_gateway_without_an_owner_at_any_of_its_addresses() {
    let more = "[server]\nlisten = [\"0.0.0.0:0\"]\n";
    let refused = Gateway::in_folder(more, tempfile::tempdir().unwrap(), Clock::system()).await.err().unwrap();
    assert!(refused.to_string().contains("refusing to listen on 0.0.0.0"), "{refused:#}");
}

#[tokio::test]
async fn one_place_may_speak_plainly_beside_tls() {
    let more = "[server]\nlisten = [\"http://127.0.0.1:0\"]\n[tls]\nmode = \"self-signed\"\n";
    let gateway = Gateway::start(more).await;
    let plain: std::net::SocketAddr = gateway.listeners("api").await[1].parse().unwrap();
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    let answer = exchange(TcpStream::connect(plain).await.unwrap(), gateway.chat()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(tls(plain, &[b"http/1.1"]).await.is_err());
    gateway.stop().await;
}
