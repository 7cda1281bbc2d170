//! The simulator's own paths: what was received, and the counters.
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::base64;
use crate::body::AnswerBody;
use crate::record::{Call, Ended};
use crate::sse;
use crate::state::State;

/// The answer, if the path is one of these.
pub(crate) fn handle(state: &State, method: &Method, uri: &Uri) -> Option<Response<AnswerBody>> {
    let (status, body) = match (uri.path(), method) {
        ("/calls", &Method::GET) => {
            // `?with=WORD` leaves out the calls whose body does not hold it: those of others, who ask at the same time.
            let word = uri.query().and_then(|query| query.strip_prefix("with=")).unwrap_or_default();
            let held = |call: &&Call| word.is_empty() || holds(&call.body, word.as_bytes());
            let calls: Vec<Value> = state.recorder.calls().iter().filter(held).map(describe).collect();
            (StatusCode::OK, sse::json(&calls))
        }
        ("/calls", &Method::DELETE) => {
            state.clear();
            (StatusCode::NO_CONTENT, String::new())
        }
        ("/stats", &Method::GET) => (StatusCode::OK, sse::json(&state.stats())),
        ("/calls" | "/stats", _) => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => return None,
    };
    let mut response = Response::new(AnswerBody::whole(Bytes::from(body), None));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

fn holds(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|part| part == word)
}

/// A call as JSON: the body parsed where it is JSON, and always as it was sent.
fn describe(call: &Call) -> Value {
    let mut headers = Map::new();
    for (name, value) in &call.headers {
        match headers.get_mut(name) {
            Some(Value::String(held)) => held.extend([", ", value]),
            _ => drop(headers.insert(name.clone(), json!(value))),
        }
    }
    let text = std::str::from_utf8(&call.body).ok();
    let body = serde_json::from_slice(&call.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&call.body)));
    json!({
        "id": call.id,
        "method": call.method,
        "path": call.path,
        "headers": headers,
        "body": body,
        "body_text": text,
        "body_base64": base64::encode(&call.body),
        "received_ms": call.received_ms,
        "ended": call.ended.map(Ended::as_str),
        "ended_ms": call.ended_ms,
    })
}
