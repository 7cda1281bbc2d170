//! `GET /admin/api/presets`: the well-known providers, and what each needs.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter::catalog::Preset;
use tokenrouter_shared::gateway::{PresetPage, PresetView};
use tokenrouter_shared::provider::ProtocolUrl;

use super::Admin;
use super::answer::Failure;
use super::paging::{self, has};
use super::query::Words;
use crate::access::Operator;
use crate::config::Config;

/// Lists them, the most used first.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<PresetPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["q", "cursor", "limit"])?;
    let (limit, text) = (paging::limit(&words)?, paging::text(&words)?);
    let config = Arc::clone(&admin.reload.status().config);
    let is_wanted = |preset: &&Arc<Preset>| {
        let names = [preset.id.as_str(), preset.name.as_str()].into_iter();
        has(text.as_deref(), names.chain(preset.aliases.iter().map(String::as_str)))
    };
    let all: Vec<_> = config.presets.all().filter(is_wanted).cloned().collect();
    let total = all.len() as u64;
    let name = |preset: &Arc<Preset>| preset.id.clone();
    let (page, next) = paging::page(all, name, words.text("cursor").as_deref(), limit)?;
    let presets = page.iter().map(|preset| view(preset, &config)).collect();
    Ok(Json(PresetPage { presets, total, as_of: Preset::as_of().to_owned(), next }))
}

fn view(preset: &Preset, config: &Config) -> PresetView {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let follows = config.providers.iter().filter(|one| one.preset.as_ref().is_some_and(|known| known.id == preset.id));
    PresetView {
        id: preset.id.clone(),
        name: preset.name.clone(),
        aliases: preset.aliases.clone(),
        protocols: preset
            .endpoints
            .iter()
            .map(|one| ProtocolUrl { protocol: one.protocol.as_str().to_owned(), url: one.base_url.clone() })
            .collect(),
        needs_key: preset.needs_key(),
        env: preset.env.clone(),
        needs: preset.needs.clone(),
        key_page: said(&preset.key_page),
        docs: said(&preset.docs),
        note: said(&preset.note),
        free_tier: preset.free_tier,
        public: preset.public,
        local_port: preset.local_port,
        own: config.presets.own().iter().any(|own| own.id == preset.id),
        used_by: follows.map(|one| one.name.clone()).collect(),
    }
}
