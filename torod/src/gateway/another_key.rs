//! What a refused key means for the request that was sent with it: where the key renews itself, another may be there soon.

use std::time::Duration;

use tokenrouter::pick::endpoint::{Endpoint, Scope};
use tokenrouter::pick::verdict::{Blame, Verdict};

use crate::clock::Clock;
use crate::upstreams::provider::{Route, Signature};

/// So long a request waits for a key that is being renewed.
const LONGEST: Duration = Duration::from_secs(10);

/// The key that was refused with `status`, if it is one that renews itself. Who may not do something with a key that is
/// good (403) may not do it with the next one.
pub(super) fn renewable<'l>(route: &Route<'l>, verdict: &Verdict, status: u16) -> Option<Signature<'l>> {
    let is_refused = verdict.blame == Blame::Credential && status != 403;
    route.signature.filter(|signature| is_refused && signature.held.is_renewed())
}

/// Whether `endpoint` has another key than it was called with. One that is about to come is waited for, at most `max_wait`.
pub(super) async fn comes(signature: Signature<'_>, endpoint: &Endpoint, max_wait: Duration, clock: &Clock) -> bool {
    let longest = max_wait.min(LONGEST);
    let is_new = signature.held.renewed_since(signature.issue, longest, clock.uptime_ms()).await;
    if is_new {
        // What was held against the key before does not hold for this one.
        endpoint.recovered(Scope::Credential);
    }
    is_new
}
