//! Sockets that systemd has opened for us and hands over when it starts us (`LISTEN_FDS`).

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

/// A socket that is bound already.
#[derive(Debug)]
pub enum Socket {
    /// Of TCP.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener),
}

/// One that was handed over.
#[derive(Debug)]
pub struct Given {
    /// The socket.
    pub socket: Socket,
    /// `FileDescriptorName` of its unit, else the unit's name.
    pub name: String,
}

/// Takes what was handed over. Only once: whoever asks again gets nothing.
pub fn take(env: &dyn Fn(&str) -> Option<String>) -> std::io::Result<Vec<Given>> {
    // First: what is taken is no longer named.
    let names = env("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut handed = ListenFd::from_env();
    let mut all = Vec::new();
    for at in 0..handed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        let socket = match handed.take_tcp_listener(at) {
            Ok(Some(listener)) => {
                listener.set_nonblocking(true)?;
                Socket::Tcp(TcpListener::from_std(listener)?)
            }
            Ok(None) => continue,
            Err(_) => {
                let Some(listener) = handed.take_unix_listener(at)? else { continue };
                listener.set_nonblocking(true)?;
                Socket::Unix(UnixListener::from_std(listener)?)
            }
        };
        all.push(Given { socket, name });
    }
    Ok(all)
}
