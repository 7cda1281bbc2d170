//! A request's body: collected up to the limit, and unpacked where the client compressed it.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A client that sends nothing for this long has gone.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// Announced lengths are believed up to here; beyond, memory grows with what arrives.
const BELIEVED_BYTES: usize = 1 << 20;
/// However slowly, a body arrives at this rate; otherwise a few slow clients would hold memory for hours.
const LEAST_BYTES_PER_S: usize = 16 << 10;
/// The window that a zstd body may ask for (RFC 9659): decoding allocates all of it.
const MAX_WINDOW: u64 = 8 << 20;
/// How many bodies are unpacked at once.
pub const UNPACKING: usize = 4;
/// How much of a body that is too large is read and thrown away, so that its client comes to read our answer.
const DISCARD_FACTOR: u64 = 8;
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Collects `body`, at most `limit` bytes of it, and undoes its content encoding, at most [`UNPACKING`] at once.
pub async fn read(headers: &HeaderMap, body: Incoming, limit: usize, unpacking: &Semaphore) -> Result<Bytes, Problem> {
    let packed = plain(headers, body, limit).await?;
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(packed);
    }
    let codings: Vec<Coding> = codings(headers)?;
    if codings.is_empty() {
        return Ok(packed);
    }
    let _turn = unpacking.acquire().await;
    let unpacked = tokio::task::spawn_blocking(move || unpack(packed, &codings, limit)).await;
    unpacked.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "internal_error", "unpacking the body failed", "")))
}

/// Collects `body` as it is, at most `limit` bytes of it.
pub async fn plain(headers: &HeaderMap, body: Incoming, limit: usize) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|n| n > limit as u64) {
        if !headers.contains_key(EXPECT) {
            discard(body, limit).await;
        }
        return Err(too_large(limit));
    }
    collect(body, announced, limit).await
}

/// A client's body: hyper's, or a made-up one in tests.
trait Piecewise: Body<Data = Bytes> + Unpin {}

impl<B: Body<Data = Bytes> + Unpin> Piecewise for B {}

async fn collect(mut body: impl Piecewise, announced: Option<u64>, limit: usize) -> Result<Bytes, Problem> {
    // A short body is here with its head, and needs no timers.
    let (began, first) = match poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await {
        Poll::Ready(frame) => (None, piece(frame)?),
        Poll::Pending => {
            let began = Instant::now();
            (Some(began), next(&mut body, began, 0).await?)
        }
    };
    let Some(first) = first else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    let began = began.unwrap_or_else(Instant::now);
    let announced = announced.map_or(0, |n| usize::try_from(n).unwrap_or(BELIEVED_BYTES));
    let mut all = BytesMut::with_capacity(announced.min(BELIEVED_BYTES).max(first.len()));
    all.extend_from_slice(&first);
    while all.len() <= limit {
        match next(&mut body, began, all.len()).await? {
            Some(piece) => all.extend_from_slice(&piece),
            None => return Ok(all.freeze()),
        }
    }
    drop(all);
    discard(body, limit).await;
    Err(too_large(limit))
}

/// The next piece of a body of which `had` bytes have arrived since `began`.
async fn next(body: &mut impl Piecewise, began: Instant, had: usize) -> Result<Option<Bytes>, Problem> {
    let at_the_rate = Duration::from_secs((had / LEAST_BYTES_PER_S) as u64);
    let until = (Instant::now() + PIECE_TIMEOUT).min(began + PIECE_TIMEOUT + at_the_rate);
    match tokio::time::timeout_at(until, body.frame()).await {
        Ok(frame) => piece(frame),
        Err(_) => Err(Problem::new(
            Kind::BadRequest,
            "body_timeout",
            "the request body stopped arriving, or came too slowly",
            "Send it without pauses of more than 30 seconds, at 16 KiB a second or more.",
        )
        .with_status(408)),
    }
}

/// The bytes of `frame`; none at the body's end, and no bytes in its trailers.
fn piece<E>(frame: Option<Result<Frame<Bytes>, E>>) -> Result<Option<Bytes>, Problem> {
    match frame.transpose() {
        Ok(frame) => Ok(frame.map(|frame| frame.into_data().unwrap_or_default())),
        Err(_) => Err(Problem::new(
            Kind::BadRequest,
            "body_incomplete",
            "the request body ended before its announced length, or its chunks are not framed as HTTP/1.1 says",
            "Send the whole body.",
        )),
    }
}

