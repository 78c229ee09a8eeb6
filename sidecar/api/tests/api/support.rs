//! A running server, and requests to it byte by byte: a client that is polite cannot show what the server does with one
//! that is not.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anomaly_api::{Limits, Options, Server, Service, Tcp, Token};
use serde_json::Value;
use tempfile::TempDir;

use crate::fake::Fake;

/// The token of every test.
pub(crate) const TOKEN: &str = "a-token-of-the-tests";

/// What is now, to the tests.
pub(crate) const NOW: f64 = 1_800_000_000.0;

/// A server on both listeners.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) socket: PathBuf,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Rig {
    /// Over generated data.
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(Fake::new(500, NOW)), Limits::default())
    }

    /// Over this service, within these limits.
    pub(crate) fn over(service: Arc<dyn Service>, limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("api.sock");
        let address = "127.0.0.1:0".parse().expect("an address");
        let tcp = Tcp { address, token: Token::new(TOKEN).expect("long enough") };
        let options = Options { socket: Some(socket.clone()), tcp: Some(tcp), limits, page: None };
        let server = Server::start(options, service).expect("it starts");
        let address = server.tcp().expect("it listens on loopback");
        Self { server, socket, address, _folder: folder }
    }

    /// Both ways in.
    pub(crate) fn doors(&self) -> [Door<'_>; 2] {
        [Door::Unix(&self.socket), Door::Tcp(self.address)]
    }
}

/// A way in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door<'r> {
    Unix(&'r Path),
    Tcp(SocketAddr),
}

impl Door<'_> {
    /// A connection that gives up after ten seconds of silence.
    pub(crate) fn open(&self) -> Connection {
        let patience = Some(Duration::from_secs(10));
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).expect("it listens");
                stream.set_read_timeout(patience).expect("a stream");
                Connection::Unix(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).expect("it listens");
                stream.set_read_timeout(patience).expect("a stream");
                Connection::Tcp(stream)
            }
        }
    }

    /// Sends these bytes and reads until the server closes.
    pub(crate) fn exchange(&self, request: &[u8]) -> Reply {
        let mut connection = self.open();
        connection.write_all(request).expect("it takes the request");
        connection.reply()
    }

    /// A request with the headers that everybody sends, these, and the token where one is needed.
    pub(crate) fn request(&self, method: &str, target: &str, headers: &str, body: &str) -> Reply {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let token = match self {
            Self::Unix(_) => String::new(),
            Self::Tcp(_) => format!("Authorization: Bearer {TOKEN}\r\n"),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}{headers}{length}\r\n{body}"
        );
        self.exchange(head.as_bytes())
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target, "", "")
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Reply {
        self.request("POST", target, "Content-Type: application/json\r\n", body)
    }
}

/// A connection of either kind.
pub(crate) enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Connection {
    /// Reads until the server closes.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Reply {
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Ok(_) => {}
            // A server that closes before it has read everything resets; what it said before has come.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("no answer in time: {error}"),
        }
        Reply::from(bytes)
    }
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(from),
            Self::Tcp(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).expect("the server writes UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let first = lines.next().expect("a line at least");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self {
            status: status.unwrap_or_else(|| panic!("no answer: {first:?}")),
            headers,
            body: body.to_owned(),
        }
    }
}

impl Reply {
    /// A header that is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        first
    }

    /// The body of a good answer.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.value()
    }

    fn value(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Code and message of a bad answer, which has to have the one shape.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> (String, String) {
        assert_eq!(self.status, status, "{self:?}");
        let value = self.value();
        let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&value), ["error"]);
        assert_eq!(keys(&value["error"]), ["code", "message"]);
        let text = |key: &str| value["error"][key].as_str().expect("text").to_owned();
        let message = text("message");
        assert!(!message.is_empty() && message.len() <= 400, "{message}");
        assert!(!message.chars().any(anomaly_baseline::text::needs_escape), "{message:?}");
        (text("code"), message)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:.400}", self.status, self.headers, self.body)
    }
}
