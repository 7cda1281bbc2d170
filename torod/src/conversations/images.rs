//! The images of a kept request, by their digest, for those who read it.

use tokenrouter::chat::{Part, PartKind};
use tokenrouter_shared::hex;

use super::{read, told};
use crate::store::conversations::pieces::Kitchen;
use crate::store::conversations::read::by_request;
use crate::store::{Connection, StoreError};

/// What every browser shows, and none runs.
pub const KINDS: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Which of [`KINDS`] `bytes` are by how they begin, whatever a client calls them.
pub fn kind(bytes: &[u8]) -> Option<&'static str> {
    let [png, jpeg, gif, webp] = KINDS;
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(png),
        [0xff, 0xd8, 0xff, ..] => Some(jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(webp),
        _ => None,
    }
}

/// The kind and the bytes of the image with the SHA-256 `sha256`, in hex, of the request `id`; none where none of this kind is
/// kept.
///
/// # Errors
///
/// What the database says.
pub fn image(connection: &Connection, id: &str, sha256: &str) -> Result<Option<(&'static str, Vec<u8>)>, StoreError> {
    let Some(kept) = by_request(connection, id)? else { return Ok(None) };
    let body = Kitchen::default().body(connection, &kept.request)?;
    let Some(request) = read::request(&kept.view.surface, &body, &kept.path) else { return Ok(None) };
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    let found = parts.find_map(|part| match &part.kind {
        PartKind::Result(result) => result.content.iter().find_map(|part| with_digest(part, sha256)),
        _ => with_digest(part, sha256),
    });
    Ok(found.and_then(|bytes| Some((kind(&bytes)?, bytes))))
}

fn with_digest(part: &Part, sha256: &str) -> Option<Vec<u8>> {
    let PartKind::Image(image) = &part.kind else { return None };
    told::bytes(&image.media).filter(|bytes| hex::of(&told::digest(bytes)) == sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_what_its_bytes_say() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }
}
