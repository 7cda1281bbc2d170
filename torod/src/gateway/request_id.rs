//! The id of one exchange, as clients, upstreams, logs and rows know it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::protocol::Protocol;

/// The header it travels in.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC: HeaderName = HeaderName::from_static("request-id");
const MAX_BYTES: usize = 128;

/// The client's own id, or ours.
#[derive(Clone, Debug)]
pub struct RequestId {
    value: HeaderValue,
    is_given: bool,
}

impl RequestId {
    /// The id in `headers` where it is one that can be shown anywhere; otherwise ours, made of the exchange's id.
    pub fn of(headers: &HeaderMap, exchange_id: i64) -> Self {
        let given = headers.get(HEADER).filter(|v| {
            let bytes = v.as_bytes();
            !bytes.is_empty() && bytes.len() <= MAX_BYTES && bytes.iter().all(u8::is_ascii_graphic)
        });
        match given {
            Some(value) => Self { value: value.clone(), is_given: true },
            None => Self { value: made(exchange_id), is_given: false },
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.value.to_str().unwrap_or_default()
    }

    /// As the value of its header.
    pub const fn header(&self) -> &HeaderValue {
        &self.value
    }

    /// Says it where clients of `protocol` look: Anthropic's know a header of their own.
    pub fn say(&self, protocol: Protocol, to: &mut HeaderMap) {
        to.insert(HEADER, self.value.clone());
        if protocol == Protocol::Anthropic {
            to.insert(ANTHROPIC, self.value.clone());
        }
    }

    /// The text, if the client gave it.
    pub fn given(&self) -> Option<&str> {
        if self.is_given { Some(self.as_str()) } else { None }
    }
}

fn made(exchange_id: i64) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"req_0000000000000000";
    for (at, byte) in text.iter_mut().skip(4).enumerate() {
        let nibble = (exchange_id >> (60 - 4 * at)) & 15;
        *byte = HEX.get(usize::try_from(nibble).unwrap_or(0)).copied().unwrap_or(b'0');
    }
    // Owned in a way that is shared from the start: it goes up, comes back, and is kept for the record.
    HeaderValue::from_maybe_shared(Bytes::from_owner(text)).unwrap_or(HeaderValue::from_static("req"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_clients_id_only_where_it_is_harmless() {
        let mut headers = HeaderMap::new();
        assert_eq!(RequestId::of(&headers, 0x1234_5678_9abc_def0).as_str(), "req_123456789abcdef0");
        headers.insert(HEADER, HeaderValue::from_static("abc"));
        assert_eq!(RequestId::of(&headers, 1).given(), Some("abc"));
        for bad in ["", "a b", &"x".repeat(129)] {
            headers.insert(HEADER, HeaderValue::from_str(bad).unwrap());
            assert_eq!(RequestId::of(&headers, 1).given(), None, "{bad}");
        }
    }
}
