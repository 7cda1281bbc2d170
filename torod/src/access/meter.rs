//! What a token has used up so far: live figures that outlast every change of the token.

/// The live figures of one token.
///
/// The index makes one when it first sees a token's number, and hands the same on whenever the token or one above it
/// changes: whoever counts here counts for all snapshots.
#[derive(Debug, Default)]
pub struct Meter {}
