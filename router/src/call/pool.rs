//! Endpoints that are asked one after the other until one of them answers.

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Notes, Source, gather};
use super::begun::Begun;
use super::{Answer, CallError, Client, Endpoint, Pieces, Relay};
use crate::chat::Losses;
use crate::convert::{Asked, Back, Context, Path, Reading, provider_error};
use crate::dialect::Quirk;
use crate::envelope;
use crate::error::{Kind, Problem};
use crate::peek::Peek;
use crate::protocol::Protocol;
use crate::splice;

/// The largest answer that is kept to be translated.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The most of an error answer that is read.
const MAX_ERROR_BYTES: usize = 1 << 20;
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Endpoints in the order in which they are asked.
///
/// ```no_run
/// use tokenrouter::Protocol;
/// use tokenrouter::call::{Client, Endpoint, Pool, Timeouts};
/// use tokenrouter::convert::{Asked, Context};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let claude = Endpoint::preset("anthropic", "claude-sonnet-4-5").ok_or("no such preset")?.with_key("sk-ant-…")?;
/// let gpt = Endpoint::preset("openai", "gpt-5").ok_or("no such preset")?.with_key("sk-…")?;
/// let pool = Pool::new(Client::new(Timeouts::default(), 8), vec![claude, gpt]);
///
/// let body = br#"{"model":"any","messages":[{"role":"user","content":"Hello"}]}"#;
/// match pool.ask(Asked::new(Protocol::OpenAi, body), Context::default()).await {
///     Ok(mut answer) => {
///         while let Some(piece) = answer.next().await {
///             print!("{}", String::from_utf8_lossy(&piece?));
///         }
///         println!("endpoint {}: {:?}", answer.endpoint(), answer.end());
///     }
///     Err(problem) => println!("{}", problem.sentence()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    client: Client,
    endpoints: Vec<Endpoint>,
}

/// Why an endpoint did not answer.
struct Failure {
    problem: Problem,
    /// Whether every other endpoint would say the same.
    is_final: bool,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, is_final: false }
    }
}

fn fatal(problem: impl Into<Problem>) -> Failure {
    Failure { problem: problem.into(), is_final: true }
}

/// A request as one endpoint gets it.
struct Prepared {
    body: Pieces,
    stream: bool,
    losses: Losses,
    way: Way,
}

/// What becomes of the answer.
enum Way {
    /// It passes as it comes.
    Native { hide_usage: bool },
    /// It is told in the client's protocol.
    Translated(Box<Back>),
}

impl Pool {
    /// A pool of `endpoints`, the preferred one first, called through `client`.
    pub const fn new(client: Client, endpoints: Vec<Endpoint>) -> Self {
        Self { client, endpoints }
    }

    /// Asks one endpoint after the other what the client asks, in whatever protocol it speaks, until one answers; the
    /// answer is in the client's protocol.
    ///
    /// An endpoint that speaks the client's own protocol gets the client's bytes, with nothing but `model` changed and
    /// the usage of a Chat stream asked for. A failure moves on to the next as long as the caller has seen nothing:
    /// no connection, an error status, an error at the beginning of a stream, an answer that makes no sense, a request
    /// that cannot be said in this endpoint's protocol. A request that a provider refuses as wrong does not.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or why the last endpoint failed; [`Problem::body`] tells it to the client.
    pub async fn ask(&self, asked: Asked<'_>, context: Context) -> Result<Answer, Problem> {
        let mut failures = Vec::new();
        for endpoint in &self.endpoints {
            match self.attempt(endpoint, asked, &context).await {
                Ok(answer) => return Ok(Answer { failures, ..answer }),
                Err(Failure { problem, is_final: true }) => return Err(problem),
                Err(Failure { problem, .. }) => failures.push(problem),
            }
        }
        Err(failures.pop().unwrap_or_else(|| {
            Problem::new(Kind::Unavailable, "no_endpoint", "there is no endpoint to ask", "Add one to the pool.")
        }))
    }

    async fn attempt(&self, endpoint: &Endpoint, asked: Asked<'_>, context: &Context) -> Result<Answer, Failure> {
        let Prepared { body, stream, losses, way } = prepare(endpoint, asked, context)?;
        let list = asked.path.list && endpoint.protocol() == asked.protocol;
        let request = endpoint.request(body, Path { stream, list, ..asked.path });
        let request = request.map_err(|e| Problem::new(Kind::Internal, "bad_url", e.to_string(), ""))?;
        let response = self.client.send(request).await.map_err(|e| unreachable(endpoint, &e))?;
        let (content_type, body) = self.tell(endpoint, response, asked, context, way).await?;
        Ok(Answer { failures: Vec::new(), losses, content_type, body })
    }

