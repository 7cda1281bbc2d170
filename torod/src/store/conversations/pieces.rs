//! Bodies put together of pieces, each of which is stored once: a message that comes again with every turn costs a number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use super::super::StoreError;
use super::pack;

/// Shorter stretches are no pieces: naming one would cost as much as repeating it.
pub const MIN_PIECE: usize = 64;
/// The most that one body is put together to.
const MAX_BODY: usize = 64 << 20;

/// The SHA-256 of a piece, as far as it is needed to tell pieces apart.
pub type PieceDigest = [u8; 16];

/// A stretch of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether a note may stand for it where it is too large: it is the inside of a string.
    pub is_text: bool,
}

/// What storing a body came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Of which pieces it is made, packed.
    pub recipe: Vec<u8>,
    /// What it added to the file, in bytes.
    pub added: u64,
    /// Whether a part of it was too large.
    pub is_cut: bool,
}

/// What tells `bytes` from any other piece.
pub fn digest(bytes: &[u8]) -> PieceDigest {
    let mut short = PieceDigest::default();
    for (to, from) in short.iter_mut().zip(Sha256::digest(bytes)) {
        *to = from;
    }
    short
}

/// Stores a body; of what is not there yet, at most `most` bytes. What is more is left out, the largest texts first.
pub fn store(connection: &Connection, conversation: i64, pieces: &[Piece], most: usize) -> Result<Stored, StoreError> {
    let mut known: Vec<Option<(PieceDigest, Option<i64>)>> = Vec::with_capacity(pieces.len());
    let mut fresh_bytes = 0_usize;
    let mut fresh: HashMap<PieceDigest, usize> = HashMap::new();
    let mut find = connection.prepare_cached("SELECT id FROM piece WHERE digest = ?1")?;
    for piece in pieces {
        if piece.bytes.len() < MIN_PIECE {
            known.push(None);
            continue;
        }
        let digest = digest(&piece.bytes);
        let id = find.query_row([&digest[..]], |row| row.get(0)).optional()?;
        if id.is_none() && fresh.insert(digest, piece.bytes.len()).is_none() {
            fresh_bytes += piece.bytes.len();
        }
        known.push(Some((digest, id)));
    }
    let mut stored = Stored::default();
    let left_out = too_large(pieces, &known, fresh_bytes, most);
    let mut recipe = Recipe::default();
    let mut insert = connection.prepare_cached("INSERT INTO piece (digest, body) VALUES (?1, ?2)")?;
    let mut used =
        connection.prepare_cached("INSERT OR IGNORE INTO piece_use (conversation_id, piece_id) VALUES (?1, ?2)")?;
    let mut made: HashMap<PieceDigest, i64> = HashMap::new();
    let mut room = most;
    for (piece, known) in pieces.iter().zip(&known) {
        let Some((digest, id)) = known else {
            recipe.literal(&piece.bytes);
            continue;
        };
        let id = match id.or_else(|| made.get(digest).copied()) {
            Some(id) => id,
            None if left_out.contains(digest) || piece.bytes.len() > room => {
                stored.is_cut = true;
                recipe.literal(format!("[{} bytes that are not kept]", piece.bytes.len()).as_bytes());
                continue;
            }
            None => {
                room -= piece.bytes.len();
                let packed = pack::pack(&piece.bytes);
                stored.added += packed.len() as u64;
                insert.execute((&digest[..], &packed))?;
                let id = connection.last_insert_rowid();
                made.insert(*digest, id);
                id
            }
        };
        used.execute((conversation, id))?;
        recipe.piece(id);
    }
    stored.recipe = pack::pack(&recipe.bytes);
    stored.added += stored.recipe.len() as u64;
    Ok(stored)
}

/// The new texts that are left out so that the others fit: as few as possible.
fn too_large(
    pieces: &[Piece],
    known: &[Option<(PieceDigest, Option<i64>)>],
    fresh_bytes: usize,
    most: usize,
) -> Vec<PieceDigest> {
    let mut over = fresh_bytes.saturating_sub(most);
    if over == 0 {
        return Vec::new();
    }
    let mut texts: Vec<(usize, PieceDigest)> = pieces
        .iter()
        .zip(known)
        .filter_map(|(piece, known)| match known {
            Some((digest, None)) if piece.is_text => Some((piece.bytes.len(), *digest)),
            _ => None,
        })
        .collect();
    texts.sort_unstable();
    texts.dedup();
    let mut left_out = Vec::new();
    while over > 0
        && let Some((bytes, digest)) = texts.pop()
    {
        over = over.saturating_sub(bytes);
        left_out.push(digest);
    }
    left_out
}

/// A body as the list of what it is made of: `0 length bytes`, or the distance from the piece before.
#[derive(Default)]
struct Recipe {
    bytes: Vec<u8>,
    last: i64,
}

impl Recipe {
    fn literal(&mut self, literal: &[u8]) {
        if !literal.is_empty() {
            self.number(0);
            self.number(literal.len() as u64);
            self.bytes.extend_from_slice(literal);
        }
    }

    fn piece(&mut self, id: i64) {
        let step = id.wrapping_sub(self.last);
        self.last = id;
        // Zigzag, so that short ways back are short too; 0 is taken.
        self.number(((step << 1) ^ (step >> 63)).cast_unsigned() + 1);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Puts bodies together, and remembers what it has unpacked: those of one conversation have most in common.
#[derive(Default)]
pub struct Kitchen {
    pieces: HashMap<i64, Vec<u8>>,
    held: usize,
}

/// How much unpacked bytes are remembered.
const HELD: usize = 32 << 20;

impl Kitchen {
    /// The body that `recipe` tells of.
    ///
    /// # Errors
    ///
    /// Damage: a piece is missing, or makes no sense.
    pub fn body(&mut self, connection: &Connection, recipe: &[u8]) -> Result<Vec<u8>, StoreError> {
        let damaged = || StoreError::Damaged("a conversation's request cannot be put together".to_owned());
        let recipe = pack::unpack(recipe).ok_or_else(damaged)?;
        let mut rest = &recipe[..];
        let (mut body, mut last) = (Vec::new(), 0_i64);
        while !rest.is_empty() {
            let tag = take_number(&mut rest).ok_or_else(damaged)?;
            if tag == 0 {
                let length = usize::try_from(take_number(&mut rest).ok_or_else(damaged)?).map_err(|_| damaged())?;
                let (literal, after) = rest.split_at_checked(length).ok_or_else(damaged)?;
                body.extend_from_slice(literal);
                rest = after;
            } else {
                let step = tag - 1;
                last = last.wrapping_add((step >> 1).cast_signed() ^ -((step & 1).cast_signed()));
                self.piece(connection, last, &mut body)?;
            }
            if body.len() > MAX_BODY {
                return Err(damaged());
            }
        }
        Ok(body)
    }

    fn piece(&mut self, connection: &Connection, id: i64, to: &mut Vec<u8>) -> Result<(), StoreError> {
        if let Some(bytes) = self.pieces.get(&id) {
            to.extend_from_slice(bytes);
            return Ok(());
        }
        let packed: Vec<u8> =
            connection.prepare_cached("SELECT body FROM piece WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
        let bytes = pack::unpack(&packed);
        let bytes = bytes.ok_or_else(|| StoreError::Damaged("a piece of a conversation is no text".to_owned()))?;
        to.extend_from_slice(&bytes);
        if self.held + bytes.len() > HELD {
            self.pieces.clear();
            self.held = 0;
        }
        self.held += bytes.len();
        self.pieces.insert(id, bytes);
        Ok(())
    }
}
