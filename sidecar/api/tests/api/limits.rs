//! What the server bears: large, slow, many, broken, and a service that hangs or panics.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use anomaly_api::{Limits, ServiceError};

use crate::fake::Fake;
use crate::odd::Odd;
use crate::support::{Connection, Door, NOW, Reply, Rig, TOKEN};

const A_WHILE: Duration = Duration::from_millis(300);

fn within(limits: Limits) -> Rig {
    Rig::over(Arc::new(Fake::new(50, NOW)), limits)
}

/// Waits until something holds, which it soon does.
#[track_caller]
fn eventually(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never did");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn large_bodies_are_refused_before_they_are_read() {
    let rig = Rig::new();
    for door in rig.doors() {
        let most = 64 << 10;
        let filled = |length: usize| {
            let empty = r#"{"query":"bash","workload":""}"#.len();
            format!(r#"{{"query":"bash","workload":"{}"}}"#, "x".repeat(length - empty))
        };
        // As large as it may be: refused for what is in it.
        assert!(door.post("/security/search", &filled(most)).error(422).1.contains("250 characters"));
        let (code, _) = door.post("/security/search", &filled(most + 1)).error(413);
        assert_eq!(code, "too_large");
        let announced = format!(
            "POST /security/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: 9999999999999\r\n\r\n"
        );
        door.exchange(announced.as_bytes()).error(413);
        // Sent whole before anything is read, as some clients do.
        let large = announced.replace("9999999999999", "900000");
        door.exchange(format!("{large}{}", "x".repeat(900_000)).as_bytes()).error(413);
        // In pieces without a length.
        let piece = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
        let chunked = announced.replace("Content-Length: 9999999999999", "Transfer-Encoding: chunked");
        door.exchange(format!("{chunked}{piece}{piece}{piece}0\r\n\r\n").as_bytes()).error(413);
    }
}

#[test]
fn large_heads_are_refused() {
    let rig = Rig::new();
    for door in rig.doors() {
        let large =
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(17 << 10));
        assert_eq!(door.exchange(large.as_bytes()).status, 431);
        let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(70));
        assert_eq!(door.exchange(many.as_bytes()).status, 431);
        let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(17 << 10));
        assert!(matches!(door.exchange(long.as_bytes()).status, 414 | 431));
        assert_eq!(door.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").status, 400);
    }
    eventually(|| rig.server.counters().connections_failed() == 8);
    // And it goes on.
    rig.doors()[0].get("/v1/health").json();
}

