//! When a certificate ends: the one thing that is read out of it here, by its DER (RFC 5280, 4.1).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which may be absent.
const VERSION: u8 = 0xa0;

/// One value of DER: its tag, its content, and what comes after it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(*first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let bytes = rest.get(..count)?;
        (bytes.iter().fold(0_usize, |all, byte| (all << 8) | usize::from(*byte)), rest.get(count..)?)
    };
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

/// When it ends, in milliseconds since 1970.
pub(super) fn ends_ms(der: &[u8]) -> Option<i64> {
    let within = |der| value(der).filter(|(tag, ..)| *tag == SEQUENCE).map(|(_, content, _)| content);
    let mut rest = within(within(der)?)?;
    if rest.first() == Some(&VERSION) {
        rest = value(rest)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = value(rest)?.2;
    }
    let validity = within(rest)?;
    let (tag, end, _) = value(value(validity)?.2)?;
    let text = std::str::from_utf8(end).ok()?;
    let whole = match tag {
        // Two digits of the year: 50 and later were in the last century.
        UTC_TIME => format!("{}{text}", if text.get(..2)? >= "50" { "19" } else { "20" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        assert_eq!(ends_ms(&made(2027)), Some(1_804_118_400_000));
        assert_eq!(ends_ms(&made(2061)), Some(2_877_120_000_000));
    }

    #[test]
    fn what_is_no_certificate_ends_nothing() {
        let whole = made(2027);
        for end in 0..whole.len().min(160) {
            _ = ends_ms(&whole[..end]);
        }
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80", b"\x30\x02\x30\x00", &[0x30; 64]] {
            assert_eq!(ends_ms(bytes), None);
        }
    }
}
