//! What an exchange begins with, and each of its attempts.

use std::sync::Arc;
use std::time::Instant;

use tokenrouter::pick::endpoint::{Endpoint, Ticket};
use tokenrouter::pick::session::EndpointId;
use tokenrouter::pick::verdict::Blame;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;
use tokenrouter_shared::ids::{AttemptId, ExchangeId};

use super::asker::Asker;
use super::input::Input;
use super::request_id::RequestId;
use super::stateful::Remember;
use crate::access::budget::Reservation;
use crate::access::caller::Caller;
use crate::access::rate::Places;
use crate::app::App;
use crate::conversations::watch::Watch;
use crate::lifecycle::{InFlight, Permit};
use crate::telemetry::trace::Trace;
use crate::upstreams::pace::PacePlace;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;
use crate::usage::Picked;

/// The call to one endpoint.
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Who is called.
    pub provider: Arc<Provider>,
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// What a conversation that it serves remembers.
    pub home: EndpointId,
    /// Tells it what comes of the call, while that is under way.
    pub ticket: Option<Ticket>,
    /// The model as sent.
    pub model: Arc<str>,
    /// The model as asked for, where that is another text.
    pub model_asked: Option<Arc<str>>,
    /// The protocol spoken upstream.
    pub protocol: Protocol,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// What an estimate of the input is made from, should it be needed.
    pub input: Input,
    /// When it began.
    pub began: Instant,
    /// The same, in Unix milliseconds.
    pub began_ms: i64,
    /// Until the first piece of the answer's body, in microseconds.
    pub first_byte_us: u64,
    /// The provider's status; 0 before it answered.
    pub status: u16,
    /// How many fields of the request its provider was not told.
    pub degraded: u16,
    /// Their names.
    pub degraded_fields: Option<Arc<str>>,
    /// Whose fault it is that it did not go well.
    pub blame: Blame,
    /// The model that was chosen for its conversation, as [`State`](crate::upstreams::auto::state::State) counts them.
    pub chosen: Option<u32>,
    /// What it has to do with the choice of that model.
    pub picked: Option<Picked>,
    /// What is to be kept of the answer, besides its usage.
    pub remember: Option<Box<Remember>>,
    /// Its places among what is limited, given back at the end.
    pub permits: [Option<Permit>; 2],
    /// Its part of what its provider may be sent a minute.
    pub pace: Option<PacePlace>,
}

/// What an exchange begins with.
pub struct Opening {
    /// The daemon's handles.
    pub app: Arc<App>,
    /// Its place among what is under way.
    pub in_flight: InFlight,
    /// Its number.
    pub id: ExchangeId,
    /// The same as clients know it.
    pub request_id: RequestId,
    /// What is asked for.
    pub surface: Surface,
    /// The word for it in usage and logs.
    pub said_as: &'static str,
    /// Who asks.
    pub caller: Caller,
    /// The world that it is served in.
    pub live: Arc<Snapshot>,
    /// What tells its conversations from those of others.
    pub salt: u64,
    /// What its token has reserved for it.
    pub reservation: Option<Reservation>,
    /// Its places among its token's requests.
    pub places: Places,
    /// The program that asks, and in which conversation.
    pub asker: Asker,
    /// The trace that it belongs to.
    pub trace: Option<Arc<Trace>>,
    /// Gathers what is kept of it, where somebody wants that.
    pub watch: Option<Arc<Watch>>,
}
