//! `POST /admin/api/usage/reconcile`: a provider's own export of usage or costs beside what is written down here.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::reconcile::{Reconcile, Reconciled, Uncounted};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use crate::access::Operator;
use crate::config::shorten;
use crate::import::bill::{self, Meaning};
use crate::import::drift::{self, Line};
use crate::reports::ReportError;
use crate::store::{Connection, drift as rows};

/// So many lines are told.
const MOST_LINES: usize = 1_000;

/// Compares both. Nothing is written.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Object<Reconcile>, NoObject>,
) -> Result<Json<Reconciled>, Failure> {
    Failure::unless_admin(&operator)?;
    let example = "Send {\"provider\": \"openai\", \"text\": \"date,model,cost_usd\\n…\"}.";
    let Object(wanted) = wanted.map_err(|e| Failure::bad_request(e.body_text(), example))?;
    Ok(Json(admin.report(move |connection| compare(connection, &wanted)).await?))
}

fn compare(connection: &Connection, wanted: &Reconcile) -> Result<Reconciled, ReportError> {
    let column = |(word, name): (&String, &String)| Ok((Meaning::named(word)?, name.clone()));
    let columns = wanted.columns.iter().map(column).collect::<Result<Vec<_>, String>>();
    let columns = columns.map_err(ReportError::Unclear)?;
    let unreadable = |why| ReportError::Unclear(format!("the export cannot be used: {why}"));
    let bill = bill::parse(&wanted.text, &columns).map_err(unreadable)?;
    let known = rows::providers(connection)?;
    let list = || known.iter().take(20).map(|name| shorten(name)).collect::<Vec<_>>().join(", ");
    let provider = match (&wanted.provider, known.as_slice()) {
        (Some(provider), _) if known.contains(provider) => provider,
        (Some(provider), _) => {
            let said =
                format!("nothing is written down here of a provider `{}`; there are {}", shorten(provider), list());
            return Err(ReportError::Unclear(said));
        }
        (None, [only]) => only,
        (None, _) => {
            return Err(ReportError::Unclear(format!(
                "`provider` is missing: say whose export it is, one of {}",
                list()
            )));
        }
    };
    let told = drift::compare(connection, provider, &bill)?;
    let same = told.lines.iter().filter(|line| line.is_same()).count() as u64;
    let mut lines: Vec<Line> = told.lines.into_iter().filter(|line| wanted.all || !line.is_same()).collect();
    let omitted = lines.len().saturating_sub(MOST_LINES) as u64;
    lines.truncate(MOST_LINES);
    let left = bill.left.iter().map(|(what, count)| Uncounted { what: what.to_owned(), count });
    Ok(Reconciled {
        provider: told.provider,
        lines,
        omitted,
        same,
        drift_millionths: Some(told.drift_millionths).filter(|drift| *drift < u64::MAX),
        left: left.collect(),
    })
}
