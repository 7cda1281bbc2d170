//! A provider that gives the answers of the cases, byte for byte, to whoever asks for a case by its name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::case::Case;

/// Marks a model's name in whatever stands around it.
pub fn model(case: &str) -> String {
    format!("inv-{case}-end")
}

/// Starts it; says its URL. It ends with the runtime.
pub async fn start(cases: Arc<Vec<Case>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (cases, asked) = (Arc::clone(&cases), Arc::clone(&asked));
            tokio::runtime::Handle::current().spawn(serve(stream, cases, asked));
        }
    });
    url
}

async fn serve(mut stream: TcpStream, cases: Arc<Vec<Case>>, asked: Arc<Mutex<HashMap<String, usize>>>) {
    let Some(request) = read(&mut stream).await else { return };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let model = request.split("inv-").nth(1).map(|rest| rest.split(|c| !is_of_name(c)).next().unwrap_or_default());
    let Some(name) = model.and_then(|model| model.strip_suffix("-end")) else {
        _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
        return;
    };
    let case = cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case `{name}`"));
    let nth = {
        let mut asked = asked.lock().unwrap();
        let nth = asked.entry(name.to_owned()).or_default();
        *nth += 1;
        *nth - 1
    };
    let attempt = case.attempts.get(nth).unwrap_or_else(|| panic!("`{name}` was asked {} times", nth + 1));
    let kind = if attempt.is_stream { "text/event-stream" } else { "application/json" };
    let status = attempt.status;
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{}", attempt.body);
    _ = stream.write_all(head.as_bytes()).await;
    if case.leave.is_some() {
        // Until the other side has gone.
        _ = stream.read(&mut [0; 64]).await;
    }
    _ = stream.shutdown().await;
}

/// A request with its body, as text.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 8 << 10];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}
