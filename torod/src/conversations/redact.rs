//! Takes secrets out of what is about to be written to the disk, and names their kind in their place.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use regex_automata::nfa::thompson::pikevm;
use tokenrouter_shared::Secret;

use crate::config;

/// Shorter values are no keys, and would be found everywhere.
const MIN_KNOWN: usize = 8;
/// The longest marker text that stands before the user part of a URL.
const MAX_USER_BYTES: usize = 512;

/// A form that keys have.
struct Form {
    begins: &'static str,
    kind: &'static str,
    /// How many characters follow at least.
    least: usize,
    may_follow: fn(u8) -> bool,
    /// Whether a digit must be among them: words have none.
    has_digit: bool,
}

const fn form(begins: &'static str, kind: &'static str, least: usize, may_follow: fn(u8) -> bool) -> Form {
    Form { begins, kind, least, may_follow, has_digit: true }
}

const fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

const fn plain(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

const fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

const fn dotted(b: u8) -> bool {
    word(b) || matches!(b, b'.' | b'+' | b'/' | b'=' | b'~')
}

const FORMS: &[Form] = &[
    form("tr_", "gateway token", 40, plain),
    form("sk-", "API key", 20, word),
    form("sk_live_", "API key", 16, word),
    form("sk_test_", "API key", 16, word),
    form("rk_live_", "API key", 16, word),
    form("AIza", "Google key", 35, word),
    form("ya29.", "Google token", 20, dotted),
    form("ghp_", "GitHub token", 30, plain),
    form("gho_", "GitHub token", 30, plain),
    form("ghu_", "GitHub token", 30, plain),
    form("ghs_", "GitHub token", 30, plain),
    form("ghr_", "GitHub token", 30, plain),
    form("github_pat_", "GitHub token", 30, word),
    form("glpat-", "GitLab token", 20, word),
    form("AKIA", "AWS key id", 16, upper),
    form("ASIA", "AWS key id", 16, upper),
    form("xoxb-", "Slack token", 10, word),
    form("xoxp-", "Slack token", 10, word),
    form("xoxa-", "Slack token", 10, word),
    form("xoxr-", "Slack token", 10, word),
    form("xoxs-", "Slack token", 10, word),
    form("xapp-", "Slack token", 10, word),
    form("hf_", "Hugging Face token", 30, plain),
    form("gsk_", "API key", 30, plain),
    form("xai-", "API key", 30, word),
    form("pplx-", "API key", 30, plain),
    form("nvapi-", "API key", 30, word),
    form("r8_", "API key", 30, plain),
    form("npm_", "npm token", 30, plain),
    form("pypi-", "PyPI token", 50, word),
    form("dop_v1_", "API key", 30, plain),
    form("SG.", "API key", 40, dotted),
    form("eyJ", "JWT", 40, dotted),
    form("Bearer ", "bearer token", 16, dotted),
    form("bearer ", "bearer token", 16, dotted),
    form("Basic ", "password", 16, dotted),
];

/// Words before `=` in a URL's query whose values are secret.
const QUERY: &[&str] = &[
    "key",
    "api_key",
    "apikey",
    "api-key",
    "token",
    "access_token",
    "auth",
    "password",
    "passwd",
    "secret",
    "client_secret",
    "sig",
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
    "x-goog-signature",
];

/// A pattern of an operator's own.
#[derive(Debug)]
pub struct Pattern(pikevm::PikeVM);

impl Pattern {
    /// Reads a regular expression; none where it is none, which the configuration has told already.
    pub fn new(text: &str) -> Option<Self> {
        config::pattern(text).ok().map(Self)
    }

    fn find_all(&self, text: &str, found: &mut Vec<Found>) {
        let mut cache = self.0.create_cache();
        for one in self.0.find_iter(&mut cache, text.as_bytes()) {
            let (from, to) = (text.floor_char_boundary(one.start()), text.ceil_char_boundary(one.end()));
            if from < to {
                found.push(Found { from, to, kind: "by a pattern" });
            }
        }
    }
}

/// A secret in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    from: usize,
    to: usize,
    kind: &'static str,
}

/// Finds secrets.
#[derive(Default)]
pub struct Redactor {
    /// Values that are known to be secret.
    pub known: Vec<Secret>,
    /// What the operator adds.
    pub patterns: Vec<Pattern>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} known, {} patterns)", self.known.len(), self.patterns.len())
    }
}

