//! Target `request`: what a client of any protocol asks reaches every provider's protocol as a request that can be
//! read there.

use tokenrouter::Protocol;
use tokenrouter::convert::{Asked, Path, translate};

use super::kept::{self, Kept};
use super::{case, legal};

/// The first byte is the client's protocol, the second chooses among models, the rest is the body.
pub fn run(data: &[u8]) {
    let Some((client, rest)) = case::protocol(data) else { return };
    let Some((choice, body)) = rest.split_first() else { return };
    let path = Path { model: "m", stream: choice & 1 == 1, list: false };
    for upstream in Protocol::ALL {
        let target = case::target(upstream, *choice);
        let done = match translate(Asked { protocol: client, body, path }, &target, case::context()) {
            Ok(done) => done,
            Err(problem) => {
                legal::can_be_told(&problem);
                continue;
            }
        };
        let written = String::from_utf8_lossy(&done.body).into_owned();
        assert!(case::is_json(&done.body), "{client} to {upstream}: no JSON: {written}");
        assert!(
            done.body.len() <= 4096 + 32 * body.len(),
            "{client} to {upstream}: {} bytes became {}",
            body.len(),
            done.body.len()
        );
        if let Some(names) = done.losses.header() {
            assert!(names.bytes().all(|b| (0x20..0x7f).contains(&b)), "a header must be printable ASCII: {names:?}");
        }
        // What does not arrive is named to the client.
        let (asked, arrived) = (kept::read(client, body), kept::read(upstream, &done.body));
        if let (Ok(asked), Ok(arrived), None) = (asked, arrived, done.losses.header()) {
            let missing = Kept::of(&asked).missing(&Kept::of(&arrived));
            assert_eq!(missing, None, "{client} to {upstream}, silently lost: {written}");
        }
        // A provider of that protocol, which has no key of ours, can read it.
        let again = Asked { protocol: upstream, body: &done.body, path };
        if let Err(problem) = translate(again, &target, case::context()) {
            panic!("{client} to {upstream}: cannot be read again: {}: {written}", problem.message);
        }
    }
}
