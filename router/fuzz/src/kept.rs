//! What of a request must arrive, unless the client is told that it did not.

use tokenrouter::Protocol;
use tokenrouter::chat::{BadRequest, Part, PartKind, Request};
use tokenrouter::{anthropic, cohere, gemini, openai, responses};

/// The contents of a request that no protocol lacks.
#[derive(Debug, Default)]
pub struct Kept {
    /// Every text, of whomever.
    pub texts: Vec<String>,
    /// How many tools are called.
    pub calls: usize,
    /// How many results follow.
    pub results: usize,
    /// How many images are shown.
    pub images: usize,
    /// How many files of any kind there are: Gemini tells them apart by their media type alone.
    pub files: usize,
    /// How many tools there are.
    pub tools: usize,
}

/// Reads `body` as a request of `protocol`.
pub fn read(protocol: Protocol, body: &[u8]) -> Result<Request, BadRequest> {
    match protocol {
        Protocol::OpenAi => openai::request::read(body),
        Protocol::Responses => responses::request::read(body),
        Protocol::Anthropic => anthropic::request::read(body),
        Protocol::Gemini => gemini::request::read(body, "m", false),
        Protocol::Cohere => cohere::request::read(body),
    }
}

impl Kept {
    /// What `request` holds.
    pub fn of(request: &Request) -> Self {
        let mut kept = Self { tools: request.tools.len(), ..Self::default() };
        for part in request.messages.iter().flat_map(|message| &message.parts) {
            kept.add(part);
        }
        kept
    }

    fn add(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) => self.texts.push(text.text.clone()),
            PartKind::Call(_) => self.calls += 1,
            PartKind::Image(_) => {
                self.images += 1;
                self.files += 1;
            }
            PartKind::Document(_) | PartKind::Audio(_) | PartKind::Video(_) => self.files += 1,
            PartKind::Result(result) => {
                self.results += 1;
                for part in &result.content {
                    self.add(part);
                }
            }
            _ => {}
        }
    }

    /// What of it is missing in `arrived`.
    pub fn missing(&self, arrived: &Self) -> Option<String> {
        // Texts may be joined and wrapped on the way.
        let all = arrived.texts.join("\n");
        if let Some(text) = self.texts.iter().find(|text| !all.contains(text.trim())) {
            return Some(format!("the text {text:?}"));
        }
        let counts = [
            ("calls", self.calls, arrived.calls),
            ("results", self.results, arrived.results),
            ("images", self.images, arrived.files),
            ("tools", self.tools, arrived.tools),
        ];
        let (what, sent, got) = counts.into_iter().find(|(_, sent, got)| sent > got)?;
        Some(format!("{sent} {what}, of which {got} arrived"))
    }
}
