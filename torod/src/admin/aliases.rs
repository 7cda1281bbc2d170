//! `/admin/api/aliases`: names of our own for models, in every profile: listed, written and removed in the file.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::Lossy;
use tokenrouter_shared::routing::{AliasDetail, AliasPage, AliasPut, AliasTarget};

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use super::noted::{Deed, noted};
use super::paging::{self, has};
use super::query::Words;
use super::settings::{changed, version};
use super::version::{Expected, tagged};
use crate::access::Operator;
use crate::config::edit::alias;
use crate::config::{AliasConfig, TargetConfig, shorten};

/// The most targets that one alias is given.
const MOST_TARGETS: usize = 64;

/// Lists them as the file says it.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["q", "cursor", "limit"])?;
    let (limit, text) = (paging::limit(&words)?, paging::text(&words)?);
    let version = version(&admin).await?;
    let config = Arc::clone(&admin.reload.status().config);
    let is_wanted = |alias: &&AliasConfig| {
        let models = alias.targets.iter().flat_map(|one| [Some(one.model.as_str()), one.provider.as_deref()]);
        has(text.as_deref(), std::iter::once(alias.name.as_str()).chain(models.flatten()))
    };
    let all = config.model_aliases.iter().filter(is_wanted).map(detail).collect();
    let (aliases, next) =
        paging::page(all, |one: &AliasDetail| one.name.clone(), words.text("cursor").as_deref(), limit)?;
    let page = AliasPage {
        version: version.clone(),
        active_model_profile: config.active_model_profile.clone(),
        profiles: config.profiles().into_iter().map(str::to_owned).collect(),
        aliases,
        next,
    };
    Ok(tagged(version.as_deref(), Json(page)))
}

/// Writes one whole, in the place of that which has its name, or as a new one. The answer is sent when requests see it.
pub async fn put(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Small<AliasPut>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let example = "Send {\"version\": \"…\", \"targets\": [{\"provider\": \"openai\", \"model\": \"gpt-5\"}]}.";
    let wanted = wanted.read(example)?;
    let expected = Expected::read(&headers)?.and(wanted.version.clone())?.required()?;
    let alias = read(&name, wanted)?;
    let before = shown(&admin, &name);
    let deed = Deed::new(operator, "alias.put", &alias.name, shorten(&name));
    let (inner, shows) = (Arc::clone(&admin), alias.name.clone());
    let change =
        async move { Ok(inner.reload.edit(move |path| alias::put(path, &name, &alias, expected.as_deref())).await?) };
    let inner = Arc::clone(&admin);
    let tell = move |_: &_| {
        let after = shown(&inner, &shows);
        Some(serde_json::json!({ "before": before, "after": after }).to_string())
    };
    let done = noted(&admin, deed, change, tell).await?;
    changed(&admin, &done).await
}

/// Removes one; where `If-Match` names a version of the file, only from that one.
pub async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    let expected = Expected::read(&headers)?.version();
    let before = serde_json::to_string(&shown(&admin, &name)).unwrap_or_default();
    let deed = Deed::new(operator, "alias.remove", &shorten(&name), before);
    let reload = Arc::clone(&admin.reload);
    let change = async move { Ok(reload.edit(move |path| alias::remove(path, &name, expected.as_deref())).await?) };
    noted(&admin, deed, change, |_| None).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(admin: &Admin, name: &str) -> Option<AliasDetail> {
    let config = Arc::clone(&admin.reload.status().config);
    config.model_aliases.iter().find(|alias| alias.name == name).map(detail)
}

fn detail(alias: &AliasConfig) -> AliasDetail {
    let target = |one: &TargetConfig| AliasTarget {
        profile: one.profile.clone(),
        provider: one.provider.clone(),
        model: one.model.clone(),
        weight: one.weight,
    };
    AliasDetail {
        name: alias.name.clone(),
        lossy: alias.lossy.map(|lossy| lossy.as_str().to_owned()),
        order: alias.order.as_ref().map(|order| order.iter().map(|one| one.as_str().to_owned()).collect()),
        targets: alias.targets.iter().map(target).collect(),
    }
}

/// What is wanted, in the words of the file, which says what else is wrong with it.
fn read(name: &str, wanted: AliasPut) -> Result<AliasConfig, Failure> {
    let lossy = wanted.lossy.map(|text| {
        let known =
            |_| Failure::bad_request(format!("`{}` is no `lossy`.", shorten(&text)), "Write `warn` or `reject`.");
        text.parse::<Lossy>().map_err(known)
    });
    let criterion = |text: String| {
        use tokenrouter::pick::order::Criterion;
        Criterion::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
            let known = Criterion::ALL.map(Criterion::as_str).join(", ");
            Failure::bad_request(format!("`{}` is nothing to order by.", shorten(&text)), format!("Known: {known}."))
        })
    };
    if wanted.targets.len() > MOST_TARGETS {
        let said = format!("An alias has at most {MOST_TARGETS} targets.");
        return Err(Failure::bad_request(said, "Name fewer."));
    }
    let target = |one: AliasTarget| TargetConfig {
        profile: one.profile,
        provider: one.provider,
        model: one.model,
        weight: one.weight,
    };
    Ok(AliasConfig {
        name: wanted.name.unwrap_or_else(|| name.to_owned()),
        lossy: lossy.transpose()?,
        order: wanted.order.map(|order| order.into_iter().map(criterion).collect::<Result<_, _>>()).transpose()?,
        targets: wanted.targets.into_iter().map(target).collect(),
    })
}
