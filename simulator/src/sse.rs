//! Events to frames: what a stream consists of, before timing and cutting.
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

/// A value as JSON on one line. What the simulator writes is made of structs, texts and parsed JSON, which all have a
/// form in JSON; should one ever not, `null` in its place shows in every test that parses it.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// One event as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// A piece of content: it waits for the interval, and faults count it.
    pub(crate) paced: bool,
}

/// Collects the events of one stream.
pub(crate) struct Events {
    buffer: BytesMut,
    frames: Vec<Frame>,
    eol: &'static [u8],
    /// One JSON array instead of events.
    array: bool,
}

impl Events {
    /// Room for so many events of a few hundred bytes.
    pub(crate) fn new(crlf: bool, events: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(events.min(1_000) * 300),
            frames: Vec::with_capacity(events),
            eol: if crlf { b"\r\n" } else { b"\n" },
            array: false,
        }
    }

    /// A JSON array that grows by an element where a stream of events has an event.
    pub(crate) fn array(crlf: bool, elements: usize) -> Self {
        Self { array: true, ..Self::new(crlf, elements) }
    }

    /// Ends an array; events need no end.
    pub(crate) fn close(&mut self) {
        if self.array {
            self.buffer.put_slice(if self.frames.is_empty() { b"[]" } else { b"]" });
            self.frames.push(Frame { bytes: self.buffer.split().freeze(), paced: false });
        }
    }

    pub(crate) fn is_array(&self) -> bool {
        self.array
    }

    fn element(&mut self, data: &str, paced: bool) {
        if self.frames.is_empty() {
            self.buffer.put_slice(b"[");
        } else {
            self.buffer.put_slice(b",");
            self.buffer.put_slice(self.eol);
        }
        self.buffer.put_slice(data.as_bytes());
        self.frames.push(Frame { bytes: self.buffer.split().freeze(), paced });
    }

    /// How many events there are so far.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// An event without a name.
    pub(crate) fn data(&mut self, data: &str, paced: bool) {
        self.event("", data, paced);
    }

    /// An event; `data` is one line.
    pub(crate) fn event(&mut self, name: &str, data: &str, paced: bool) {
        if self.array {
            return self.element(data, paced);
        }
        if !name.is_empty() {
            self.buffer.put_slice(b"event: ");
            self.buffer.put_slice(name.as_bytes());
            self.buffer.put_slice(self.eol);
        }
        self.buffer.put_slice(b"data: ");
        self.buffer.put_slice(data.as_bytes());
        self.buffer.put_slice(self.eol);
        self.buffer.put_slice(self.eol);
        self.frames.push(Frame { bytes: self.buffer.split().freeze(), paced });
    }

    /// Keeps what comes before the piece of content that follows after `pieces` of them.
    pub(crate) fn keep_pieces(&mut self, pieces: u32) {
        let mut left = pieces;
        let end = self.frames.iter().position(|frame| {
            let over = frame.paced && left == 0;
            left = left.saturating_sub(u32::from(frame.paced));
            over
        });
        self.frames.truncate(end.unwrap_or(self.frames.len()));
    }

    /// Drops all that follows the last piece of content.
    pub(crate) fn drop_end(&mut self) {
        let end = self.frames.iter().rposition(|frame| frame.paced).map_or(0, |last| last + 1);
        self.frames.truncate(end);
    }

    /// Keeps the first events only.
    pub(crate) fn keep(&mut self, events: usize) {
        self.frames.truncate(events);
    }

    pub(crate) fn finish(self) -> Vec<Frame> {
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Events {
        let mut events = Events::new(false, 6);
        events.event("open", "0", false);
        for piece in ["1", "2", "3"] {
            events.data(piece, true);
        }
        events.data("4", false);
        events.data("[DONE]", false);
        events
    }

    fn text(events: Events) -> Vec<String> {
        events.finish().into_iter().map(|frame| String::from_utf8(frame.bytes.to_vec()).unwrap()).collect()
    }

    #[test]
    fn faults_cut_at_pieces() {
        let mut cut = events();
        cut.keep_pieces(2);
        assert_eq!(text(cut), ["event: open\ndata: 0\n\n", "data: 1\n\n", "data: 2\n\n"]);
        let mut cut = events();
        cut.keep_pieces(0);
        assert_eq!(cut.len(), 1);
        let mut cut = events();
        cut.keep_pieces(9);
        assert_eq!(cut.len(), 6);
        let mut cut = events();
        cut.drop_end();
        assert_eq!(text(cut).last().unwrap(), "data: 3\n\n");
    }

    #[test]
    fn arrays() {
        let mut elements = Events::array(false, 2);
        elements.data("1", true);
        elements.data("2", false);
        elements.close();
        assert_eq!(text(elements).concat(), "[1,\n2]");
        let mut empty = Events::array(false, 0);
        empty.close();
        assert_eq!(text(empty), ["[]"]);
    }

    #[test]
    fn carriage_returns() {
        let mut events = Events::new(true, 1);
        events.event("a", "b", false);
        assert_eq!(text(events), ["event: a\r\ndata: b\r\n\r\n"]);
    }
}
