//! What was not text: sound and images among the tokens, and what is counted in pieces.

use super::Counts;

/// What was sound and image among the tokens, and what was counted in pieces. All zero: text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Media {
    /// Tokens of sound: a part of [`Counts::input_uncached`].
    pub audio_in: u64,
    /// Tokens of sound from a cache: a part of [`Counts::cache_read`].
    pub audio_cached: u64,
    /// Tokens of sound: a part of [`Counts::output`].
    pub audio_out: u64,
    /// Tokens of images: a part of [`Counts::input_uncached`].
    pub image_in: u64,
    /// Tokens of images from a cache: a part of [`Counts::cache_read`].
    pub image_cached: u64,
    /// Tokens of images: a part of [`Counts::output`].
    pub image_out: u64,
    /// Images made; paid for where they are not paid by tokens.
    pub images: u64,
    /// Seconds of sound or film in; paid for where input is not paid by tokens.
    pub seconds_in: u64,
    /// Seconds of sound or film out; paid for where output is not paid by tokens.
    pub seconds_out: u64,
    /// Characters to speak; paid for where input is not paid by tokens.
    pub characters: u64,
    /// Searches in the web.
    pub web_searches: u64,
    /// Queries that are paid for as requests, where there may be several in one; 0: the request is one.
    pub queries: u64,
}

impl Media {
    /// Keeps what is a part of a bucket within it, so that no figure of a provider makes the rest negative.
    #[must_use]
    pub(crate) fn within(self, counts: &Counts) -> Self {
        let output = counts.output - counts.reasoning.min(counts.output);
        let audio_in = self.audio_in.min(counts.input_uncached);
        let audio_cached = self.audio_cached.min(counts.cache_read);
        let audio_out = self.audio_out.min(output);
        Self {
            audio_in,
            audio_cached,
            audio_out,
            image_in: self.image_in.min(counts.input_uncached - audio_in),
            image_cached: self.image_cached.min(counts.cache_read - audio_cached),
            image_out: self.image_out.min(output - audio_out),
            ..self
        }
    }
}
