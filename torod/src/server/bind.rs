//! Binding, with errors that say what to do.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("{0} is taken: another program listens there. Stop it, or set another `{1}`")]
    Taken(SocketAddr, &'static str),
    /// The port needs rights that this user does not have.
    #[error(
        "no permission to listen on {0}: ports below 1024 need CAP_NET_BIND_SERVICE. Set a `{1}` with a higher port, let \
         systemd open the socket, or run `setcap cap_net_bind_service=+ep` on torod"
    )]
    Forbidden(SocketAddr, &'static str),
    /// This machine has no such address.
    #[error("this machine has no address {0}. Set another `{1}`")]
    Absent(SocketAddr, &'static str),
    /// Another program answers at the socket.
    #[error("{0} is taken: another program listens there. Stop it, or set another `{1}`")]
    SocketTaken(PathBuf, &'static str),
    /// Something else lies where the socket would be.
    #[error("{0} is there already and is no socket. Move it away, or set another `{1}`")]
    NoSocket(PathBuf, &'static str),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(String, std::io::Error),
}

/// Binds the TCP listener at `addr`, which stands under `key` in the file.
pub async fn tcp(addr: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|e| match e.kind() {
        ErrorKind::AddrInUse => BindError::Taken(addr, key),
        ErrorKind::PermissionDenied => BindError::Forbidden(addr, key),
        ErrorKind::AddrNotAvailable => BindError::Absent(addr, key),
        _ => BindError::Other(addr.to_string(), e),
    })
}

/// Binds the control socket at `path`, which only the owner of the data folder can reach.
///
/// The caller holds the data folder's lock, so a file that is there already is a leftover.
pub fn unix(path: &Path) -> Result<UnixListener, BindError> {
    let explain = |e| BindError::Other(path.display().to_string(), e);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(explain(e)),
        _ => {}
    }
    bind_unix(path, 0o600).map_err(explain)
}

/// Binds a socket at `path` that whoever `mode` lets may reach; it stands under `key` in the file. A leftover of a
/// program that is gone is removed, and nothing else.
pub fn socket(path: &Path, mode: u32, key: &'static str) -> Result<UnixListener, BindError> {
    let explain = |e| BindError::Other(path.display().to_string(), e);
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NoSocket(path.to_owned(), key)),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(BindError::SocketTaken(path.to_owned(), key));
        }
        Ok(_) => std::fs::remove_file(path).map_err(explain)?,
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(explain(e)),
    }
    bind_unix(path, mode).map_err(explain)
}

fn bind_unix(path: &Path, mode: u32) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_leftover_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.sock");
        let said = |bound: Result<UnixListener, BindError>| bound.unwrap_err().to_string();
        let first = socket(&path, 0o640, "server.listen").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let taken = said(socket(&path, 0o640, "server.listen"));
        assert!(taken.contains("another program listens there") && taken.contains("`server.listen`"), "{taken}");
        drop(first);
        drop(socket(&path, 0o600, "server.listen").unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(said(socket(&path, 0o600, "server.listen")).contains("is no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        assert!(said(socket(&folder.path().join("no/where"), 0o600, "k")).contains("cannot listen on"));
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_had_is_told_with_its_key() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), "listen_addr").await.unwrap();
        let taken = tcp(first.local_addr().unwrap(), "server.listen").await.unwrap_err().to_string();
        assert!(taken.contains("is taken") && taken.contains("`server.listen`"), "{taken}");
        let absent = tcp("192.0.2.1:1".parse().unwrap(), "listen_addr").await.unwrap_err().to_string();
        assert!(absent.contains("no address 192.0.2.1:1"), "{absent}");
    }
}