#[test]
fn whoever_is_slow_to_ask_is_dropped() {
    let rig = within(Limits { head_within: A_WHILE, body_within: A_WHILE, ..Limits::default() });
    for door in rig.doors() {
        // A head that never ends.
        let mut slow = door.open();
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHo").expect("it takes it");
        let begun = Instant::now();
        let mut rest = Vec::new();
        // Closed with what was sent unread, it may be reset.
        drop(slow.read_to_end(&mut rest));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(rest.is_empty() || Reply::from(rest).status == 408);
        // One byte at a time does not help.
        let mut trickle = door.open();
        let begun = Instant::now();
        while trickle.write_all(b"G").is_ok() && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        // Nobody who only connects keeps the place.
        let mut idle = door.open();
        assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
        // A body that does not come.
        let mut body = door.open();
        let head = format!(
            "POST /security/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        body.write_all(head.as_bytes()).expect("it takes it");
        assert_eq!(body.reply().error(408).0, "slow_request");
    }
}

#[test]
fn whoever_takes_nothing_of_an_answer_is_dropped() {
    let service = Arc::new(Fake::new(5_000, NOW));
    let rig = Rig::over(service, Limits { taken_within: A_WHILE, connections: 1, ..Limits::default() });
    for door in rig.doors() {
        let mut greedy = door.open();
        let request = format!(
            "GET /v1/findings?limit=1000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        // Some megabytes: more than what waits in the kernel on both sides.
        for _ in 0..20 {
            if greedy.write_all(request.as_bytes()).is_err() {
                break;
            }
        }
        let failed = rig.server.counters().connections_failed();
        eventually(|| rig.server.counters().connections_failed() > failed);
        // Its place is free again.
        door.get("/v1/health").json();
    }
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let service = Odd::new(|question| {
        if question == "held" {
            thread::sleep(Duration::from_secs(2));
        }
        Ok(())
    });
    let rig =
        Rig::over(Arc::new(service), Limits { answer_within: A_WHILE, at_once: 2, ..Limits::default() });
    for door in rig.doors() {
        let begun = Instant::now();
        assert_eq!(door.get("/v1/held").error(504).0, "too_slow");
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
    // Both turns are taken still; health has its own.
    let [door, _] = rig.doors();
    assert_eq!(door.get("/v1/workloads").error(503).0, "busy");
    door.get("/v1/health").json();
    assert_eq!(door.get("/readyz").status, 200);
    eventually(|| door.get("/v1/workloads").status == 200);
}

#[test]
fn questions_beyond_the_limit_are_shed_at_once() {
    let gate = Arc::new(AtomicBool::new(false));
    let (asked, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let service = {
        let (gate, asked, most) = (gate.clone(), asked.clone(), most.clone());
        Odd::new(move |_| {
            most.fetch_max(asked.fetch_add(1, SeqCst) + 1, SeqCst);
            while !gate.load(SeqCst) {
                thread::sleep(Duration::from_millis(2));
            }
            asked.fetch_sub(1, SeqCst);
            Ok::<_, ServiceError>(())
        })
    };
    let rig = Rig::over(Arc::new(service), Limits { at_once: 2, waiting: 3, ..Limits::default() });
    thread::scope(|scope| {
        let [door, _] = rig.doors();
        let held: Vec<_> = (0..5).map(|_| scope.spawn(move || door.get("/v1/workloads").status)).collect();
        eventually(|| asked.load(SeqCst) == 2 && rig.server.counters().connections() == 5);
        thread::sleep(A_WHILE);
        let begun = Instant::now();
        let shed = door.get("/v1/decisions");
        assert_eq!((shed.error(503).0.as_str(), shed.header("retry-after")), ("busy", Some("1")));
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(door.get("/readyz").status, 200);
        gate.store(true, SeqCst);
        for one in held {
            assert_eq!(one.join().expect("it ends"), 200);
        }
        assert_eq!(most.load(SeqCst), 2, "no more than two at once");
        door.get("/v1/decisions").json();
    });
}

#[test]
fn connections_beyond_the_limit_are_turned_away() {
    let rig = within(Limits { connections: 3, ..Limits::default() });
    for (round, door) in rig.doors().into_iter().enumerate() {
        let open: Vec<Connection> = (0..3)
            .map(|_| {
                let mut connection = door.open();
                connection
                    .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .expect("it takes it");
                assert_ne!(connection.read(&mut [0; 1_000]).expect("it answers"), 0);
                connection
            })
            .collect();
        let before = rig.server.counters().connections_refused();
        let turned_away = door.open().reply();
        assert_eq!(
            (turned_away.error(503).0.as_str(), turned_away.header("retry-after")),
            ("busy", Some("1"))
        );
        assert_eq!(rig.server.counters().connections_refused(), before + 1);
        // The other listener has places of its own.
        let [unix, tcp] = rig.doors();
        let other = if round == 0 { tcp } else { unix };
        other.get("/v1/health").json();
        drop(open);
        eventually(|| {
            let mut connection = door.open();
            connection
                .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .is_ok()
                && connection.reply().status == 200
        });
    }
}

#[test]
fn a_panic_is_an_answer_and_nothing_more() {
    let rig = Rig::over(
        Arc::new(Odd::new(|question| match question {
            "workloads" => panic!("a mistake: {}", "secret"),
            _ => Ok(()),
        })),
        Limits { at_once: 1, waiting: 0, ..Limits::default() },
    );
    for door in rig.doors() {
        for _ in 0..3 {
            let (code, message) = door.get("/v1/workloads").error(500);
            assert_eq!(code, "internal");
            assert!(!message.contains("secret"));
        }
        // The turn was given back.
        door.get("/v1/held").json();
    }
    assert_eq!(rig.server.counters().panics(), 6);
    assert_eq!(rig.server.counters().requests(500), 6);
    assert!(rig.server.is_running());
}

#[test]
fn requests_that_are_cut_off_do_no_harm() {
    let rig = Rig::new();
    for door in rig.doors() {
        for part in [
            "",
            "G",
            "GET /v1/held HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "POST /v1/decisions HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
        ] {
            for _ in 0..20 {
                door.open().write_all(part.as_bytes()).expect("it takes it");
            }
        }
        eventually(|| door.get("/v1/health").status == 200);
    }
}

#[test]
fn it_stops_within_its_time_and_lets_answers_finish() {
    let service = Odd::new(|question| {
        match question {
            "held" => thread::sleep(Duration::from_millis(500)),
            "workloads" => thread::sleep(Duration::from_secs(20)),
            _ => {}
        }
        Ok(())
    });
    let rig = Rig::over(Arc::new(service), Limits::default());
    let [door, _] = rig.doors();
    let idle = door.open();
    let mut soon = door.open();
    soon.write_all(b"GET /v1/held HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it takes it");
    let connections = || rig.server.counters().connections();
    eventually(|| connections() == 2);
    thread::sleep(A_WHILE);
    let Rig { server, socket, .. } = rig;
    assert!(server.stop(Duration::from_secs(5)), "the answer was waited for");
    assert!(!socket.exists());
    assert_eq!(soon.reply().status, 200);
    drop(idle);

    let service = Odd::new(|_| {
        thread::sleep(Duration::from_secs(20));
        Ok(())
    });
    let rig = Rig::over(Arc::new(service), Limits::default());
    let [door, tcp] = rig.doors();
    let mut never = door.open();
    never.write_all(b"GET /v1/workloads HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it takes it");
    eventually(|| rig.server.counters().connections() == 1);
    thread::sleep(A_WHILE);
    let begun = Instant::now();
    let Door::Tcp(address) = tcp else { unreachable!("the second is loopback") };
    let Rig { server, .. } = rig;
    assert!(!server.stop(A_WHILE), "an answer is still being looked for");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!matches!(never.read(&mut [0; 1]), Ok(1)));
    let refused = std::net::TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
