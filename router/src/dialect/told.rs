//! What providers' error answers say, whatever their form: sentences, with the field and the code that stand beside them.

use crate::chat::Json;

/// One thing that an error answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The field that it is about, where the answer names one beside the sentence.
    pub param: String,
    /// The word for programs.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// Errors inside errors inside errors are nobody's.
const DEEPEST: usize = 6;
/// More than this nobody has to say.
const MOST: usize = 32;
/// What is read of one sentence, in bytes.
const LONGEST: usize = 4 << 10;
/// A larger answer is no error that anybody explains.
const LARGEST: usize = 64 << 10;

/// Everything that the error answer `body` says.
pub(super) fn read(body: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    if let Some(text) = std::str::from_utf8(body).ok().filter(|text| text.len() <= LARGEST) {
        value(text, &Told::default(), 0, &mut told);
    }
    told
}

/// The names under which errors stand in errors.
const INSIDE: [&str; 8] = ["error", "errors", "detail", "details", "message", "metadata", "raw", "body"];

fn value(text: &str, around: &Told, depth: usize, told: &mut Vec<Told>) {
    if depth > DEEPEST || told.len() >= MOST {
        return;
    }
    let Some(json) = Json::parse(text.trim()) else { return sentence(text, around, depth, told) };
    if let Some(message) = json.as_string() {
        return sentence(&message, around, depth, told);
    }
    if json.text().starts_with('[') {
        let list: Vec<Json> = json.read().unwrap_or_default();
        return list.iter().take(MOST).for_each(|one| value(one.text(), around, depth + 1, told));
    }
    let Some(members) = json.read::<std::collections::BTreeMap<String, Json>>() else { return };
    let text_at = |name: &str| members.get(name).and_then(Json::as_string).unwrap_or_default();
    let mut here = around.clone();
    let first = |names: &[&str]| names.iter().map(|name| text_at(name)).find(|said| !said.is_empty());
    here.param = first(&["param"]).unwrap_or(here.param);
    here.code = first(&["code", "type"]).unwrap_or(here.code);
    // Where pydantic says what it is about.
    if let Some(loc) = members.get("loc").and_then(Json::read::<Vec<Json>>) {
        let steps: Vec<String> = loc.iter().map(|s| s.as_string().unwrap_or_else(|| s.text().to_owned())).collect();
        here.param = steps.join(".");
    }
    let message = text_at("msg");
    if !message.is_empty() {
        sentence(&message, &here, depth, told);
    }
    for name in INSIDE {
        if let Some(inner) = members.get(name).filter(|inner| !inner.is_null()) {
            value(inner.text(), &here, depth + 1, told);
        }
    }
}

/// A sentence, which may hold another error as a text.
fn sentence(message: &str, around: &Told, depth: usize, told: &mut Vec<Told>) {
    if message.is_empty() || told.len() >= MOST {
        return;
    }
    let mut message = message;
    if let Some((outer, inner)) = message.find(['{', '[']).and_then(|at| message.split_at_checked(at)) {
        let end = inner.rfind(['}', ']']).map_or(inner.len(), |end| end + 1);
        let inner = inner.get(..end).unwrap_or_default();
        if inner.contains('{') && Json::parse(inner).is_some() {
            value(inner, around, depth + 1, told);
            message = outer;
        }
    }
    let mut rest = message;
    // The same in Python's words: `{'type': 'extra_forbidden', 'loc': ('body', 'x'), …}`.
    while let Some((_, after)) = rest.split_once("'loc': (") {
        let (steps, behind) = after.split_once(')').unwrap_or((after, ""));
        let steps: Vec<&str> = steps.split(',').map(|step| step.trim().trim_matches('\'')).collect();
        let param = steps.join(".").trim_end_matches('.').to_owned();
        let message = behind.split('}').next().unwrap_or_default().to_owned();
        told.push(Told { param, message, ..around.clone() });
        if told.len() >= MOST {
            return;
        }
        rest = behind;
    }
    if rest.len() == message.len() && !message.is_empty() {
        let end = message.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST).last();
        let message = message.get(..end.unwrap_or_default()).unwrap_or_default().to_owned();
        told.push(Told { message, ..around.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_error_says_the_same() {
        let extra = "Extra inputs are not permitted";
        for (body, param, code, message) in [
            (r#"{"error":{"message":"No.","type":"t","param":"x","code":"c"}}"#, "x", "c", "No."),
            (r#"{"error":{"message":"No.","type":"t","param":null,"code":400}}"#, "", "t", "No."),
            (r#"{"code":"c","error":"No."}"#, "", "c", "No."),
            (r#"{"message":"No."}"#, "", "", "No."),
            (r#"[{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}]"#, "", "", "No."),
            (r#"{"detail":"No."}"#, "", "", "No."),
            (
                &format!(r#"{{"detail":[{{"type":"t","loc":["body","a",0,"x"],"msg":"{extra}"}}]}}"#),
                "body.a.0.x",
                "t",
                extra,
            ),
            (
                &format!(
                    r#"{{"message":{{"detail":[{{"type":"t","loc":["body","x"],"msg":"{extra}"}}]}},"type":"u"}}"#
                ),
                "body.x",
                "t",
                extra,
            ),
            ("No.", "", "", "No."),
        ] {
            let expected = Told { param: param.into(), code: code.into(), message: message.into() };
            assert_eq!(read(body.as_bytes()), [expected], "{body}");
        }
    }

    #[test]
    fn errors_inside_texts_are_read_too() {
        let raw = r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"No.\",\"param\":\"x\"}}","provider_name":"P"}}}"#;
        let told = read(raw.as_bytes());
        assert!(told.iter().any(|told| told.param == "x" && told.message == "No."), "{told:?}");
        let python = r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'x'), 'msg': 'Extra inputs are not permitted', 'input': 1}]"}"#;
        let told = read(python.as_bytes());
        assert_eq!((told.len(), told[0].param.as_str()), (1, "body.x"), "{told:?}");
        assert!(told[0].message.contains("not permitted"));
        let wrapped = r#"{"error":{"message":"litellm.BadRequestError: XException - {\"error\":{\"message\":\"No.\",\"param\":\"y\"}}"}}"#;
        assert!(read(wrapped.as_bytes()).iter().any(|told| told.param == "y"), "{wrapped}");
    }

    #[test]
    fn no_answer_is_too_odd_or_too_long() {
        let deep = format!("{}1{}", "{\"error\":".repeat(100), "}".repeat(100));
        let wide = format!("[{}\"x\"]", "\"a\",".repeat(10_000));
        let long = format!("\"{}\"", "é".repeat(100_000));
        let python = "'loc': (".repeat(10_000);
        for body in [deep.as_bytes(), wide.as_bytes(), long.as_bytes(), python.as_bytes(), b"\xff", b"", b"{", b"null"]
        {
            let told = read(body);
            assert!(told.len() <= MOST && told.iter().all(|told| told.message.len() <= python.len()));
        }
    }
}
