//! How a journey ends: somebody serves the request, or the client is told why nobody does.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response};
use tokenrouter::pick::endpoint::Endpoint;

use super::super::entry::{self, Call};
use super::super::lane::Way;
use super::super::reply::Reply;
use super::super::{said, translated};
use super::{Journey, Served};
use crate::upstreams::decisions::Decision;
use crate::upstreams::provider::Provider;
use crate::upstreams::unserved::{self, Shut};

impl<'l, 'm: 'l> Journey<'l, 'm> {
    /// Tells the client who serves it and why.
    pub(super) fn say(&self, to: &mut HeaderMap, provider: &Provider, asked: &str) {
        if let Some(step) = self.steps.last() {
            said::route(to, provider, self.found.how, step, self.steps.count(), asked);
            if let Some(auto) = &self.auto {
                said::chosen(to, auto, step);
            }
        }
    }

    /// Somebody serves it.
    pub(super) async fn tell(mut self, call: &Call, asked: &str, served: Served) -> Response<Reply> {
        let Served { good, exchange, way, mut said, provider, protocol } = served;
        self.say(&mut said, &provider, asked);
        self.remember(call, asked);
        match way {
            Way::Native { hide_usage } => entry::relay(exchange, good, said, protocol, &provider, hide_usage),
            // Boxed: its state is large, and every native request would carry room for it.
            Way::Translated(back) => {
                Box::pin(translated::answer(exchange, good, said, self.surface, protocol, &provider, *back)).await
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
            return entry::refused(call, &self.shut(call.app.clock.uptime_ms()).problem(asked));
        };
        if self.steps.last().is_none() {
            // Who is left alone for now may serve it later, whatever others cannot be told.
            let shut = self.shut(call.app.clock.uptime_ms());
            let waits = shut.soonest_s().is_some();
            return entry::refused(call, &if waits { shut.problem(asked) } else { refusal.problem });
        }
        refusal.said.insert(said::ATTEMPTS, HeaderValue::from(self.steps.count()));
        refusal.response(call, || self.shut(call.app.clock.uptime_ms()).soonest_s())
    }

    fn shut(&self, now_ms: u64) -> Shut<'_> {
        let fits = |endpoint: &&Arc<Endpoint>| {
            let provider = self.live.providers.get(endpoint.provider);
            let fits = |provider: &Arc<Provider>| unserved::fits(provider, endpoint.credential, self.surface);
            provider.is_some_and(fits) && !self.is_unfit(endpoint)
        };
        let fitting = self.found.candidates.list().iter().map(|c| &c.endpoint).filter(fits).collect();
        Shut { live: self.live, all: self.found.candidates.list(), fitting, surface: self.surface, now_ms }
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
            how: self.found.how,
            mark: self.course.known().map(|known| known.mark),
            candidates: self.found.candidates.list().len(),
            auto: self.auto.take(),
            steps: std::mem::take(&mut self.steps),
        });
    }
}
