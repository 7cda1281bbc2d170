//! Takes secrets out of what is about to be written to the disk, and names their kind in their place.

mod find;

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use regex_automata::nfa::thompson::pikevm;
use tokenrouter_shared::Secret;

use crate::config;

/// Shorter values are no keys, and would be found everywhere.
const MIN_KNOWN: usize = 8;
/// With more of them than any text has, none of it is told.
const MOST_FOUND: usize = 50_000;
/// Stands for such a text.
const FULL: &str = "[not kept: too much in it looks like secrets]";

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
        for one in self.0.find_iter(&mut cache, text.as_bytes()).take(MOST_FOUND) {
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
        find::forms(text, &mut found);
        find::keys(text, &mut found);
        find::urls(text, &mut found);
        for known in self.known.iter().filter(|known| known.expose().len() >= MIN_KNOWN) {
            let value = known.expose();
            for from in memmem::find_iter(text.as_bytes(), value).take(MOST_FOUND) {
                found.push(Found { from, to: from + value.len(), kind: "provider key" });
            }
        }
        for pattern in &self.patterns {
            pattern.find_all(text, &mut found);
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        if found.len() >= MOST_FOUND {
            return Cow::Owned(FULL.to_owned());
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

    #[test]
    fn what_is_made_to_look_like_secrets_all_over_takes_no_longer() {
        let key = " sk-ant-api03-abcDEF123456789";
        // Each of these would be looked through to its end from every place in it.
        for part in [
            "eyJ+",
            "SG.+",
            "Bearer ~",
            "Basic ~a",
            "://",
            "://?",
            "://a?b=&",
            "://?key",
            "://u:p@",
            "://#token=",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----\n-----END ",
        ] {
            let text = part.repeat((1 << 20) / part.len());
            let said = clean(&format!("{text}{key}"));
            assert!(!said.contains(key.trim()), "{part}");
        }
    }

    #[test]
    fn what_holds_nothing_but_secrets_is_left_out_whole() {
        let many = "https://u:p@h ".repeat(MOST_FOUND);
        assert_eq!(clean(&many), FULL);
        assert_eq!(Redactor::default().json_string(&format!("\\u0020{many}")), FULL);
    }

    #[test]
    fn queries_within_queries_are_looked_at_too() {
        for (url, said) in [
            (
                "https://h/?next=https://g/?key=abc&b=2",
                "https://h/?next=https://g/?key=[redacted: secret in a URL]&b=2",
            ),
            ("https://h/#token=a;b=c", "https://h/#token=[redacted: secret in a URL];b=c"),
            ("https://h/?key=a?key=b", "https://h/?key=[redacted: secret in a URL]"),
            ("https://h/ ?key=abc", "https://h/ ?key=abc"),
            ("https://h/?=a&key=&token", "https://h/?=a&key=&token"),
        ] {
            assert_eq!(clean(url), said, "{url}");
        }
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
