//! The document of the admin API held against what is sent and answered: every status, every field, every body.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::support::Answer;

/// The forms of the document, closed: a field that no form has is an error.
pub struct Forms {
    document: Value,
    components: Value,
    made: BTreeMap<String, Validator>,
    /// Operations that were seen to succeed.
    pub done: BTreeSet<String>,
}

impl Forms {
    pub fn new(document: Value) -> Self {
        let mut parts = BTreeSet::new();
        collect_parts(&document, &mut parts);
        let mut schemas = document["components"]["schemas"].clone();
        for (name, schema) in schemas.as_object_mut().unwrap() {
            close(schema, parts.contains(name));
        }
        let components = json!({ "schemas": schemas });
        Self { document, components, made: BTreeMap::new(), done: BTreeSet::new() }
    }

    fn fits(&mut self, schema: &Value, value: &Value) -> Result<(), String> {
        let components = &self.components;
        let made = self.made.entry(schema.to_string()).or_insert_with(|| {
            let mut root = schema.as_object().cloned().unwrap_or_else(Map::new);
            root.insert("components".to_owned(), components.clone());
            jsonschema::draft202012::new(&Value::Object(root)).unwrap()
        });
        let errors: Vec<String> = made.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("{} in {value}", errors.join("; "))) }
    }

    fn operation(&self, method: &str, path: &str) -> Value {
        let described = &self.document["paths"][path][method.to_lowercase()];
        assert!(described.is_object(), "{method} {path} is not described");
        described.clone()
    }

    /// Whether the document lets this be sent.
    pub fn may_send(&mut self, method: &str, path: &str, body: &str) -> Result<(), String> {
        let described = self.operation(method, path);
        let wanted = &described["requestBody"];
        if body.is_empty() {
            return if wanted["required"] == true { Err("it needs a body".to_owned()) } else { Ok(()) };
        }
        let schema = &wanted["content"]["application/json"]["schema"];
        if schema.is_null() {
            return Err("it takes no body".to_owned());
        }
        let value: Value = serde_json::from_str(body).map_err(|e| e.to_string())?;
        self.fits(schema, &value)
    }

    /// Whether the answer is one that the document speaks of.
    pub fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let what = format!("{method} {path} {}", answer.status);
        let described = self.operation(method, path);
        let id = answer.header("x-request-id").to_owned();
        assert!(!id.is_empty(), "{what}: no request id");
        let exact = &described["responses"][answer.status.as_str()];
        if answer.status.is_success() {
            assert!(exact.is_object(), "{what}: not described");
            self.done.insert(format!("{method} {path}"));
            // Beside versions, which are told where the document says so, there are those of the content alone.
            let is_version = answer.headers.contains_key("etag") && !answer.header("etag").starts_with("W/");
            assert_eq!(is_version, exact["headers"]["ETag"].is_object(), "{what}: ETag");
        }
        let form = if exact.is_object() { exact } else { &described["responses"]["default"] };
        let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        if kind != "application/json" && form["content"][kind].is_object() {
            return;
        }
        let schema = form["content"]["application/json"]["schema"].clone();
        if schema.is_null() {
            assert!(answer.body.is_empty(), "{what}: {}", answer.text());
            return;
        }
        let value = answer.json();
        self.fits(&schema, &value).unwrap_or_else(|why| panic!("{what}: {why}"));
        if !answer.status.is_success() {
            assert_eq!(value["error"]["request_id"], id, "{what}");
            for field in ["code", "message", "advice"] {
                assert!(!value["error"][field].as_str().unwrap().is_empty(), "{what}: {value}");
            }
            let message = value["error"]["message"].as_str().unwrap();
            assert!(message.ends_with(['.', '!', '?']), "{what}: {message}");
        }
    }

    /// Holds the data of an event against its form.
    pub fn data(&mut self, event: &str, value: &Value) {
        let stream =
            &self.document["paths"]["/admin/api/live"]["get"]["responses"]["200"]["content"]["text/event-stream"];
        let form = stream["x-events"][event].clone();
        assert!(form.is_object(), "{event} is not described");
        self.fits(&form, value).unwrap_or_else(|why| panic!("{event}: {why}"));
    }

    /// The operations that nobody has seen succeed.
    pub fn left(&self) -> Vec<String> {
        let paths = self.document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, one)| {
            one.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        all.filter(|one| !self.done.contains(one)).collect()
    }
}

/// The names of forms that are parts of others: closed, they would refuse the fields of the whole.
fn collect_parts(part: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            for one in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                let name = one["$ref"].as_str().and_then(|place| place.rsplit('/').next());
                names.extend(name.map(str::to_owned));
            }
            fields.values().for_each(|field| collect_parts(field, names));
        }
        Value::Array(list) => list.iter().for_each(|one| collect_parts(one, names)),
        _ => {}
    }
}

fn close(schema: &mut Value, is_part: bool) {
    let Value::Object(fields) = schema else { return };
    if let Some(all) = fields.get_mut("allOf").and_then(Value::as_array_mut) {
        for one in all {
            close(one, true);
        }
        fields.insert("unevaluatedProperties".to_owned(), false.into());
        return;
    }
    if !is_part && fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
        fields.insert("additionalProperties".to_owned(), false.into());
    }
    for (name, field) in fields.iter_mut() {
        match (name.as_str(), field) {
            ("properties", Value::Object(inner)) => inner.values_mut().for_each(|one| close(one, false)),
            ("items" | "additionalProperties", inner) => close(inner, false),
            ("oneOf" | "anyOf", Value::Array(list)) => list.iter_mut().for_each(|one| close(one, false)),
            _ => {}
        }
    }
}

#[test]
fn what_the_document_does_not_speak_of_is_found() {
    let refer = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut forms = Forms::new(json!({
        "paths": {},
        "components": { "schemas": {
            "A": { "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" }, "b": refer("B") } },
            "B": { "allOf": [refer("P"), { "type": "object", "properties": { "q": { "type": ["string", "null"] } } }] },
            "P": { "type": "object", "required": ["p"], "properties": { "p": { "type": "boolean" } } },
        } },
    }));
    for right in [json!({ "a": 1 }), json!({ "a": 1, "b": { "p": true, "q": null } })] {
        forms.fits(&refer("A"), &right).unwrap();
    }
    for wrong in [
        json!({}),
        json!({ "a": 1, "x": 1 }),
        json!({ "a": 1, "b": {} }),
        json!({ "a": 1, "b": { "p": true, "x": 1 } }),
    ] {
        assert!(forms.fits(&refer("A"), &wrong).is_err(), "{wrong}");
    }
}

/// The SHA-256 of the picture in [`with_picture`].
pub const PICTURE_DIGEST: &str = "96347cbe65a1883dd552e679c99ba99e6a447140b2b856edd94b0476a4270c2c";

/// A request with a picture of four pixels.
pub fn with_picture() -> String {
    let picture =
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFUlEQVR42mM4wcBwwgaIGWxO2NgAABzOBBFGbdvRAAAAAElFTkSuQmCC";
    let url = format!("data:image/png;base64,{picture}");
    let part = serde_json::json!({ "type": "image_url", "image_url": { "url": url } });
    serde_json::json!({ "model": "ok", "messages": [{ "role": "user", "content": [part] }] }).to_string()
}
