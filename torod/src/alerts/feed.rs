//! What the usage writer's records tell alerts: whose budgets were charged, and which models nobody knows the price of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::usage::Record;
use crate::usage::live::Committed;

/// More tokens than these are not told apart: then everybody's budgets are looked at.
const MOST_TOKENS: usize = 10_000;
/// The most models of unknown price that are remembered.
const MOST_MODELS: usize = 1_000;

/// What was told since it was taken last.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The tokens that were charged.
    pub tokens: BTreeSet<i64>,
    /// There were too many of them.
    pub all_tokens: bool,
    /// Models by provider and name, and whether their price is known.
    pub models: BTreeMap<(Arc<str>, Arc<str>), bool>,
}

/// Where the writer's thread leaves what it has to tell.
#[derive(Debug, Default)]
pub(super) struct Feed {
    heard: Mutex<Heard>,
    rung: Notify,
}

impl Feed {
    /// What was told since this was asked last.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves when something was told, or somebody wants it looked.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Wants it looked.
    pub(super) fn ring(&self) {
        self.rung.notify_one();
    }

    fn hear(&self, records: &[Record]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // Most of a batch are of one token and one model.
        let (mut token, mut model) = (0, None::<(&Arc<str>, &Arc<str>, bool)>);
        for record in records {
            if record.token_id != 0 && record.token_id != token {
                token = record.token_id;
                heard.tokens.insert(token);
            }
            let is_unpriced = record.is_unpriced();
            let is_priced = record.charge.tariff.is_some();
            let this = (&record.provider, &record.model, is_unpriced);
            if (is_unpriced || is_priced) && model != Some(this) {
                model = Some(this);
                let key = (Arc::clone(&record.provider), Arc::clone(&record.model));
                if heard.models.len() < MOST_MODELS || heard.models.contains_key(&key) {
                    heard.models.insert(key, is_priced);
                }
            }
        }
        if heard.tokens.len() > MOST_TOKENS {
            heard.tokens.clear();
            heard.all_tokens = true;
        }
        drop(heard);
        self.ring();
    }
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Listener(pub Arc<Feed>);

impl Committed for Listener {
    fn committed(&mut self, records: &[Record]) {
        self.0.hear(records);
    }
}
