//! `GET /admin/api/usage/export`: every attempt of a span, streamed.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::export::{Export, Form};

/// What an export can be.
pub const KINDS: [&str; 2] = ["text/csv", "application/x-ndjson"];

/// Streams it: each piece is read when the client takes it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &["form"], "7d", admin.rows_now_ms())?;
    let form = question.words().choice("form", &[("csv", Form::Csv), ("json", Form::Json)])?.unwrap_or(Form::Csv);
    let asked = question.asked;
    let begun = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        let mut export = Export::new(&scope, asked.span.since_ms, asked.span.until_ms, form);
        // What is wrong with the question shows here, before an answer has begun.
        let piece = export.next(connection)?;
        Ok((export, piece))
    });
    let (export, first) = begun.await?;
    let pieces = stream::unfold(Some((admin, export, first)), |state| async move {
        let (admin, export, piece) = state?;
        let piece = piece?;
        match next(&admin, export).await {
            Ok((export, next)) => Some((Ok(Bytes::from(piece)), Some((admin, export, next)))),
            // The connection breaks off: half of an export does not look like a whole one.
            Err(_) => Some((Err(std::io::Error::other("the database did not answer")), None)),
        }
    });
    let (kind, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"usage.csv\""),
        Form::Json => ("application/x-ndjson", "attachment; filename=\"usage.ndjson\""),
    };
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], Body::from_stream(pieces)).into_response())
}

async fn next(admin: &Admin, mut export: Export) -> Result<(Export, Option<Vec<u8>>), Failure> {
    let asked = admin.report(move |connection| {
        let piece = export.next(connection)?;
        Ok((export, piece))
    });
    asked.await
}
