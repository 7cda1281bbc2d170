//! What is known about providers before any of them is asked: base URLs and presets; what they list, and how models are
//! listed to clients.

pub mod auth;
pub mod base_url;
pub mod listed;
pub mod listing;
pub mod preset;
pub mod presets;

pub use auth::AuthStyle;
pub use base_url::{BaseUrl, BaseUrlError, Scheme};
pub use preset::{ModelList, Preset, PresetEndpoint, PresetError, RateLimit};
pub use presets::{Gone, Presets};
