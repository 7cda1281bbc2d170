//! Answers whose beginning is looked at: what is silence, what is a failure, what it may cost, and connections that
//! are never made.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test that is over leaves nothing behind: its tasks are awaited or ended"
)]

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokenrouter::Protocol;
use tokenrouter::call::{Begun, CallError, Client, Endpoint, NotBegun, Pieces, Pool, Received, Routing, Timeouts};
use tokenrouter::catalog::BaseUrl;
use tokenrouter::convert::{Asked, Context};
use tokenrouter::error::Kind;
use tokenrouter::pick::course::Rules;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(20);

/// What follows the last piece.
#[derive(Clone, Copy)]
enum Then {
    End,
    Cut,
    Silence,
}

/// A provider that answers once, a piece each `pace`. It is in memory, so that a test's clock may stand still until
/// everybody waits.
async fn provider(pieces: Vec<String>, pace: Duration, then: Then) -> (Received, JoinHandle<()>) {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let server = tokio::spawn(async move {
        // Who asked may be gone before the last piece.
        let _gone = answer(&mut far, &pieces, pace, then).await;
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let asked = Request::get("/").header("host", "provider").body(Pieces::default()).unwrap();
    (sender.send_request(asked).await.unwrap().into_body().into(), server)
}

async fn answer(
    to: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pieces: &[String],
    pace: Duration,
    then: Then,
) -> std::io::Result<()> {
    let _asked = to.read(&mut [0; 4096]).await?;
    to.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    let mut clock = tokio::time::interval(pace.max(Duration::from_millis(1)));
    for piece in pieces {
        clock.tick().await;
        to.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
    }
    match then {
        Then::End => to.write_all(b"0\r\n\r\n").await,
        Then::Cut => Ok(()),
        // Until the other side hangs up.
        Then::Silence => to.read(&mut [0; 1]).await.map(drop),
    }
}

async fn begin(protocol: Protocol, events: &[&str], then: Then) -> Result<Begun, Box<NotBegun>> {
    let pieces = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let (body, server) = provider(pieces, Duration::ZERO, then).await;
    let begun = Begun::stream(body, protocol, Duration::from_millis(300), LONG).await;
    server.abort();
    begun
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_gives_signs_of_life_does_not_fall_silent() {
    let (pace, idle, hold) = (Duration::from_millis(50), Duration::from_millis(400), Duration::from_millis(700));
    let pings = |count| vec![": ping\n\n".to_owned(); count];
    // Pings alone, for longer than the silence that is borne, and for longer than it is held.
    let (body, server) = provider(pings(100), pace, Then::Silence).await;
    assert!(Begun::stream(body, Protocol::OpenAi, idle, hold).await.is_ok());
    server.abort();
    // Held for no longer than it may be silent, it is let go too.
    let (body, server) = provider(pings(100), pace, Then::Silence).await;
    assert!(Begun::stream(body, Protocol::OpenAi, idle, idle).await.is_ok());
    server.abort();
    let mut pieces = pings(12);
    pieces.push("data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n".to_owned());
    let (body, server) = provider(pieces, pace, Then::End).await;
    let begun = Begun::stream(body, Protocol::OpenAi, idle, LONG).await.unwrap();
    assert!(begun.collect().await.unwrap().to_bytes().ends_with(b"\"hello\"}}]}\n\n"));
    server.await.unwrap();
    // An answer in one piece or in several may take as long.
    let text = vec![" ".to_owned(); 12].into_iter().chain(["{\"a\":1}".to_owned()]).collect::<Vec<_>>();
    for whole in [true, false] {
        let (body, server) = provider(text.clone(), pace, Then::End).await;
        let begun = if whole { Begun::whole(body, idle, LONG).await } else { Begun::pieces(body, idle, LONG).await };
        let (begun, is_error) = begun.unwrap();
        assert!(!is_error && begun.collect().await.unwrap().to_bytes().ends_with(b"}"), "{whole}");
        server.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_unless_the_client_must_hear_something_first() {
    let short = Duration::from_millis(100);
    let silent = || provider(vec!["\n\n".to_owned()], Duration::ZERO, Then::Silence);
    for (idle, hold, is_failure) in [(short, LONG, true), (short, short, true), (LONG, short, false)] {
        for way in 0..3 {
            let (body, server) = silent().await;
            let begun = match way {
                0 => Begun::stream(body, Protocol::OpenAi, idle, hold).await.map(drop),
                1 => Begun::whole(body, idle, hold).await.map(drop),
                _ => Begun::pieces(body, idle, hold).await.map(drop),
            };
            server.abort();
            assert_eq!(begun.is_err(), is_failure, "{idle:?} {hold:?} {way}");
            if let Err(failure) = begun {
                assert_eq!((failure.problem.code, failure.was_told), ("upstream_idle", false), "{way}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_was_reported_and_who_told_it() {
    let start = r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":7,"output_tokens":1}}}"#;
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let told = begin(Protocol::Anthropic, &[start, error], Then::End).await.unwrap_err();
    assert_eq!((told.was_told, told.problem.code), (true, "overloaded"));
    assert_eq!(told.reported.map(|report| report.counts.input()), Some(7));
    for (then, code) in [(Then::Cut, "upstream_cut"), (Then::End, "upstream_cut"), (Then::Silence, "upstream_idle")] {
        let cut = begin(Protocol::Anthropic, &[start], then).await.unwrap_err();
        assert_eq!((cut.was_told, cut.problem.code), (false, code));
        assert_eq!(cut.reported.map(|report| report.counts.input()), Some(7), "{code}");
    }
    let failed = r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"Too much."},"usage":{"input_tokens":9,"output_tokens":0}}}"#;
    let told = begin(Protocol::Responses, &[failed], Then::End).await.unwrap_err();
    assert_eq!((told.problem.kind, &*told.problem.message), (Kind::BadRequest, "Too much."));
    assert_eq!((told.was_told, told.reported.map(|report| report.counts.input())), (true, Some(9)));
    let error = r#"{"error":{"code":429,"message":"Slow down."}}"#;
    let told = begin(Protocol::OpenAi, &[error], Then::Silence).await.unwrap_err();
    assert_eq!((told.problem.code, told.reported, told.was_told), ("rate_limited", None, true));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_an_error_where_it_begins_as_one() {
    for (pieces, expected) in [
        (vec![r#"{"error":{"message":"x"}}"#], true),
        (vec![" \n", "{ ", "\"err", "or\" ", ":", " ", "\"x\"}"], true),
        (vec!["{\"error\":", "null,\"choices\":[]}"], false),
        (vec![r#"{ "error" : null }"#], false),
        (vec![r#"[{"error":{"code":429}}]"#], true),
        (vec!["\n[\n", "  {\n  \"error\": {}"], true),
        (vec![r#"[{"candidates":[]}]"#], false),
        (vec![r#"{"type":"error","error":{"type":"overloaded_error"}}"#], true),
        (vec![r#"{"type":"message","content":[]}"#], false),
        (vec![r#"{"object":"error","message":"x"}"#], true),
        (vec![r#"{"errors":[]}"#], false),
        (vec!["{\"error\":"], false),
        (vec![], false),
    ] {
        for whole in [true, false] {
            let sent = pieces.iter().map(|&piece| piece.to_owned()).collect();
            let (body, server) = provider(sent, Duration::from_millis(5), Then::End).await;
            let begun =
                if whole { Begun::whole(body, LONG, LONG).await } else { Begun::pieces(body, LONG, LONG).await };
            let (begun, is_error) = begun.unwrap();
            assert_eq!(is_error, expected, "{pieces:?} {whole}");
            assert_eq!(begun.collect().await.unwrap().to_bytes(), pieces.concat(), "nothing of it is lost");
            server.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let timeouts = Timeouts { connect: Duration::from_millis(200), first_byte: LONG, idle: LONG };
    let client = Client::new(timeouts, 1);
    let send = client.send(Request::get(url).body(Pieces::default()).unwrap());
    let (answer, accepted) = tokio::join!(tokio::time::timeout(LONG / 2, send), listener.accept());
    let failure = answer.unwrap().unwrap_err();
    let CallError::Connect(why) = &failure else { unreachable!("{failure}") };
    assert!(why.contains("TLS included") && failure.is_unseen(), "{why}");
    drop(accepted);
}

#[tokio::test]
async fn an_error_with_a_status_of_success_keeps_its_meaning_on_the_way_to_any_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let said = [r#"{"id":"x","error":{"code":429,"message":"Slow down."}}"#.to_owned()];
    let list = [format!("[{}]", said[0])];
    for (spoken, said) in [
        (Protocol::OpenAi, &said),
        (Protocol::Anthropic, &said),
        (Protocol::Gemini, &said),
        (Protocol::Gemini, &list),
        (Protocol::Responses, &said),
    ] {
        for asked in [Protocol::OpenAi, Protocol::Cohere, Protocol::Responses] {
            let pool = Pool::new(Client::new(Timeouts::default(), 0), vec![Endpoint::new(spoken, url.clone(), "m")])
                .with_routing(Routing { rules: Rules { attempts: 1, ..Rules::default() }, ..Routing::default() });
            let body = r#"{"model":"m","input":"hi","messages":[{"role":"user","content":"hi"}]}"#;
            let ask = pool.ask(Asked::new(asked, body.as_bytes()), Context::default());
            let serve = async {
                let (mut connection, _) = listener.accept().await.unwrap();
                answer(&mut connection, said, Duration::ZERO, Then::End).await.unwrap();
            };
            let (told, ()) = tokio::join!(ask, serve);
            let problem = told.unwrap_err();
            assert_eq!((problem.code, &*problem.message), ("rate_limited", "Slow down."), "{asked} of {spoken}");
        }
    }
}
