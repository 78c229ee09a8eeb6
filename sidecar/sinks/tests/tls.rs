//! TLS: a certificate that is trusted because the configuration says so, and is not otherwise.

mod support;

use std::process::{Child, Command, Stdio};

use anomaly_sinks::{HttpConfig, SinkConfig, SinkState};
use support::server::free_port;
use support::{send, start, until, until_status};
use tempfile::TempDir;

/// Takes everything, over TLS.
const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn only_a_trusted_server_gets_anything() {
    let folder = TempDir::new().expect("a folder");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
        ])
        .current_dir(&folder)
        .stderr(Stdio::null())
        .status();
    let has_python = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_python || !made.is_ok_and(|status| status.success()) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no python3 or no openssl in CI");
        println!("skipped: no openssl to make a certificate with, or no python3 to serve with it");
        return;
    }
    let port = free_port();
    let server = Command::new("python3")
        .args(["-c", SERVER, &port.to_string()])
        .current_dir(&folder)
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let _server = Killed(server);
    until("the server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());

    let config = HttpConfig {
        batch_interval_ms: 30,
        retry_max: 0,
        ..HttpConfig::to(format!("https://127.0.0.1:{port}/v1/events"))
    };
    let sinks = start(&[SinkConfig::Http(config.clone())], &folder);
    send(&sinks, 0..5);
    let failed = until_status(&sinks, "failed", |status| status.state == SinkState::Failed);
    let error = failed.last_error.expect("an error");
    assert!(error.contains("certificate"), "{error}");
    drop(sinks);

    let trusting = HttpConfig { ca_file: Some(folder.path().join("certificate.pem")), ..config };
    let sinks = start(&[SinkConfig::Http(trusting)], &folder);
    until_status(&sinks, "sent", |status| status.sent == 5);
}
