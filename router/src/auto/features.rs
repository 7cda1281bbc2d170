//! What a request looks like from outside: read from its bytes in any of the five protocols, in one walk and without a
//! tree. What is looked at of its texts is bounded, however long it is.

use super::hints::{self, Language};
use super::needs::{Need, Needs};
use super::redact::cut;
use super::text;
use crate::Protocol;
use crate::catalog::Effort;
use crate::count::estimate;
use crate::walk::{Fields, elements, top};

/// So much of what the user said last is read.
const ASKED_BYTES: usize = 8 << 10;
/// So many turns at the end are looked at for their texts.
const TURNS: usize = 12;
/// So much of each of them.
const TURN_BYTES: usize = 1 << 10;

/// What choosing a model goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Estimated tokens of the request.
    pub input_tokens: u64,
    /// The most tokens that it wants to get.
    pub output_tokens: Option<u64>,
    /// Messages in it.
    pub messages: usize,
    /// Tools that it offers.
    pub tools: usize,
    /// Whether tools have been called in it already.
    pub is_at_work: bool,
    /// Whether the last word is the user's, and not a tool's.
    pub user_spoke_last: bool,
    /// Pictures, sounds, films and files in it.
    pub media: [usize; 4],
    /// What it cannot do without.
    pub needs: Needs,
    /// Whether it asks for JSON without a schema.
    pub wants_json: bool,
    /// Whether it says itself how much is to be thought.
    pub says_effort: bool,
    /// How much it wants to be thought, where that has a word.
    pub effort: Option<Effort>,
    /// The share of lines that look like code, in thousandths.
    pub code_permille: u32,
    /// The writings in it, the most used first.
    pub languages: Vec<Language>,
    /// What the user said last, or the beginning and the end of it.
    pub asked: String,
}

impl Features {
    /// The features of a request with `body`. What is no JSON object has none.
    pub fn read(protocol: Protocol, body: &[u8]) -> Self {
        let mut features = Self { input_tokens: estimate::sampled_request_tokens(body), ..Self::default() };
        for (name, value) in top(body) {
            match name {
                b"messages" | b"input" | b"contents" => features.turns(protocol, value),
                b"prompt" | b"message" if value.first() == Some(&b'"') => features.turns(protocol, value),
                b"tools" | b"functions" => features.tools += tools(value),
                b"parallel_tool_calls" if value == b"true" => features.needs.insert(Need::ParallelToolCalls),
                b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => {
                    features.output_tokens = number(value);
                }
                b"response_format" | b"output_format" => features.format(value),
                b"text" => inside(value, b"format", |format| features.format(format)),
                b"output_config" => {
                    inside(value, b"format", |format| features.format(format));
                    inside(value, b"effort", |effort| features.says(effort));
                }
                b"reasoning_effort" => features.says(value),
                b"reasoning" => inside(value, b"effort", |effort| features.says(effort)),
                b"thinking" if value != b"null" => features.says_effort = true,
                b"modalities" if has(value, "audio") => features.needs.insert(Need::Speech),
                b"generationConfig" | b"generation_config" => features.generation(value),
                _ => {}
            }
        }
        if features.tools == 0 {
            features.needs = features.needs.iter().filter(|need| *need != Need::ParallelToolCalls).collect();
        } else {
            features.needs.insert(Need::ToolCalls);
        }
        let kinds = [Need::Vision, Need::Audio, Need::Video, Need::Pdf];
        let shown = kinds.into_iter().zip(features.media).filter(|(_, count)| *count > 0);
        shown.for_each(|(need, _)| features.needs.insert(need));
        features
    }

    /// The room that a model must have, in tokens: for the request, with something to spare since it was estimated, and
    /// for the answer.
    pub fn room_tokens(&self) -> u64 {
        /// What an answer has where nobody says.
        const USUAL: u64 = 1_024;
        let input = self.input_tokens.saturating_add(self.input_tokens / 10);
        input.saturating_add(self.output_tokens.unwrap_or(USUAL).min(200_000))
    }

    fn says(&mut self, effort: &[u8]) {
        if effort == b"null" {
            return;
        }
        self.says_effort = true;
        self.effort = Effort::find(&word(effort)).or(self.effort);
    }

    fn format(&mut self, format: &[u8]) {
        let kind = top(format).find(|(name, _)| *name == b"type").map(|(_, kind)| word(kind)).unwrap_or_default();
        match kind.as_str() {
            "json_schema" => self.needs.insert(Need::StructuredOutput),
            // Cohere's schema stands beside the same word.
            "json_object" if has_field(format, &["schema", "json_schema"]) => self.needs.insert(Need::StructuredOutput),
            "json_object" => self.wants_json = true,
            _ => {}
        }
    }

    /// Gemini's settings.
    fn generation(&mut self, settings: &[u8]) {
        for (name, value) in top(settings) {
            match name {
                b"maxOutputTokens" | b"max_output_tokens" => self.output_tokens = number(value),
                b"responseSchema" | b"response_schema" | b"responseJsonSchema" | b"response_json_schema"
                    if value != b"null" =>
                {
                    self.needs.insert(Need::StructuredOutput);
                }
                b"responseMimeType" | b"response_mime_type" => self.wants_json = has(value, "json"),
                b"thinkingConfig" | b"thinking_config" if value != b"null" => {
                    self.says_effort = true;
                    inside(value, b"thinkingLevel", |level| self.says(level));
                }
                b"responseModalities" | b"response_modalities" if has(value, "AUDIO") || has(value, "audio") => {
                    self.needs.insert(Need::Speech);
                }
                _ => {}
            }
        }
    }