impl Redactor {
    /// `text` with the kind of each secret in its place.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = Vec::new();
        forms(text, &mut found);
        keys(text, &mut found);
        urls(text, &mut found);
        for known in self.known.iter().filter(|known| known.expose().len() >= MIN_KNOWN) {
            let value = known.expose();
            for from in memmem::find_iter(text.as_bytes(), value) {
                found.push(Found { from, to: from + value.len(), kind: "provider key" });
            }
        }
        for pattern in &self.patterns {
            pattern.find_all(text, &mut found);
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for Found { from, to, kind } in found {
            // Two that overlap are one: what stands before the second is gone already.
            if from >= done {
                out.push_str(text.get(done..from).unwrap_or_default());
                out += &format!("[redacted: {kind}]");
            }
            done = done.max(to);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The same of the inside of a JSON string, as it stands there.
    pub fn json_string<'t>(&self, raw: &'t str) -> Cow<'t, str> {
        // Only these hide letters: the others are whole characters between words.
        let is_veiled =
            memmem::find(raw.as_bytes(), b"\\u").is_some() || memmem::find(raw.as_bytes(), b"\\/").is_some();
        if !is_veiled {
            return self.text(raw);
        }
        let Ok(text) = serde_json::from_str::<String>(&format!("\"{raw}\"")) else { return self.text(raw) };
        match self.text(&text) {
            Cow::Borrowed(_) => Cow::Borrowed(raw),
            Cow::Owned(clean) => {
                let quoted = serde_json::to_string(&clean).unwrap_or_default();
                Cow::Owned(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned())
            }
        }
    }
}

/// Whether a word may begin at `at`: also behind a character that JSON wrote as a backslash and a letter.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at)).copied();
    match before(1) {
        None => true,
        Some(b) if !(b.is_ascii_alphanumeric() || b == b'_') => true,
        Some(b'n' | b'r' | b't' | b'b' | b'f') => before(2) == Some(b'\\'),
        Some(_) => false,
    }
}

fn forms(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut is_first = [false; 256];
    for form in FORMS {
        if let Some(first) = form.begins.bytes().next().and_then(|b| is_first.get_mut(usize::from(b))) {
            *first = true;
        }
    }
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        if is_first.get(usize::from(*b)) != Some(&true) || !begins_word(bytes, at) {
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let fits = FORMS.iter().filter(|form| rest.starts_with(form.begins.as_bytes())).find_map(|form| {
            let value = rest.get(form.begins.len()..).unwrap_or_default();
            let length = value.iter().take_while(|b| (form.may_follow)(**b)).count();
            let value = value.get(..length).unwrap_or_default();
            let fits = length >= form.least
                && (!form.has_digit || value.iter().any(u8::is_ascii_digit))
                && (form.kind != "JWT" || memchr::memchr_iter(b'.', value).count() >= 2);
            fits.then_some((form.begins.len() + length, form.kind))
        });
        match fits {
            Some((length, kind)) => {
                found.push(Found { from: at, to: at + length, kind });
                at += length;
            }
            None => at += 1,
        }
    }
}

/// Private keys: from their first line to their last, or to the end where that is missing.
fn keys(text: &str, found: &mut Vec<Found>) {
    for from in memmem::find_iter(text.as_bytes(), "-----BEGIN ") {
        let rest = text.get(from..).unwrap_or_default();
        let label = rest.get(11..).unwrap_or_default().split("-----").next().unwrap_or_default();
        if label.len() > 40 || !label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK") {
            continue;
        }
        let end = rest.find("-----END ").and_then(|end| {
            let last = rest.get(end + 9..)?;
            last.find("-----").map(|close| end + 9 + close + 5)
        });
        found.push(Found { from, to: from + end.unwrap_or(rest.len()), kind: "private key" });
    }
}

