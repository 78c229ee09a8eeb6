//! Stores that are none: one that answers 200 to everything, one that is not there, and one that says no.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{Engine, Method, Score, Settings, Sighting, Standing, Teach};
use anomaly_fleet::{Fleet, Options, Status};
use anomaly_vectorizer::{Arguments, Context, Execution, Hashed, Kind};

use crate::moto::{Moto, environment};

/// In which test a process is the one that shares.
const FOLDER: &str = "ANOMALY_TEST_FAKE";

/// Answers every request with the same.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut bytes = [0; 64 << 10];
                while let Ok(1..) = stream.read(&mut bytes) {
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// What a machine says that shares through this endpoint, as soon as something is wrong; with how it scored meanwhile.
fn shared_through(endpoint: SocketAddr) -> String {
    shared_with(|command| environment(command, endpoint))
}

/// The same with an environment.
fn shared_with(set: impl FnOnce(&mut Command)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    set(&mut command);
    let output = command
        .args(["--exact", "fakes::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Not a test of its own: a process with an environment of its own.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let engine = Engine::in_memory(Settings::default(), Arc::new(Hashed::default()), Method::default());
    learn(&engine);
    let address = "s3://bucket/prefix".parse().expect("an address");
    let options = Options { interval: Duration::from_millis(100), ..Options::new(address, folder.into()) };
    let fleet = Fleet::start(options, Arc::new(engine.peering())).expect("a store out of reach is no error");
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    loop {
        // The event path goes on as if nobody shared.
        let observed = Instant::now();
        let verdict = observe(&engine, "nginx");
        slowest = slowest.max(observed.elapsed());
        assert_eq!((verdict.0, verdict.1), (Standing::Known, Some(Score::ZERO)));
        let Status { failing, counters, .. } = fleet.status();
        if let Some(failing) = failing {
            println!("\n> {failing}\n> {} failed, notices {:?}", counters.failed, engine.notices());
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not say that it fails");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ending = Instant::now();
    drop(fleet);
    assert!(ending.elapsed() < Duration::from_secs(5), "it holds up the end for {:?}", ending.elapsed());
    println!("> slowest {slowest:?}");
}

fn learn(engine: &Engine) {
    observe(engine, "nginx");
    engine.finish_learning(1);
}

fn observe(engine: &Engine, name: &str) -> (Standing, Option<Score>) {
    let execution = Execution {
        kind: Kind::Exec,
        name: name.into(),
        parent: "sh".into(),
        grandparent: "systemd".into(),
        uid: 0,
        arguments: Arguments::new([name]),
    };
    let verdict = engine.observe(&Sighting {
        workload: "web",
        execution: &execution,
        context: Context::default(),
        time: 1,
        day: 1,
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    });
    (verdict.standing, verdict.score)
}

#[test]
fn a_store_that_ignores_the_condition_is_refused() {
    let said = shared_through(answering("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n"));
    assert!(said.contains("honours If-None-Match"), "{said}");
    assert!(!said.contains("tried again"), "{said}");
}

#[test]
fn a_store_that_is_not_there_costs_nothing_but_freshness() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = free.local_addr().expect("it has one");
    drop(free);
    let said = shared_through(address);
    assert!(said.contains("cannot be reached"), "{said}");
    assert!(said.contains("1 failed") && said.contains("tried again"), "{said}");
}

/// The client's TLS is chosen by what is compiled for others: that it works, and asks for a certificate, is tried.
#[test]
fn a_store_behind_tls_is_believed_by_its_certificate_alone() {
    let Some(moto) = Moto::or_skip() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (server, certificate) = moto.with_tls(folder.path());
    let through = |trusted: Option<&std::path::Path>| {
        shared_with(|command| {
            environment(command, server.address);
            command.env("AWS_ENDPOINT", format!("https://localhost:{}", server.address.port()));
            command.env_remove("AWS_ALLOW_HTTP").env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
            trusted.map(|file| command.env("SSL_CERT_FILE", file));
        })
    };
    let trusted = through(Some(&certificate));
    assert!(trusted.contains("NoSuchBucket"), "it came through to the store: {trusted}");
    let untrusted = through(None);
    assert!(untrusted.contains("certificate") && !untrusted.contains("NoSuchBucket"), "{untrusted}");
}

#[test]
fn without_leave_nothing_is_sent_in_the_clear() {
    let said = shared_with(|command| {
        environment(command, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        command.env_remove("AWS_ALLOW_HTTP");
    });
    assert!(said.contains("cannot be reached") && !said.contains("If-None-Match"), "{said}");
}

#[test]
fn a_store_that_says_no_is_told_with_its_reason() {
    let said = shared_through(answering(
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 36\r\n\r\n<Error><Code>AccessDenied</Code></Er",
    ));
    assert!(said.contains("403") || said.contains("AccessDenied"), "{said}");
}
