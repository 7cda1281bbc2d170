//! The values that filters can take, for those who choose: the most used first, page by page.

use std::collections::HashMap;

use tokenrouter_shared::attempt::{DimensionPage, DimensionValue};
use tokenrouter_shared::figures::{Dimension, Sort};

use super::asked::{Asked, Scope};
use super::names::Names;
use super::{MOST_GROUPS, ReportError};
use crate::store::Connection;
use crate::store::figures::{Question, figures};

/// The most values on a page.
pub const MOST: usize = 500;

/// A page of the values of `dimension` in a span, of those with `text` in value or name; `cursor` is the place to go on at.
pub fn page(
    connection: &Connection,
    asked: &Asked,
    scope: &Scope,
    dimension: &Dimension,
    text: Option<&str>,
    cursor: Option<&str>,
    limit: usize,
) -> Result<DimensionPage, ReportError> {
    if !(1..=MOST).contains(&limit) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST}")));
    }
    scope.refuse_rows(dimension)?;
    let unclear = || ReportError::Unclear("`cursor` is not the `next` of a page: begin without one".to_owned());
    let from: usize = cursor.map(str::parse).transpose().map_err(|_| unclear())?.unwrap_or(0);
    let question = scope.question(asked.span.since_ms, asked.span.until_ms);
    let by = vec![dimension.clone()];
    let found =
        figures(connection, &Question { by, sort: Sort::Attempts, most: MOST_GROUPS, is_brief: true, ..question })?;
    let mut names = Names::below(scope.root);
    let mut values: Vec<DimensionValue> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for line in found.lines {
        let (value, name) = names.one(connection, dimension, line.key.into_iter().next().flatten())?;
        let value = value.unwrap_or_default();
        let is_wanted =
            text.is_none_or(|text| value.to_lowercase().contains(text) || name.to_lowercase().contains(text));
        if !is_wanted {
            continue;
        }
        let (attempts, cost_nanos) = (line.totals.attempts, line.totals.cost_nanos);
        // Conversations of two tokens may have one id, which is one value to choose.
        match known.get(&value).and_then(|at| values.get_mut(*at)) {
            Some(known) => {
                known.attempts = known.attempts.saturating_add(attempts);
                known.cost_nanos = known.cost_nanos.saturating_add(cost_nanos);
            }
            None => {
                known.insert(value.clone(), values.len());
                values.push(DimensionValue { value, name, attempts, cost_nanos });
            }
        }
    }
    values.sort_by(|a, b| b.attempts.cmp(&a.attempts).then_with(|| a.value.cmp(&b.value)));
    let has_more = values.len() > from.saturating_add(limit);
    let next = has_more.then(|| from.saturating_add(limit).to_string());
    Ok(DimensionPage { values: values.into_iter().skip(from).take(limit).collect(), next })
}
