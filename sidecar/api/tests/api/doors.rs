//! Who gets in: over loopback those with the token, from no other page and for no other host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use anomaly_api::{ApiError, Options, Server};

use crate::fake::Fake;
use crate::support::{Door, NOW, Rig, TOKEN};

const DATA: [&str; 9] = [
    "/v1/findings",
    "/v1/executions/0",
    "/v1/workloads",
    "/v1/timeline",
    "/v1/held",
    "/v1/decisions",
    "/v1/health",
    "/metrics",
    "/openapi.json",
];

fn ask(door: Door<'_>, path: &str, headers: &str) -> crate::support::Reply {
    door.exchange(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").as_bytes())
}

#[test]
fn data_over_loopback_needs_the_token() {
    let rig = Rig::new();
    let tcp = Door::Tcp(rig.address);
    for path in DATA.into_iter().chain(["/nothing", "/v1"]) {
        for given in [
            "".to_owned(),
            "Authorization: Bearer \r\n".to_owned(),
            format!("Authorization: Basic {TOKEN}\r\n"),
            format!("Authorization: Bearer {TOKEN}x\r\n"),
            format!("Authorization: Bearer {}\r\n", &TOKEN[1..]),
            format!("Authorization: {TOKEN}\r\n"),
            format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer wrong\r\n"),
            format!("Cookie: token={TOKEN}\r\n"),
        ] {
            let reply = ask(tcp, path, &format!("Host: localhost\r\n{given}"));
            assert_eq!(reply.error(401).0, "unauthorized", "{path} {given}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
    }
    let decision = r#"{"action":"approve","ids":["r0000000000000000"]}"#;
    let length = decision.len();
    let bare = format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{decision}"
    );
    tcp.exchange(bare.as_bytes()).error(401);
    let in_the_query = ask(tcp, &format!("/v1/health?token={TOKEN}"), "Host: localhost\r\n");
    in_the_query.error(401);
}

#[test]
fn the_page_and_the_signs_of_life_need_none() {
    let rig = Rig::new();
    for path in ["/", "/app.css", "/app.js", "/healthz", "/readyz"] {
        assert_eq!(ask(Door::Tcp(rig.address), path, "Host: 127.0.0.1\r\n").status, 200, "{path}");
    }
    assert_eq!(ask(Door::Unix(&rig.socket), "/v1/health", "Host: localhost\r\n").status, 200);
}

#[test]
fn a_page_elsewhere_gets_nothing_through_a_tunnel_to_the_socket_either() {
    let rig = Rig::new();
    let socket = Door::Unix(&rig.socket);
    for stranger in
        ["Host: whatever.example\r\n", "Host: localhost:7300\r\nOrigin: http://whatever.example\r\n"]
    {
        assert_eq!(ask(socket, "/v1/health", stranger).error(403).0, "forbidden", "{stranger}");
    }
    let (_, told) = ask(socket, "/v1/health", "Host: x\r\n").error(403);
    assert!(told.contains("http://localhost/") && !told.contains("tunnel"), "{told}");
    let own = "Host: localhost:7300\r\nOrigin: http://localhost:7300\r\n";
    assert_eq!(ask(socket, "/v1/health", own).status, 200);
}

#[test]
fn a_page_elsewhere_gets_nothing() {
    let rig = Rig::new();
    let tcp = Door::Tcp(rig.address);
    let port = rig.address.port();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for path in ["/v1/health", "/", "/healthz", "/app.js", "/nothing"] {
        for headers in [
            "Host: evil.example\r\n".to_owned(),
            format!("Host: evil.example:{port}\r\n"),
            format!("Host: localhost.evil.example:{port}\r\n"),
            "".to_owned(),
            "Host: localhost\r\nHost: evil.example\r\n".to_owned(),
            format!("Host: localhost:{port}\r\nOrigin: http://evil.example\r\n"),
            format!("Host: localhost:{port}\r\nOrigin: null\r\n"),
            format!("Host: localhost:{port}\r\nOrigin: http://localhost:1\r\n"),
            format!("Host: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n"),
            format!("Host: localhost:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"),
        ] {
            let reply = ask(tcp, path, &format!("{token}{headers}"));
            assert_eq!(reply.error(403).0, "forbidden", "{path} {headers}");
        }
    }
    let named = format!("http://evil.example:{port}/v1/health");
    ask(tcp, &named, &format!("{token}Host: localhost\r\n")).error(403);
    for headers in [
        format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"),
        // Through a tunnel from another port.
        "Host: localhost:9999\r\nOrigin: http://localhost:9999\r\n".to_owned(),
        format!("Host: [::1]:{port}\r\n"),
    ] {
        ask(tcp, "/v1/health", &format!("{token}{headers}")).json();
    }
}

#[test]
fn a_second_server_leaves_the_first_alone() {
    let rig = Rig::new();
    let again = Options { socket: Some(rig.socket.clone()), ..Options::default() };
    let refused = Server::start(again, Arc::new(Fake::new(1, NOW))).expect_err("the first one answers");
    assert!(matches!(refused, ApiError::SocketInUse { .. }));
    assert!(refused.to_string().starts_with("another process answers at "), "{refused}");
    Door::Unix(&rig.socket).get("/v1/health").json();
}

#[test]
fn a_socket_that_a_killed_process_left_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("run/api.sock");
    let options = || Options { socket: Some(socket.clone()), ..Options::default() };
    fs::create_dir(folder.path().join("run")).expect("a folder");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("it listens"));
    assert!(socket.exists());
    let server = Server::start(options(), Arc::new(Fake::new(1, NOW))).expect("nobody answers");
    assert_eq!(server.socket(), Some(socket.as_path()));
    assert_eq!(fs::metadata(&socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    Door::Unix(&socket).get("/v1/health").json();
    assert!(server.is_running());
    assert!(server.stop(Duration::from_secs(5)));
    assert!(!socket.exists());
}

#[test]
fn nothing_listens_unasked_and_nothing_beyond_loopback() {
    let nothing = Server::start(Options::default(), Arc::new(Fake::new(1, NOW))).expect_err("nowhere");
    assert!(matches!(nothing, ApiError::NothingToListenOn));
    let rig = Rig::new();
    assert!(rig.address.ip().is_loopback());
    let taken = Options {
        tcp: Some(anomaly_api::Tcp {
            address: rig.address,
            token: anomaly_api::Token::new(TOKEN).expect("long enough"),
        }),
        ..Options::default()
    };
    let refused = Server::start(taken, Arc::new(Fake::new(1, NOW))).expect_err("the port is taken");
    assert!(refused.to_string().contains("another port"), "{refused}");
}
