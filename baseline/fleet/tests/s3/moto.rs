//! The server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bucket that there is.
pub(crate) const BUCKET: &str = "baselines";

/// A server with one empty bucket. Ends with it.
pub(crate) struct Moto {
    child: Child,
    pub(crate) address: SocketAddr,
    program: String,
}

/// Makes a certificate for `localhost` that signs itself, in two files.
const CERTIFICATE: &str = r#"
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256()))
open(sys.argv[1], "wb").write(certificate.public_bytes(serialization.Encoding.PEM))
open(sys.argv[2], "wb").write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption()))
"#;

impl Moto {
    /// Starts one, or says that the test is skipped. In CI there has to be one.
    #[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
    pub(crate) fn or_skip() -> Option<Self> {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut scripts = folders.map(|folder| folder.join("scripts/get-moto"));
        let script = scripts.find(|script| script.exists()).expect("it is in the project");
        let output = Command::new(&script).stdin(Stdio::null()).output().expect("the script runs");
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
            assert!(!in_ci, "an S3 server must be obtainable in CI: {reason}");
            println!("skipped: no S3-compatible server to share through: {reason}");
            return None;
        }
        let program = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // Somebody may take the port between the two; then another one is tried.
        (0..5).find_map(|_| Self::start(&program, &[])).or_else(|| panic!("{program} does not answer"))
    }

    /// Another one that speaks TLS, with a certificate of its own, which it leaves in this folder. It has no bucket.
    pub(crate) fn with_tls(&self, folder: &Path) -> (Self, PathBuf) {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        let python = Path::new(&self.program).with_file_name("python3");
        let made = Command::new(python).args(["-c", CERTIFICATE]).args([&certificate, &key]).status();
        assert!(made.expect("it runs").success());
        let text = |path: &Path| path.to_str().expect("a temporary folder has a plain name").to_owned();
        let tls = ["--ssl-cert".to_owned(), text(&certificate), "--ssl-key".to_owned(), text(&key)];
        let moto = (0..5).find_map(|_| Self::start(&self.program, &tls)).expect("it answers");
        (moto, certificate)
    }

    fn start(program: &str, tls: &[String]) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = free.local_addr().expect("it has one");
        drop(free);
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(tls)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut moto = Self { child, address, program: program.to_owned() };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if moto.child.try_wait().expect("it is ours").is_some() {
                return None;
            }
            let there = if tls.is_empty() {
                moto.make_bucket().is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
            } else {
                TcpStream::connect(moto.address).is_ok()
            };
            if there {
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
