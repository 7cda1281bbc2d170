//! Goes round: looks at everything when records were committed or time passes, has what is new told, and brings messages
//! to webhooks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter_shared::alert::AlertView;

use super::Alerts;
use super::budgets::{self, Whose};
use super::fact::{Fact, Family};
use super::feed::Heard;
use super::ledger::{Ledger, Outcome};
use super::providers::Down;
use super::records::Records;
use crate::access::wall::Moment;
use crate::lifecycle::Lifecycle;
use crate::store::alerts::{self as rows, Applied, Batch, Hook as HookRow};
use crate::store::{StoreError, alerts::ToldRow};

/// Rounds are at least so far apart.
const PAUSE: Duration = Duration::from_secs(1);
/// While anything is wrong, it is looked at so often without being called.
const WATCHFUL: Duration = Duration::from_secs(5);
/// Otherwise so often, for what nobody tells.
const USUAL: Duration = Duration::from_mins(1);
/// Everybody's budgets are looked at every so many milliseconds.
const ALL_MS: u64 = 10 * 60_000;

/// What is remembered from one round to the next.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    ledger: Ledger,
    down: Down,
    records: Records,
    /// When everybody's budgets were looked at last.
    all_ms: Option<u64>,
    /// Whose budgets are still to be looked at, because what was seen could not be written.
    left: BTreeSet<i64>,
    /// What is new could not be written the last time.
    is_failing: bool,
    /// Something is to be told when its quiet time is over.
    waits: bool,
}

impl Alerts {
    /// Goes round until the daemon stops.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let ledger = Ledger::restored(&self.parts.before.told);
        let records = Records::restored(ledger.keys(Family::Price));
        let mut rounds = Rounds { ledger, records, ..Rounds::default() };
        let posting = Arc::clone(&self);
        let post = posting.post_on(lifecycle.clone());
        tokio::pin!(post);
        loop {
            let pause = self.round(&mut rounds).await;
            let next = async {
                tokio::time::sleep(PAUSE).await;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.feed.rung() => {}
                    // Other rules, or other webhooks.
                    () = self.parts.live.swapped() => {}
                }
            };
            tokio::select! {
                () = next => {}
                () = &mut post => return,
                () = lifecycle.soft_stop() => return,
            }
        }
    }

    /// Brings messages to webhooks until the daemon stops.
    async fn post_on(self: Arc<Self>, lifecycle: Lifecycle) {
        loop {
            self.prepare().await;
            let hooks = self.hooks.load_full();
            let wait = self.post.round(&hooks).await.map_or(USUAL, Duration::from_millis).min(USUAL);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.mail.notified() => {}
                () = self.parts.live.swapped() => {}
                () = lifecycle.soft_stop() => return,
            }
        }
    }

    /// Looks at everything once, and tells what is new. After how long to look again, if nothing happens.
    pub(super) async fn round(&self, rounds: &mut Rounds) -> Duration {
        let live = self.parts.live.load();
        let settings = &live.config.alerts;
        let heard = self.feed.take();
        let facts = if settings.enabled { self.facts(rounds, heard) } else { Vec::new() };
        let now_ms = self.parts.clock.now_ms();
        let quiet_ms = i64::try_from(settings.quiet.as_millis()).unwrap_or(i64::MAX);
        let outcome = rounds.ledger.look(&facts, &settings.kinds, now_ms, quiet_ms);
        rounds.waits = outcome.waits;
        if outcome.is_empty() {
            rounds.left.clear();
        } else {
            let told = outcome.told(now_ms, quiet_ms);
            match self.tell(&outcome, told, now_ms).await {
                Ok(()) => {
                    rounds.ledger.keep(outcome, now_ms, quiet_ms);
                    rounds.left.clear();
                    rounds.is_failing = false;
                }
                Err(error) => {
                    // It is looked at again, and told when the database takes it.
                    if !std::mem::replace(&mut rounds.is_failing, true) {
                        let what = outcome.fired.first().map_or("what is over", |fired| fired.message.as_str());
                        tracing::error!(%error, "alerts cannot be kept and are told later: {what}");
                    }
                }
            }
        }
        let is_watchful = rounds.is_failing || rounds.waits || rounds.down.is_any() || rounds.records.is_any();
        if is_watchful || rounds.ledger.is_any() { WATCHFUL } else { USUAL }
    }

    /// Everything as it is seen now.
    fn facts(&self, rounds: &mut Rounds, mut heard: Heard) -> Vec<Fact> {
        let live = self.parts.live.load();
        let settings = &live.config.alerts;
        let (uptime_ms, now) = (self.parts.clock.uptime_ms(), Moment::of(&self.parts.clock));
        let is_time = rounds.all_ms.is_none_or(|at| uptime_ms.saturating_sub(at) >= ALL_MS);
        let whose = if is_time || heard.all_tokens {
            rounds.all_ms = Some(uptime_ms);
            Whose::All
        } else {
            rounds.left.append(&mut heard.tokens);
            // What was told is looked at until it is over.
            let told =
                rounds.ledger.keys(Family::Budget).filter_map(|key| self.parts.tokens.named(key.split(':').next()?));
            Whose::These(told.map(|token| token.id).chain(rounds.left.iter().copied()).collect())
        };
        rounds.records.hear(heard);
        let mut facts = Vec::new();
        super::quotas::see(&live, settings, now.now_ms, &mut facts);
        let after_ms = u64::try_from(settings.provider_down_after.as_millis()).unwrap_or(u64::MAX);
        rounds.down.see(&live, uptime_ms, after_ms, &mut facts);
        rounds.records.see(&live, self.parts.usage.status().dropped, uptime_ms, &mut facts);
        budgets::see(&self.parts.tokens, &whose, &settings.budget_used, now, &mut facts);
        facts
    }

    /// Writes what is new and says it in the log.
    async fn tell(&self, outcome: &Outcome, told: Vec<ToldRow>, now_ms: i64) -> Result<(), StoreError> {
        let hook = |hook: &Arc<super::webhook::Hook>| HookRow {
            id: hook.id.clone(),
            kinds: hook.kinds.iter().map(|kind| kind.as_str()).collect(),
        };
        self.prepare().await;
        let batch = Batch {
            fired: outcome.fired.clone(),
            resolved: outcome.resolved.clone(),
            told,
            hooks: self.hooks.load().iter().map(hook).collect(),
            now_ms,
        };
        let apply = move |connection: &mut _| {
            let applied = rows::apply(connection, &batch)?;
            Ok::<_, StoreError>((applied, rows::firing(connection)?))
        };
        let (Applied { fired, resolved, lost }, counts) = self.writer.call(apply).await?;
        self.counted(counts);
        self.changed();
        for (hook, messages) in &lost {
            self.post.lost(hook, *messages);
        }
        fired.iter().for_each(say);
        for alert in &resolved {
            tracing::info!(kind = %alert.kind, subject = %alert.subject, "over: {}", alert.message);
        }
        if !fired.is_empty() || !resolved.is_empty() {
            self.mail.notify_one();
        }
        Ok(())
    }
}

fn say(alert: &AlertView) {
    let AlertView { kind, subject, message, advice, .. } = alert;
    if alert.severity == "critical" {
        tracing::error!(%kind, %subject, "{message}. {advice}");
    } else {
        tracing::warn!(%kind, %subject, "{message}. {advice}");
    }
}
