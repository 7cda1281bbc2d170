//! What is known about providers and models before any of them is asked: base URLs and presets, how models are
//! listed, what they can do and cost.

pub mod base_url;
pub mod discovered;
mod import;
mod layers;
pub mod listing;
mod litellm;
mod models;
mod names;
pub mod presets;
mod read;
mod set;
mod vendors;

pub use base_url::{BaseUrl, BaseUrlError, Scheme};
pub use import::{Change, Import, ImportError};
pub use layers::{Catalogue, Found, Layer, Nearness, Origin, Priced};
pub use models::{Can, Effort, Facts, Modality, Mode};
pub use presets::{AuthStyle, PRESETS, Preset, PresetEndpoint};
pub use set::{Entry, ModelSet};
