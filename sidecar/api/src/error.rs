//! Why the server cannot be started. Each sentence is for the person who starts it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server cannot be started, or a client not reach it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Neither a socket nor an address.
    #[error("the API has nothing to listen on: give api.socket a path or api.listen an address")]
    NothingToListenOn,
    /// An address that other machines reach.
    #[error(
        "the API listens on loopback alone and {address} is not: give 127.0.0.1:{} and reach it through an SSH tunnel",
        address.port()
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// A token that could be guessed or cannot be sent.
    #[error(
        "a token for the API has at least {} visible ASCII characters and this one has not: make one with 'openssl rand -hex 32'",
        crate::token::SHORTEST
    )]
    BadToken,
    /// Another process answers there.
    #[error("another process answers at {}: stop it, or give this one another api.socket", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is in the socket's place, and is left alone.
    #[error("{} is there already and is no socket: move it away, or give another api.socket", path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// The kernel takes 107 bytes.
    #[error("{} is too long for a socket's path, which has at most 107 bytes: give a shorter api.socket", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// The socket's directory cannot be made or a socket not be put there.
    #[error("cannot make the socket {}: {source}; make its directory writable, or give another api.socket", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The port is taken, mostly.
    #[error("cannot listen on {address}: {source}; give api.listen another port")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// No thread or no event loop.
    #[error("cannot start the API's thread: {0}; raise the limits of tasks and open files")]
    Thread(#[source] io::Error),
}
