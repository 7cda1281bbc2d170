//! One client request with its answer. However it ends — well, with an error, by a hang-up — it ends here, once:
//! with one record for each attempt, and one line in the log for all of them.

mod keeping;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokenrouter::call::{End, Finish, Keepsake, Observer};
use tokenrouter::count::{Counts, Report, Source};
use tokenrouter::error::Problem;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::verdict::{Blame, Verdict};
use tokenrouter::surface::Surface;
use tokenrouter_shared::ids::ExchangeId;

use super::asker::Asker;
pub use super::home::Home;
pub use super::input::Input;
use super::line::{Ended, Line, Whose};
pub use super::opening::{Attempt, Opening};
use super::reject;
use super::request_id::RequestId;
use super::stateful::Remember;
use super::watch::Seen;
use crate::access::budget::Reservation;
use crate::access::caller::Caller;
use crate::access::rate::Places;
use crate::access::wall::{Amounts, Moment};
use crate::app::App;
use crate::lifecycle::InFlight;
use crate::telemetry::trace::{self, Trace};
use crate::upstreams::snapshot::Snapshot;
use crate::usage::Charge;
use crate::usage::record::{Outcome, Record, class_number};

/// One client request under way.
pub struct Exchange {
    app: Arc<App>,
    _in_flight: InFlight,
    id: ExchangeId,
    request_id: RequestId,
    surface: Surface,
    said_as: &'static str,
    caller: Caller,
    asker: Asker,
    live: Arc<Snapshot>,
    salt: u64,
    attempt: Attempt,
    ended: bool,
    /// Whether one of its attempts counts as the request already.
    counted: bool,
    /// Whether the attempt is the first of what the client asked.
    first: bool,
    reservation: Option<Reservation>,
    _places: Places,
    line: Line,
    trace: Option<Arc<Trace>>,
    attempts: u32,
    /// Gathers what is kept of it, where somebody wants that.
    seen: Option<Box<Seen>>,
}

impl Exchange {
    /// An exchange whose first attempt is about to be made. Boxed, since it is handed from one to the next until the
    /// answer's last byte.
    pub fn begin(opening: Opening, attempt: Attempt) -> Box<Self> {
        let Opening {
            app,
            in_flight,
            id,
            request_id,
            surface,
            said_as,
            caller,
            live,
            salt,
            reservation,
            places,
            asker,
            trace,
            watch,
        } = opening;
        Box::new(Self {
            app,
            _in_flight: in_flight,
            id,
            request_id,
            surface,
            said_as,
            caller,
            asker,
            live,
            salt,
            attempt,
            ended: false,
            // A question of the gateway's own is none of the client's.
            counted: said_as != surface.as_str(),
            first: said_as == surface.as_str(),
            reservation,
            _places: places,
            line: Line::default(),
            trace,
            attempts: 0,
            seen: watch.map(Seen::by),
        })
    }

    /// The last attempt failed and has its record; another is about to be made.
    #[must_use]
    pub fn again(mut self: Box<Self>, attempt: Attempt) -> Box<Self> {
        self.attempt = attempt;
        self.ended = false;
        self.first = false;
        self
    }

    /// Another model is tried, for which this is reserved; what was reserved for the one before is free again.
    pub fn reserved(&mut self, reservation: Option<Reservation>) {
        self.reservation = reservation;
    }

    /// What is kept of it, where somebody wants that.
    pub const fn seen(&mut self) -> Option<&mut Box<Seen>> {
        self.seen.as_mut()
    }

    /// Whether one of its attempts counts as the request already.
    pub const fn is_counted(&self) -> bool {
        self.counted
    }

