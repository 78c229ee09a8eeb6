//! A real HTTP server on the loopback interface, small enough to be told how to fail.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The ids of a batch.
    pub fn ids(&self) -> Vec<String> {
        let body = self.json();
        let events = body["events"].as_array().expect("events");
        events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// A redirect to there.
    Redirect(String),
    /// A status with an answer that never ends well: its length is promised and the connection closed.
    Cut(u16),
    /// Nothing, for as long.
    Silence(Duration),
    /// A status and an endless answer.
    Endless(u16),
}

type Behaviour = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    accepting: Option<JoinHandle<()>>,
}

/// A port that nothing listens on, for now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Answers as told; port 0 is any.
    pub fn start(port: u16, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener");
        let (stop, streams, requests) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let shared = (Arc::clone(&stop), Arc::clone(&streams), Arc::clone(&requests));
        let accepting = thread::spawn(move || accept(&listener, &shared.0, &shared.1, &shared.2, &behaviour));
        Self { address, stop, streams, requests, accepting: Some(accepting) }
    }

    /// Takes everything.
    pub fn friendly(port: u16) -> Self {
        Self::start(port, |_| Reply::Status(200))
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1/events", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// The ids of all batches.
    pub fn ids(&self) -> Vec<String> {
        self.requests().iter().flat_map(Request::ids).collect()
    }

    /// As a process that is killed: every connection ends at once, whatever is under way. Says what it was asked.
    pub fn kill(mut self) -> Vec<Request> {
        self.end();
        self.requests()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(accepting) = self.accepting.take() {
            accepting.join().expect("the server's thread");
        }
        for stream in lock(&self.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn accept(
    listener: &TcpListener,
    stop: &Arc<AtomicBool>,
    streams: &Mutex<Vec<TcpStream>>,
    requests: &Arc<Mutex<Vec<Request>>>,
    behaviour: &Arc<Behaviour>,
) {
    while !stop.load(Ordering::SeqCst) {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(2));
            continue;
        };
        stream.set_nonblocking(false).expect("a stream");
        lock(streams).push(stream.try_clone().expect("a stream"));
        let (requests, behaviour, stop) = (Arc::clone(requests), Arc::clone(behaviour), Arc::clone(stop));
        thread::spawn(move || {
            // A client that goes away is no failure of the server.
            let _ = serve(&stream, &stop, &requests, &*behaviour);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

fn serve(
    stream: &TcpStream,
    stop: &AtomicBool,
    requests: &Mutex<Vec<Request>>,
    behaviour: &Behaviour,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        if stop.load(Ordering::SeqCst) {
            return Ok(());
        }
        let reply = behaviour(&request);
        // What was answered with nothing has been read all the same.
        lock(requests).push(request);
        if !answer(stream, &reply, stop)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Says whether the connection stays.
fn answer(mut stream: &TcpStream, reply: &Reply, stop: &AtomicBool) -> io::Result<bool> {
    match reply {
        Reply::Status(status) => {
            let text = if *status >= 400 { "something is wrong" } else { "" };
            // In one piece: a second one would wait until the first is acknowledged, which takes 40 ms.
            let answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes())?;
            Ok(true)
        }
        Reply::Redirect(to) => {
            write!(stream, "HTTP/1.1 307 Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")?;
            Ok(true)
        }
        Reply::Cut(status) => {
            write!(stream, "HTTP/1.1 {status} Status\r\nContent-Length: 1000\r\n\r\nsome of it")?;
            Ok(false)
        }
        Reply::Silence(duration) => {
            thread::sleep(*duration);
            Ok(false)
        }
        Reply::Endless(status) => {
            write!(stream, "HTTP/1.1 {status} Status\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            while !stop.load(Ordering::SeqCst) {
                write!(stream, "1000\r\n{}\r\n", "a".repeat(0x1000))?;
            }
            Ok(false)
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = match request.header("content-encoding") {
        Some("gzip") => {
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
            plain
        }
        _ => body,
    };
    Ok(Some(request))
}
