//! What is known about providers and models before any of them is asked: base URLs and presets, what models can do and
//! cost; what providers list, and how models are listed to clients.

pub mod auth;
pub mod base_url;
mod import;
mod layers;
pub mod listed;
pub mod listing;
mod litellm;
mod models;
mod names;
pub mod preset;
pub mod presets;
mod read;
mod set;
mod vendors;

pub use auth::AuthStyle;
pub use base_url::{BaseUrl, BaseUrlError, Scheme};
pub use import::{Change, Import, ImportError};
pub use layers::{Catalogue, Found, Layer, Nearness, Origin, Priced, Tariff};
pub use models::{Can, Effort, Facts, Modality, Mode};
pub use preset::{ModelList, Preset, PresetEndpoint, PresetError, RateLimit};
pub use presets::{Gone, Presets};
pub use set::{Entry, ModelSet};
