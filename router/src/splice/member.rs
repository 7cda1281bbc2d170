//! Takes members out of a raw JSON request by their paths, or names or writes them anew; every other byte stays.

use std::ops::Range;

use bytes::Bytes;

use super::{Edit, quote};
use crate::walk;

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is taken out, with the comma that belongs to it.
    Remove,
    /// It keeps its value under another name; taken out where that name stands beside it already.
    Rename(&'static str),
    /// It keeps its name and gets this JSON for a value.
    Write(Bytes),
}

/// Members of a request and what becomes of them.
#[derive(Clone, Debug)]
pub struct Rule<'a> {
    /// Where they are: names with `.` between them, `[]` after a name for each element of the list there.
    pub path: &'a str,
    /// Only those that say this, see [`said`].
    pub only: Option<&'a str>,
    /// What becomes of them.
    pub change: Change,
}

/// The edits that `rules` make in `body`, and for each of `rules` whether it found anything. A member goes by the first
/// rule that fits. Names are compared as [`plain`] writes them.
///
/// ```
/// use bytes::Bytes;
/// use tokenrouter::splice::{apply, member};
///
/// let body = Bytes::from_static(br#"{"model":"m", "seed":7, "tools":[{"strict":true,"name":"f"}]}"#);
/// let rule = |path| member::Rule { path, only: None, change: member::Change::Remove };
/// let (edits, found) = member::edits(&body, &[rule("seed"), rule("tools[].strict"), rule("user")]);
/// assert_eq!(found, [true, true, false]);
/// assert_eq!(apply(&body, edits).concat(), br#"{"model":"m", "tools":[{"name":"f"}]}"#);
/// ```
pub fn edits(body: &[u8], rules: &[Rule<'_>]) -> (Vec<Edit>, Vec<bool>) {
    let mut walk = Walk { body, rules, edits: Vec::new(), found: vec![false; rules.len()] };
    let paths: Vec<(usize, &str)> = rules.iter().enumerate().map(|(at, rule)| (at, rule.path)).collect();
    walk.object(body, &paths);
    (walk.edits, walk.found)
}

/// The value at `path` of `body`, as it is written; the first where there are several.
pub fn find<'a>(body: &'a [u8], path: &str) -> Option<&'a [u8]> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
    let wanted = plain(name);
    let mut values = walk::top(body).filter(|(name, _)| is_named(name, &wanted)).map(|(_, value)| value);
    let inside = |value: &'a [u8]| match rest {
        None => Some(value),
        Some(rest) if is_list => walk::elements(value).find_map(|element| find(element, rest)),
        Some(rest) => find(value, rest),
    };
    values.find_map(inside)
}

/// What a value says: a text without its quotes, a number or a switch as it is written, an object by its `type`.
/// Nothing for a list.
pub fn said(value: &[u8]) -> Option<String> {
    match value.first()? {
        b'"' => serde_json::from_slice(value).ok(),
        b'{' => walk::top(value).find(|(name, _)| *name == b"type").and_then(|(_, kind)| said(kind)),
        b'[' => None,
        _ => std::str::from_utf8(value).ok().map(str::to_owned),
    }
}

/// A name without what its spellings differ in: `generation_config` and `generationConfig` are one.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_' && *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the `raw` name, still escaped, is `wanted` in its plain form.
fn is_named(raw: &[u8], wanted: &str) -> bool {
    if raw.contains(&b'\\') {
        let quoted = [b"\"", raw, b"\""].concat();
        return serde_json::from_slice::<String>(&quoted).is_ok_and(|name| plain(&name) == wanted);
    }
    let letters = raw.iter().filter(|b| !matches!(b, b'_' | b'-')).map(u8::to_ascii_lowercase);
    letters.eq(wanted.bytes())
}

struct Walk<'a, 'r> {
    body: &'a [u8],
    rules: &'r [Rule<'r>],
    edits: Vec<Edit>,
    found: Vec<bool>,
}

/// One member of an object, by the places of its bytes.
struct Member {
    /// From the quote before its name to the end of its value.
    all: Range<usize>,
    is_removed: bool,
}

