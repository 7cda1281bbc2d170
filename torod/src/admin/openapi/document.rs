//! The admin API's document, made of the list of operations; `web/openapi.json` is this, and a test says when it is not.

use serde_json::{Map, Value, json};
use tokenrouter_shared::problem::ProblemBody;
use utoipa::openapi::{RefOr, Schema};

use super::super::live;
use super::super::operation::{Form, Needs, Operation, Shape};
use super::super::operations::operations;

/// The document.
pub fn document() -> Value {
    let mut forms = Forms::default();
    let problem = forms.refer(Shape::of::<ProblemBody>());
    let mut paths: Map<String, Value> = Map::new();
    for one in operations() {
        let described = describe(&one, &mut forms, &problem);
        let path = paths.entry(one.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(one.method.to_ascii_lowercase(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tokenrouter admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Tokens, providers and settings of a gateway. Errors are always {\"error\": {code, message, advice, request_id}}.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "schemas": forms.0,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of this gateway; `x-api-key` takes it too." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "tokenrouter_session",
                    "description": "From POST /admin/api/login; by TLS its name begins with `__Host-`.",
                },
            },
        },
    })
}

/// The forms that are referred to, by name.
#[derive(Default)]
struct Forms(Map<String, Value>);

impl Forms {
    fn refer(&mut self, shape: Shape) -> Value {
        let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
        (shape.others)(&mut all);
        all.push(((shape.name)().into_owned(), (shape.schema)()));
        for (name, schema) in all {
            self.0.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
        }
        json!({ "$ref": format!("#/components/schemas/{}", (shape.name)()) })
    }
}

fn describe(one: &Operation, forms: &mut Forms, problem: &Value) -> Value {
    let in_path = one.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = one.query.iter().map(|(name, form, meaning)| {
        json!({ "name": name, "in": "query", "description": meaning, "schema": form_of(*form) })
    });
    let version = one.takes_version.then(|| {
        json!({
            "name": "If-Match", "in": "header", "schema": { "type": "string" },
            "description": "The version that this is made for, as `ETag` told it; `*`: any. Another one is answered with 409 and the present version.",
        })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).chain(version).collect();
    let mut headers = json!({ "x-request-id": header("The id of the request, as in the log.") });
    let mut success = json!({ "description": "Done." });
    if let (Some(answer), Some(success)) = (one.answer, success.as_object_mut()) {
        let form = forms.refer(answer);
        let form = match one.other {
            None => form,
            Some(other) => {
                let other = json!({ "type": "object", "description": other, "not": { "required": ["total"] } });
                json!({ "anyOf": [form, other] })
            }
        };
        success.insert("content".to_owned(), json!({ "application/json": { "schema": form } }));
    }
    if let Some(success) = success.as_object_mut().filter(|_| !one.texts.is_empty()) {
        let kinds = one.texts.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": { "type": "string" } })));
        success.insert("content".to_owned(), Value::Object(kinds.collect()));
    }
    if let Some(success) = success.as_object_mut().filter(|_| !one.events.is_empty()) {
        let events = one.events.iter().map(|(name, shape)| ((*name).to_owned(), forms.refer(*shape)));
        let form = json!({ "type": "string", "description": "Server-sent events; `x-events` has the form of each one's data." });
        let stream = json!({ "schema": form, "x-events": events.collect::<Map<_, _>>() });
        success.insert("content".to_owned(), json!({ live::KIND: stream }));
    }
    let failed = json!({
        "description": "Refused; the answer says why and what to do.",
        "headers": headers.clone(),
        "content": { "application/json": { "schema": problem } },
    });
    if let Some(headers) = headers.as_object_mut().filter(|_| one.tells_version) {
        headers.insert("ETag".to_owned(), header("The version, for `If-Match`; none where there is no file."));
    }
    if let Some(success) = success.as_object_mut() {
        success.insert("headers".to_owned(), headers);
    }
    let mut described = json!({
        "operationId": operation_id(one),
        "summary": one.summary,
        "description": match one.needs {
            Needs::Nothing => "For everybody.",
            Needs::Token => "For every live token.",
            Needs::Keymaster => "For keymasters and admins.",
            Needs::Admin => "For admins.",
        },
        "responses": { one.status.to_string(): success, "default": failed },
    });
    if let Some(described) = described.as_object_mut() {
        if one.needs == Needs::Nothing {
            described.insert("security".to_owned(), json!([]));
        }
        if !parameters.is_empty() {
            described.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = one.body {
            let form = forms.refer(body);
            let body =
                json!({ "required": !one.is_body_optional, "content": { "application/json": { "schema": form } } });
            described.insert("requestBody".to_owned(), body);
        }
    }
    described
}

fn header(meaning: &str) -> Value {
    json!({ "description": meaning, "schema": { "type": "string" } })
}

/// A word of the query as a schema.
fn form_of(form: Form) -> Value {
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Number(least, most) => json!({ "type": "integer", "format": "int64", "minimum": least, "maximum": most }),
        Form::Switch => json!({ "type": "boolean" }),
        Form::Word(words) => json!({ "type": "string", "enum": words }),
    }
}

/// `get_tokens_which` for `GET /admin/api/tokens/{which}`.
fn operation_id(one: &Operation) -> String {
    let path = one.path.trim_start_matches("/admin/api/").replace(['{', '}'], "").replace(['/', '.', '-'], "_");
    format!("{}_{path}", one.method.to_ascii_lowercase())
}
