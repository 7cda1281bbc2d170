//! A request body made of pieces, as splicing leaves them: sent without joining, and sent again on a retry.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Pieces of bytes that make one body of known length.
///
/// ```
/// use bytes::Bytes;
/// use tokenrouter::call::Pieces;
///
/// let body = Pieces::new(vec![Bytes::from_static(b"{\"model\":"), Bytes::from_static(b"\"m\"}")]);
/// // Cheap to send again: the bytes are shared.
/// assert_eq!((body.len(), body.clone().len()), (13, 13));
/// assert_eq!(body.joined(), b"{\"model\":\"m\"}"[..]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Pieces {
    /// A body of `pieces`, in order.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|p| p.len() as u64).sum();
        Self { pieces: pieces.into_iter(), left }
    }

    /// The pieces that are still to come.
    pub fn as_slice(&self) -> &[Bytes] {
        self.pieces.as_slice()
    }

    /// The bytes that are still to come.
    pub const fn len(&self) -> u64 {
        self.left
    }

    /// All that is still to come, in one piece.
    pub fn joined(&self) -> Bytes {
        match self.pieces.as_slice() {
            [one] => one.clone(),
            pieces => Bytes::from(pieces.concat()),
        }
    }

    /// Whether nothing is to come.
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |p| p.len() as u64);
        Poll::Ready(piece.map(|p| Ok(Frame::data(p))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
