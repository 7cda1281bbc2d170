//! Which codings of an answer a client takes.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// Whether a client says that it takes `coding`. Who says nothing gets answers as they are.
pub(super) fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let (mut named, mut any) = (None, false);
    for entry in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let (name, is_wanted) = (name.trim(), !is_nothing(weight));
        if name.eq_ignore_ascii_case(coding) {
            named = Some(is_wanted);
        } else if name == "*" {
            any = is_wanted;
        }
    }
    named.unwrap_or(any)
}

/// Whether a weight such as ` q=0.000` says that a coding is not wanted.
fn is_nothing(weight: &str) -> bool {
    let Some((name, value)) = weight.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_coding_is_taken_where_a_client_says_so() {
        let takes = |lines: &[&str], coding| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
            }
            takes(&headers, coding)
        };
        for (lines, br, gzip) in [
            (&[][..], false, false),
            (&["gzip, deflate, br, zstd"], true, true),
            (&["gzip", "BR;q=0.5"], true, true),
            (&["br;q=0, *"], false, true),
            (&["br;q=0.000,gzip;q=1"], false, true),
            (&["*;q=0, br"], true, false),
            (&["*"], true, true),
            (&["identity", "bro;q=1"], false, false),
            (&[";;q=,,="], false, false),
        ] {
            assert_eq!((takes(lines, "br"), takes(lines, "gzip")), (br, gzip), "{lines:?}");
        }
    }
}
