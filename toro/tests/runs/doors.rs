//! The door of `--forward`: who gets in, what goes through, and that nothing waits in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::json;
use tokenrouter_shared::Secret;
use toro::client::Client;
use toro::run::forward::Door;

use super::support::{Ended, Gateway, SOON};

const REAL: &str = "tr_the_real_one";

/// A server that tells what it is sent and says what it is told.
struct Behind {
    addr: SocketAddr,
    heads: Receiver<String>,
    bytes: Receiver<u8>,
    say: Sender<&'static str>,
}

impl Behind {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (head, heads) = channel();
        let (byte, bytes) = channel();
        let (say, said) = channel::<&'static str>();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut text = String::new();
                while reader.read_line(&mut text).unwrap_or(0) > 2 {}
                head.send(text).unwrap();
                let byte = byte.clone();
                std::thread::spawn(move || reader.bytes().map_while(Result::ok).try_for_each(|b| byte.send(b)));
                let mut stream = stream;
                while let Ok(text) = said.recv() {
                    if text.is_empty() || stream.write_all(text.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { addr, heads, bytes, say }
    }

    fn door(&self, prefix: &str) -> Door {
        let address = format!("http://{}{prefix}", self.addr).parse().unwrap();
        let client = Client::to(&address, Some(Secret::from("tr_stored")), None).unwrap();
        Door::open(&client, &Secret::from(REAL)).unwrap()
    }
}

/// Says something to a door.
fn knock(door: &Door, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", door.address.port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(end) && stream.read(&mut byte).unwrap() == 1 {
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn bytes_go_through_as_they_come_both_ways() {
    let behind = Behind::start();
    let door = behind.door("/llm");
    let head = format!(
        "POST /v1/x?a=1 HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\nx-own: 1\r\n\
         connection: keep-alive, x-between\r\nx-between: 2\r\n\r\n3\r\nabc\r\n",
        door.secret.expose()
    );
    let mut agent = knock(&door, &head);
    let head = behind.heads.recv_timeout(SOON).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /llm/v1/x?a=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: bearer {REAL}\r\n")), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", behind.addr)) && head.contains("x-own: 1\r\n"), "{head}");
    assert!(!head.contains("x-between") && !head.contains("door_") && !head.contains("tr_stored"), "{head}");
    // The agent has not said all, and the gateway hears what it has said.
    let mut heard = Vec::new();
    while !heard.ends_with(b"abc\r\n") {
        heard.push(behind.bytes.recv_timeout(SOON).unwrap());
    }
    behind
        .say
        .send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\none\n\n\r\n",
        )
        .unwrap();
    // The gateway has not said all, and the agent hears what it has said.
    let said = read_until(&mut agent, "one\n\n\r\n");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("text/event-stream"), "{said}");
    agent.write_all(b"2\r\nde\r\n0\r\n\r\n").unwrap();
    while !heard.ends_with(b"de\r\n0\r\n\r\n") {
        heard.push(behind.bytes.recv_timeout(SOON).unwrap());
    }
    behind.say.send("5\r\ntwo\n\n\r\n0\r\n\r\n").unwrap();
    assert!(read_until(&mut agent, "0\r\n\r\n").contains("two\n\n"));
}

#[test]
fn the_key_stands_where_the_secret_stood_and_nothing_else_does() {
    for (given, line, expected) in [
        ("x-api-key: {s}", "/v1/x", "x-api-key: {r}"),
        ("x-goog-api-key: {s}", "/v1beta/x?alt=sse", "x-goog-api-key: {r}"),
        ("authorization: bearer {s}\r\nx-api-key: sk-stale", "/v1/x", "authorization: bearer {r}"),
        ("x-own: 1", "/v1beta/x?alt=sse&key={s}", "?alt=sse&key={r} "),
    ] {
        let behind = Behind::start();
        let door = behind.door("");
        let fill = |text: &str| text.replace("{s}", door.secret.expose()).replace("{r}", REAL);
        let _agent = knock(&door, &format!("GET {} HTTP/1.1\r\nhost: h\r\n{}\r\n\r\n", fill(line), fill(given)));
        let head = behind.heads.recv_timeout(SOON).unwrap();
        assert!(head.contains(&fill(expected)), "{given}: {head}");
        assert!(!head.contains("door_") && !head.contains("sk-stale"), "{given}: {head}");
        behind.say.send("HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    }
}

#[test]
fn whoever_does_not_know_the_secret_reaches_nobody() {
    let behind = Behind::start();
    let door = behind.door("");
    let near = format!("{}0", door.secret.expose());
    let headers = [
        String::new(),
        "authorization: Bearer \r\n".to_owned(),
        format!("authorization: Bearer {REAL}\r\n"),
        format!("x-api-key: {near}\r\n"),
        "authorization: Bearer \u{e4}\r\n".to_owned(),
    ];
    for header in headers {
        let mut stranger =
            knock(&door, &format!("GET /v1/models HTTP/1.1\r\nhost: h\r\n{header}connection: close\r\n\r\n"));
        let mut said = String::new();
        stranger.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 401 ") && said.contains("wrong_secret"), "{header}: {said}");
    }
    assert!(behind.heads.try_recv().is_err(), "the gateway was asked");
}

#[test]
fn a_websocket_is_refused_with_a_reason_and_a_gateway_that_is_gone_is_told() {
    let behind = Behind::start();
    let door = behind.door("");
    let upgrade = format!(
        "GET /v1/responses HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        door.secret.expose()
    );
    let said = read_until(&mut knock(&door, &upgrade), "\"type\":\"error\"}");
    assert!(said.starts_with("HTTP/1.1 426 ") && said.contains("WebSockets do not go through the door"), "{said}");
    assert!(behind.heads.try_recv().is_err(), "the gateway was asked");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::to(&format!("http://{nobody}").parse().unwrap(), None, None).unwrap();
    let door = Door::open(&client, &Secret::from(REAL)).unwrap();
    let ask = format!("GET /v1/models HTTP/1.1\r\nhost: h\r\nx-api-key: {}\r\n\r\n", door.secret.expose());
    let said = read_until(&mut knock(&door, &ask), "\"type\":\"error\"}");
    assert!(said.starts_with("HTTP/1.1 502 ") && said.contains("nothing listens there"), "{said}");
}

#[test]
fn a_door_that_is_closed_is_closed() {
    let behind = Behind::start();
    let door = behind.door("");
    let port = door.address.port();
    let mut open = knock(&door, "GET / HTTP/1.1\r\n");
    drop(door);
    let mut rest = Vec::new();
    assert!(matches!(open.read_to_end(&mut rest), Ok(0) | Err(_)), "{rest:?}");
    assert!(TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1)).is_err());
}

#[test]
fn an_agent_behind_the_door_never_sees_the_runs_key() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let script = "env; curl -s -o /dev/null -w 'status=%{http_code}\\n' -H \"x-api-key: $ANTHROPIC_API_KEY\" $OPENAI_BASE_URL/models || \
                  true";
    let said = home.run(&["--forward", "wrap", "--", "sh", "-c", script]);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    assert!(said.out.contains("OPENAI_API_KEY=door_") && !said.out.contains("tr_"), "{}", said.out);
    assert!(
        said.out.contains("OPENAI_BASE_URL=http://127.0.0.1:") && !said.out.contains(&gateway.url()),
        "{}",
        said.out
    );
    if !said.out.contains("status=000") && said.out.contains("status=") {
        assert!(said.out.contains("status=200"), "{}", said.out);
    }
}
