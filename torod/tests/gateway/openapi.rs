//! The documents that describe the API, against the routes that there are.

use std::collections::BTreeSet;

use serde_json::Value;
use torod::http::listed::{Listed, routes};

use crate::support::TestDaemon;

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, one): (&String, &Value)| {
        one.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// Every `$ref` leads somewhere.
fn check_references(part: &Value, document: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
            }
            fields.values().for_each(|field| check_references(field, document));
        }
        Value::Array(list) => list.iter().for_each(|one| check_references(one, document)),
        _ => {}
    }
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else_is() {
    let daemon = TestDaemon::start().await;
    let (data, admin) = (daemon.get("/openapi.json").await.json(), daemon.get("/admin/api/openapi.json").await.json());
    let listed = |is_admin: bool| {
        let of_kind = move |route: &Listed| route.path.starts_with("/admin/api") == is_admin;
        let pages = ["/admin", "/admin/app.js", "/admin/app.css"];
        let all = routes().into_iter().filter(of_kind).filter(move |route| !pages.contains(&route.path));
        all.map(|route| (route.method.to_owned(), route.path.to_owned())).collect::<BTreeSet<_>>()
    };
    assert_eq!(described(&data), listed(false));
    assert_eq!(described(&admin), listed(true));
    for document in [&data, &admin] {
        assert_eq!(document["openapi"], "3.1.0");
        check_references(document, document);
        let text = document.to_string();
        for secret in ["tr_0", "sk-", &daemon.key] {
            assert!(!text.contains(secret), "{secret}");
        }
        let mut ids = BTreeSet::new();
        for (_, path) in document["paths"].as_object().unwrap() {
            for (_, operation) in path.as_object().unwrap() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
                assert!(operation["summary"].as_str().unwrap().ends_with('.'));
            }
        }
    }
    let key = &admin["components"]["schemas"]["SecretPut"]["properties"]["value"];
    assert_eq!((key["type"].as_str(), key["format"].as_str()), (Some("string"), Some("password")), "{key}");
    daemon.stop().await;
}

/// What the document says of an answer holds for the answer: required fields are there, unknown ones are not.
#[tokio::test]
async fn answers_have_the_form_that_is_described() {
    let daemon = TestDaemon::start().await;
    let document = daemon.get("/admin/api/openapi.json").await.json();
    for path in [
        "/admin/api/me",
        "/admin/api/sessions",
        "/admin/api/providers",
        "/admin/api/settings",
        "/admin/api/routing",
        "/admin/api/models",
    ] {
        let form = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let form = document.pointer(form["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
        let answer = daemon.get(path).await.json();
        let fields = form["properties"].as_object().unwrap();
        for name in answer.as_object().unwrap().keys() {
            assert!(fields.contains_key(name), "{path}: `{name}` is not described");
        }
        for name in form["required"].as_array().unwrap() {
            assert!(!answer[name.as_str().unwrap()].is_null(), "{path}: {name} is missing");
        }
    }
    daemon.stop().await;
}
