//! Finds what looks like a secret: forms that keys have, private keys, passwords and keys in URLs. Each in one pass, whatever
//! the text: clients may send what looks like the beginning of a secret all over.

use memchr::{memchr, memmem};

use super::{Found, MOST_FOUND};

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

/// No word of [`QUERY`] is longer.
const LONGEST_NAME: usize = 32;

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

/// Remembers where something stands that is asked for from places further and further on, so that all of a text is looked
/// through once.
struct Next<F> {
    find: F,
    /// From where it was looked for, and what was found.
    known: Option<(usize, usize)>,
}

impl<F: Fn(usize) -> usize> Next<F> {
    const fn new(find: F) -> Self {
        Self { find, known: None }
    }

    /// Where it stands from `at` on; the end of the text where it does not.
    fn from(&mut self, at: usize) -> usize {
        match self.known {
            Some((from, found)) if (from..=found).contains(&at) => found,
            _ => {
                let found = (self.find)(at);
                self.known = Some((at, found));
                found
            }
        }
    }
}

/// Where the first byte behind `at` stands that `is_it`; the end where there is none.
fn first(bytes: &[u8], at: usize, is_it: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|b| is_it(*b)).map_or(bytes.len(), |found| at + found)
}

/// Keys that have a form of their own.
pub(super) fn forms(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut is_first = [false; 256];
    for form in FORMS {
        if let Some(first) = form.begins.bytes().next().and_then(|b| is_first.get_mut(usize::from(b))) {
            *first = true;
        }
    }
    // By what may follow.
    let mut ends: Vec<_> =
        FORMS.iter().map(|form| Next::new(|at| first(bytes, at, |b| !(form.may_follow)(b)))).collect();
    let mut digit = Next::new(|at| first(bytes, at, |b| b.is_ascii_digit()));
    let point = |at: usize| bytes.get(at..).and_then(|rest| memchr(b'.', rest)).map_or(bytes.len(), |found| at + found);
    let (mut one, mut two) = (Next::new(point), Next::new(point));
    let mut at = 0;
    while let Some(b) = bytes.get(at).filter(|_| found.len() < MOST_FOUND) {
        if is_first.get(usize::from(*b)) != Some(&true) || !begins_word(bytes, at) {
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let mut begun = FORMS.iter().zip(&mut ends).filter(|(form, _)| rest.starts_with(form.begins.as_bytes()));
        let fits = begun.find_map(|(form, end)| {
            let value = at + form.begins.len();
            let end = end.from(value);
            let fits = end - value >= form.least
                && (!form.has_digit || digit.from(value) < end)
                && (form.kind != "JWT" || two.from((one.from(value) + 1).min(bytes.len())) < end);
            fits.then_some((end, form.kind))
        });
        match fits {
            Some((to, kind)) => {
                found.push(Found { from: at, to, kind });
                at = to;
            }
            None => at += 1,
        }
    }
}

/// Private keys: from their first line to their last, or to the end where that is missing.
pub(super) fn keys(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(begin) =
        bytes.get(at..).filter(|_| found.len() < MOST_FOUND).and_then(|rest| memmem::find(rest, b"-----BEGIN "))
    {
        let (from, label_at) = (at + begin, at + begin + 11);
        at = label_at;
        let label = text.get(label_at..).unwrap_or_default().split("-----").next().unwrap_or_default();
        if label.len() > 40 || !label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK") {
            continue;
        }
        let rest = text.get(from..).unwrap_or_default();
        let end = rest.find("-----END ").and_then(|end| {
            let last = rest.get(end + 9..)?;
            last.find("-----").map(|close| end + 9 + close + 5)
        });
        at = from + end.unwrap_or(rest.len());
        found.push(Found { from, to: at, kind: "private key" });
    }
}

/// Passwords in URLs, and what their queries say of keys.
pub(super) fn urls(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '|');
    let mut end = Next::new(|at| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.find(ends).unwrap_or(rest.len())
    });
    let mut query = Next::new(|at| first(bytes, at, |b| matches!(b, b'?' | b'#')));
    // As far as queries were looked at: those of URLs within a URL are the ends of its own.
    let mut looked_at = 0;
    for at in memmem::find_iter(bytes, "://") {
        if found.len() >= MOST_FOUND {
            return;
        }
        let from = at + 3;
        let end = end.from(from);
        password(text.get(from..end).unwrap_or_default(), from, found);
        let query = query.from(from);
        if query < end {
            let begin = query.max(looked_at);
            pairs(bytes, begin, end, found);
            looked_at = looked_at.max(end);
        }
    }
}

/// The password of a URL whose part behind `://` is `url` and stands at `from`.
fn password(url: &str, from: usize, found: &mut Vec<Found>) {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may hold what ends a host.
    let near = url.get(..url.floor_char_boundary(MAX_USER_BYTES)).unwrap_or_default();
    let user = authority.rfind('@').or_else(|| near.rfind('@'));
    if let Some(user) = user
        && let Some(colon) = url.get(..user).and_then(|user| user.find(':'))
        && let Some(password) = url.get(colon + 1..user).filter(|password| !password.is_empty())
        // A port, and an `@` in the path behind it.
        && !password.split_once('/').is_some_and(|(port, _)| port.bytes().all(|b| b.is_ascii_digit()))
    {
        found.push(Found { from: from + colon + 1, to: from + user, kind: "password" });
    }
}

/// What the pairs of a query from `at` to `end` say of keys: each begins behind one of `?#&;`.
fn pairs(bytes: &[u8], at: usize, end: usize, found: &mut Vec<Found>) {
    let query = bytes.get(..end).unwrap_or_default();
    let mut value_end = Next::new(|at| first(query, at, |b| matches!(b, b'&' | b';')));
    let mut at = at;
    while let Some(mark) = query
        .get(at..)
        .filter(|_| found.len() < MOST_FOUND)
        .and_then(|rest| rest.iter().position(|b| b"?#&;".contains(b)))
    {
        let name_at = at + mark + 1;
        at = name_at;
        let longest = query.get(name_at..query.len().min(name_at + LONGEST_NAME + 1)).unwrap_or_default();
        let Some((name, equals)) = memchr(b'=', longest).and_then(|equals| Some((longest.get(..equals)?, equals)))
        else {
            continue;
        };
        let value_at = name_at + equals + 1;
        let to = value_end.from(value_at);
        if to > value_at && QUERY.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes())) {
            found.push(Found { from: value_at, to, kind: "secret in a URL" });
        }
    }
}
