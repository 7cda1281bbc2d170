//! What is known about providers before any of them is asked: base URLs and presets; and how models are listed.

pub mod base_url;
pub mod listing;
pub mod presets;

pub use base_url::{BaseUrl, BaseUrlError, Scheme};
pub use presets::{AuthStyle, PRESETS, Preset, PresetEndpoint};
