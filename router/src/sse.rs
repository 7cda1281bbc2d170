//! Server-sent events: bytes into frames, at whatever position the bytes were cut.
//!
//! A frame is kept as the raw bytes up to and with its blank line, so that frames joined are the stream.
//! Format: WHATWG HTML, "Server-sent events"; lines end in LF, CRLF or CR.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// Cuts a byte stream into frames. Holds back only what has no end yet.
///
/// ```
/// use bytes::Bytes;
/// use tokenrouter::sse::{Splitter, data};
///
/// let mut splitter = Splitter::new(1 << 20);
/// let mut frames = Vec::new();
/// for piece in ["data: {\"n\"", ":1}\r\n", "\r\ndata: {\"n\":2}\n\nda"] {
///     splitter.push(&Bytes::from_static(piece.as_bytes()), |frame| frames.push(frame)).map_err(|_| "too long")?;
/// }
/// let payloads: Vec<_> = frames.iter().filter_map(|frame| data(frame)).collect();
/// assert_eq!(payloads, [&br#"{"n":1}"#[..], br#"{"n":2}"#]);
/// assert_eq!(splitter.held(), b"da");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Splitter {
    partial: BytesMut,
    line_is_empty: bool,
    after_cr: bool,
    max_frame_bytes: usize,
}

/// A frame grew beyond the splitter's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLong;

impl Splitter {
    /// A splitter that refuses frames of more than `max_frame_bytes`.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self { partial: BytesMut::new(), line_is_empty: true, after_cr: false, max_frame_bytes }
    }

    /// Takes the next bytes and hands every frame they complete to `on_frame`.
    ///
    /// After an error the splitter holds nothing; what it held is returned to `on_frame` as one piece.
    pub fn push(&mut self, chunk: &Bytes, mut on_frame: impl FnMut(Bytes)) -> Result<(), FrameTooLong> {
        let mut start = 0;
        let mut pos = 0;
        while let Some(found) = chunk.get(pos..).and_then(|rest| memchr::memchr2(b'\n', b'\r', rest)) {
            let at = pos + found;
            let is_cr = chunk.get(at) == Some(&b'\r');
            if !is_cr && found == 0 && self.after_cr {
                // The second half of a CRLF is no line of its own.
                self.after_cr = false;
                pos = at + 1;
                continue;
            }
            let ends_frame = self.line_is_empty && found == 0;
            self.line_is_empty = true;
            self.after_cr = is_cr;
            pos = at + 1;
            if ends_frame {
                if is_cr && chunk.get(pos) == Some(&b'\n') {
                    pos += 1;
                    self.after_cr = false;
                }
                on_frame(self.finish(chunk.slice(start..pos)));
                start = pos;
            }
        }
        if pos < chunk.len() {
            self.line_is_empty = false;
            self.after_cr = false;
        }
        if start < chunk.len() {
            let rest = chunk.slice(start..);
            if self.partial.len() + rest.len() > self.max_frame_bytes {
                on_frame(self.finish(rest));
                return Err(FrameTooLong);
            }
            self.partial.extend_from_slice(&rest);
        }
        Ok(())
    }

    fn finish(&mut self, end: Bytes) -> Bytes {
        if self.partial.is_empty() {
            return end;
        }
        self.partial.extend_from_slice(&end);
        self.partial.split().freeze()
    }

    /// Whether the stream stands between two frames.
    pub fn is_between_frames(&self) -> bool {
        self.partial.is_empty()
    }

    /// What is held back: the beginning of a frame.
    pub fn held(&self) -> &[u8] {
        &self.partial
    }

    /// What is left when the stream ends: a frame without its blank line.
    pub fn take_rest(&mut self) -> Bytes {
        self.line_is_empty = true;
        self.after_cr = false;
        self.partial.split().freeze()
    }
}

/// Whether a frame without its blank line lacks nothing else: its payload is JSON, or the end mark.
pub fn is_complete(frame: &[u8]) -> bool {
    data(frame).is_some_and(|data| {
        let data = data.trim_ascii();
        data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
    })
}

fn lines(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(frame);
    std::iter::from_fn(move || {
        let left = rest?;
        let end = memchr::memchr2(b'\n', b'\r', left);
        rest = end.and_then(|at| left.get(at + 1..));
        left.get(..end.unwrap_or(left.len()))
    })
}

fn value<'a>(line: &'a [u8], field: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(field)?.strip_prefix(b":")?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// The payload of a frame: its `data` lines joined by line feeds; none if it has no such line.
pub fn data(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut found = lines(frame).filter_map(|line| value(line, b"data"));
    let first = found.next()?;
    let Some(second) = found.next() else { return Some(Cow::Borrowed(first)) };
    let mut joined = [first, second].join(&b'\n');
    for line in found {
        joined.push(b'\n');
        joined.extend_from_slice(line);
    }
    Some(Cow::Owned(joined))
}

