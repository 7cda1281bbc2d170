//! How a journey ends: somebody serves the request, or the client is told why nobody does.

use http::{HeaderMap, HeaderValue, Response};
use tokenrouter::surface::Surface;

use super::super::entry::{self, Call};
use super::super::lane::Way;
use super::super::reply::Reply;
use super::super::{background, said, translated};
use super::{Journey, Served};
use crate::upstreams::decisions::Decision;
use crate::upstreams::provider::Provider;

impl<'l, 'm: 'l> Journey<'l, 'm> {
    /// Tells the client who serves it and why.
    pub(super) fn say(&self, to: &mut HeaderMap, provider: &Provider, asked: &str) {
        if let Some(step) = self.steps.last() {
            said::route(to, provider, self.fit.found.how, step, self.steps.count(), asked);
            if let Some(auto) = &self.auto {
                said::chosen(to, &auto.view, step);
            }
        }
    }

    /// Somebody serves it.
    pub(super) async fn tell(mut self, call: &Call, asked: &str, served: Served) -> Response<Reply> {
        let Served { good, exchange, way, mut said, provider, protocol } = served;
        self.say(&mut said, &provider, asked);
        call.tell_remaining(&mut said);
        self.remember(call, asked);
        if call.surface == Surface::Responses && matches!(way, Way::Native { .. }) && background::is_asked(call, &good)
        {
            // Boxed like every future that most requests do not need.
            return Box::pin(background::answer(call, exchange, good, said, &provider)).await;
        }
        match way {
            Way::Native { hide_usage } => entry::relay(exchange, good, said, protocol, &provider, hide_usage),
            // Boxed: its state is large, and every native request would carry room for it.
            Way::Translated(back) => {
                Box::pin(translated::answer(exchange, good, said, self.fit.surface, protocol, &provider, *back)).await
            }
        }
    }

    /// Nobody serves it.
    pub(super) fn refuse(mut self, call: &Call, asked: &str) -> Response<Reply> {
        let response = self.give_up(call, asked);
        self.remember(call, asked);
        response
    }

    /// Nobody served it: the best that can be told.
    fn give_up(&mut self, call: &Call, asked: &str) -> Response<Reply> {
        let Some(mut refusal) = self.refusal.take() else {
            return entry::refused(call, &self.fit.shut(call.app.clock.uptime_ms()).problem(asked));
        };
        if self.steps.last().is_none() {
            // Who is left alone for now may serve it later, whatever others cannot be told.
            let shut = self.fit.shut(call.app.clock.uptime_ms());
            let waits = shut.soonest_s().is_some();
            return entry::refused(call, &if waits { shut.problem(asked) } else { refusal.problem });
        }
        call.tell_remaining(&mut refusal.said);
        refusal.said.insert(said::ATTEMPTS, HeaderValue::from(self.steps.count()));
        refusal.response(call, || self.fit.shut(call.app.clock.uptime_ms()).soonest_s())
    }

    fn remember(&mut self, call: &Call, asked: &str) {
        if call.purpose.is_some() {
            // Whose request it is for has a decision of its own.
            return;
        }
        call.app.decisions.push(Decision {
            exchange_id: call.exchange_id,
            given_id: call.request_id.given().map(Into::into),
            at_ms: call.now_ms,
            asked: self.steps.last().is_none_or(|step| *step.model != *asked).then(|| asked.into()),
            how: self.fit.found.how,
            mark: self.course.known().map(|known| known.mark),
            candidates: self.fit.found.candidates.list().len(),
            auto: self.auto.take().map(|told| Box::new(told.view)),
            steps: std::mem::take(&mut self.steps),
        });
    }
}
