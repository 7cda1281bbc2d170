//! Alerts: what somebody should know is told once: in the log, in a list, and to webhooks.
//!
//! `quotas`, `budgets`, `providers` and `records` say what is seen of everything (`fact`), `ledger` knows what was told of it
//! (`standing`: marks, margins and quiet times), `watch` goes round whenever records were committed (`feed`) or time
//! passes, and `post` brings messages to webhooks (`webhook`, `signature`). Requests meet none of this.

mod budgets;
mod fact;
mod feed;
mod ledger;
mod post;
mod providers;
mod quotas;
mod records;
mod signature;
mod standing;
mod watch;
mod webhook;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokenrouter_shared::alert::{AlertTested, AlertView, WebhookTried, WebhookView};
use tokio::sync::Notify;

use self::feed::{Feed, Listener};
use self::post::Post;
use self::webhook::{Hook, Refused};
use crate::access::TokenIndex;
use crate::clock::Clock;
use crate::config::{self, Alerts as Settings};
use crate::store::alerts::{self as rows, ToldRow};
use crate::store::{Connection, Readers, StoreError, WriterHandle};
use crate::upstreams::snapshot::Live;
use crate::usage::UsageWriter;

/// What alerts are made from.
pub struct Parts {
    /// Providers and settings.
    pub live: Arc<Live>,
    /// Tokens and their budgets.
    pub tokens: Arc<TokenIndex>,
    /// What is written, and what is lost.
    pub usage: Arc<UsageWriter>,
    /// The database's reading side.
    pub readers: Arc<Readers>,
    /// Has the secrets of webhooks.
    pub vault: Arc<dyn config::Vault>,
    /// The environment, for secrets.
    pub env: fn(&str) -> Option<String>,
    /// The time.
    pub clock: Clock,
    /// What was told before the start.
    pub before: Before,
}

/// What was told before the start, read where the database is open anyway.
#[derive(Debug, Default)]
pub struct Before {
    told: Vec<ToldRow>,
    counts: (u64, u64),
    has_mail: bool,
}

impl Before {
    /// What the database remembers.
    pub fn read(connection: &Connection) -> Result<Self, StoreError> {
        let has_mail = !rows::waiting(connection)?.is_empty();
        Ok(Self { told: rows::told(connection)?, counts: rows::firing(connection)?, has_mail })
    }
}

/// What somebody should know, and who is told.
pub struct Alerts {
    parts: Parts,
    writer: WriterHandle,
    feed: Arc<Feed>,
    post: Post,
    /// There are new messages.
    mail: Notify,
    hooks: ArcSwap<Vec<Arc<Hook>>>,
    /// What the hooks were made of.
    made_of: Mutex<Option<Settings>>,
    firing: AtomicU64,
    unacknowledged: AtomicU64,
    changes: AtomicU64,
}

impl Alerts {
    /// Listens from now on; [`Alerts::run`] does the rest.
    pub fn new(parts: Parts) -> Self {
        let feed = Arc::<Feed>::default();
        parts.usage.listen(Box::new(Listener(Arc::clone(&feed))));
        let writer = parts.usage.handle();
        let (firing, unacknowledged) = parts.before.counts;
        let post = Post::new(Arc::clone(&parts.readers), writer.clone(), parts.clock.clone());
        Self {
            parts,
            writer,
            feed,
            post,
            mail: Notify::new(),
            hooks: ArcSwap::default(),
            made_of: Mutex::default(),
            firing: AtomicU64::new(firing),
            unacknowledged: AtomicU64::new(unacknowledged),
            changes: AtomicU64::new(0),
        }
    }

    /// How many alerts are firing, and how many of these nobody has acknowledged.
    pub fn counts(&self) -> (u64, u64) {
        (self.firing.load(Ordering::Relaxed), self.unacknowledged.load(Ordering::Relaxed))
    }

    /// Has it looked at once whether there is anything to tell.
    pub fn look(&self) {
        self.feed.ring();
    }

    /// The alerts in the database were counted anew.
    pub fn counted(&self, (firing, unacknowledged): (u64, u64)) {
        self.firing.store(firing, Ordering::Relaxed);
        self.unacknowledged.store(unacknowledged, Ordering::Relaxed);
    }

    /// How often alerts have changed in the database since the start.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Alerts in the database have changed.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// How the webhooks stand.
    pub fn webhooks(&self) -> Vec<WebhookView> {
        self.post.views(&self.hooks.load())
    }

    /// Sends every webhook a trial, all at once; nothing of it is kept.
    pub async fn test(&self) -> AlertTested {
        self.prepare().await;
        let hooks = self.hooks.load_full();
        let now_ms = self.parts.clock.now_ms();
        let alert = trial(now_ms);
        let body = rows::body("alert.test", &alert, now_ms);
        let tried = hooks.iter().map(|hook| {
            let (body, clock) = (&body, &self.parts.clock);
            async move {
                let began = clock.instant();
                let sent = hook.send(&format!("msg_test_{now_ms}"), body, now_ms).await;
                let took = clock.instant().saturating_duration_since(began);
                let (status, error) = match sent {
                    Ok(status) => (Some(status), None),
                    Err(Refused { status, why, .. }) => (status, Some(why)),
                };
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                WebhookTried { url: hook.origin.clone(), status, error, took_ms }
            }
        });
        AlertTested { webhooks: join_all(tried).await }
    }

    /// Makes the webhooks that the configuration names now, with their secrets, where these are others than before.
    async fn prepare(&self) {
        let settings = self.parts.live.load().config.alerts.clone();
        if self.made_of.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&settings) {
            return;
        }
        if settings.webhooks.is_empty() && self.hooks.load().is_empty() && !self.parts.before.has_mail {
            // Nobody has any.
            *self.made_of.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
            return;
        }
        let (vault, env, wanted) = (Arc::clone(&self.parts.vault), self.parts.env, settings.webhooks.clone());
        // Secrets come from files and commands, which may take their time.
        let made = tokio::task::spawn_blocking(move || {
            let hook = |webhook: &config::Webhook| {
                let resolve = |source| config::resolve_secret(source, &env, &*vault).map_err(|e| e.to_string());
                let secret = webhook.secret.as_ref().map(resolve).transpose();
                Arc::new(Hook::new(webhook, secret))
            };
            wanted.iter().map(hook).collect::<Vec<_>>()
        });
        let Ok(hooks) = made.await else { return };
        for hook in &hooks {
            if let Some(fault) = &hook.fault {
                tracing::error!(webhook = %hook.origin, "no message can be signed: {fault}");
            }
        }
        let is_sound = hooks.iter().all(|hook| hook.fault.is_none());
        self.post.begin(&hooks).await;
        self.hooks.store(Arc::new(hooks));
        // A secret that cannot be had now is tried again.
        *self.made_of.lock().unwrap_or_else(PoisonError::into_inner) = is_sound.then_some(settings);
    }
}

fn trial(now_ms: i64) -> AlertView {
    AlertView {
        id: 0,
        kind: "test".to_owned(),
        severity: "warning".to_owned(),
        subject: "torod".to_owned(),
        key: "test".to_owned(),
        message: "This is a trial: nothing is wrong.".to_owned(),
        advice: "Nothing needs to be done.".to_owned(),
        state: "firing".to_owned(),
        fired_ms: now_ms,
        resolved_ms: None,
        acknowledged_ms: None,
        acknowledged_by: None,
        permille: None,
        resets_ms: None,
    }
}
