//! Query strings: what they choose is bounded, and a key in one is a key and nothing else.

use http::{Request, Uri};
use tokenrouter::protocol::Protocol;
use torod::gateway::in_path::InPath;
use torod::gateway::model_query::ModelQuery;

/// Reads the bytes as a query in every protocol, and behind a path of Gemini's.
pub fn run(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    for protocol in Protocol::ALL {
        match ModelQuery::read(protocol, &query) {
            Ok(read) => {
                let window = read.window();
                assert!(window.limit.is_none_or(|limit| limit > 0));
                assert!(!read.lost().message.is_empty());
            }
            Err(problem) => assert!(problem.message.len() < 1_000 && !problem.message.contains('\n')),
        }
    }
    for path in ["/v1beta/models/m:streamGenerateContent", "/v1beta/models/a%2Fb:generateContent"] {
        let Ok(uri) = Uri::try_from(format!("{path}?{query}")) else { continue };
        let Ok(request) = Request::builder().uri(uri).body(()) else { continue };
        let (mut head, ()) = request.into_parts();
        let read = InPath::of(&mut head);
        assert!(read.model == "m" || read.model == "a/b", "the query changed the model: {}", read.model);
        if let Some(key) = head.headers.get("x-goog-api-key") {
            assert!(!key.as_bytes().contains(&b'&') && query.contains("key="));
        }
        assert!(head.headers.len() <= 1);
    }
}
