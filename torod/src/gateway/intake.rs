//! A request's body: collected up to the limit, and unpacked where the client compressed it.

use std::borrow::Cow;
use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};

/// A client that sends nothing for this long has gone.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// Announced lengths are believed up to here; beyond, memory grows with what arrives.
const BELIEVED_BYTES: usize = 1 << 20;
/// How much of a body that is too large is read and thrown away, so that its client comes to read our answer.
const DISCARD_FACTOR: u64 = 8;
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Collects `body`, at most `limit` bytes of it, and undoes its content encoding.
pub async fn read(headers: &HeaderMap, body: Incoming, limit: usize) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|n| n > limit as u64) {
        if !headers.contains_key(EXPECT) {
            discard(body, limit).await;
        }
        return Err(too_large(limit));
    }
    let packed = collect(body, announced, limit).await?;
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(packed);
    }
    let codings: Vec<Coding> = codings(headers)?;
    if codings.is_empty() {
        return Ok(packed);
    }
    let unpacked = tokio::task::spawn_blocking(move || unpack(packed, &codings, limit)).await;
    unpacked.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "internal_error", "unpacking the body failed", "")))
}

async fn collect(mut body: Incoming, announced: Option<u64>, limit: usize) -> Result<Bytes, Problem> {
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    let announced = announced.map_or(0, |n| usize::try_from(n).unwrap_or(BELIEVED_BYTES));
    let mut all = BytesMut::with_capacity(announced.min(BELIEVED_BYTES).max(first.len()));
    all.extend_from_slice(&first);
    while all.len() <= limit {
        match next(&mut body).await? {
            Some(piece) => all.extend_from_slice(&piece),
            None => return Ok(all.freeze()),
        }
    }
    drop(all);
    discard(body, limit).await;
    Err(too_large(limit))
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    loop {
        match tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(Some(Err(_))) => {
                return Err(Problem::new(
                    Kind::BadRequest,
                    "body_incomplete",
                    "the request body ended before its announced length",
                    "Send the whole body.",
                ));
            }
            Err(_) => {
                return Err(Problem::new(
                    Kind::BadRequest,
                    "body_timeout",
                    "the request body stopped arriving",
                    "Send it without pauses of more than 30 seconds.",
                )
                .with_status(408));
            }
        }
    }
}

async fn discard(mut body: Incoming, limit: usize) {
    let most = (limit as u64).saturating_mul(DISCARD_FACTOR);
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, |d| d.len() as u64);
            if seen > most {
                return;
            }
        }
    };
    _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        "request_too_large",
        format!("the request body is larger than {}", shown(limit)),
        "Send less, or raise `limits.request_body` in torod.toml.",
    )
}

fn shown(bytes: usize) -> Cow<'static, str> {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20).into()
    } else {
        format!("{bytes} bytes").into()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings in the order in which they must be undone.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Problem> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().unwrap_or("?").split(',') {
            found.push(match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                other => {
                    let said = format!("the content encoding \"{other}\" is not supported");
                    let advice = "Use gzip, deflate, br, zstd, or none.";
                    return Err(Problem::new(Kind::BadRequest, "unsupported_encoding", said, advice).with_status(415));
                }
            });
        }
    }
    if found.len() > 3 {
        let said = "the request body is encoded more than three times";
        return Err(Problem::new(Kind::BadRequest, "unsupported_encoding", said, "Encode it once.").with_status(415));
    }
    found.reverse();
    Ok(found)
}

fn unpack(mut body: Bytes, codings: &[Coding], limit: usize) -> Result<Bytes, Problem> {
    for coding in codings {
        let packed = body.as_ref();
        let unpacked = match coding {
            Coding::Gzip => bounded(flate2::read::MultiGzDecoder::new(packed), limit),
            // Named "deflate" but specified as zlib; some clients send the bare stream all the same.
            Coding::Deflate => bounded(flate2::read::ZlibDecoder::new(packed), limit)
                .or_else(|_| bounded(flate2::read::DeflateDecoder::new(packed), limit)),
            Coding::Brotli => bounded(brotli_decompressor::Decompressor::new(packed, 4096), limit),
            Coding::Zstd => match ruzstd::decoding::StreamingDecoder::new(packed) {
                Ok(decoder) => bounded(decoder, limit),
                Err(_) => Err(std::io::ErrorKind::InvalidData.into()),
            },
        };
        body = match unpacked {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(too_large(limit)),
            Err(_) => {
                return Err(Problem::new(
                    Kind::BadRequest,
                    "bad_encoding",
                    "the request body is not in the encoding that content-encoding names",
                    "Send the header that fits the body.",
                ));
            }
        };
    }
    Ok(body)
}

/// All of `from`, or nothing if that is more than `limit` bytes: a small body can unpack to any size.
fn bounded(from: impl Read, limit: usize) -> std::io::Result<Option<Bytes>> {
    let mut out = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut out)?;
    Ok((out.len() <= limit).then(|| Bytes::from(out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        let problem = unpack(bomb, &[Coding::Gzip], 1 << 20).unwrap_err();
        assert_eq!(problem.code, "request_too_large");
        assert!(problem.message.contains("1 MiB"), "{}", problem.message);
    }

    #[test]
    fn undoes_several_codings_and_refuses_what_it_does_not_know() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "deflate, gzip".parse().unwrap());
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"hello").unwrap();
        let packed = gzip(&encoder.finish().unwrap());
        assert_eq!(unpack(packed, &codings(&headers).unwrap(), 100).unwrap(), "hello");
        headers.insert(CONTENT_ENCODING, "compress".parse().unwrap());
        assert_eq!(codings(&headers).unwrap_err().http_status(tokenrouter::Protocol::OpenAi), 415);
        assert_eq!(unpack(Bytes::from_static(b"no gzip"), &[Coding::Gzip], 100).unwrap_err().code, "bad_encoding");
    }
}
