//! Target `models`: whatever a provider lists, what is read of it is sound, within bounds, and reads the same again.

use std::collections::HashSet;

use tokenrouter::catalog::listed::{Bounds, Listed, first_page, llama_props, next_page, ollama_show, read};
use tokenrouter::peek::MAX_MODEL_BYTES;

use super::case;

/// The first byte is the protocol that is asked, the rest is the answer.
pub fn run(data: &[u8]) {
    let Some((protocol, body)) = case::protocol(data) else { return };
    let bounds = Bounds { bytes: 64 << 10, models: 20 };
    for details in [ollama_show(body), llama_props(body)].into_iter().flatten() {
        let mut model = Listed::named("a");
        model.learn(&details);
        sound(&model);
    }
    let page = match read(body, bounds) {
        Ok(page) => page,
        Err(e) => {
            assert!(!e.to_string().is_empty());
            return;
        }
    };
    assert!(body.len() <= bounds.bytes && page.models.len() <= bounds.models);
    let ids: HashSet<&str> = page.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids.len(), page.models.len(), "a model is there once");
    for model in &page.models {
        sound(model);
        let text = serde_json::to_string(model).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Listed>(&text).ok().as_ref(), Some(model), "{text}");
    }
    // What we list ourselves is read as the same names.
    let again: Vec<_> = page.models.iter().map(|model| serde_json::json!({ "id": model.id })).collect();
    let again = read(serde_json::json!({ "data": again }).to_string().as_bytes(), Bounds::default());
    let again: Vec<_> = again.unwrap_or_default().models.into_iter().map(|model| model.id).collect();
    let is_plain = |model: &&Listed| !model.id.starts_with("models/");
    let plain: Vec<_> = page.models.iter().filter(is_plain).map(|model| model.id.clone()).collect();
    assert!(plain.iter().all(|id| again.contains(id)), "{plain:?} {again:?}");
    if let Some(next) = page.next {
        let url = next_page(&first_page("http://h/v1/models", protocol), &next);
        let query = url.strip_prefix("http://h/v1/models?").unwrap_or_default();
        assert!(
            !query.is_empty() && query.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%=&".contains(&b)),
            "{url}"
        );
    }
}

fn sound(model: &Listed) {
    assert!(!model.id.is_empty() && model.id.len() <= MAX_MODEL_BYTES, "{model:?}");
    assert!(!model.id.chars().any(char::is_control), "{model:?}");
    assert!([model.context_window, model.max_output].into_iter().flatten().all(|tokens| tokens > 0), "{model:?}");
}
