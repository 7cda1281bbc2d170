//! Stop texts that a provider does not know: the gateway ends the answer itself.

use super::event::{Block, Event, Sink};
use super::{Part, PartKind, Stop, Text};

/// Passes events on until a stop text comes, and then only the end.
///
/// Text is held back where it might be the beginning of a stop text.
#[derive(Debug)]
pub struct Cutter<S: Sink> {
    sink: S,
    stops: Vec<String>,
    held: String,
    /// The text that was passed on of the open block.
    passed: String,
    found: Option<String>,
}

impl<S: Sink> Cutter<S> {
    /// Looks for `stops`; without any, everything passes at no cost.
    pub fn new(sink: S, stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { sink, stops, held: String::new(), passed: String::new(), found: None }
    }

    /// The sink.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink, when all is said.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Whether a stop text was found: nothing of the provider's answer is of use any more.
    pub const fn has_cut(&self) -> bool {
        self.found.is_some()
    }

    fn pass(&mut self, choice: u32, index: u32, block: Block<'_>, up_to: usize) {
        let rest = self.held.split_off(up_to);
        let text = std::mem::replace(&mut self.held, rest);
        if !text.is_empty() {
            self.sink.event(Event::Delta { choice, index, block, text: &text });
            self.passed.push_str(&text);
        }
    }

    fn text(&mut self, choice: u32, index: u32, block: Block<'_>, text: &str) {
        self.held.push_str(text);
        let first = self.stops.iter().filter_map(|stop| Some((self.held.find(stop.as_str())?, stop))).min();
        if let Some((at, stop)) = first {
            self.found = Some(stop.clone());
            self.pass(choice, index, block, at);
            self.held.clear();
            return;
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let up_to = self.held.len() - keep;
        self.pass(choice, index, block, up_to);
    }
}

/// How many bytes at the end of `text` may be the beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len().saturating_sub(1));
    (1..=most).rev().find(|n| stop.is_char_boundary(*n) && text.ends_with(stop.get(..*n).unwrap_or("\0"))).unwrap_or(0)
}

impl<S: Sink> Sink for Cutter<S> {
    fn event(&mut self, event: Event<'_>) {
        if self.stops.is_empty() {
            return self.sink.event(event);
        }
        match event {
            Event::Open { block: Block::Text { .. }, .. } if self.found.is_none() => {
                self.held.clear();
                self.passed.clear();
                self.sink.event(event);
            }
            Event::Delta { choice, index, block: block @ Block::Text { .. }, text } if self.found.is_none() => {
                self.text(choice, index, block, text);
                if self.found.is_some() {
                    let part = Part::text(std::mem::take(&mut self.passed));
                    self.sink.event(Event::Close { choice, index, part: &part });
                }
            }
            Event::Close { choice, index, part: Part { kind: PartKind::Text(text), .. } } if self.found.is_none() => {
                let all = self.held.len();
                self.pass(choice, index, Block::Text { phase: text.phase.as_deref() }, all);
                let part = Part::new(PartKind::Text(Text { text: std::mem::take(&mut self.passed), ..text.clone() }));
                self.sink.event(Event::Close { choice, index, part: &part });
            }
            Event::Stop { choice, stop } => {
                let found = self.found.clone().map(|stop| Stop::Sequence(Some(stop)));
                self.sink.event(Event::Stop { choice, stop: found.as_ref().unwrap_or(stop) });
            }
            Event::Start(_) | Event::End { .. } | Event::Failed(_) => self.sink.event(event),
            _ if self.found.is_none() => self.sink.event(event),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::lower::Lowering;
    use crate::chat::{Collector, Sequencer};

    fn cut(pieces: &[&str], stops: &[&str]) -> (String, Stop) {
        let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut to = Sequencer::new(Cutter::new(Collector::default(), stops), Lowering::default(), "s");
        for piece in pieces {
            to.text(0, piece, None).unwrap();
        }
        to.stop(0, Stop::End).unwrap();
        to.finish().unwrap();
        let response = to.into_sink().into_sink().into_response().unwrap().unwrap();
        let text = response.choices[0].parts.iter().filter_map(Part::as_text).collect();
        (text, response.choices[0].stop.clone())
    }

    #[test]
    fn the_answer_ends_before_the_first_stop_text_wherever_it_is_split() {
        let text = "one END two STOP three 日本";
        let chars: Vec<String> = text.chars().map(String::from).collect();
        for size in 1..=chars.len() {
            let pieces: Vec<String> = chars.chunks(size).map(<[String]>::concat).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(cut(&pieces, &["STOP", "END"]), ("one ".into(), Stop::Sequence(Some("END".into()))));
            assert_eq!(cut(&pieces, &["日本人"]), (text.into(), Stop::End));
            assert_eq!(cut(&pieces, &[]), (text.into(), Stop::End));
        }
    }
}
