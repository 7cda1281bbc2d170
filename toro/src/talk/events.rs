//! Server-sent events out of an answer, as they come: what is said, and the signs of life between.

use crate::client::{Answer, ClientError};

/// No event of a gateway is longer, in bytes.
const MOST_BYTES: usize = 16 << 20;

/// What a stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name, which may be empty, and what goes with it.
    Data {
        /// What kind it is.
        name: String,
        /// What it says.
        data: String,
    },
    /// A comment: a sign of life.
    Comment,
}

/// The events of an answer.
pub struct Events {
    answer: Answer,
    lines: Lines,
    /// How often something came.
    pub reads: u64,
}

impl Events {
    /// Those of an answer that is a stream; anything else, such as a page for people, is refused.
    pub fn of(answer: Answer) -> Result<Self, ClientError> {
        let kind = answer.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return Ok(Self { answer, lines: Lines::default(), reads: 0 });
        }
        let kind = if kind.is_empty() { "nothing" } else { kind.split(';').next().unwrap_or_default() };
        Err(answer.nonsense(&format!("it answers with {} where a stream was asked for", crate::printer::plain(kind))))
    }

    /// The next one; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = self.lines.event() {
                return Ok(Some(event));
            }
            if self.lines.held() > MOST_BYTES {
                return Err(self.answer.nonsense("one event of its answer is endless"));
            }
            match self.answer.chunk().await? {
                Some(chunk) => {
                    self.reads += 1;
                    self.lines.waiting.extend_from_slice(&chunk);
                }
                None => return Ok(self.lines.end()),
            }
        }
    }
}

/// Bytes on their way to events.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    /// How much of `waiting` has been read.
    read: usize,
    /// How much of `waiting` is known to hold no end of a line.
    looked: usize,
    name: String,
    data: String,
    has_data: bool,
}

impl Lines {
    fn held(&self) -> usize {
        self.waiting.len() - self.read + self.data.len() + self.name.len()
    }

    /// The next event that is there as a whole.
    fn event(&mut self) -> Option<Event> {
        loop {
            let from = self.looked.max(self.read);
            let Some(at) = self.waiting.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) else {
                self.waiting.drain(..self.read);
                self.read = 0;
                self.looked = self.waiting.len();
                return None;
            };
            let line = self.waiting.get(self.read..from + at).unwrap_or_default();
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            self.read = from + at + 1;
            if let Some(event) = self.line(&line) {
                return Some(event);
            }
        }
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.whole();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(Event::Comment),
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
        None
    }

    fn whole(&mut self) -> Option<Event> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        std::mem::take(&mut self.has_data).then_some(Event::Data { name, data })
    }

    /// What stands at the end without an empty line after it.
    fn end(&mut self) -> Option<Event> {
        let rest = String::from_utf8_lossy(self.waiting.get(self.read..).unwrap_or_default()).into_owned();
        self.waiting.clear();
        (self.read, self.looked) = (0, 0);
        let last = if rest.is_empty() { None } else { self.line(rest.trim_end_matches('\r')) };
        last.or_else(|| self.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(name: &str, data: &str) -> Event {
        Event::Data { name: name.into(), data: data.into() }
    }

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let text = ": hello\r\n\r\nevent: a\ndata: 1\ndata:2\n\nid: 9\ndata: {\"x\":\"ü\"}\r\n\r\n\n\ndata: last";
        let expected = [Event::Comment, data("a", "1\n2"), data("", "{\"x\":\"ü\"}"), data("", "last")];
        for size in 1..text.len() {
            let (mut lines, mut events) = (Lines::default(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                lines.waiting.extend_from_slice(chunk);
                events.extend(std::iter::from_fn(|| lines.event()));
            }
            events.extend(lines.end());
            assert_eq!(events, expected, "{size}");
        }
    }
}
