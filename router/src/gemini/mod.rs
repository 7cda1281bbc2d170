//! Google Gemini generateContent.

pub(crate) mod error;
