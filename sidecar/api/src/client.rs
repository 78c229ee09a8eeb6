//! Asking a daemon on this machine, from the command line: over its unix socket, one question at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anomaly_baseline::text::printable;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// The largest answer, in bytes.
const LARGEST: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or not for us.
    #[error("no daemon can be asked at {}: {source}; {}", path.display(), remedy(source))]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The daemon says no, and why.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The daemon's sentence, printable.
        message: String,
    },
    /// It took too long.
    #[error("the daemon at {} does not answer within {} s: look at its log", path.display(), within.as_secs())]
    Late {
        /// The socket.
        path: PathBuf,
        /// How long it had.
        within: Duration,
    },
    /// What answers is no daemon of ours, or one that ended meanwhile.
    #[error("what answers at {} is not understood: {reason}; is it a daemon of this release?", path.display())]
    NotUnderstood {
        /// The socket.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

/// Somebody who can ask.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    within: Duration,
}

impl Client {
    /// Asks at this socket; each question has a quarter of a minute.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), within: Duration::from_secs(15) }
    }

    /// Asks for a path such as `/v1/findings`, with a query's keys and values as they are.
    ///
    /// # Errors
    /// Where nobody answers, or not with what was asked for.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let mut target = path.to_owned();
        for (place, (key, value)) in query.iter().enumerate() {
            target.push(if place == 0 { '?' } else { '&' });
            target.extend([encoded(key), "=".to_owned(), encoded(value)]);
        }
        self.ask(Method::GET, &target, Bytes::new())
    }

    /// Sends a question or a decision as JSON.
    ///
    /// # Errors
    /// Where nobody answers, or not with what was asked for.
    pub fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.not_understood(&error))?;
        self.ask(Method::POST, path, body.into())
    }

    /// Asks for a path whose answer is text, such as `/metrics`.
    ///
    /// # Errors
    /// Where nobody answers, or not with text.
    pub fn text(&self, path: &str) -> Result<String, ClientError> {
        let bytes = self.bytes(Method::GET, path, Bytes::new())?;
        String::from_utf8(bytes.into()).map_err(|error| self.not_understood(&error))
    }

    fn ask(&self, method: Method, target: &str, body: Bytes) -> Result<Value, ClientError> {
        let bytes = self.bytes(method, target, body)?;
        serde_json::from_slice(&bytes).map_err(|error| self.not_understood(&error))
    }

    /// What is answered, where it is no refusal.
    fn bytes(&self, method: Method, target: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|source| self.unreachable(source))?;
        let (status, bytes) = runtime.block_on(async {
            match timeout(self.within, self.exchange(method, target, body)).await {
                Ok(answer) => answer,
                Err(_) => Err(ClientError::Late { path: self.socket.clone(), within: self.within }),
            }
        })?;
        if status.is_success() {
            return Ok(bytes);
        }
        let answer: Value = serde_json::from_slice(&bytes).map_err(|error| self.not_understood(&error))?;
        match answer.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => {
                Err(ClientError::Refused { status: status.as_u16(), message: printable(message, 500) })
            }
            None => Err(self.not_understood(&status)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|source| self.unreachable(source))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| self.not_understood(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.not_understood(&error))?;
        let asked = async {
            let response = sender.send_request(request).await.map_err(|error| self.not_understood(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| self.not_understood(&*error))?;
            Ok((status, body.to_bytes()))
        };
        let mut asked = std::pin::pin!(asked);
        tokio::select! {
            answer = asked.as_mut() => answer,
            // The connection may end with its last answer before that is read.
            _ = connection => asked.await,
        }
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        ClientError::Unreachable { path: self.socket.clone(), source }
    }

    fn not_understood(&self, reason: &(impl std::fmt::Display + ?Sized)) -> ClientError {
        ClientError::NotUnderstood { path: self.socket.clone(), reason: printable(&reason.to_string(), 200) }
    }
}

/// What to do where nobody can be asked.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "it answers the user that runs it alone: run this as that user, or as root"
        }
        _ => "start one with 'anomalyctl run', or name the --socket of the one that runs or its --config",
    }
}

/// Percent-encoded but for letters, digits and what never means anything in a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_somebody_else_says_who_may_ask() {
        let refused = |kind: io::ErrorKind| {
            Client::new(Path::new("/run/api.sock")).unreachable(kind.into()).to_string()
        };
        assert!(refused(io::ErrorKind::PermissionDenied).ends_with("run this as that user, or as root"));
        assert!(refused(io::ErrorKind::NotFound).contains("start one with 'anomalyctl run'"));
    }

    #[test]
    fn queries_arrive_as_they_were() {
        assert_eq!(encoded("a b&c=d?é*"), "a%20b%26c%3Dd%3F%C3%A9%2A");
    }
}
