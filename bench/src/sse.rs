//! Counts the events of a streamed chat completion, whatever the pieces it arrives in.
use memchr::{memchr, memmem};

/// The longest line that is kept while its end is awaited.
const LINE_BYTES: usize = 1 << 20;

/// What was seen of one stream.
#[derive(Default)]
pub(crate) struct Meter {
    /// Events with text in them.
    pub(crate) pieces: u64,
    /// The end marker came.
    pub(crate) ended: bool,
    /// The marker word was in the first piece of text.
    pub(crate) marked: bool,
    /// A line was too long, or text came after the end.
    pub(crate) broken: bool,
    line: Vec<u8>,
}

impl Meter {
    /// Takes the next bytes and says how many events with text they completed.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> u64 {
        let before = self.pieces;
        while let Some(end) = memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at(end);
            if self.line.is_empty() {
                self.take(head);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                self.take(&line);
            }
            bytes = tail.get(1..).unwrap_or_default();
        }
        if self.line.len() + bytes.len() > LINE_BYTES {
            self.broken = true;
        } else {
            self.line.extend_from_slice(bytes);
        }
        self.pieces - before
    }

    fn take(&mut self, line: &[u8]) {
        let Some(data) = line.strip_prefix(b"data:") else { return };
        if self.ended {
            self.broken = true;
        }
        if data.trim_ascii() == b"[DONE]" {
            self.ended = true;
            return;
        }
        // The provider writes compact JSON: text is a non-empty `content`.
        let Some(at) = memmem::find(data, br#""content":""#) else { return };
        let text = data.get(at + 11..).unwrap_or_default();
        if text.first() == Some(&b'"') {
            return;
        }
        if self.pieces == 0 {
            self.marked = text.starts_with(b"Lorem");
        }
        self.pieces += 1;
    }

    /// Whether this was all of a right answer with so many pieces.
    pub(crate) fn is_right(&self, pieces: u64) -> bool {
        self.marked && self.ended && !self.broken && self.pieces == pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Lorem\"}}]}\r\n\r\n",
        ": keep-alive\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\" \\\"ipsum\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{}}],\"usage\":{}}\n\n",
        "data: [DONE]\n\n",
    );

    #[test]
    fn every_split_counts_the_same() {
        for first in 0..=STREAM.len() {
            for second in first..=STREAM.len() {
                let mut meter = Meter::default();
                let (head, rest) = STREAM.as_bytes().split_at(first);
                let (middle, tail) = rest.split_at(second - first);
                let counted = meter.push(head) + meter.push(middle) + meter.push(tail);
                assert_eq!(counted, 2, "split at {first} and {second}");
                assert!(meter.is_right(2));
                assert!(!meter.is_right(3));
            }
        }
    }

    #[test]
    fn a_stream_without_its_end_is_wrong() {
        let mut meter = Meter::default();
        meter.push(STREAM.replace("data: [DONE]\n\n", "").as_bytes());
        assert_eq!(meter.pieces, 2);
        assert!(!meter.is_right(2));
    }

    #[test]
    fn text_after_the_end_is_wrong() {
        let mut meter = Meter::default();
        meter.push(STREAM.as_bytes());
        meter.push(b"data: {\"choices\":[]}\n\n");
        assert!(!meter.is_right(2));
    }

    #[test]
    fn endless_lines_are_not_kept() {
        let mut meter = Meter::default();
        for _ in 0..400 {
            meter.push(&[b'x'; 8_192]);
        }
        assert!(meter.broken);
        assert!(meter.line.len() <= LINE_BYTES);
    }
}
