//! Tools in the simpler words that a target knows, and the way back.
//!
//! Freeform tools become functions with one string, namespaces become a part of the name, names outside the target's
//! alphabet are replaced. What a name stood for is remembered, so that the client hears the names it used.

use std::borrow::Cow;
use std::collections::HashMap;

use super::tool::{CallKind, Grammar, Tool, ToolKind};
use super::{Json, unwrap};

/// What a target knows of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Freeform tools.
    pub freeform: bool,
    /// Namespaces.
    pub namespaces: bool,
    /// The client-executed tool search.
    pub search: bool,
    /// How long a name may be, in bytes.
    pub name_bytes: usize,
    /// Further characters of a name beside letters, digits and `_`.
    pub name_also: &'static [char],
    /// Whether a name must begin with a letter or `_`.
    pub name_begins_with_letter: bool,
}

impl Rules {
    /// OpenAI Chat and most others: `[A-Za-z0-9_-]{1,64}`, functions only.
    pub const FUNCTIONS: Self = Self {
        freeform: false,
        namespaces: false,
        search: false,
        name_bytes: 64,
        name_also: &['-'],
        name_begins_with_letter: false,
    };
}

/// What a name on the wire stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The name that the client knows.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The form of its calls.
    pub kind: CallKind,
}

/// The names of one request's tools on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lowering {
    /// By name on the wire; only where something differs from the client's view.
    raised: HashMap<String, Raised>,
    /// By namespace and name.
    wire: HashMap<(Option<String>, String), String>,
}

impl Lowering {
    /// The names of `tools` for a target with `rules`.
    pub fn new(tools: &[Tool], rules: &Rules) -> Self {
        let mut lowering = Self::default();
        // The names on the wire, each with the number that its next double gets.
        let mut taken: HashMap<String, u32> = HashMap::new();
        for tool in tools {
            let (kind, keeps_kind) = match tool.kind {
                ToolKind::Function { .. } | ToolKind::Vendor { .. } => (CallKind::Function, true),
                ToolKind::Freeform { .. } => (CallKind::Freeform, rules.freeform),
                ToolKind::Search { .. } => (CallKind::Search, rules.search),
            };
            let key = (tool.namespace.clone(), tool.name.clone());
            if lowering.wire.contains_key(&key) {
                continue;
            }
            let flat = flat(&tool.name, tool.namespace.as_deref(), rules);
            let wire = free(&mut taken, fit(&flat, rules).into_owned(), rules);
            let same = wire == tool.name && (tool.namespace.is_none() || rules.namespaces) && keeps_kind;
            if !same {
                let raised = Raised { name: tool.name.clone(), namespace: tool.namespace.clone(), kind };
                lowering.raised.insert(wire.clone(), raised);
            }
            lowering.wire.insert(key, wire);
        }
        lowering
    }

    /// The name on the wire of a tool, also of one that is no longer declared.
    pub fn name<'a>(&'a self, name: &'a str, namespace: Option<&str>, rules: &Rules) -> Cow<'a, str> {
        let key = (namespace.map(str::to_owned), name.to_owned());
        if let Some(wire) = self.wire.get(&key) {
            return Cow::Borrowed(wire);
        }
        match flat(name, namespace, rules) {
            Cow::Borrowed(flat) => fit(flat, rules),
            Cow::Owned(flat) => Cow::Owned(fit(&flat, rules).into_owned()),
        }
    }

    /// What a name on the wire stands for; none: it is what the client knows.
    pub fn raise(&self, wire: &str) -> Option<&Raised> {
        self.raised.get(wire)
    }
}

/// `wire`, or with a number behind it where another tool has that name already.
fn free(taken: &mut HashMap<String, u32>, wire: String, rules: &Rules) -> String {
    let Some(next) = taken.get(&wire).copied() else {
        taken.insert(wire.clone(), 2);
        return wire;
    };
    let stem: String = wire.chars().take(rules.name_bytes.saturating_sub(5)).collect();
    for n in next..9999 {
        let name = format!("{stem}_{n}");
        if !taken.contains_key(&name) {
            taken.insert(name.clone(), 2);
            taken.insert(wire, n + 1);
            return name;
        }
    }
    wire
}

fn flat<'a>(name: &'a str, namespace: Option<&str>, rules: &Rules) -> Cow<'a, str> {
    match namespace {
        Some(namespace) if !rules.namespaces => Cow::Owned(format!("{namespace}__{name}")),
        _ => Cow::Borrowed(name),
    }
}

