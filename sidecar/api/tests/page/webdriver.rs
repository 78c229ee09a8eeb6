//! A client of chromedriver: the few commands of W3C WebDriver that these tests need, and Chromium's own protocol by way
//! of it.
//!
//! The clients that the registry has bring a second HTTP and a second TLS, and change the features of crates that LanceDB
//! stands on, which would compile all of it twice. The protocol is JSON over HTTP/1.1 on loopback, one request at a time.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long one command may take: the slowest starts a browser on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What chromedriver says when it listens, before the port.
const LISTENING: &str = "started successfully on port ";

/// Names under which distributions have the browser.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// No such program.
    #[error("no {0} on PATH: 'make setup' installs it where the distribution has it")]
    Missing(&'static str),
    /// It could not be started, or does not answer.
    #[error("chromedriver: {0}")]
    Io(#[from] io::Error),
    /// It answered something that is no answer.
    #[error("chromedriver answered {0:?}")]
    Answer(String),
    /// It refused.
    #[error("{command}: {message}")]
    Refused {
        /// What was asked.
        command: String,
        /// What it said.
        message: String,
    },
}

/// A browser with one window and a profile of its own. Dropped, it and its driver end.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a driver and a browser without a window that can be seen.
    ///
    /// # Errors
    /// Where one of them is missing or does not start.
    pub(crate) fn start() -> Result<Self, DriverError> {
        let driver = program("chromedriver").ok_or(DriverError::Missing("chromedriver"))?;
        let browser =
            BROWSERS.iter().find_map(|name| program(name)).ok_or(DriverError::Missing("chromium"))?;
        let profile = tempfile::tempdir()?;
        let mut driver = Command::new(driver)
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let port = port_of(&mut driver);
        // From here on it is ended with the value.
        let mut started = Self {
            driver,
            address: ([127, 0, 0, 1], port?).into(),
            session: String::new(),
            _profile: profile,
        };
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", started._profile.path().display()));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": browser, "args": arguments},
        }}});
        let session = started.send("POST", "/session", &wanted)?;
        session["sessionId"].as_str().unwrap_or_default().clone_into(&mut started.session);
        Ok(started)
    }

    /// Goes to an address, and returns when its document is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs the body of an async function.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (e) => done(`${{e}}`));"
        );
        self.command("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Clicks on the first element that the selector finds, as a pointer would: it has to be visible and on top.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.command("element", &json!({ "using": "css selector", "value": selector }));
        let id = found
            .as_object()
            .and_then(|found| found.values().next())
            .and_then(Value::as_str)
            .expect("an element's id");
        self.command(&format!("element/{id}/click"), &json!({}));
    }

    /// Presses and releases keys, one after the other.
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key })))
            .collect();
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// Sends a command of Chromium's own protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What the browser wrote to its console since the last time.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({ "type": "browser" }));
        let words =
            |entry: &Value| format!("{}: {}", entry["level"].as_str().unwrap_or("?"), entry["message"]);
        entries.as_array().map(|entries| entries.iter().map(words).collect()).unwrap_or_default()
    }

    /// Keeps a picture of the whole page.
    pub(crate) fn picture(&self, path: &Path) {
        let taken = self
            .devtools("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": false }));
        let content = from_base64(taken["data"].as_str().expect("a picture is text in base 64"));
        fs::write(path, content).expect("the target directory can be written");
    }

    fn command(&self, command: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        self.send("POST", &path, parameters).unwrap_or_else(|error| panic!("{error} ({parameters})"))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, DriverError> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = body.to_string();
        let length = if method == "POST" { body.len() } else { 0 };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body.as_bytes()[..length])?;
        let answer = content(BufReader::new(stream))?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| DriverError::Answer(String::from_utf8_lossy(&answer).into_owned()))?;
        match &answer["value"] {
            Value::Object(value) if value.contains_key("error") && value.contains_key("stacktrace") => {
                let message = value["message"].as_str().unwrap_or_default().to_owned();
                Err(DriverError::Refused { command: path.to_owned(), message })
            }
            value => Ok(value.clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked first, so that the browser ends with all its processes and lets go of its profile.
        if !self.session.is_empty() {
            let _ = self.send("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that a driver says it listens on. One that never says so is ended.
fn port_of(driver: &mut Child) -> io::Result<u16> {
    let mut said = BufReader::new(driver.stdout.take().expect("its output is a pipe"));
    let mut line = String::new();
    let port = loop {
        line.clear();
        if said.read_line(&mut line)? == 0 {
            break None;
        }
        if let Some((_, port)) = line.split_once(LISTENING) {
            break port.trim().trim_end_matches('.').parse().ok();
        }
    };
    // Held open: a driver that cannot write ends.
    driver.stdout = Some(said.into_inner());
    port.ok_or_else(|| {
        let _ = driver.kill();
        let _ = driver.wait();
        io::Error::other("it ended without listening")
    })
}

/// An answer's body, whose length its head tells.
fn content(mut from: impl BufRead) -> Result<Vec<u8>, DriverError> {
    let mut length = None;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length.ok_or_else(|| DriverError::Answer("a head without a length".to_owned()))?];
    from.read_exact(&mut body)?;
    Ok(body)
}

fn program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// RFC 4648, as the driver writes it: no line breaks, padded.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.chunks(4) {
        let bits = four.iter().fold(0u32, |bits, byte| bits << 6 | u32::from(value(*byte)));
        let [_, bytes @ ..] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        out.extend(&bytes[..four.len() * 6 / 8]);
    }
    out
}

#[test]
fn base64_as_the_standard_writes_it() {
    for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")] {
        assert_eq!(from_base64(text), bytes.as_bytes());
    }
    assert_eq!(from_base64("+/+/"), [0xfb, 0xff, 0xbf]);
}