/// Writes `value` as a frame's `data` line and ends the frame.
///
/// JSON that passes through as its text may hold line ends between its tokens, and only there; they would end the
/// line, so they become blanks.
pub(crate) fn write_data(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    out.extend_from_slice(b"data: ");
    let from = out.len();
    // Writing to memory cannot fail.
    _ = serde_json::to_writer(&mut *out, value);
    let mut rest = out.get_mut(from..).unwrap_or_default();
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        if let Some(byte) = rest.get_mut(at) {
            *byte = b' ';
        }
        rest = rest.get_mut(at + 1..).unwrap_or_default();
    }
    out.extend_from_slice(b"\n\n");
}

/// The name of a frame's event, if it has one.
pub fn event(frame: &[u8]) -> Option<&[u8]> {
    lines(frame).filter_map(|line| value(line, b"event")).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut splitter = Splitter::new(1 << 20);
        let mut payloads = Vec::new();
        let mut bytes = Vec::new();
        let mut from = 0;
        let all = Bytes::copy_from_slice(stream);
        for &to in cuts.iter().chain([&stream.len()]) {
            let pushed = splitter.push(&all.slice(from..to), |frame| {
                payloads.extend(data(&frame).map(Cow::into_owned));
                bytes.extend_from_slice(&frame);
            });
            assert_eq!(pushed, Ok(()));
            from = to;
        }
        let rest = splitter.take_rest();
        payloads.extend(data(&rest).map(Cow::into_owned));
        bytes.extend_from_slice(&rest);
        (payloads, bytes)
    }

    fn stream_of(events: usize, end: &str) -> Vec<u8> {
        (0..events)
            .flat_map(|n| {
                let text = ["日本", "\u{1f980}é", "plain", "a\\u0041"][n % 4];
                let note = if n % 7 == 0 { format!(": ping{end}") } else { String::new() };
                let name = if n % 3 == 0 { format!("event: e{n}{end}") } else { String::new() };
                let more = if n % 5 == 0 { format!("data:second {n}{end}") } else { String::new() };
                format!("{note}{name}data: {{\"n\":{n},\"t\":\"{text}\"}}{end}{more}{end}").into_bytes()
            })
            .collect()
    }

    #[test]
    fn every_split_position_gives_the_same_events() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = stream_of(400, end);
            let whole = split(&stream, &[]);
            assert_eq!(whole.0.len(), 400);
            assert_eq!(whole.1, stream);
            for at in 0..=stream.len() {
                assert_eq!(split(&stream, &[at]), whole, "cut at {at} with {end:?}");
            }
            for size in [1, 2, 3, 97, 333, 1500] {
                let cuts: Vec<_> = (size..stream.len()).step_by(size).collect();
                assert_eq!(split(&stream, &cuts), whole, "pieces of {size}");
            }
        }
    }

    #[test]
    fn a_frame_is_handed_on_as_soon_as_its_blank_line_is_there() {
        let mut splitter = Splitter::new(100);
        let mut frames = Vec::new();
        splitter.push(&Bytes::from_static(b"data: a\r\n\r"), |f| frames.push(f)).unwrap();
        assert_eq!(frames, ["data: a\r\n\r"]);
        splitter.push(&Bytes::from_static(b"\ndata: b\n\nda"), |f| frames.push(f)).unwrap();
        assert_eq!(frames, ["data: a\r\n\r", "\ndata: b\n\n"]);
        assert!(!splitter.is_between_frames());
        assert_eq!(splitter.take_rest(), "da");
    }

    #[test]
    fn a_frame_beyond_the_bound_is_given_back() {
        let mut splitter = Splitter::new(8);
        let mut seen = Vec::new();
        assert_eq!(splitter.push(&Bytes::from_static(b"data: 12"), |f| seen.push(f)), Ok(()));
        assert_eq!(splitter.push(&Bytes::from_static(b"3456"), |f| seen.push(f)), Err(FrameTooLong));
        assert_eq!(seen, ["data: 123456"]);
        assert!(splitter.is_between_frames());
    }

    #[test]
    fn reads_fields_with_and_without_the_blank() {
        assert_eq!(data(b"data:x\n\n").unwrap(), &b"x"[..]);
        assert_eq!(data(b"data: x\ndata:  y\n\n").unwrap(), &b"x\n y"[..]);
        assert_eq!(data(b": ping\n\n"), None);
        assert_eq!(event(b"event: a\nevent:b\n\n"), Some(&b"b"[..]));
    }

    proptest! {
        #[test]
        fn bytes_are_never_lost(stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'd'), any::<u8>()], 0..300), size in 1usize..50) {
            let cuts: Vec<_> = (size..stream.len()).step_by(size).collect();
            prop_assert_eq!(split(&stream, &cuts).1, stream);
        }
    }
}