    /// Whom the attempt goes to.
    pub fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.attempt.endpoint)
    }

    /// The model that it asks for.
    pub fn model(&self) -> Arc<str> {
        Arc::clone(&self.attempt.model)
    }

    /// The exchange's id as clients know it.
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// When the attempt began.
    pub const fn began(&self) -> Instant {
        self.attempt.began
    }

    /// The provider has answered with `status`, and its answer goes to the client; at `now`, in Unix milliseconds too.
    pub fn answered(&mut self, status: u16, verdict: &Verdict, now: Instant, now_ms: i64) {
        self.attempt.status = status;
        if status >= 500 {
            self.attempt.provider.health.failed(now_ms);
        } else {
            self.attempt.provider.health.answered(now_ms);
        }
        self.judge(verdict, now);
    }

    /// The attempt failed: it has its record, and another may be made.
    pub fn failed(
        &mut self,
        status: u16,
        outcome: Outcome,
        verdict: &Verdict,
        reported: Option<Report>,
        input_was_seen: bool,
    ) {
        self.attempt.status = status;
        let (now_ms, health) = (self.app.clock.now_ms(), &self.attempt.provider.health);
        match verdict.blame {
            Blame::Connection | Blame::Endpoint => health.failed(now_ms),
            _ => health.answered(now_ms),
        }
        self.judge(verdict, self.app.clock.instant());
        // Nothing is under way there while another is asked, or somebody is waited for.
        (self.attempt.ticket, self.attempt.permits) = (None, [None, None]);
        let (report, source) = match reported {
            Some(report) => (report, Source::Reported),
            None if input_was_seen => (self.estimate(0), Source::Estimated),
            None => (Report::default(), Source::Estimated),
        };
        self.settle(outcome, report, source);
    }

    fn judge(&mut self, verdict: &Verdict, now: Instant) {
        self.attempt.blame = verdict.blame;
        if let Some(ticket) = &mut self.attempt.ticket {
            ticket.tell(self.app.clock.uptime_ms_at(now), verdict, &self.live.rules.course.trips);
        }
    }

    fn estimate(&self, output: u64) -> Report {
        let attempt = &self.attempt;
        let tokens =
            attempt.provider.calibration.correct(self.surface.protocol(), &attempt.model, attempt.input.tokens());
        Report::of(Counts { input_uncached: tokens, output, ..Counts::default() })
    }

    /// Compares our estimate with what the provider reports, now and then.
    fn calibrate(&self, reported: u64) {
        let (attempt, calibration) = (&self.attempt, &self.attempt.provider.calibration);
        if self.surface.is_conversation() && calibration.is_due(attempt.began_ms) {
            calibration.learn(self.surface.protocol(), &attempt.model, attempt.input.tokens(), reported);
        }
    }

    fn settle(&mut self, outcome: Outcome, report: Report, source: Source) {
        let counts = report.counts;
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.attempts += 1;
        let attempt = &self.attempt;
        let total = self.app.clock.instant().saturating_duration_since(attempt.began);
        let total_us = u64::try_from(total.as_micros()).unwrap_or(u64::MAX);
        let charge = self.charge(outcome, &report);
        let savings_nanos = charge.saved_nanos;
        if self.app.logs_requests() {
            self.line.add(Ended {
                provider: Arc::clone(&attempt.provider.name),
                model: Arc::clone(&attempt.model),
                status: attempt.status,
                outcome,
                took_us: total_us,
                counts,
                cost_nanos: charge.nanos,
            });
        }
        let is_use = matches!(outcome, Outcome::Ok | Outcome::ClientAbort) || charge.nanos > 0 || counts.total() > 0;
        let counted = is_use && !std::mem::replace(&mut self.counted, true);
        let credential = attempt.provider.credentials().get(attempt.endpoint.credential);
        let record = Record {
            id: attempt.id,
            exchange_id: self.id,
            request_id: self.request_id.given().map(Into::into),
            started_ms: attempt.began_ms,
            total_us,
            first_byte_us: attempt.first_byte_us,
            token_id: self.caller.token_id(),
            provider: Arc::clone(&attempt.provider.name),
            model: Arc::clone(&attempt.model),
            model_asked: attempt.model_asked.clone(),
            surface: self.said_as,
            client_protocol: self.surface.protocol(),
            upstream_protocol: attempt.protocol,
            status: attempt.status,
            outcome,
            stream: attempt.stream,
            counts,
            source,
            detail: (!report.is_plain()).then(|| Box::new(report)),
            charge,
            counted,
            session: self.asker.session.clone(),
            agent: self.asker.agent.clone(),
            credential: credential.map(|credential| Arc::clone(&credential.label)).unwrap_or_default(),
            address: self.asker.address,
            user_agent: self.asker.user_agent.clone(),
            labels: self.caller.token().and_then(|token| token.labels.clone()),
            first: self.first,
            degraded: attempt.degraded,
            degraded_fields: attempt.degraded_fields.clone(),
            error_class: class_number(attempt.blame),
            savings_nanos,
            generation_us: report.generation_us,
            prompt_us: report.prompt_us,
            picked: attempt.picked,
            trace: self.trace.clone(),
        };
        // Before the record is on its way: what a new budget finds in the database, it did not learn from us.
        if let Some(reservation) = &mut self.reservation {
            reservation.spend(Amounts::from(record.sum()), Moment::of(&self.app.clock));
        }
        if let Some(pace) = &mut self.attempt.pace {
            pace.spend(counts.total());
        }
        if let Some(seen) = &mut self.seen {
            seen.tried(&record);
        }
        self.app.recorder.push(record);
    }

    fn charge(&self, outcome: Outcome, report: &Report) -> Charge {
        if outcome != Outcome::Ok && *report == Report::default() {
            return Charge::default();
        }
        let tariff = self.live.tariff(&self.attempt.endpoint, &self.attempt.provider, &self.attempt.model);
        Charge::of(tariff, &self.live.unknown_price, report, self.attempt.began_ms)
    }
}

