//! Where a provider speaks one protocol: the URL of every surface.

use http::Uri;
use tokenrouter::catalog::BaseUrl;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

/// Where one protocol is spoken.
#[derive(Debug)]
pub(super) struct Place {
    /// The protocol.
    pub protocol: Protocol,
    /// The URL of each surface.
    pub uris: Vec<(Surface, Uri)>,
}

const SURFACES: [Surface; 12] = [
    Surface::Chat,
    Surface::Completions,
    Surface::Embeddings,
    Surface::Responses,
    Surface::Compact,
    Surface::CountResponses,
    Surface::Messages,
    Surface::CountMessages,
    Surface::Generate,
    Surface::CountGenerate,
    Surface::CohereChat,
    Surface::Models,
];

impl Place {
    /// Every surface of `protocol` beneath `base`.
    pub(super) fn new(protocol: Protocol, base: &BaseUrl) -> Result<Self, String> {
        let uri = |surface: &Surface| {
            let url = base.join(protocol, surface.tail());
            Uri::try_from(&url).map(|uri| (*surface, uri)).map_err(|e| format!("its URL {url} is not valid: {e}"))
        };
        let uris = SURFACES.iter().map(uri).collect::<Result<_, _>>()?;
        Ok(Self { protocol, uris })
    }
}
