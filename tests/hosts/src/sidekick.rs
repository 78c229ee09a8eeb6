//! A receiver of alerts that is as strict as Falcosidekick, and stricter where Falcosidekick is silent about a loss.
//!
//! Falcosidekick answers 400 to an alert without priority, rule, time or fields; it panics where a pod's name is no
//! string; above 4,096 bytes it cuts long strings; most of its outputs leave numbers out; and its Alertmanager output
//! makes a label of every field, so that a field with another value each time makes every alert a new one. All of it is
//! a [`Rejection`] here, so that a test fails where a user would lose something.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value};

/// Above this, Falcosidekick cuts strings.
pub const MAX_BYTES: usize = 4096;
/// The longest reason and nearest command line.
pub const MAX_WORDS: usize = 200;

/// Priorities as Falcosidekick knows them, whatever their case.
const PRIORITIES: [&str; 9] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug"];

/// Fields that have another value at every event.
const UNIQUE: [&str; 15] = [
    "evt.num",
    "evt.rawtime",
    "evt.latency",
    "evt.reltime",
    "evt.datetime",
    "proc.pid",
    "proc.ppid",
    "proc.vpid",
    "proc.sid",
    "proc.duration",
    "thread.tid",
    "thread.vtid",
    "proc.stdin.name",
    "fd.name",
    "anomaly.proc_pid",
];

/// An alert that was let in.
pub type Alert = Map<String, Value>;

/// Why an alert was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("400: {0}")]
pub struct Rejection(pub String);

/// Takes the body of a request, or says what is wrong with it.
///
/// # Errors
/// The first thing that is wrong.
pub fn receive(body: &[u8]) -> Result<Alert, Rejection> {
    let reject = |problem: String| Err(Rejection(problem));
    let alert: Alert =
        serde_json::from_slice(body).map_err(|error| Rejection(format!("no JSON object: {error}")))?;
    let text = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default();
    for name in ["output", "rule", "source"] {
        if text(name).is_empty() {
            return reject(format!("no {name}"));
        }
    }
    if !PRIORITIES.contains(&text("priority").to_lowercase().as_str()) {
        return reject(format!("no priority: {:?}", text("priority")));
    }
    if !is_rfc_3339(text("time")) {
        return reject(format!("no time of RFC 3339: {:?}", text("time")));
    }
    let Some(fields) =
        alert.get("output_fields").and_then(Value::as_object).filter(|fields| !fields.is_empty())
    else {
        return reject("no output_fields".to_owned());
    };
    for (name, value) in fields {
        field(name, value)?;
    }
    if let Some(score) = fields.get("anomaly.score").and_then(Value::as_str)
        && !text("output").contains(score)
    {
        return reject("the score is not in the sentence".to_owned());
    }
    if body.len() > MAX_BYTES {
        return reject(format!("{} bytes, so long strings would be cut", body.len()));
    }
    Ok(alert)
}

fn field(name: &str, value: &Value) -> Result<(), Rejection> {
    let reject = |problem: &str| Err(Rejection(format!("{name}: {problem}: {value}")));
    if UNIQUE.contains(&name) {
        return reject("another value at every event, a label of its own in Alertmanager");
    }
    if matches!(name, "k8s.ns.name" | "k8s.pod.name" | "k8s_ns_name" | "k8s_pod_name") && !value.is_string() {
        return reject("must be a string: Falcosidekick panics");
    }
    match value {
        Value::String(text) => {
            if matches!(name, "anomaly.reason" | "anomaly.nearest" | "anomaly.proc_cmdline")
                && text.len() > MAX_WORDS
            {
                return reject("longer than 200 bytes");
            }
            if text.chars().any(char::is_control) {
                return reject("control characters");
            }
            Ok(())
        }
        Value::Null => Ok(()),
        // Falco's own, and a user's number where there is no name: nothing is lost with them.
        Value::Number(_) if matches!(name, "evt.time" | "anomaly.proc_uid") => Ok(()),
        _ => reject("no string, so most outputs leave it out"),
    }
}

/// `2026-03-02T08:00:00.003Z`, with a fraction or none, and `Z` or an offset.
fn is_rfc_3339(text: &str) -> bool {
    let (Some(date), Some(rest)) = (text.get(..19), text.get(19..)) else { return false };
    let number = |range: std::ops::Range<usize>, limits: std::ops::RangeInclusive<u32>| {
        let digits = &date.as_bytes()[range];
        digits.iter().all(u8::is_ascii_digit)
            && limits.contains(&digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    };
    let marks: Vec<_> = [4, 7, 10, 13, 16].map(|index| date.as_bytes()[index] as char).into();
    let offset = rest.trim_start_matches(|character: char| character == '.' || character.is_ascii_digit());
    marks == ['-', '-', 'T', ':', ':']
        && number(0..4, 1970..=9999)
        && number(5..7, 1..=12)
        && number(8..10, 1..=31)
        && number(11..13, 0..=23)
        && number(14..16, 0..=59)
        && number(17..19, 0..=60)
        && (rest.len() == offset.len() || (rest.starts_with('.') && rest.len() > offset.len() + 1))
        && (offset == "Z" || (offset.len() == 6 && offset.starts_with(['+', '-'])))
}

/// A receiver on a port of this machine.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    received: Receiver<Result<Alert, Rejection>>,
}

impl Server {
    /// Listens on a free port of the loopback interface, in a thread that lives as long as the test.
    ///
    /// # Errors
    /// Where there is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (sender, received) = channel();
        thread::Builder::new().name("sidekick".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever breaks off has sent no alert; a test that waits for one says so.
                let Ok(body) = read_request(&stream) else { continue };
                let result = receive(&body);
                let status = if result.is_ok() { "200 OK" } else { "400 Bad Request" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = (&stream).write_all(answer.as_bytes());
                if sender.send(result).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { address, received })
    }

    /// Where alerts are posted to.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The next alert, or why it was refused; `None` where none comes in time.
    pub fn next(&self, timeout: Duration) -> Option<Result<Alert, Rejection>> {
        self.received.recv_timeout(timeout).ok()
    }
}

/// A POST with a length, as Falco sends it.
fn read_request(stream: &TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream).take(1 << 20);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; 1 << 20];
    body.truncate(length);
    reader.read_exact(&mut body)?;
    Ok(body)
}
