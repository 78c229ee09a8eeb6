//! Where the server listens and what it bears.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{ApiError, Token, listen};

/// Where the server listens.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A unix socket; its directory is made where it is missing.
    pub socket: Option<PathBuf>,
    /// Loopback, with a token.
    pub tcp: Option<Tcp>,
    /// Serves the page's files from this folder, read anew each time, in place of those in the program: for working on
    /// the page.
    pub page: Option<PathBuf>,
    /// What it bears.
    pub limits: Limits,
}

impl Options {
    /// Whether nothing is in the way of the socket, where one is asked for: looks, and makes nothing.
    ///
    /// # Errors
    /// What [`Server::start`](crate::Server::start) would say of what is in its place. Whether its directory can be made
    /// and written is not looked at.
    pub fn try_socket(&self) -> Result<(), ApiError> {
        self.socket.as_deref().map_or(Ok(()), |path| listen::place_of_socket(path).map(drop))
    }

    /// Whether the address can be listened on, where one is asked for: listens for a moment.
    ///
    /// # Errors
    /// What [`Server::start`](crate::Server::start) would say of it.
    pub fn try_tcp(&self) -> Result<(), ApiError> {
        self.tcp.as_ref().map_or(Ok(()), |tcp| listen::on_loopback(tcp.address).map(drop))
    }
}

/// A listener on loopback.
#[derive(Debug, Clone)]
pub struct Tcp {
    /// Where: 127.0.0.0/8 or `::1`. Port 0 takes a free one, which [`Server::tcp`](crate::Server::tcp) tells.
    pub address: SocketAddr,
    /// What every request for data carries.
    pub token: Token,
}

/// What the server bears from all its callers together. The defaults are for one daemon and a few people; tests lower them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of a request's line and headers, at least 8,192.
    pub head: usize,
    /// Number of headers.
    pub headers: usize,
    /// Time for a request's line and headers, from the connection's beginning or the last answer: an idle connection is
    /// closed after it.
    pub head_within: Duration,
    /// Time for a request's body.
    pub body_within: Duration,
    /// Time for the service to answer, waiting for its turn included.
    pub answer_within: Duration,
    /// Time for which a caller may take nothing of an answer before its connection is closed.
    pub taken_within: Duration,
    /// Connections per listener; more are told to come back.
    pub connections: usize,
    /// Questions that the service works on at once. Health, readiness and metrics have two places of their own, so that
    /// a flood of questions does not hide it.
    pub at_once: usize,
    /// Questions that wait for their turn; more are told to come back.
    pub waiting: usize,
}

impl Limits {
    /// The same within what timers and counters bear: a caller may name any number. The configuration's bounds lie within
    /// these, so that what is written there is what counts.
    pub(crate) fn bearable(self) -> Self {
        const LONGEST: Duration = Duration::from_secs(86_400);
        const MOST: usize = 10_000;
        let Self {
            body,
            head,
            headers,
            head_within,
            body_within,
            answer_within,
            taken_within,
            connections,
            at_once,
            waiting,
        } = self;
        Self {
            body,
            head: head.max(8 << 10),
            headers,
            head_within: head_within.min(LONGEST),
            body_within: body_within.min(LONGEST),
            answer_within: answer_within.min(LONGEST),
            taken_within: taken_within.min(LONGEST),
            connections: connections.clamp(1, MOST),
            at_once: at_once.clamp(1, MOST),
            waiting: waiting.min(MOST),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 10,
            head: 16 << 10,
            headers: 64,
            head_within: Duration::from_secs(20),
            body_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            taken_within: Duration::from_secs(20),
            connections: 64,
            at_once: 4,
            waiting: 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Limits;

    #[test]
    fn any_number_can_be_borne() {
        let endless = Limits {
            body: usize::MAX,
            head: 0,
            headers: usize::MAX,
            head_within: Duration::MAX,
            body_within: Duration::MAX,
            answer_within: Duration::MAX,
            taken_within: Duration::MAX,
            connections: 0,
            at_once: usize::MAX,
            waiting: usize::MAX,
        };
        let limits = endless.bearable();
        assert!(Instant::now().checked_add(limits.answer_within).is_some());
        assert!(limits.head >= 8_192 && limits.connections == 1);
        assert!(limits.at_once + limits.waiting < tokio::sync::Semaphore::MAX_PERMITS);
        let usual = Limits::default();
        assert_eq!(format!("{:?}", usual.clone().bearable()), format!("{usual:?}"));
    }
}
