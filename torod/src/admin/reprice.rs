//! `POST /admin/api/usage/reprice`: reckons anew, step by step, what attempts cost by the prices of today; with `write` it is
//! written down, and budgets are put right.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::reprice::{Reprice, Repriced};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use crate::access::{Operator, founding, wall};
use crate::store::StoreError;
use crate::upstreams::catalogue;
use crate::usage::reprice;

/// Names that one question may hold.
const MOST_NAMES: usize = 100;

/// Does one step. The answer is sent when budgets go by it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Object<Reprice>, NoObject>,
) -> Result<Json<Repriced>, Failure> {
    Failure::unless_admin(&operator)?;
    let Object(asked) = wanted.map_err(|e| {
        Failure::bad_request(
            e.body_text(),
            "Send {\"since_ms\": 0, \"write\": false}; the OpenAPI document tells the rest.",
        )
    })?;
    check(&asked)?;
    let (live, index, clock) = (admin.live.load(), Arc::clone(&admin.tokens), admin.clock.clone());
    let work = move |connection: &mut _| {
        let prices = |provider: &str, model: &str| catalogue::tariff(&live.catalogue, &live.providers, provider, model);
        let step = reprice::run(connection, &asked, &prices, operator.actor(), clock.now_ms())?;
        // In the writer's own turn: a budget that is founded now reads what is written.
        if let Err(error) = founding::correct(connection, &index, &step.differences, wall::Moment::of(&clock)) {
            tracing::error!(%error, "budgets go by the costs of before until the next start");
        }
        Ok::<_, StoreError>(step.told)
    };
    Ok(Json(admin.writer.call(work).await?))
}

fn check(asked: &Reprice) -> Result<(), Failure> {
    if asked.since_ms < 0 || asked.until_ms.is_some_and(|until_ms| until_ms <= asked.since_ms) {
        let message = "The span has no time in it.";
        return Err(Failure::bad_request(message, "`since_ms` is 0 or later, `until_ms` after it."));
    }
    if asked.providers.len() > MOST_NAMES || asked.models.len() > MOST_NAMES {
        let message = format!("More than {MOST_NAMES} names are too many.");
        return Err(Failure::bad_request(message, "Ask for fewer at a time, or for all with none."));
    }
    Ok(())
}
