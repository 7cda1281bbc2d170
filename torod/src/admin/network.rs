//! `/admin/api/network`: where the gateway listens, and a change of that and of its TLS: it is tried beside what is there,
//! and holds when somebody comes by the new way and says so. Nobody who errs is shut out for longer than a minute.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::gateway::ListenerView;
use tokenrouter_shared::network::{NetworkChange, NetworkTrial, NetworkView};
use tokenrouter_shared::settings::SettingValue;

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use super::noted::{Deed, noted};
use super::settings::{changed, changes, detail, version};
use super::version::{Expected, tagged};
use crate::access::Operator;
use crate::config::edit::{self, By, Change};
use crate::config::settings::settings;
use crate::config::{Config, shorten};
use crate::reload::{Changes, ReloadError};

/// What may be tried. Paths of this machine and foreign CAs are written into the file by whoever owns it.
const KEYS: [&str; 9] = [
    "listen_addr",
    "server.listen",
    "server.admin_listen",
    "server.proxy_protocol",
    "tls.mode",
    "tls.hosts",
    "tls.http_addr",
    "tls.email",
    "tls.acme_challenge",
];
/// How long somebody may take to confirm, in seconds: at least, at most, and where nothing is said.
const WITHIN_S: (u64, u64, u64) = (5, 600, 60);

/// What comes back later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Marks a request that came by what is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByTrial(pub u64);

/// Why a change cannot be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another one is.
    Busy,
    /// It is like that already.
    Same,
    /// It cannot be had.
    Unusable(String),
}

/// What is tried, and what was.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Where it listens.
    pub listeners: Vec<ListenerView>,
    /// What is tried.
    pub trial: Option<NetworkTrial>,
    /// Why the last change was taken back.
    pub taken_back: Option<String>,
}

/// Changes where the gateway listens, while it runs.
pub trait Ways: Send + Sync {
    /// How it stands.
    fn standing(&self) -> Standing;
    /// Tries `config` for as long as `within`; its number is told, by which requests are marked.
    fn begin(self: Arc<Self>, config: Config, within: Duration) -> Later<Result<(u64, NetworkTrial), Refusal>>;
    /// Keeps the change from being taken back while the file is written; none where there is no such change any more.
    fn hold(self: Arc<Self>, id: u64) -> Later<Option<Arc<Config>>>;
    /// The change that is held comes into force, or is taken back.
    fn settle(self: Arc<Self>, id: u64, holds: bool) -> Later<()>;
    /// Takes back what is tried, unless it is held.
    fn withdraw(self: Arc<Self>) -> Later<bool>;
}

/// The ways, and how the file is to be changed when what is tried holds.
#[derive(Default)]
pub struct Network {
    ways: OnceLock<Weak<dyn Ways>>,
    wanted: Mutex<Option<Arc<Tried>>>,
}

struct Tried {
    id: u64,
    changes: Vec<Change>,
    version: Option<String>,
    detail: String,
}

impl Network {
    /// From now on it is changed by `ways`, for as long as they live.
    pub fn set(&self, ways: Weak<dyn Ways>) {
        // It is set once, before the first request.
        _ = self.ways.set(ways);
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.ways.get().and_then(Weak::upgrade).map(|ways| ways.standing()).unwrap_or_default()
    }

    fn ways(&self) -> Result<Arc<dyn Ways>, Failure> {
        self.ways.get().and_then(Weak::upgrade).ok_or_else(|| ReloadError::Stopping.into())
    }

    fn tried(&self, id: u64) -> Option<Arc<Tried>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|tried| tried.id == id)
    }

    fn note(&self, tried: Option<Tried>) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = tried.map(Arc::new);
    }
}

/// Shows it.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    by: Option<Extension<ByTrial>>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let Standing { listeners, trial, taken_back } = admin.network.standing();
    let version = version(&admin).await?;
    let by_trial = trial.is_some() && by.is_some_and(|Extension(ByTrial(id))| admin.network.tried(id).is_some());
    Ok(tagged(version.clone().as_deref(), Json(NetworkView { version, listeners, trial, by_trial, taken_back })))
}