impl Observer for Exchange {
    fn keep(&mut self, keepsake: Keepsake) {
        if self.attempt.status >= 400 {
            return;
        }
        let origin = self.origin();
        if let Some(answer) = keepsake.answer
            && let Some(remember) = self.attempt.remember.take()
        {
            let id = self.app.memory.answered(&origin, remember.previous.as_deref(), &remember.body, &answer);
            self.home().settle(id.as_deref());
        }
        if !keepsake.carried.is_empty() {
            self.app.memory.carry(&self.origin(), keepsake.carried);
        }
    }

    fn first_byte(&mut self) {
        let now = self.app.clock.instant();
        let since = now.saturating_duration_since(self.attempt.began);
        self.attempt.first_byte_us = u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(1);
        if let Some(ticket) = self.attempt.ticket.as_ref().filter(|_| self.attempt.status < 400) {
            ticket.first_byte(self.app.clock.uptime_ms_at(now), self.attempt.first_byte_us);
        }
    }

    fn end(&mut self, end: End) {
        let outcome = match end.finish {
            Finish::Whole if self.attempt.status >= 400 => Outcome::UpstreamError,
            Finish::Whole => Outcome::Ok,
            Finish::Failed => Outcome::UpstreamError,
            Finish::Cut(_) => Outcome::Cut,
            Finish::Idle => Outcome::Timeout,
            Finish::Abandoned => Outcome::ClientAbort,
        };
        if matches!(outcome, Outcome::Cut | Outcome::Timeout) {
            self.attempt.provider.health.failed(self.app.clock.now_ms());
            self.judge(&Verdict::BROKEN, self.app.clock.instant());
        } else if end.finish == Finish::Failed {
            self.judge(&Verdict::BROKEN, self.app.clock.instant());
        }
        if let Some(reported) = end.reported.filter(|_| end.finish == Finish::Whole) {
            self.calibrate(reported.counts.input());
        }
        let (report, source) = match end.reported {
            Some(report) if end.finish == Finish::Whole => (report, Source::Reported),
            // What a broken answer reported is what it had counted so far: Anthropic's first event says one token.
            Some(report) if end.estimated_output > report.counts.output => {
                let counts = Counts { output: end.estimated_output, ..report.counts };
                (Report { counts, ..report }, Source::Estimated)
            }
            Some(report) if end.finish == Finish::Failed => (report, Source::Reported),
            Some(report) => (report, Source::Estimated),
            // Nobody is charged for a request that was answered with an error.
            None if self.attempt.status >= 400 => (Report::default(), Source::Estimated),
            None => (self.estimate(end.estimated_output), Source::Estimated),
        };
        self.settle(outcome, report, source);
        // Before the client has the last byte, so that its next request finds what is left.
        self.reservation = None;
    }

    fn problem(&mut self, finish: &Finish) -> Problem {
        reject::broken_off(&self.attempt.provider.name, finish)
    }

    fn explain(&mut self, finish: &Finish) -> Bytes {
        self.problem(finish).stream_end(self.surface.protocol(), self.request_id.as_str())
    }
}

impl Drop for Exchange {
    /// Dropped before its end: the client went away while the provider was working. In any case it is over, and told.
    fn drop(&mut self) {
        if !self.ended {
            if self.attempt.status == 0 {
                self.attempt.status = 499;
            }
            let report = self.estimate(0);
            self.settle(Outcome::ClientAbort, report, Source::Estimated);
        }
        let whose = Whose { request_id: self.request_id.as_str(), caller: self.caller.name(), surface: self.said_as };
        self.line.tell(whose);
        if let Some((tracer, trace)) = self.app.tracer.as_ref().zip(self.trace.take()) {
            tracer.end(|| trace::End {
                exchange: self.id.0,
                trace,
                attempts: self.attempts,
                ended_ms: self.app.clock.now_ms(),
                request_id: self.request_id.as_str().into(),
                caller: self.caller.name().into(),
                surface: self.said_as,
                refused: None,
            });
        }
    }
}
