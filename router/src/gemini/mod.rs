//! Google Gemini `generateContent`.

mod answer;
pub mod error;
pub mod request;
pub mod response;
mod stop;
pub mod stream;
mod wire;
