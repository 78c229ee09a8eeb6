//! The server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bucket that there is.
pub(crate) const BUCKET: &str = "baselines";

/// A server with one empty bucket. Ends with it.
pub(crate) struct Moto {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Moto {
    /// Starts one, or says that the test is skipped. In CI there has to be one.
    #[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
    pub(crate) fn or_skip() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/get-moto");
        let output = Command::new(&script).stdin(Stdio::null()).output().expect("the script runs");
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            assert!(std::env::var_os("CI").is_none(), "an S3 server must be obtainable in CI: {reason}");
            println!("skipped: no S3-compatible server to share through: {reason}");
            return None;
        }
        let program = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // Somebody may take the port between the two; then another one is tried.
        (0..5).find_map(|_| Self::start(&program)).or_else(|| panic!("{program} does not answer"))
    }

    fn start(program: &str) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = free.local_addr().expect("it has one");
        drop(free);
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut moto = Self { child, address };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if moto.child.try_wait().expect("it is ours").is_some() {
                return None;
            }
            if moto.make_bucket().is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return Some(moto);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }

    fn make_bucket(&self) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let request = format!(
            "PUT /{BUCKET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What S3's clients look for in the environment.
pub(crate) fn environment(command: &mut Command, endpoint: SocketAddr) {
    command
        .env("AWS_ENDPOINT", format!("http://{endpoint}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy");
}
