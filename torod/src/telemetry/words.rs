//! What a line of the log says, read once: the message, and the rest as JSON.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use memchr::memmem::Finder;
use tracing::field::{Field, Visit};

/// Bytes of a message, and of all fields together; what is longer is cut off.
pub(super) const LONGEST: usize = 4_096;
/// What stands for a key.
const MASK: &str = "[secret]";
/// Room for what most lines say.
const USUAL: usize = 384;
/// And for most messages.
const USUAL_MESSAGE: usize = 96;

/// A line, while it is read.
#[derive(Default)]
pub(super) struct Words {
    pub(super) message: String,
    /// A comma, a name, a colon and a value for each.
    pub(super) fields: String,
    pub(super) request_id: Option<String>,
}

impl Words {
    /// With room.
    pub(super) fn new() -> Self {
        Self { fields: String::with_capacity(USUAL), ..Self::default() }
    }

    /// The fields as an object; none where there are none.
    pub(super) fn object(&self) -> Option<String> {
        let inner = self.fields.strip_prefix(',')?;
        Some(["{", inner, "}"].concat())
    }

    /// Begins a field; false where there is no more room.
    fn begin(&mut self, name: &str) -> bool {
        if self.fields.len() >= LONGEST {
            return false;
        }
        // A name in our source has nothing to be escaped.
        for part in [",\"", name, "\":"] {
            self.fields.push_str(part);
        }
        true
    }

    fn plain(&mut self, name: &str, value: &str) {
        if self.begin(name) {
            self.fields.push_str(value);
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        match name {
            "message" => shorten(value, &mut self.message),
            "id" | "request_id" if self.request_id.is_none() => {
                let mut id = String::new();
                shorten(value, &mut id);
                self.request_id = Some(id);
            }
            name => {
                if self.begin(name) {
                    let end = value.floor_char_boundary(LONGEST);
                    quote(value.get(..end).unwrap_or_default(), &mut self.fields);
                    if end < value.len() {
                        self.fields.pop();
                        self.fields.push_str("…\"");
                    }
                }
            }
        }
    }
}

impl Visit for Words {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), if value { "true" } else { "false" });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::with_capacity(USUAL_MESSAGE));
        // It ends early where it becomes too long.
        _ = write!(text, "{value:?}");
        if field.name() == "message" && text.0.len() <= LONGEST {
            self.message = text.0;
        } else {
            self.text(field.name(), &text.0);
        }
    }
}

/// Takes no more than is shown.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() > LONGEST { Err(fmt::Error) } else { Ok(()) }
    }
}

fn shorten(text: &str, to: &mut String) {
    let end = text.floor_char_boundary(LONGEST);
    to.clear();
    to.push_str(text.get(..end).unwrap_or_default());
    if end < text.len() {
        to.push('…');
    }
}

/// `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // Nearly every text is whole here.
    while let Some(at) = odd_at(rest.as_bytes()) {
        // Those are characters by themselves.
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        match from.bytes().next() {
            Some(b'"') => out.push_str("\\\""),
            Some(b'\\') => out.push_str("\\\\"),
            Some(b'\n') => out.push_str("\\n"),
            Some(byte) => _ = write!(out, "\\u{byte:04x}"),
            None => {}
        }
        rest = from.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

/// Where the first byte stands that JSON wants escaped.
fn odd_at(text: &[u8]) -> Option<usize> {
    let is_odd = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let (blocks, tail) = text.as_chunks::<8>();
    // Eight bytes at once, without a branch for each.
    let skipped = blocks.iter().take_while(|block| !block.iter().fold(false, |odd, byte| odd | is_odd(byte))).count();
    let rest = blocks.get(skipped).map_or(tail, |block| block.as_slice());
    rest.iter().position(is_odd).map(|at| skipped * 8 + at)
}

/// No line is meant to hold a key; should one do all the same, it stands nowhere.
pub(super) fn without_keys(text: String) -> String {
    static LEADS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new("tr_"), Finder::new("sk-")]);
    if LEADS.iter().all(|lead| lead.find(text.as_bytes()).is_none()) {
        return text;
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_key =
        |word: &str| ["tr_", "sk-"].iter().any(|lead| word.strip_prefix(lead).is_some_and(|rest| rest.len() >= 32));
    let mut clean = String::with_capacity(text.len());
    for word in text.split_inclusive(|c| !is_word(c)) {
        let bare = word.trim_end_matches(|c| !is_word(c));
        clean.push_str(if is_key(bare) { MASK } else { bare });
        clean.push_str(word.get(bare.len()..).unwrap_or_default());
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_reads_back() {
        let all: String = (0_u32..0x180).filter_map(char::from_u32).chain("€😀\u{2028}".chars()).collect();
        for text in ["", "plain", "\"", "\\", "a\"b\\c\nd", "\n\n", all.as_str()] {
            let mut out = String::new();
            quote(text, &mut out);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text, "{out}");
        }
    }
}
