//! What is kept of a request that nobody was called for: a line in the log, the end of its trace, and a row of usage.

use std::sync::Arc;

use bytes::Bytes;
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::surface::Surface;
use tokenrouter_shared::ids::ExchangeId;

use super::asker::Asker;
use super::in_path::InPath;
use super::request_id::RequestId;
use crate::access::caller::Caller;
use crate::access::throttle::{Rate, Throttle};
use crate::app::App;
use crate::telemetry::trace::{End, Trace};
use crate::usage::{Outcome, Record};

/// Bytes of a model's name that are kept.
const MAX_MODEL: usize = 200;

/// How many of them become rows. A client that asks on and on after its last budget would fill the disk with what nobody needs
/// twice; the log tells them all.
pub fn rows() -> Throttle {
    Throttle::new(Rate { burst: 300, every_ms: 1_000 }, Rate { burst: 3_000, every_ms: 50 })
}

/// Such a request.
pub(super) struct Declined<'r> {
    /// The daemon's handles.
    pub app: &'r App,
    /// What was asked for.
    pub surface: Surface,
    /// The exchange's number.
    pub exchange_id: ExchangeId,
    /// The same as the client knows it.
    pub request_id: &'r RequestId,
    /// Who asks, where that is known.
    pub caller: Option<&'r Caller>,
    /// The trace that it belongs to, where there is somebody to see it.
    pub trace: Option<&'r Arc<Trace>>,
}

impl Declined<'_> {
    /// Its line in the log.
    pub(super) fn log(&self, problem: &Problem) {
        if self.app.logs_requests() {
            tracing::info!(
                target: "request",
                id = self.request_id.as_str(),
                caller = self.caller.map_or("-", Caller::name),
                surface = self.surface.as_str(),
                status = problem.http_status(self.surface.protocol()),
                outcome = problem.code,
                "{} refused: {}", self.surface.as_str(), problem.message
            );
        }
    }

    /// The end of its trace.
    pub(super) fn end_trace(&self, problem: &Problem) {
        if let Some((tracer, trace)) = self.app.tracer.as_ref().zip(self.trace) {
            tracer.end(|| End {
                exchange: self.exchange_id.0,
                trace: Arc::clone(trace),
                attempts: 0,
                ended_ms: self.app.clock.now_ms(),
                request_id: self.request_id.as_str().into(),
                caller: self.caller.map_or("", Caller::name).into(),
                surface: self.surface.as_str(),
                refused: Some((problem.code, problem.http_status(self.surface.protocol()))),
            });
        }
    }

    /// Its row, which no budget pays for: of nobody's provider and model. `asked` is its body, where that was read, and what its path
    /// says. Whoever is not let in at all gets none.
    pub(super) fn record(&self, asker: &Asker, asked: Option<(&Bytes, &InPath)>, began_ms: i64, problem: &Problem) {
        let Some(caller) = self.caller else { return };
        let (app, now_ms) = (self.app, self.app.clock.now_ms());
        if app.declined.enter(asker.address.into(), now_ms).is_err() {
            return;
        }
        let protocol = self.surface.protocol();
        let (model_asked, stream) = asked.map(|(body, path)| self.asked(body, path)).unwrap_or_default();
        let took_ms = u64::try_from(now_ms.saturating_sub(began_ms)).unwrap_or(0);
        app.recorder.push(Record {
            request_id: self.request_id.given().map(Into::into),
            total_us: took_ms.saturating_mul(1_000),
            token_id: caller.token_id(),
            model_asked,
            surface: self.surface.as_str(),
            client_protocol: protocol,
            upstream_protocol: protocol,
            status: problem.http_status(protocol),
            outcome: Outcome::Refused,
            stream,
            counted: false,
            session: asker.session.clone(),
            agent: asker.agent.clone(),
            address: asker.address,
            user_agent: asker.user_agent.clone(),
            labels: caller.token().and_then(|token| token.labels.clone()),
            ..Record::new(app.ids.attempt(began_ms), self.exchange_id, began_ms)
        });
    }

    /// The model that was asked for, and whether as a stream.
    fn asked(&self, body: &Bytes, path: &InPath) -> (Option<Arc<str>>, bool) {
        let peek = match self.surface {
            Surface::Generate => Peek::in_path(body, &path.model, path.stream),
            _ => Peek::read(body),
        };
        peek.map_or((None, false), |peek| {
            let model = peek.model.get(..peek.model.floor_char_boundary(MAX_MODEL)).unwrap_or_default();
            ((!model.is_empty()).then(|| model.into()), peek.stream)
        })
    }
}
