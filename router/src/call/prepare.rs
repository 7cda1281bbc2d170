//! A request as one endpoint gets it, and what becomes of its answer.

use bytes::Bytes;

use super::{Endpoint, Pieces};
use crate::chat::Losses;
use crate::convert::{Asked, Back, Context, Reading};
use crate::dialect::Quirk;
use crate::envelope;
use crate::error::Problem;
use crate::peek::Peek;
use crate::protocol::Protocol;
use crate::splice;

/// A request as one endpoint gets it.
pub(super) struct Prepared {
    pub(super) body: Pieces,
    pub(super) stream: bool,
    pub(super) losses: Losses,
    pub(super) way: Way,
}

/// What becomes of the answer.
pub(super) enum Way {
    /// It passes as it comes.
    Native { hide_usage: bool },
    /// It is told in the client's protocol.
    Translated(Box<Back>),
}

/// Why there is no request for an endpoint.
pub(super) enum Unprepared {
    /// Nobody would understand it.
    Wrong(Problem),
    /// It cannot be said in this endpoint's protocol.
    Unfit(Problem),
}

/// What `asked` is to `endpoint`.
pub(super) fn prepare(endpoint: &Endpoint, asked: Asked<'_>, context: &Context) -> Result<Prepared, Unprepared> {
    let is_native = endpoint.protocol() == asked.protocol;
    // What was sealed for another vendor earlier in the conversation would be refused by this one.
    if is_native && !(context.sealer.is_some() && envelope::may_be_in(asked.protocol, asked.body)) {
        return native(endpoint, asked);
    }
    let reading = Reading::of(asked).map_err(Unprepared::Wrong)?;
    let done = reading.write(endpoint.target(), context.clone()).map_err(Unprepared::Unfit)?;
    let (stream, body) = (done.back.wants_stream(), Pieces::new(vec![done.body]));
    let way = if is_native {
        Way::Native { hide_usage: stream && !done.back.wants_usage() }
    } else {
        Way::Translated(Box::new(done.back))
    };
    Ok(Prepared { body, stream, losses: done.losses, way })
}

/// The client's own bytes with the model in place, and a question for the usage of a stream.
fn native(endpoint: &Endpoint, asked: Asked<'_>) -> Result<Prepared, Unprepared> {
    let Asked { protocol, body, path } = asked;
    let is_in_path = protocol == Protocol::Gemini;
    let peek = if is_in_path { Peek::in_path(body, path.model, path.stream) } else { Peek::read(body) };
    let peek = peek.map_err(|e| Unprepared::Wrong((&e).into()))?;
    let target = endpoint.target();
    let asks_usage = peek.stream && protocol == Protocol::OpenAi && !target.dialect.has(Quirk::NoStreamOptions);
    let usage = if asks_usage { splice::ask_stream_usage(body, &peek) } else { None };
    let hide_usage = usage.is_some();
    let model = if is_in_path { None } else { splice::set_model(&peek, &target.model) };
    let pieces = splice::apply(&Bytes::copy_from_slice(body), model.into_iter().chain(usage).collect());
    let way = Way::Native { hide_usage };
    Ok(Prepared { body: Pieces::new(pieces), stream: peek.stream, losses: Losses::default(), way })
}