/// Tries a change.
pub async fn begin(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    wanted: Small<NetworkChange>,
) -> Result<(StatusCode, Json<NetworkTrial>), Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"set\": {\"tls.mode\": \"self-signed\"}, \"within_s\": 60}.")?;
    if let Some(key) = wanted.set.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let said = format!("`{}` is not tried here.", shorten(key));
        let advice = format!("These are: {}. The rest is written into torod.toml.", KEYS.join(", "));
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "setting_unknown", said, advice));
    }
    let before = Arc::clone(&admin.reload.status().config);
    if let Some(socket) = wanted.set.values().flatten().find_map(|value| foreign_socket(value, &before)) {
        let said = format!("`{}` is a socket in the file system.", shorten(&socket));
        let advice = "Those are written into torod.toml by whoever owns it.";
        return Err(Failure::new(StatusCode::FORBIDDEN, "not_from_here", said, advice));
    }
    let (least, most, usual) = WITHIN_S;
    let within_s = wanted.within_s.unwrap_or(usual);
    if !(least..=most).contains(&within_s) {
        let said = format!("`within_s` must be {least} to {most}.");
        return Err(Failure::bad_request(said, "Say how many seconds somebody may take to confirm the change."));
    }
    let expected = Expected::read(&headers)?.and(wanted.version)?.required()?;
    let (changes, detail) = (changes(&wanted.set), detail(&settings(&before), &wanted.set));
    let config = admin.reload.preview(changes.clone(), expected.clone()).await?;
    let ways = admin.network.ways()?;
    let (id, trial) = ways.begin(config, Duration::from_secs(within_s)).await.map_err(refused)?;
    admin.network.note(Some(Tried { id, changes, version: expected, detail: detail.clone() }));
    admin.note(Deed::new(operator, "network.try", "torod.toml", detail)).await?;
    Ok((StatusCode::ACCEPTED, Json(trial)))
}

/// Has what is tried hold. It must be said by the new way.
pub async fn confirm(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    by: Option<Extension<ByTrial>>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let none = || {
        let advice = "GET /admin/api/network says what is tried, and why the last change was taken back.";
        Failure::new(StatusCode::CONFLICT, "network_not_tried", "No change is tried.", advice)
    };
    let ways = admin.network.ways()?;
    let trial = ways.standing().trial.ok_or_else(none)?;
    let Some(tried) = by.and_then(|Extension(ByTrial(id))| admin.network.tried(id)) else {
        let places: Vec<_> = trial.listeners.iter().map(|place| place.address.as_str()).collect();
        let said = "This request came by the old way, which does not show that the new one is reached.";
        let advice = format!("Send it by one of these: {}.", places.join(", "));
        return Err(Failure::new(StatusCode::CONFLICT, "network_old_way", said, advice));
    };
    let id = tried.id;
    let config = Arc::clone(&ways).hold(id).await.ok_or_else(none)?;
    let deed = Deed::new(operator, "network.confirm", "torod.toml", tried.detail.clone());
    let inner = Arc::clone(&admin);
    // It goes on where whoever asked is gone: neither is without the other.
    let change = async move {
        let before = inner.reload.listens_by(config);
        let (changes, version) = (tried.changes.clone(), tried.version.clone());
        let edit = move |path: &std::path::Path| edit::set_all(path, &changes, version.as_deref(), By::Api);
        let edited = inner.reload.edit(edit).await;
        ways.settle(id, edited.is_ok()).await;
        inner.network.note(None);
        if edited.is_err() {
            inner.reload.listens_by(before);
        }
        Ok::<Changes, Failure>(edited?)
    };
    let done = noted(&admin, deed, change, |_| None).await?;
    changed(&admin, &done).await
}

/// Takes it back at once.
pub async fn withdraw(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    if admin.network.ways()?.withdraw().await {
        admin.network.note(None);
        admin.note(Deed::new(operator, "network.withdraw", "torod.toml", "")).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Busy => {
            let advice = "Confirm it, take it back, or wait until its time is over.";
            Failure::new(StatusCode::CONFLICT, "network_tried", "Another change is being tried.", advice)
        }
        Refusal::Same => {
            let said = "The gateway listens like that already.";
            let advice = "What stands in the environment or on the command line takes precedence over the file.";
            Failure::new(StatusCode::CONFLICT, "network_same", said, advice)
        }
        Refusal::Unusable(why) => {
            let advice = "Nothing changed: the gateway listens as before.";
            Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "network_unusable", format!("{why}."), advice)
        }
    }
}

/// A socket in the file system that the file does not name.
fn foreign_socket(value: &SettingValue, config: &Config) -> Option<String> {
    let SettingValue::Texts(texts) = value else { return None };
    let known = || config.server.listen.iter().chain(&config.server.admin_listen);
    texts.iter().find(|text| text.starts_with("unix:") && !known().any(|known| known.to_string() == **text)).cloned()
}
