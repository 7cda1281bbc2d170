//! To which trace a request belongs (W3C Trace Context), and whether anybody wants to see it.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::pick::mix;
use tokenrouter_shared::hex;

use super::otel::inbox::Inbox;
pub use crate::usage::trace::Trace;

/// The header that names trace and span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What vendors add to it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// A longer state is left out, as the specification allows.
const LONGEST_STATE: usize = 512;

/// Begins traces, and takes what becomes of them.
#[derive(Debug)]
pub struct Tracer {
    permille: u64,
    /// Whether providers are told.
    forwards: bool,
    seed: [u64; 2],
    inbox: Arc<Inbox>,
}

/// A request is over.
#[derive(Debug)]
pub struct End {
    /// Its number.
    pub exchange: i64,
    /// Its trace.
    pub trace: Arc<Trace>,
    /// How many attempts were made for it.
    pub attempts: u32,
    /// When it was over, in Unix milliseconds.
    pub ended_ms: i64,
    /// Its id as the client knows it.
    pub request_id: Box<str>,
    /// Who asked.
    pub caller: Box<str>,
    /// What was asked for.
    pub surface: &'static str,
    /// Why nobody was called, with the status, where that was so.
    pub refused: Option<(&'static str, u16)>,
}

impl Tracer {
    /// One that sends `permille` of the traces that no client has decided about, by way of `inbox`.
    pub const fn new(permille: u16, forwards: bool, seed: [u64; 2], inbox: Arc<Inbox>) -> Self {
        Self { permille: permille as u64, forwards, seed, inbox }
    }

    /// The trace of the request with these headers; none where nobody would see it.
    pub fn begin(&self, headers: &HeaderMap, exchange: i64, began_ms: i64) -> Option<Arc<Trace>> {
        let trace = match parent(headers) {
            Some((id, parent, sampled)) => {
                let state = headers.get(&TRACESTATE).filter(|state| state.len() <= LONGEST_STATE).cloned();
                Trace { id, parent: Some(parent), state, sampled, began_ms }
            }
            None => {
                let [one, two] = self.seed.map(|seed| mix(seed ^ exchange.cast_unsigned()));
                let sampled = two % 1_000 < self.permille;
                let id = (u128::from(one) << 64 | u128::from(two)).max(1).to_be_bytes();
                Trace { id, parent: None, state: None, sampled, began_ms }
            }
        };
        (trace.sampled || self.forwards).then(|| Arc::new(trace))
    }

    /// The id of the span of the exchange or attempt with this number.
    pub fn span(&self, number: i64) -> [u8; 8] {
        let [seed, _] = self.seed;
        mix(seed.rotate_left(17) ^ number.cast_unsigned()).max(1).to_be_bytes()
    }

    /// Tells the provider of the trace, where that is wanted.
    pub fn hand_on(&self, trace: &Trace, attempt: i64, to: &mut HeaderMap) {
        if !self.forwards {
            return;
        }
        let sampled = if trace.sampled { "-01" } else { "-00" };
        let text = ["00-", &hex::of(&trace.id), "-", &hex::of(&self.span(attempt)), sampled].concat();
        if let Ok(value) = HeaderValue::try_from(text) {
            to.insert(TRACEPARENT, value);
            match &trace.state {
                Some(state) => to.insert(TRACESTATE, state.clone()),
                None => to.remove(&TRACESTATE),
            };
        }
    }

    /// The request is over.
    pub fn end(&self, end: impl FnOnce() -> End) {
        self.inbox.ended(end);
    }
}

/// Trace, span and whether it is sampled, as a client says it.
fn parent(headers: &HeaderMap) -> Option<([u8; 16], [u8; 8], bool)> {
    let mut all = headers.get_all(&TRACEPARENT).iter();
    let (first, None) = (all.next()?, all.next()) else { return None };
    let text = first.to_str().ok()?.trim();
    let mut parts = text.splitn(5, '-');
    let [version] = digits(parts.next()?)?;
    let (trace, span, [flags]) = (digits::<16>(parts.next()?)?, digits::<8>(parts.next()?)?, digits(parts.next()?)?);
    // Later versions may say more behind it.
    let is_known = version != 0xff && (version != 0 || parts.next().is_none());
    (is_known && trace != [0; 16] && span != [0; 8]).then_some((trace, span, flags & 1 == 1))
}

/// So many bytes in small hexadecimal digits.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_small = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 2 * N || !text.bytes().all(is_small) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn tracer(permille: u16, forwards: bool) -> Tracer {
        Tracer::new(permille, forwards, [7, 8], Inbox::new())
    }

    fn with(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (TRACEPARENT, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_clients_trace_goes_on_and_its_decision_holds() {
        let trace = tracer(0, false).begin(&with(&[PARENT]), 5, 9).unwrap();
        assert_eq!((trace.id[0], trace.parent.unwrap()[0], trace.sampled, trace.began_ms), (0x0a, 0xb7, true, 9));
        let unsampled = PARENT.replace("-01", "-00");
        assert!(tracer(1_000, false).begin(&with(&[&unsampled]), 5, 9).is_none());
        assert!(!tracer(1_000, true).begin(&with(&[&unsampled]), 5, 9).unwrap().sampled, "but handed on");
        let later = format!("cc{}-more", &PARENT[2..]);
        assert!(tracer(0, false).begin(&with(&[&later]), 5, 9).is_some());
    }

    #[test]
    fn what_is_no_trace_context_counts_as_none() {
        for wrong in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-more"),
            &PARENT.replace("00-", "ff-"),
            &PARENT.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333ö-01",
        ] {
            let Ok(value) = HeaderValue::from_str(wrong) else { continue };
            let headers = HeaderMap::from_iter([(TRACEPARENT, value)]);
            assert!(tracer(0, false).begin(&headers, 5, 9).is_none(), "{wrong}");
            assert_eq!(tracer(1_000, false).begin(&headers, 5, 9).unwrap().parent, None, "{wrong}");
        }
        assert!(tracer(0, false).begin(&with(&[PARENT, PARENT]), 5, 9).is_none());
    }

    #[test]
    fn of_many_requests_about_so_many_are_traced() {
        let tracer = tracer(250, false);
        let traced = (0..10_000).filter(|n| tracer.begin(&HeaderMap::new(), n << 20, 0).is_some()).count();
        assert!((2_200..2_800).contains(&traced), "{traced}");
    }

    #[test]
    fn providers_are_told_only_where_that_is_wanted() {
        let silent = tracer(1_000, false);
        let trace = silent.begin(&with(&[PARENT]), 5, 9).unwrap();
        let mut to = HeaderMap::new();
        silent.hand_on(&trace, 6, &mut to);
        assert!(to.is_empty());
        tracer(1_000, true).hand_on(&trace, 6, &mut to);
        let told = to[&TRACEPARENT].to_str().unwrap().to_owned();
        assert!(told.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && told.ends_with("-01"), "{told}");
        assert!(!told.contains("b7ad6b7169203331"), "the attempt's own span");
        assert!(parent(&to).is_some());
    }
}
