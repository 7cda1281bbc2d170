//! What goes over a scripted provider's connection: requests read, acts done byte by byte.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::act::{Act, PIECES, Speech, error, error_event, frames, whole};
use crate::upstream::{Ask, Inner};

/// The next request on the connection.
pub async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Bytes)> {
    let end = loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = header(&head, "content-length").and_then(|v| v.parse().ok()).unwrap_or(0_usize);
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = Bytes::copy_from_slice(&buffer[end..end + length]);
    buffer.drain(..end + length);
    Some((head, body))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|h| h.1.trim())
}

pub fn ask(n: u64, head: &str, path: String, body: Bytes) -> Ask {
    let key = header(head, "authorization").map(|v| v.trim_start_matches("Bearer ").to_owned());
    let key = key.or_else(|| header(head, "x-api-key").or_else(|| header(head, "x-goog-api-key")).map(str::to_owned));
    let text = |name: &str| {
        let at = memchr::memmem::find(&body, format!("\"{name}\"").as_bytes())? + name.len() + 2;
        let rest = String::from_utf8_lossy(&body[at..body.len().min(at + 300)]).into_owned();
        rest.trim_start_matches([':', ' ']).strip_prefix('"')?.split_once('"').map(|(value, _)| value.to_owned())
    };
    let in_path = path.split_once("/models/").and_then(|(_, rest)| rest.split_once(':')).map(|(m, _)| m.to_owned());
    let stream = path.contains(":stream")
        || memchr::memmem::find(&body, b"\"stream\":true").is_some()
        || memchr::memmem::find(&body, b"\"stream\": true").is_some();
    Ask {
        n,
        key: key.unwrap_or_default(),
        model: in_path.or_else(|| text("model")).unwrap_or_default(),
        stream,
        path,
        body,
        at: Instant::now(),
    }
}

pub fn answer(status: u16, more: &[(String, String)], kind: &str, body: &str) -> String {
    let more = lines(more);
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}content-length: {length}\r\n\r\n{body}")
}

/// Headers as they go over the wire.
fn lines(headers: &[(String, String)]) -> String {
    headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n")
}

fn chunk(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{:x}\r\n{text}\r\n", text.len()) }
}

/// Waits until the other side leaves.
async fn hang(stream: &mut TcpStream, inner: &Inner) {
    let mut rest = [0; 64];
    while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
    inner.hung_up.fetch_add(1, Relaxed);
}

fn reset(stream: &TcpStream) -> Option<()> {
    stream.set_zero_linger().unwrap();
    None
}

/// Does it; none where the connection is not to be used again.
pub async fn act(stream: &mut TcpStream, inner: &Inner, ask: &Ask, act: Act) -> Option<()> {
    let speech = Speech::of(&ask.path);
    let mut act = act;
    loop {
        act = match act {
            Act::Slow(ms, then) => {
                let slept = tokio::time::sleep(Duration::from_millis(ms));
                tokio::select! {
                    () = slept => {}
                    () = hang(stream, inner) => return None,
                }
                *then
            }
            Act::Held(then) => {
                tokio::select! {
                    permit = inner.gate.acquire() => permit.unwrap().forget(),
                    () = hang(stream, inner) => return None,
                }
                *then
            }
            act => break do_it(stream, inner, ask, speech, act).await,
        };
    }
}

async fn do_it(stream: &mut TcpStream, inner: &Inner, ask: &Ask, speech: Speech, act: Act) -> Option<()> {
    let json = "application/json";
    let text = format!("[{}|{}]", inner.name, ask.key);
    let (status, more, body, kind) = match act {
        Act::Status(status, more) => (status, more, error(speech, status).to_string(), json),
        Act::Says(status, body) => (status, Vec::new(), body, json),
        Act::Html(status) => (status, Vec::new(), "<html><h1>Bad gateway</h1></html>".to_owned(), "text/html"),
        Act::ErrorAfter(_) if !ask.stream => (529, Vec::new(), error(speech, 529).to_string(), json),
        Act::ResetBeforeHead => return reset(stream),
        Act::Hang => {
            hang(stream, inner).await;
            return None;
        }
        Act::Ok | Act::Long(..) if !ask.stream => (200, Vec::new(), whole(speech, &ask.model, &text).to_string(), json),
        Act::OkWith(more) if !ask.stream => (200, more, whole(speech, &ask.model, &text).to_string(), json),
        act if ask.stream => return streamed(stream, inner, ask, &text, act).await,
        act => {
            // Half of a whole answer.
            let all = answer(200, &[], json, &whole(speech, &ask.model, &text).to_string());
            stream.write_all(&all.as_bytes()[..all.len() - 40]).await.ok()?;
            match act {
                Act::CutAfter(..) => drop(stream.shutdown().await),
                Act::HangAfter(_) => hang(stream, inner).await,
                _ => {
                    settle().await;
                    return reset(stream);
                }
            }
            return None;
        }
    };
    stream.write_all(answer(status, &more, kind, &body).as_bytes()).await.ok()
}

/// A reset overtakes what was written: the other side gets a moment to read it.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

async fn streamed(stream: &mut TcpStream, inner: &Inner, ask: &Ask, text: &str, act: Act) -> Option<()> {
    let speech = Speech::of(&ask.path);
    let usage = memchr::memmem::find(&ask.body, b"include_usage").is_some();
    let frames = frames(speech, &ask.model, text, usage);
    let more = match &act {
        Act::OkWith(more) => lines(more),
        _ => String::new(),
    };
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{more}transfer-encoding: chunked\r\n\r\n");
    let pieces = |count: usize| chunk(&frames.content).repeat(count);
    let begun = |count: usize| format!("{head}{}{}", chunk(&frames.opening), pieces(count));
    let (out, then) = match &act {
        Act::ErrorAfter(count) => (format!("{}{}0\r\n\r\n", begun(*count), chunk(&error_event(speech))), Some(())),
        Act::CutAfter(count, true) => (format!("{}0\r\n\r\n", begun(*count)), Some(())),
        Act::CutAfter(count, false) | Act::HangAfter(count) | Act::ResetAfter(count) => (begun(*count), None),
        Act::ResetMidBody => (begun(0), None),
        Act::Long(count, every_ms) => {
            stream.write_all(begun(0).as_bytes()).await.ok()?;
            for _ in 0..*count {
                let written = async {
                    tokio::time::sleep(Duration::from_millis(*every_ms)).await;
                    stream.write_all(pieces(1).as_bytes()).await
                };
                if written.await.is_err() {
                    inner.hung_up.fetch_add(1, Relaxed);
                    return None;
                }
            }
            (format!("{}0\r\n\r\n", chunk(&frames.ending)), Some(()))
        }
        _ => (format!("{}{}0\r\n\r\n", begun(PIECES), chunk(&frames.ending)), Some(())),
    };
    stream.write_all(out.as_bytes()).await.ok()?;
    match act {
        Act::HangAfter(_) => hang(stream, inner).await,
        Act::ResetMidBody | Act::ResetAfter(_) => {
            settle().await;
            return reset(stream);
        }
        Act::CutAfter(_, false) => drop(stream.shutdown().await),
        _ => {}
    }
    then
}
