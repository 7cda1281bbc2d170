//! Target `error`: whatever a provider says went wrong, every client is told in its own protocol, and shown no
//! invisible characters.

use tokenrouter::Protocol;
use tokenrouter::hidden::is_hidden;

use super::{case, legal};

/// The first byte is the provider's protocol, the next two its status, the rest its body.
pub fn run(data: &[u8]) {
    let Some((upstream, rest)) = case::protocol(data) else { return };
    let [high, low, body @ ..] = rest else { return };
    // Text in the corpus gives statuses all over the range; what is none is tried too.
    let status = 400 + u16::from_be_bytes([*high, *low]) % 200;
    for status in [status, u16::from_be_bytes([*high, *low])] {
        let problem = case::back(Protocol::OpenAi, upstream, false, false).error(status, body);
        legal::can_be_told(&problem);
        let hidden = problem.message.chars().find(|c| is_hidden(*c) && *c != '\n');
        assert_eq!(hidden, None, "{}", problem.message);
        assert!(problem.message.len() <= 16_384, "{} bytes are told", problem.message.len());
    }
}