async fn discard(mut body: impl Piecewise, limit: usize) {
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
            Coding::Zstd => unpack_zstd(packed, limit),
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

/// All frames of a zstd body; the decoder takes one at a time.
fn unpack_zstd(mut packed: &[u8], limit: usize) -> std::io::Result<Option<Bytes>> {
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let mut out = Vec::new();
    while !packed.is_empty() {
        if let Some(behind) = behind_skippable(packed) {
            packed = behind;
            continue;
        }
        match zstd_window(packed).ok_or_else(broken)? {
            Window::Content(bytes) if bytes > limit as u64 => return Ok(None),
            Window::Size(bytes) if bytes > MAX_WINDOW => return Err(broken()),
            Window::Content(_) | Window::Size(_) => {}
        }
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| broken())?;
        (&mut decoder).take((limit + 1).saturating_sub(out.len()) as u64).read_to_end(&mut out)?;
        if out.len() > limit {
            return Ok(None);
        }
        packed = decoder.into_inner();
    }
    Ok(Some(Bytes::from(out)))
}

/// What a zstd frame's decoder allocates.
#[derive(Debug, PartialEq, Eq)]
enum Window {
    /// A window of this many bytes.
    Size(u64),
    /// The whole content, which has this many bytes.
    Content(u64),
}

/// The window of the frame that `packed` begins with (RFC 8878, section 3.1.1.1).
fn zstd_window(packed: &[u8]) -> Option<Window> {
    let header = packed.strip_prefix(&[0x28, 0xB5, 0x2F, 0xFD])?;
    let (&descriptor, rest) = header.split_first()?;
    if descriptor & 0x20 == 0 {
        let byte = *rest.first()?;
        let base = 1_u64 << (10 + u32::from(byte >> 3));
        return Some(Window::Size(base + base / 8 * u64::from(byte & 7)));
    }
    let dictionary_bytes = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let size_bytes = 1 << (descriptor >> 6);
    let size = rest.get(dictionary_bytes..dictionary_bytes + size_bytes)?;
    let number = size.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    Some(Window::Content(if size_bytes == 2 { number + 256 } else { number }))
}

/// What follows a skippable frame, if `packed` begins with one.
fn behind_skippable(packed: &[u8]) -> Option<&[u8]> {
    let (magic, rest) = packed.split_at_checked(4)?;
    if magic.first()? & 0xF0 != 0x50 || magic.get(1..)? != [0x2A, 0x4D, 0x18] {
        return None;
    }
    let (length, rest) = rest.split_at_checked(4)?;
    let length = length.iter().rev().fold(0_usize, |n, byte| n << 8 | usize::from(*byte));
    Some(rest.get(length..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::io::Write;
    use std::task::Context;

    /// A body whose pieces come with a pause before each.
    struct Slow(VecDeque<Bytes>, Pin<Box<tokio::time::Sleep>>, Duration);

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.1.as_mut().poll(cx));
            let next = Instant::now() + self.2;
            self.1.as_mut().reset(next);
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn slow(pieces: usize, bytes: usize, pause: Duration) -> Slow {
        let piece = Bytes::from(vec![b' '; bytes]);
        Slow(vec![piece; pieces].into(), Box::pin(tokio::time::sleep(pause)), pause)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_but_not_endless() {
        let steady = collect(slow(60, 64 << 10, Duration::from_secs(3)), None, 32 << 20).await.unwrap();
        assert_eq!(steady.len(), 60 * (64 << 10));
        let began = Instant::now();
        let drip = collect(slow(10_000, 1, Duration::from_secs(20)), None, 32 << 20).await.unwrap_err();
        assert_eq!((drip.code, drip.status), ("body_timeout", Some(408)));
        assert!(began.elapsed() <= PIECE_TIMEOUT * 2, "{:?}", began.elapsed());
    }

    #[test]
    fn zstd_windows_are_read_and_bounded() {
        let frame = |rest: &[u8]| [&[0x28, 0xB5, 0x2F, 0xFD], rest].concat();
        assert_eq!(zstd_window(&frame(&[0x00, 0x58])), Some(Window::Size(2 << 20)));
        assert_eq!(zstd_window(&frame(&[0x20, 7])), Some(Window::Content(7)));
        assert_eq!(zstd_window(&frame(&[0x60, 0, 1])), Some(Window::Content(512)));
        assert_eq!(zstd_window(&frame(&[0xA1, 9, 0, 0, 0, 1])), Some(Window::Content(1 << 24)));
        for short in [&b""[..], b"\x28\xB5\x2F\xFD", b"hello world"] {
            assert_eq!(zstd_window(short), None);
        }
        // Exponent 31: two terabytes.
        let huge = unpack(frame(&[0x00, 0xF8, 0, 0, 0]).into(), &[Coding::Zstd], 1 << 20).unwrap_err();
        assert_eq!(huge.code, "bad_encoding");
        let large = unpack(frame(&[0xA0, 0, 0, 0, 0x7F, 0, 0]).into(), &[Coding::Zstd], 1 << 20).unwrap_err();
        assert_eq!(large.code, "request_too_large");
        let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3][..]; 2].concat();
        assert_eq!(unpack(skipped.into(), &[Coding::Zstd], 100).unwrap(), "");
    }

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
