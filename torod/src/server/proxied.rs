//! The header of the PROXY protocol, by which a trusted proxy says whose connection it hands on.

use std::io;
use std::net::IpAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The shortest header there is, `PROXY UNKNOWN` and the end of its line; one of version 2 has one byte more at least.
const SHORTEST: usize = 15;
/// What a header of version 2 begins with.
const SECOND: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The fixed part of a header of version 2, which says how long the rest is.
const FIXED: usize = 16;
/// The longest header of version 1.
const LONGEST_FIRST: usize = 107;
/// The longest header of version 2 that is read: addresses and a few notes of the proxy's.
const LONGEST_SECOND: usize = 4096;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// Its address; none where the proxy itself asks.
    pub client: Option<IpAddr>,
    /// Whether the proxy speaks TLS with it.
    pub is_https: bool,
}

/// Reads the header from the beginning of `stream`, and not a byte more.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Proxied> {
    let mut header = vec![0; SHORTEST];
    stream.read_exact(&mut header).await?;
    if header.starts_with(SECOND) {
        header.push(stream.read_u8().await?);
        let length = header.last_chunk::<2>().map_or(0, |bytes| usize::from(u16::from_be_bytes(*bytes)));
        if length > LONGEST_SECOND {
            return Err(wrong("it is too long"));
        }
        header.resize(FIXED + length, 0);
        stream.read_exact(header.get_mut(FIXED..).unwrap_or_default()).await?;
    } else if header.starts_with(b"PROXY ") {
        // Byte by byte: nobody knows how long it is, and what comes after it is not ours.
        while !header.ends_with(b"\r\n") {
            if header.len() >= LONGEST_FIRST {
                return Err(wrong("it does not end"));
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(wrong("there is none"));
    }
    let (parsed, _) = ProxyHeader::parse(&header, ParseConfig::default()).map_err(|_| wrong("it makes no sense"))?;
    let client = parsed.proxied_address().map(|address| address.source.ip().to_canonical());
    Ok(Proxied { client, is_https: parsed.ssl().is_some_and(|ssl| ssl.client_ssl()) })
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_header::{ProxiedAddress, SslInfo, Tlv};

    async fn seen(header: &[u8]) -> Result<(Proxied, String), io::Error> {
        let whole = [header, b"GET /"].concat();
        let mut rest: &[u8] = &whole;
        let proxied = read(&mut rest).await?;
        Ok((proxied, String::from_utf8_lossy(rest).into_owned()))
    }

    fn second(client: Option<&str>, is_https: bool) -> Vec<u8> {
        let mut header = match client {
            Some(client) => ProxyHeader::with_address(ProxiedAddress::stream(
                client.parse().unwrap(),
                "192.0.2.1:443".parse().unwrap(),
            )),
            None => ProxyHeader::with_local(),
        };
        if is_https {
            header.append_tlv(Tlv::Ssl(SslInfo::new(true, false, false, 0)));
        }
        let mut bytes = vec![0; 512];
        let length = header.encode_to_slice_v2(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_last_byte() {
        let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for (header, expected, is_https) in [
            (b"PROXY TCP4 192.0.2.9 192.0.2.1 4711 443\r\n".to_vec(), client("192.0.2.9"), false),
            (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n".to_vec(), client("2001:db8::9"), false),
            (b"PROXY UNKNOWN\r\n".to_vec(), None, false),
            (b"PROXY UNKNOWN what ever it says\r\n".to_vec(), None, false),
            (second(Some("192.0.2.9:4711"), false), client("192.0.2.9"), false),
            (second(Some("192.0.2.9:4711"), true), client("192.0.2.9"), true),
            (second(None, false), None, false),
        ] {
            let (proxied, rest) = seen(&header).await.unwrap();
            assert_eq!((proxied, rest.as_str()), (Proxied { client: expected, is_https }, "GET /"), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        let mut huge = second(None, false);
        huge[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
        let broken = [SECOND, &[0x21, 0x11, 0, 4, 1, 2, 3, 4]].concat();
        for header in
            [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"PROXY TCP4 a b c d\r\n", b"PROX", &long, &huge, &broken]
        {
            assert!(seen(header).await.is_err(), "{:?}", String::from_utf8_lossy(header));
        }
    }
}
