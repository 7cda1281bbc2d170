//! The task that goes round as long as anybody listens: takes what was heard, looks at the rest, and tells what is new.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter_shared::live::{LiveAlerts, LiveConfig, LiveLog, LiveProviders, LiveQuotas, LiveUsage};

use super::hub::event;
use super::seen::{self, Told};
use crate::admin::Admin;
use crate::store::alerts::{self, AlertQuery};
use crate::store::log::{self, LogQuery};
use crate::upstreams::quota::view_all;
use crate::upstreams::standing::Moment;

/// From one round to the next: nobody is told of anything more often.
const BEAT: Duration = Duration::from_millis(250);
/// What has to be looked at is looked at every so many rounds.
const SELDOM: u32 = 4;
/// Lines of one event.
const LINES: usize = 100;
/// Alerts that are looked at.
const ALERTS: usize = 50;

/// Which alerts are over, and which were acknowledged.
type Stands = BTreeMap<i64, (bool, bool)>;

/// What was told last.
#[derive(Default)]
struct Turn {
    round: u32,
    providers: Option<Told>,
    quotas: Option<Told>,
    config: Option<LiveConfig>,
    /// How often alerts had changed, and how each stood.
    alerts: Option<(u64, Stands)>,
    /// How often lines had been kept, and the last one that was told.
    log: Option<(u64, i64)>,
}

/// Goes round until nobody listens or the daemon stops.
pub(super) async fn run(admin: Arc<Admin>) {
    let mut turn = Turn::default();
    while admin.hub.goes_on() {
        tell_usage(&admin);
        if turn.round.is_multiple_of(SELDOM) {
            turn.look(&admin);
            turn.tell_alerts(&admin).await;
        }
        turn.tell_log(&admin).await;
        turn.round = turn.round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = admin.lifecycle.soft_stop() => return,
        }
    }
}

fn tell_usage(admin: &Admin) {
    let uptime_ms = admin.clock.uptime_ms();
    for part in admin.hub.heard.take(uptime_ms) {
        let Some((totals, rows, left_out)) = part.told(&admin.tokens) else { continue };
        let span_ms = uptime_ms.saturating_sub(part.since_ms);
        let news = LiveUsage { at_ms: admin.clock.now_ms(), span_ms, totals, rows, left_out };
        admin.hub.tell_usage(part.root, &event("usage", &news));
    }
}

impl Turn {
    /// Looks at what tells nobody when it changes. What nobody listens to is forgotten, so that the next who does is told.
    fn look(&mut self, admin: &Admin) {
        let (hub, live, moment) = (&admin.hub, admin.live.load(), Moment::now(&admin.clock));
        if hub.has(|topics| topics.providers) {
            let news = seen::providers(&live, moment, self.providers.get_or_insert_default());
            if news != LiveProviders::default() {
                hub.tell(|topics| topics.providers, &event("providers", &news));
            }
        } else {
            self.providers = None;
        }
        if hub.has(|topics| topics.quotas) {
            let all = view_all(&live, None, moment.now_ms);
            let quotas = seen::quotas(all, self.quotas.get_or_insert_default());
            if !quotas.is_empty() {
                hub.tell(|topics| topics.quotas, &event("quotas", &LiveQuotas { quotas }));
            }
        } else {
            self.quotas = None;
        }
        let status = admin.reload.status();
        let config = LiveConfig { loaded_ms: status.loaded_ms, error: status.error.clone() };
        if self.config.replace(config.clone()).is_some_and(|before| before != config) {
            hub.tell(|topics| topics.config, &event("config", &config));
        }
    }

    async fn tell_alerts(&mut self, admin: &Admin) {
        if !admin.hub.has(|topics| topics.alerts) {
            self.alerts = None;
            return;
        }
        let changes = admin.alerts.changes();
        let (seen, known) = self.alerts.get_or_insert_with(|| (changes.wrapping_sub(1), Stands::new()));
        if *seen == changes {
            return;
        }
        let query = AlertQuery { limit: ALERTS, ..AlertQuery::default() };
        let read = admin.read(move |connection| Ok((alerts::page(connection, &query)?, alerts::firing(connection)?)));
        // It is tried again in a second.
        let Ok(((page, _), (firing, unacknowledged))) = read.await else { return };
        *seen = changes;
        let stands = page.iter().map(|one| (one.id, (one.resolved_ms.is_some(), one.acknowledged_ms.is_some())));
        let now: Stands = stands.collect();
        let alerts = page.into_iter().filter(|one| known.get(&one.id) != now.get(&one.id)).collect();
        *known = now;
        admin.hub.tell(|topics| topics.alerts, &event("alerts", &LiveAlerts { alerts, firing, unacknowledged }));
    }

    async fn tell_log(&mut self, admin: &Admin) {
        if !admin.hub.has(|topics| topics.log) {
            self.log = None;
            return;
        }
        let Some(lines) = admin.lines.get() else { return };
        let kept = lines.kept();
        let (seen, after) = self.log.get_or_insert_with(|| (kept.wrapping_sub(1), admin.hub.log_after()));
        if *seen == kept {
            return;
        }
        let query = LogQuery { after: Some(*after), limit: LINES, ..LogQuery::default() };
        let read = admin.read(move |connection| Ok((log::page(connection, &query)?, log::last(connection)?)));
        let Ok(((lines, _), last)) = read.await else { return };
        *seen = kept;
        let Some(told) = lines.last().map(|line| line.id) else { return };
        *after = last;
        let left_out = u64::try_from(last.saturating_sub(told)).unwrap_or(0);
        admin.hub.tell(|topics| topics.log, &event("log", &LiveLog { lines, last, left_out }));
    }
}