/// `name` within the target's alphabet and length. The same name always gives the same.
fn fit<'a>(name: &'a str, rules: &Rules) -> Cow<'a, str> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || rules.name_also.contains(&c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !rules.name_begins_with_letter;
    if name.len() <= rules.name_bytes && begins && !name.is_empty() && name.chars().all(is_fine) {
        return Cow::Borrowed(name);
    }
    let mut fitted: String = if begins { String::new() } else { "_".to_owned() };
    fitted.extend(name.chars().map(|c| if is_fine(c) { c } else { '_' }));
    // Different names must not become one: a short hash of the whole tells them apart.
    let hash = format!("_{:08x}", fnv1a(name));
    let stem: String = fitted.chars().take(rules.name_bytes.saturating_sub(hash.len())).collect();
    Cow::Owned(stem + &hash)
}

/// FNV-1a, 32 bits: the same on every machine and in every version.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A call id within `[A-Za-z0-9_-]`, as Anthropic wants it; the same for the call and its result.
pub fn plain_id(id: &str) -> Cow<'_, str> {
    let rules = Rules { name_bytes: 128, ..Rules::FUNCTIONS };
    fit(id, &rules)
}

/// The description of a freeform tool as a function: the grammar is told, for nothing enforces it.
pub fn freeform_description(description: Option<&str>, grammar: Option<&Grammar>) -> String {
    let mut text = description.unwrap_or_default().to_owned();
    if let Some(grammar) = grammar {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&format!(
            "The value of `{}` must follow this {} grammar exactly:\n{}",
            unwrap::ARGUMENT,
            grammar.syntax,
            grammar.definition
        ));
    }
    text
}

/// The schema of a freeform tool as a function.
pub fn freeform_schema() -> Json {
    let text = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input, as plain text"}},"required":["input"],"additionalProperties":false}"#;
    Json::parse(text).unwrap_or_else(Json::empty_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, namespace: Option<&str>, kind: ToolKind) -> Tool {
        Tool {
            name: name.into(),
            namespace: namespace.map(str::to_owned),
            description: None,
            kind,
            cache: None,
            deferred: false,
        }
    }

    fn function() -> ToolKind {
        ToolKind::Function { schema: None, strict: None }
    }

    #[test]
    fn names_come_back_as_the_client_knows_them() {
        let rules = Rules::FUNCTIONS;
        let long = "x".repeat(80);
        let tools = [
            tool("plain", None, function()),
            tool("apply_patch", None, ToolKind::Freeform { grammar: None }),
            tool("wait", Some("functions"), function()),
            tool("a.b", None, function()),
            tool("a/b", None, function()),
            tool(&long, None, function()),
        ];
        let lowering = Lowering::new(&tools, &rules);
        assert_eq!(lowering.raise("plain"), None);
        let patch = lowering.raise("apply_patch").unwrap();
        assert_eq!((patch.name.as_str(), patch.kind), ("apply_patch", CallKind::Freeform));
        assert_eq!(lowering.name("wait", Some("functions"), &rules), "functions__wait");
        let wait = lowering.raise("functions__wait").unwrap();
        assert_eq!((wait.name.as_str(), wait.namespace.as_deref()), ("wait", Some("functions")));
        let mut seen = Vec::new();
        for name in ["a.b", "a/b", long.as_str()] {
            let wire = lowering.name(name, None, &rules).into_owned();
            assert!(wire.len() <= 64 && wire.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{wire}");
            assert_eq!(lowering.raise(&wire).unwrap().name, name);
            assert!(!seen.contains(&wire));
            seen.push(wire);
        }
        assert_eq!(lowering.name("gone.tool", None, &rules), lowering.name("gone.tool", None, &rules));
    }

    #[test]
    fn two_tools_never_share_a_name() {
        let tools = [tool("ns__a", None, function()), tool("a", Some("ns"), function())];
        let lowering = Lowering::new(&tools, &Rules::FUNCTIONS);
        assert_eq!(lowering.name("ns__a", None, &Rules::FUNCTIONS), "ns__a");
        assert_eq!(lowering.name("a", Some("ns"), &Rules::FUNCTIONS), "ns__a_2");
        assert_eq!(lowering.raise("ns__a_2").unwrap().name, "a");
    }

    #[test]
    fn ids_are_made_plain_and_stay_different() {
        assert_eq!(plain_id("call_1-a"), "call_1-a");
        assert_ne!(plain_id("call:1"), plain_id("call.1"));
    }
}
