//! Binding, with errors that say what to do.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::{TcpListener, UnixListener};

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("{0} is taken: another program listens there. Stop it, or set another `listen_addr`")]
    Taken(SocketAddr),
    /// The port needs rights that this user does not have.
    #[error(
        "no permission to listen on {0}: ports below 1024 need CAP_NET_BIND_SERVICE. Set a `listen_addr` with a higher port"
    )]
    Forbidden(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(String, std::io::Error),
}

/// Binds the TCP listener at `addr`.
pub async fn tcp(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => BindError::Taken(addr),
        std::io::ErrorKind::PermissionDenied => BindError::Forbidden(addr),
        _ => BindError::Other(addr.to_string(), e),
    })
}

/// Binds the control socket at `path`, which only the owner of the data folder can reach.
///
/// The caller holds the data folder's lock, so a file that is there already is a leftover.
pub fn unix(path: &Path) -> Result<UnixListener, BindError> {
    let explain = |e| BindError::Other(path.display().to_string(), e);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(explain(e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(explain)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(explain)?;
    Ok(listener)
}
