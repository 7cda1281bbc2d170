//! What a request may come to at most, reserved before anybody is called; and what is left, told in the caller's words.

use tokenrouter::count::longest::Longest;
use tokenrouter::count::{Counts, Report};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::table::Found;
use tokenrouter::surface::Surface;

use super::attempt::{Prepared, Target};
use super::entry::{self, Call};
use super::input::Input;
use super::reject;
use super::rights::May;
use crate::access::budget::{Counted, Reservation};
use crate::access::caller::Caller;
use crate::access::wall::{Amounts, Moment};
use crate::upstreams::catalogue;
use crate::upstreams::pace::PacePlace;
use crate::upstreams::snapshot::Snapshot;
use crate::usage::Charge;

/// Candidates whose prices are compared.
const MOST_COMPARED: usize = 64;

/// Reserves what `call` may come to, where anybody counts it; `is_request`: it counts as a request of its token too.
///
/// # Errors
///
/// Whose budget it would be too much for.
pub(super) fn reserve(
    call: &Call,
    live: &Snapshot,
    found: &Found<'_, '_>,
    may: &May,
    is_request: bool,
) -> Result<Option<Reservation>, Box<Problem>> {
    let Caller::Token(token) = &call.caller else { return Ok(None) };
    let counted = Counted::of(token);
    if !counted.anything {
        // What is spent counts all the same, for a budget that the token is given while the request is under way.
        return Ok(Some(Reservation::nothing(token)));
    }
    let mut wanted = Amounts { requests: u64::from(is_request), ..Amounts::default() };
    if counted.tokens || counted.money {
        let dearest = dearest(call, live, found, may, live.limits.reserved_output);
        wanted = Amounts { tokens: dearest.tokens, nanos: dearest.nanos, ..wanted };
    }
    let now = Moment::of(&call.app.clock);
    match Reservation::take(token, wanted, now) {
        Ok(reservation) => Ok(Some(reservation)),
        Err(refused) => Err(Box::new(refused.problem())),
    }
}

/// The most that `call` may cost, in nano-dollars, with the longest answer that it allows; 0 where nobody would be called.
pub(super) fn at_most(call: &Call, live: &Snapshot) -> u64 {
    let peek = match call.surface {
        Surface::Generate => Peek::in_path(&call.body, &call.in_path.model, call.in_path.stream),
        _ => Peek::read(&call.body),
    };
    let Ok(peek) = peek else { return 0 };
    let seen = (&call.headers, &call.caller, &call.body);
    // A virtual model stands for what would be chosen now.
    let named = entry::named(&call.app, live, &peek.model, call.surface.protocol(), seen);
    let Ok((name, may)) = named else { return 0 };
    match live.table.resolve(&name) {
        Ok(found) => dearest(call, live, &found, &may, u64::MAX).nanos,
        // Somebody may have it by the time that it is asked for, and nobody knows its price.
        Err(_) => {
            let (input_uncached, output) = (Input::of(&call.body, true).tokens(), longest(call, live, u64::MAX)(None));
            let report = Report::of(Counts { input_uncached, output, ..Counts::default() });
            Charge::of(None, &live.unknown_price, &report, call.now_ms).nanos
        }
    }
}

/// A call's part of what its provider may be sent a minute.
///
/// # Errors
///
/// It has been sent as much, so that it is left alone for now.
pub(super) fn pace(
    call: &Call,
    live: &Snapshot,
    target: &Target<'_>,
    prepared: &Prepared,
) -> Result<Option<PacePlace>, Problem> {
    let Target { provider, model, .. } = target;
    let tokens = if provider.pace.counts_tokens() {
        let longest = Longest::of(&call.body);
        let output = longest.tokens.unwrap_or(u64::MAX).min(live.limits.reserved_output);
        let input = provider.calibration.correct(call.surface.protocol(), model, prepared.input.tokens());
        input.saturating_add(output.saturating_mul(longest.answers))
    } else {
        0
    };
    let taken = provider.pace.take(tokens, call.app.clock.uptime_ms());
    taken.map_err(|wait_ms| reject::paced(&provider.name, wait_ms))
}

/// The longest output that `call` is reckoned to have, by what the model can write at most, where that is known: what it
/// allows, but no more than `cap`; what is reserved for where it does not say.
fn longest(call: &Call, live: &Snapshot, cap: u64) -> impl Fn(Option<u64>) -> u64 {
    let is_embedding = call.surface == Surface::Embeddings;
    let Longest { tokens, answers } = Longest::of(&call.body);
    let usual = tokens.unwrap_or(live.limits.reserved_output).min(cap);
    move |known| if is_embedding { 0 } else { usual.min(known.unwrap_or(u64::MAX)).saturating_mul(answers) }
}

/// The most that any candidate may cost: its price of the estimated input and of the longest answer, of which no more than
/// `cap` counts.
fn dearest(call: &Call, live: &Snapshot, found: &Found<'_, '_>, may: &May, cap: u64) -> Amounts {
    let surface = call.surface;
    let (input, longest) = (Input::of(&call.body, true).tokens(), longest(call, live, cap));
    let mut most = Amounts::default();
    let candidates = found.candidates.list().iter().map(|candidate| &candidate.endpoint);
    for endpoint in candidates.filter(|endpoint| may.allows_endpoint(live, found, endpoint)).take(MOST_COMPARED) {
        let Some(provider) = live.providers.get(endpoint.provider) else { continue };
        let model = if endpoint.model.is_empty() { found.model } else { &endpoint.model };
        let known = catalogue::find(&live.catalogue, provider, model).facts().max_output();
        let output = longest(known);
        let input_uncached = provider.calibration.correct(surface.protocol(), model, input);
        let report = Report::of(Counts { input_uncached, output, ..Counts::default() });
        let charge = Charge::of(live.tariff(endpoint, provider, model), &live.unknown_price, &report, call.now_ms);
        most.tokens = most.tokens.max(input_uncached.saturating_add(output));
        most.nanos = most.nanos.max(charge.nanos);
    }
    most
}
