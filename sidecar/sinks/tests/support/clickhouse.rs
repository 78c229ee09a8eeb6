//! Real ClickHouse servers, old and current, that can be killed and started again.

#![allow(dead_code, unreachable_pub, clippy::print_stdout, reason = "each test target uses a part of it")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::server::free_port;
use super::until;

/// The password of the user `writer` of the old server.
pub const PASSWORD: &str = "a secret";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// 18.16, Debian's.
    Old,
    /// The current engine.
    Current,
}

pub struct ClickHouse {
    edition: Edition,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

/// A server, not started yet; `None` where there is none here, which fails in CI.
pub fn server(edition: Edition) -> Option<ClickHouse> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/get-clickhouse");
    let which = if edition == Edition::Old { "old" } else { "current" };
    let output = Command::new(script).arg(which).stderr(Stdio::piped()).output().expect("the script runs");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no ClickHouse in CI: {why}");
        println!("skipped: no {which} ClickHouse: {why}");
        return None;
    }
    let program = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
    let folder = TempDir::new().expect("a folder");
    Some(ClickHouse { edition, program, folder, port: free_port(), child: None })
}

impl ClickHouse {
    pub fn edition(&self) -> Edition {
        self.edition
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = Command::new(&self.program);
        match self.edition {
            Edition::Old => {
                self.write_configuration();
                command.arg(format!("--config-file={}", self.folder.path().join("config.xml").display()));
            }
            Edition::Current => {
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/chdb_server.py"));
                command.arg(self.port.to_string()).arg(self.folder.path().join("data"));
            }
        }
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let child = command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        until("the server answers", || {
            let child = self.child.as_mut().expect("it was started");
            if let Some(status) = child.try_wait().expect("a child") {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("the server has ended: {status}: {log}");
            }
            try_ask(self.port, "SELECT 1").is_some_and(|(status, text)| status == 200 && text == "1\n")
        });
    }

    /// As with `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Asks it something that has to succeed.
    pub fn ask(&self, query: &str) -> String {
        let (status, text) = try_ask(self.port, query).expect("an answer");
        assert_eq!(status, 200, "{query}: {text}");
        text.trim_end_matches('\n').to_owned()
    }

    fn write_configuration(&self) {
        let place = self.folder.path().display();
        let port = self.port;
        let user = |name: &str, password: &str| {
            format!(
                "<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>\
                 <profile>default</profile><quota>default</quota></{name}>"
            )
        };
        // Far from UTC, so that a time that is taken for a local one shows.
        let config = format!(
            "<yandex><logger><level>warning</level><console>1</console></logger><http_port>{port}</http_port>\
             <listen_host>127.0.0.1</listen_host><path>{place}/data/</path><tmp_path>{place}/tmp/</tmp_path>\
             <mark_cache_size>5368709</mark_cache_size><timezone>Asia/Tokyo</timezone>\
             <users_config>users.xml</users_config><default_profile>default</default_profile>\
             <default_database>default</default_database></yandex>"
        );
        let users = format!(
            "<yandex><profiles><default/></profiles><users>{}{}</users><quotas><default/></quotas></yandex>",
            user("default", ""),
            user("writer", PASSWORD)
        );
        fs::write(self.folder.path().join("config.xml"), config).expect("written");
        fs::write(self.folder.path().join("users.xml"), users).expect("written");
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A query and its answer; `None` where nobody answers.
fn try_ask(port: u16, query: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let length = query.len();
    write!(stream, "POST / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{query}").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