/// Passwords in URLs, and what their queries say of keys.
fn urls(text: &str, found: &mut Vec<Found>) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '|');
    for at in memmem::find_iter(text.as_bytes(), "://") {
        let from = at + 3;
        let rest = text.get(from..).unwrap_or_default();
        let url = rest.split(ends).next().unwrap_or_default();
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        // A password may hold what ends a host.
        let user = authority.rfind('@').or_else(|| url.get(..url.len().min(MAX_USER_BYTES))?.rfind('@'));
        if let Some(user) = user
            && let Some(colon) = url.get(..user).and_then(|user| user.find(':'))
            && let Some(password) = url.get(colon + 1..user).filter(|password| !password.is_empty())
            // A port, and an `@` in the path behind it.
            && !password.split_once('/').is_some_and(|(port, _)| port.bytes().all(|b| b.is_ascii_digit()))
        {
            found.push(Found { from: from + colon + 1, to: from + user, kind: "password" });
        }
        let Some(query) = url.find(['?', '#']) else { continue };
        let mut place = query + 1;
        for pair in url.get(place..).unwrap_or_default().split(['&', ';']) {
            if let Some((name, value)) = pair.split_once('=')
                && !value.is_empty()
                && QUERY.iter().any(|secret| name.eq_ignore_ascii_case(secret))
            {
                let value_at = from + place + name.len() + 1;
                found.push(Found { from: value_at, to: value_at + value.len(), kind: "secret in a URL" });
            }
            place += pair.len() + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &str) -> String {
        Redactor::default().text(text).into_owned()
    }

    #[test]
    fn known_forms_are_named_and_not_told() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
        for (secret, kind) in [
            ("tr_0123456789abcdefABCDEF0123456789abcdefABCDEF01", "gateway token"),
            ("sk-ant-api03-abcDEF123456789_-xyz", "API key"),
            ("sk-proj-Ab0Cd1Ef2Gh3Ij4Kl5Mn6", "API key"),
            ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "Google key"),
            ("ghp_0123456789abcdefghijklmnopqrstuvwxyz", "GitHub token"),
            ("AKIAIOSFODNN7EXAMPLE", "AWS key id"),
            ("xoxb-123456789012-abcdef", "Slack token"),
            (jwt, "JWT"),
            ("Bearer abcdefgh12345678xyz", "bearer token"),
        ] {
            for (before, after) in [("", ""), ("key=", "\n"), ("'", "'"), ("line\\n", "\\n"), ("(", ")"), ("ü", "ü")]
            {
                let said = clean(&format!("{before}{secret}{after}"));
                assert_eq!(said, format!("{before}[redacted: {kind}]{after}"));
            }
        }
    }

    #[test]
    fn private_keys_go_whole_also_without_an_end_and_in_json() {
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----";
        assert_eq!(clean(&format!("a {pem} b")), "a [redacted: private key] b");
        assert_eq!(clean(&format!("a {} b", pem.replace('\n', "\\n"))), "a [redacted: private key] b");
        assert_eq!(clean("x -----BEGIN OPENSSH PRIVATE KEY-----\nMIIE"), "x [redacted: private key]");
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
        assert_eq!(clean(public), public);
    }

    #[test]
    fn urls_lose_their_passwords_only() {
        for (url, said) in [
            ("https://u:pa55@h.example/x", "https://u:[redacted: password]@h.example/x"),
            ("postgres://app:p@ssw@db:5432/x", "postgres://app:[redacted: password]@db:5432/x"),
            ("https://h/x?a=1&key=abc&b=2", "https://h/x?a=1&key=[redacted: secret in a URL]&b=2"),
            ("https://h:8080/a@b", "https://h:8080/a@b"),
            ("https://user@h/x", "https://user@h/x"),
            ("see https://h/x?page=2.", "see https://h/x?page=2."),
        ] {
            assert_eq!(clean(url), said, "{url}");
        }
    }

    #[test]
    fn words_stay_words() {
        for text in [
            "sk-is-a-prefix-of-many-keys-in-the-world",
            "a task-force-of-people-who-do-not-sleep-1234",
            "desk-1234567890123456789012345",
            "the bearer of bad news, basic questions",
            "AKIA is a prefix; tr_short; hf_model",
            "eyJ and other letters",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn escapes_hide_nothing() {
        let redactor = Redactor::default();
        let key = "sk-ant-api03-abcDEF123456789";
        let veiled = format!("{}{}", "\\u0073", &key[1..]);
        assert_eq!(redactor.json_string(&veiled), "[redacted: API key]");
        assert_eq!(redactor.json_string(r"https:\/\/u:pass\/x@h\/y"), "https://u:[redacted: password]@h/y");
        assert_eq!(redactor.json_string(r"plain \u00e9 text"), r"plain \u00e9 text");
    }

    #[test]
    fn what_is_known_and_what_the_operator_adds_goes_too() {
        let patterns = vec![Pattern::new(r"(?i)emp-\d{4}").unwrap()];
        let redactor = Redactor { known: vec![Secret::new("hunter2hunter2".to_owned())], patterns };
        assert_eq!(
            redactor.text("is hunter2hunter2, EMP-1234ü"),
            "is [redacted: provider key], [redacted: by a pattern]ü"
        );
        assert!(Pattern::new("(").is_none() && Pattern::new("a{1000}{1000}{1000}").is_none());
        assert!(Pattern::new("[^a]+").is_some());
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_secret_survives(before in any::<String>(), after in "[ ,.;\"'\n)]{1}.{0,20}", at in 0..4_usize) {
            let secret = ["sk-ant-api03-abcDEF123456789", "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "AIzaSyA0123456789abcdefghijklmnopqrstuv"][at];
            let text = format!("{before} {secret}{after}");
            prop_assert!(!clean(&text).contains(secret));
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert!(!Redactor::default().json_string(&quoted[1..quoted.len() - 1]).contains(secret));
        }
    }
}