    fn turns(&mut self, protocol: Protocol, value: &[u8]) {
        if let Some(text) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            self.messages = 1;
            self.user_spoke_last = true;
            self.asked = text::ends(text, ASKED_BYTES / 2, ASKED_BYTES / 2);
            self.look(&self.asked.clone());
            return;
        }
        let turns: Vec<&[u8]> = elements(value).collect();
        self.messages = turns.len();
        let mut sample = String::new();
        let first_seen = turns.len().saturating_sub(TURNS);
        for (at, turn) in turns.iter().enumerate() {
            let seen = Turn::read(turn);
            let is_last = at + 1 == turns.len();
            self.is_at_work |= seen.has_tools || seen.is_result;
            for (sum, count) in self.media.iter_mut().zip(seen.media) {
                *sum += count;
            }
            // Gemini leaves the role out where only the user speaks, and Responses in items that are no messages.
            let is_user = match seen.role {
                Some(role) => role == b"user",
                None => protocol == Protocol::Gemini,
            };
            if is_last {
                self.user_spoke_last = is_user && !seen.is_result;
            }
            if is_user && !seen.is_result && !seen.texts.is_empty() {
                let room = (ASKED_BYTES / seen.texts.len().min(8)).max(1) / 2;
                self.asked =
                    seen.texts.iter().rev().take(8).rev().map(|text| text::ends(text, room, room) + "\n").collect();
            }
            if at >= first_seen || at == 0 {
                let texts = seen.texts.iter().take(4);
                texts.for_each(|text| sample += &(text::ends(text, TURN_BYTES / 2, TURN_BYTES / 2) + "\n"));
            }
        }
        self.look(&sample);
    }

    fn look(&mut self, sample: &str) {
        self.code_permille = hints::code_permille(sample);
        self.languages = hints::languages(sample);
    }

    /// The beginning of what the user said last, at most `most` bytes.
    pub fn asked_head(&self, most: usize) -> &str {
        cut(&self.asked, most)
    }
}

/// One turn of a conversation.
#[derive(Default)]
pub(super) struct Turn<'a> {
    /// Who speaks.
    pub role: Option<&'a [u8]>,
    /// What is said, still escaped.
    pub texts: Vec<&'a [u8]>,
    /// Pictures, sounds, films and files.
    pub media: [usize; 4],
    /// Whether tools are called in it.
    pub has_tools: bool,
    /// Whether it is what a tool said.
    pub is_result: bool,
}

impl<'a> Turn<'a> {
    /// Reads one message, item or content of whatever protocol.
    pub(super) fn read(turn: &'a [u8]) -> Self {
        let mut seen = Self::default();
        for field in Fields::of(turn) {
            match (field.name, field.string) {
                (b"role", Some(role)) if seen.role.is_none() => {
                    seen.role = Some(role);
                    seen.is_result |= matches!(role, b"tool" | b"function");
                }
                (b"type", Some(kind)) => seen.part(kind),
                (b"mimeType" | b"mime_type" | b"media_type", Some(kind)) => seen.data(kind),
                (b"text" | b"content" | b"output", Some(text)) if !text.is_empty() => seen.texts.push(text),
                (b"tool_calls" | b"functionCall" | b"function_call", _) if field.first != b'n' => seen.has_tools = true,
                (b"functionResponse" | b"function_response", _) => seen.is_result = true,
                _ => {}
            }
        }
        seen
    }

    fn part(&mut self, kind: &[u8]) {
        let [pictures, sounds, films, files] = &mut self.media;
        match kind {
            b"image_url" | b"input_image" => *pictures += 1,
            b"input_audio" | b"audio_url" => *sounds += 1,
            b"video_url" | b"input_video" => *films += 1,
            b"file" | b"input_file" => *files += 1,
            b"tool_use" | b"function_call" | b"custom_tool_call" | b"local_shell_call" => self.has_tools = true,
            b"tool_result" | b"function_call_output" | b"custom_tool_call_output" | b"local_shell_call_output" => {
                self.is_result = true;
            }
            _ => {}
        }
    }

    /// Data of Anthropic's and Gemini's parts, which say its kind.
    fn data(&mut self, kind: &[u8]) {
        let [pictures, sounds, films, files] = &mut self.media;
        if kind.starts_with(b"image/") {
            *pictures += 1;
        } else if kind.starts_with(b"audio/") {
            *sounds += 1;
        } else if kind.starts_with(b"video/") {
            *films += 1;
        } else if kind == b"application/pdf" {
            *files += 1;
        }
    }
}

/// How many tools a list offers; Gemini keeps several in one element.
fn tools(list: &[u8]) -> usize {
    let declared = |tool: &[u8]| {
        let names: [&[u8]; 2] = [b"functionDeclarations", b"function_declarations"];
        let inner = top(tool).find(|(name, _)| names.contains(name));
        inner.map_or(1, |(_, functions)| elements(functions).count())
    };
    elements(list).map(declared).sum()
}

fn inside<'a>(object: &'a [u8], name: &[u8], mut then: impl FnMut(&'a [u8])) {
    top(object).filter(|(field, value)| *field == name && *value != b"null").for_each(|(_, value)| then(value));
}

fn has_field(object: &[u8], names: &[&str]) -> bool {
    top(object).any(|(field, value)| names.iter().any(|name| name.as_bytes() == field) && value != b"null")
}

fn has(value: &[u8], word: &str) -> bool {
    memchr::memmem::find(value, word.as_bytes()).is_some()
}

/// A short string, in small letters; empty for anything else.
fn word(value: &[u8]) -> String {
    let text = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default();
    text::head(text, 32).to_ascii_lowercase()
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