    async fn tell(
        &self,
        endpoint: &Endpoint,
        response: Response<Incoming>,
        asked: Asked<'_>,
        context: &Context,
        way: Way,
    ) -> Result<(&'static str, Source), Failure> {
        let (spoken, idle) = (endpoint.protocol(), self.client.timeouts().idle);
        let notes = Notes::new(asked.protocol, context.request_id.clone());
        let (head, body) = response.into_parts();
        if !head.status.is_success() {
            let whole = Relay::whole(Begun::unread(body), spoken, idle, notes);
            let (said, _) = gather(whole, MAX_ERROR_BYTES).await?;
            let mut problem = provider_error(spoken, head.status.as_u16(), &said);
            if matches!(problem.kind, Kind::Unauthenticated | Kind::Forbidden) {
                return Err(refused_key(endpoint, problem.kind, head.status.as_u16()).into());
            }
            let after = head.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            problem.retry_after_s = problem.retry_after_s.or(after);
            // A longer conversation than one model takes may be short enough for the next.
            let is_final =
                matches!(problem.kind, Kind::BadRequest | Kind::TooLarge) && problem.code != "context_length_exceeded";
            return Err(Failure { problem, is_final });
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let said = format!("{} compressed its answer although it was asked not to", endpoint.base_url());
            return Err(Problem::new(Kind::UpstreamFailed, "upstream_encoding", said, "").into());
        }
        let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_stream = kind.starts_with(EVENTS.as_bytes());
        let body = if is_stream { Begun::stream(body, spoken, idle, idle).await? } else { Begun::unread(body) };
        let (back, relay) = match way {
            Way::Native { hide_usage } if is_stream => {
                let relay = Relay::stream(body, spoken, hide_usage, idle, notes);
                return Ok((EVENTS, Source::Relay(Box::new(relay))));
            }
            // A list of chunks comes piece by piece too.
            Way::Native { .. } if asked.path.stream && asked.path.list => {
                return Ok((JSON, Source::Relay(Box::new(Relay::whole(body, spoken, idle, notes)))));
            }
            Way::Native { .. } => {
                let (said, end) = gather(Relay::whole(body, spoken, idle, notes), MAX_ANSWER_BYTES).await?;
                if is_error(&said) {
                    return Err(provider_error(spoken, 0, &said).into());
                }
                return Ok((JSON, Source::Told { body: Some(said), end }));
            }
            Way::Translated(back) if is_stream && back.wants_stream() => {
                let kind = if back.wants_list() { JSON } else { EVENTS };
                let relay = Relay::translated(body, spoken, back.stream(), idle, notes);
                return Ok((kind, Source::Relay(Box::new(relay))));
            }
            // Providers that stream unasked, or do not although asked, are put right below.
            Way::Translated(back) if is_stream => (back, Relay::stream(body, spoken, false, idle, notes)),
            Way::Translated(back) => (back, Relay::whole(body, spoken, idle, notes)),
        };
        let kind = if back.wants_stream() && !back.wants_list() { EVENTS } else { JSON };
        let (said, end) = gather(relay, MAX_ANSWER_BYTES).await?;
        let told = if is_stream { back.gathered(&said)? } else { back.whole(&said)? };
        Ok((kind, Source::Told { body: Some(told.body.into()), end }))
    }
}

fn prepare(endpoint: &Endpoint, asked: Asked<'_>, context: &Context) -> Result<Prepared, Failure> {
    let is_native = endpoint.protocol() == asked.protocol;
    // What was sealed for another vendor earlier in the conversation would be refused by this one.
    if is_native && !(context.sealer.is_some() && envelope::may_be_in(asked.protocol, asked.body)) {
        return native(endpoint, asked);
    }
    let done = Reading::of(asked).map_err(fatal)?.write(endpoint.target(), context.clone())?;
    let (stream, body) = (done.back.wants_stream(), Pieces::new(vec![done.body]));
    let way = if is_native {
        Way::Native { hide_usage: stream && !done.back.wants_usage() }
    } else {
        Way::Translated(Box::new(done.back))
    };
    Ok(Prepared { body, stream, losses: done.losses, way })
}

/// The client's own bytes with the model in place, and a question for the usage of a stream.
fn native(endpoint: &Endpoint, asked: Asked<'_>) -> Result<Prepared, Failure> {
    let Asked { protocol, body, path } = asked;
    let is_in_path = protocol == Protocol::Gemini;
    let peek = if is_in_path { Peek::in_path(body, path.model, path.stream) } else { Peek::read(body) };
    let peek = peek.map_err(|e| fatal(&e))?;
    let target = endpoint.target();
    let asks_usage = peek.stream && protocol == Protocol::OpenAi && !target.dialect.has(Quirk::NoStreamOptions);
    let usage = if asks_usage { splice::ask_stream_usage(body, &peek) } else { None };
    let hide_usage = usage.is_some();
    let model = if is_in_path { None } else { splice::set_model(&peek, &target.model) };
    let pieces = splice::apply(&Bytes::copy_from_slice(body), model.into_iter().chain(usage).collect());
    let way = Way::Native { hide_usage };
    Ok(Prepared { body: Pieces::new(pieces), stream: peek.stream, losses: Losses::default(), way })
}

/// Whether an answer with a status of success is an error all the same.
fn is_error(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Only<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Only<'_>>(answer).is_ok_and(|answer| answer.error.is_some())
}

/// The provider's own sentence may repeat the key.
fn refused_key(endpoint: &Endpoint, kind: Kind, status: u16) -> Problem {
    let said = format!("{} refuses the key that it was called with (status {status})", endpoint.base_url());
    Problem::new(kind, "upstream_refused_credential", said, "Check the endpoint's key.")
}

fn unreachable(endpoint: &Endpoint, e: &CallError) -> Problem {
    let (kind, code) = match e {
        CallError::FirstByteTimeout => (Kind::UpstreamTimeout, "upstream_timeout"),
        CallError::Connect(_) | CallError::Broken(_) => (Kind::UpstreamFailed, "upstream_unreachable"),
    };
    Problem::new(kind, code, format!("{}: {e}", endpoint.base_url()), "Try again; if it stays, check the URL.")
}
