//! What is known of models: asked of the gateway that runs, else put together from the file and the lists of before.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenrouter::catalog::listing::{self, Card, Page, Selection, Shape};
use tokenrouter_shared::model::{ModelView, ModelsView};

use crate::clock::Clock;
use crate::commands::{self, control, system_env};
use crate::config::{self, Config, Paths, ProviderConfig, Vault};
use crate::daemon::SOCKET;
use crate::store::{DataSet, Lists};
use crate::upstreams::held::Held;
use crate::upstreams::key_source::KeySource;
use crate::upstreams::provider::{Key, Provider};
use crate::upstreams::snapshot::{Live, Snapshot};
use crate::upstreams::{catalogue, discovery, views};

type Wishes = [(&'static str, String)];

const NOTHING: Option<&()> = None;

/// The models that are wanted.
pub(super) async fn models(
    paths: &Paths,
    wishes: &Wishes,
    talk: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<ModelsView> {
    if is_running(paths) {
        return all(paths, wishes).await;
    }
    let live = world(paths, talk, clock)?;
    Ok(ModelsView { is_live: false, ..views::models(&live, &selection(wishes)?, clock.now_ms()) })
}

/// One model; else the names that look most like it.
pub(super) async fn model(
    paths: &Paths,
    id: &str,
    talk: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<Result<ModelView, Vec<String>>> {
    if is_running(paths) {
        return ask(paths, &format!("/{}", control::escape(id))).await.map(Ok);
    }
    let live = world(paths, talk, clock)?;
    Ok(views::model(&live, id, clock.now_ms()))
}

/// Codex's catalogue of the models that are wanted.
pub(super) async fn catalogue(
    paths: &Paths,
    wishes: &Wishes,
    talk: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<Value> {
    if is_running(paths) {
        let wishes: Vec<_> = wishes.iter().cloned().chain([("form", "codex".to_owned())]).collect();
        return ask(paths, &query(&wishes)).await;
    }
    let live = world(paths, talk, clock)?;
    let cards = live.told.cards(&live, clock.now_ms());
    let chosen: Vec<Card> = selection(wishes)?.of(&cards.list).into_iter().cloned().collect();
    Ok(serde_json::from_slice(&listing::list(Shape::Codex { is_whole: false }, Page::whole(&chosen)))?)
}

/// All that are wanted of a running gateway, page by page.
async fn all(paths: &Paths, wishes: &Wishes) -> anyhow::Result<ModelsView> {
    let most = selection(wishes)?.limit.unwrap_or(usize::MAX);
    let wishes: Vec<_> = wishes.iter().filter(|(key, _)| *key != "limit").cloned().collect();
    let mut told: ModelsView = ask(paths, &query(&wishes)).await?;
    while let Some(next) = told.next.take().filter(|_| told.models.len() < most) {
        let wishes: Vec<_> = wishes.iter().cloned().chain([("cursor", next)]).collect();
        let page: ModelsView = ask(paths, &query(&wishes)).await?;
        told.models.extend(page.models);
        told.next = page.next;
    }
    told.models.truncate(most);
    Ok(told)
}

fn query(wishes: &Wishes) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(wishes).finish();
    format!("?{query}")
}

fn selection(wishes: &Wishes) -> anyhow::Result<Selection> {
    let mut wanted = Selection::default();
    for (key, value) in wishes {
        wanted.set(key, value)?;
    }
    Ok(wanted)
}

fn is_running(paths: &Paths) -> bool {
    UnixStream::connect(paths.data_dir.join(SOCKET)).is_ok()
}

async fn ask<T: DeserializeOwned>(paths: &Paths, rest: &str) -> anyhow::Result<T> {
    control::ask(&paths.data_dir, Method::GET, &format!("/admin/api/models{rest}"), NOTHING).await
}

/// What the file says, with the lists that the providers had when a gateway last saw them.
pub(in crate::commands) fn world(
    paths: &Paths,
    talk: &mut (dyn Write + Send),
    clock: &Clock,
) -> anyhow::Result<Arc<Snapshot>> {
    let config = config::load_paths(paths)?;
    writeln!(
        talk,
        "torod: no gateway runs with the data folder {}, so this is what {} says and what was listed before",
        paths.data_dir.display(),
        paths.config_file.display()
    )?;
    let providers = described(&config, &commands::vault(&paths.data_dir))?;
    discovery::recall(&Lists::new(&paths.data_dir), &providers);
    let live = Live::new(&config, providers, 0, clock.clone());
    live.set_catalogue(catalogue::updated_or_embedded(&DataSet::new(&paths.data_dir)));
    Ok(live.load())
}

/// The providers of the file. The list of one whose key cannot be had stays unknown: it is kept for that key alone.
fn described(config: &Config, vault: &dyn Vault) -> anyhow::Result<Vec<Arc<Provider>>> {
    let one = |provider: &ProviderConfig| {
        let keys = provider.credentials.iter().enumerate().filter(|_| provider.enabled);
        let keys = keys.filter_map(|(at, credential)| {
            let label = credential.label(at);
            // One that is renewed is known by where it comes from: there is no need to have it.
            if credential.is_renewed() {
                return Some(
                    KeySource::new(&provider.name, at, credential).key(credential.weight, Arc::new(Held::awaited())),
                );
            }
            let secret = config::resolve_secret(&credential.secret, &system_env, vault).ok()?;
            Some(Key::fixed(label, credential.weight, secret))
        });
        Ok(Arc::new(Provider::new(provider, &keys.collect::<Vec<_>>())?))
    };
    config.providers.iter().map(one).collect()
}