impl<'a> Walk<'a, '_> {
    fn object(&mut self, object: &'a [u8], paths: &[(usize, &str)]) {
        let steps: Vec<(usize, String, bool, Option<&str>)> = paths
            .iter()
            .map(|(at, path)| {
                let (step, rest) = path.split_once('.').map_or((*path, None), |(step, rest)| (step, Some(rest)));
                let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
                (*at, plain(name), is_list, rest)
            })
            .collect();
        let mut members: Vec<Member> = Vec::new();
        for (name, value) in walk::top(object) {
            let from = self.place(name).saturating_sub(1);
            let end = self.place(value) + value.len();
            let mut is_removed = false;
            let mut inner: Vec<(usize, &str)> = Vec::new();
            let mut is_list = false;
            for (at, step, list, rest) in &steps {
                if !is_named(name, step) {
                    continue;
                }
                match rest {
                    Some(rest) => {
                        inner.push((*at, rest));
                        is_list = *list;
                    }
                    None if self.fits(*at, value) => {
                        is_removed = self.change(*at, object, name, value);
                        inner.clear();
                        break;
                    }
                    None => {}
                }
            }
            if is_list {
                walk::elements(value).for_each(|element| self.object(element, &inner));
            } else if !inner.is_empty() {
                self.object(value, &inner);
            }
            members.push(Member { all: from..end, is_removed });
        }
        self.remove(&members);
    }

    fn fits(&self, at: usize, value: &[u8]) -> bool {
        let Some(rule) = self.rules.get(at) else { return false };
        rule.only.is_none_or(|only| said(value).is_some_and(|said| said == only))
    }

    /// Notes what the rule at `at` does with a member; true where it is to be taken out.
    fn change(&mut self, at: usize, object: &[u8], name: &[u8], value: &[u8]) -> bool {
        if let Some(found) = self.found.get_mut(at) {
            *found = true;
        }
        match self.rules.get(at).map(|rule| &rule.change) {
            Some(Change::Rename(to)) => {
                if walk::top(object).any(|(name, _)| name == to.as_bytes()) {
                    return true;
                }
                let from = self.place(name).saturating_sub(1);
                self.edits.push(Edit { at: from..from + name.len() + 2, with: quote(to) });
                false
            }
            Some(Change::Write(json)) => {
                let from = self.place(value);
                self.edits.push(Edit { at: from..from + value.len(), with: json.clone() });
                false
            }
            _ => true,
        }
    }

    /// Takes members out so that one comma stays between each two of the others.
    fn remove(&mut self, members: &[Member]) {
        let kept = members.iter().rposition(|member| !member.is_removed);
        let (before, after) = members.split_at(kept.map_or(0, |last| last + 1));
        for (at, member) in before.iter().enumerate().filter(|(_, member)| member.is_removed) {
            if let Some(next) = before.get(at + 1) {
                self.edits.push(Edit { at: member.all.start..next.all.start, with: Bytes::new() });
            }
        }
        if let Some((first, last)) = after.first().zip(after.last()) {
            let from = before.last().map_or(first.all.start, |kept| kept.all.end);
            self.edits.push(Edit { at: from..last.all.end, with: Bytes::new() });
        }
    }

    /// Where in the body `part` of it begins.
    fn place(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().saturating_sub(self.body.as_ptr().addr())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::apply;
    use super::*;

    fn rule(path: &str) -> Rule<'_> {
        Rule { path, only: None, change: Change::Remove }
    }

    fn changed(body: &str, rules: &[Rule<'_>]) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        String::from_utf8(apply(&body, edits(&body, rules).0).concat()).unwrap()
    }

    #[test]
    fn members_go_with_their_comma_and_nothing_else() {
        for (body, paths, expected) in [
            (r#"{ "a" : 1 , "b":2 }"#, &["a"][..], r#"{ "b":2 }"#),
            (r#"{ "a" : 1 , "b":2 }"#, &["b"], r#"{ "a" : 1 }"#),
            (r#"{ "a" : 1 , "b":2 }"#, &["a", "b"], r"{  }"),
            (r#"{"a":1,"b":2,"c":3,"d":4}"#, &["b", "c"], r#"{"a":1,"d":4}"#),
            (r#"{"a":1,"b":2,"c":3,"d":4}"#, &["a", "c"], r#"{"b":2,"d":4}"#),
            (r#"{"a":1,"b":2,"c":3,"d":4}"#, &["c", "d"], r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"a":"}",  "c":3}"#, &["a"], r#"{"c":3}"#),
            (r#"{"b":[1.0e0,{"a":2}],"a":[{},"a"]}"#, &["a"], r#"{"b":[1.0e0,{"a":2}]}"#),
            (
                r#"{"generation_config":{"topP":1,"x":2}}"#,
                &["generationConfig.top_p"],
                r#"{"generation_config":{"x":2}}"#,
            ),
            (r#"{"t":[{"a":1},7,{"b":2,"a":3}]}"#, &["t[].a"], r#"{"t":[{},7,{"b":2}]}"#),
            (r#"{"m":[{"c":[{"k":1,"t":"x"}]},{"c":"k"}]}"#, &["m[].c[].k"], r#"{"m":[{"c":[{"t":"x"}]},{"c":"k"}]}"#),
            (r#"{"\u0061":1,"b":2}"#, &["a"], r#"{"b":2}"#),
            (r#"{"a":{"b":1}}"#, &["a.b.c", "b"], r#"{"a":{"b":1}}"#),
        ] {
            let rules: Vec<Rule<'_>> = paths.iter().map(|path| rule(path)).collect();
            assert_eq!(changed(body, &rules), expected, "{body} {paths:?}");
        }
    }

    #[test]
    fn members_are_named_or_written_anew() {
        let rename = Rule { change: Change::Rename("new"), ..rule("old") };
        assert_eq!(changed(r#"{"old" : 1,"b":2}"#, std::slice::from_ref(&rename)), r#"{"new" : 1,"b":2}"#);
        assert_eq!(changed(r#"{"old":1,"new":2}"#, &[rename]), r#"{"new":2}"#);
        let write = Rule { only: Some("high"), change: Change::Write(Bytes::from_static(b"\"low\"")), ..rule("e") };
        assert_eq!(
            changed(r#"{"e": "high" ,"b":"high"}"#, std::slice::from_ref(&write)),
            r#"{"e": "low" ,"b":"high"}"#
        );
        assert_eq!(changed(r#"{"e":"medium"}"#, &[write]), r#"{"e":"medium"}"#);
        let enabled = Rule { only: Some("enabled"), ..rule("t") };
        assert_eq!(changed(r#"{"t":{"type":"enabled","n":1},"b":1}"#, &[enabled]), r#"{"b":1}"#);
    }

    #[test]
    fn values_are_found_and_say_something() {
        let body = br#"{"a":{"b":[{"c":1},{"d":"x\ny"}]},"e":true}"#;
        assert_eq!(find(body, "a.b[].d"), Some(&b"\"x\\ny\""[..]));
        assert_eq!(find(body, "a.b[].d").and_then(said).as_deref(), Some("x\ny"));
        assert_eq!(find(body, "e").and_then(said).as_deref(), Some("true"));
        assert_eq!((find(body, "a.b.d"), find(body, "e.f"), find(b"7", "e")), (None, None, None));
        assert_eq!(said(br#"{"x":1}"#), None);
    }

    const NAMES: [&str; 6] = ["a", "b_c", "d", "é", "f\"", "g\\"];

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("1.50e1".to_owned()),
            any::<String>().prop_map(|text| Value::from(text).to_string()),
            Just(r#""},\"a\":[""#.to_owned()),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let blank = prop_oneof![Just(""), Just(" "), Just("\n\t")];
            let member = (0..NAMES.len(), blank.clone(), inner.clone(), blank.clone())
                .prop_map(|(name, a, value, b)| format!("{a}{}{b}:{a}{value}{b}", Value::from(NAMES[name])));
            prop_oneof![
                proptest::collection::vec(member, 0..6).prop_map(|all| format!("{{{}}}", all.join(","))),
                proptest::collection::vec((inner, blank), 0..4).prop_map(|all| format!(
                    "[{}]",
                    all.iter().map(|(v, b)| format!("{b}{v}{b}")).collect::<Vec<_>>().join(",")
                )),
            ]
        })
    }

    /// The same by way of a tree, for objects that have every name once.
    fn removed(value: &mut Value, path: &str) {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let Some(object) = value.as_object_mut() else { return };
        match (rest, object.get_mut(name)) {
            (None, _) => drop(object.remove(name)),
            (Some(rest), Some(Value::Array(list))) if is_list => list.iter_mut().for_each(|v| removed(v, rest)),
            (Some(rest), Some(inner)) if !is_list => removed(inner, rest),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_was_there(body in json(), picks in proptest::collection::vec(0_usize..5, 1..4)) {
            let paths = ["a", "b_c", "d.a", "a[].d", "é"];
            let rules: Vec<Rule<'_>> = picks.iter().map(|at| rule(paths[*at])).collect();
            let after = changed(&body, &rules);
            let mut expected: Value = serde_json::from_str(&body).unwrap();
            for at in &picks {
                removed(&mut expected, paths[*at]);
            }
            let got: Value = serde_json::from_str(&after).unwrap();
            prop_assert_eq!(got, expected, "{} -> {}", body, after);
            // Nothing is written anew: what is left are pieces of what was there, in order.
            let mut rest = body.bytes();
            prop_assert!(after.bytes().all(|byte| rest.any(|b| b == byte)));
        }

        #[test]
        fn no_text_whatever_makes_it_fail(body in any::<Vec<u8>>()) {
            let (edits, _) = edits(&body, &[rule("a"), rule("b[].c"), rule("")]);
            prop_assert!(edits.iter().all(|edit| edit.at.end <= body.len() && edit.at.start <= edit.at.end));
        }
    }
}
