//! The page's files, as browsers get them.

use crate::support::{Door, Rig};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

#[test]
fn files_have_their_types() {
    let rig = Rig::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let mut served = 0;
    for entry in std::fs::read_dir(folder).expect("the page") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        let kind = match path.extension().and_then(|end| end.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => continue,
        };
        for door in rig.doors() {
            let reply = door.get(&format!("/{name}"));
            assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{name}");
            assert_eq!(reply.header("cache-control"), Some("no-cache"));
            assert_eq!(reply.body, std::fs::read_to_string(&path).expect("a file"), "{name}");
        }
        served += 1;
    }
    assert!(served >= 3, "{served}");
    let [door, _] = rig.doors();
    assert_eq!(door.get("/").body, door.get("/index.html").body);
}

#[test]
fn every_answer_is_fenced_in() {
    let rig = Rig::new();
    for door in rig.doors() {
        for path in ["/", "/app.js", "/v1/health", "/metrics", "/healthz", "/nothing", "/v1/findings?limit=0"]
        {
            let reply = door.get(path);
            assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{path}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
            let kept = if matches!(path, "/" | "/app.js") { "no-cache" } else { "no-store" };
            assert_eq!(reply.header("cache-control"), Some(kept), "{path}");
            assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
        }
    }
    let refused =
        Door::Tcp(rig.address).exchange(b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!((refused.status, refused.header("content-security-policy")), (403, Some(POLICY)));
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let rig = Rig::new();
    let [door, _] = rig.doors();
    let tag = door.get("/app.js").header("etag").expect("a tag").to_owned();
    assert_ne!(Some(tag.as_str()), door.get("/app.css").header("etag"));
    for known in [tag.clone(), format!("W/{tag}"), format!("\"old\", {tag}"), "*".to_owned()] {
        let again = door.request("GET", "/app.js", &format!("If-None-Match: {known}\r\n"), "");
        assert_eq!(
            (again.status, again.body.as_str(), again.header("etag")),
            (304, "", Some(tag.as_str())),
            "{known}"
        );
    }
    assert_eq!(door.request("GET", "/app.js", "If-None-Match: \"old\"\r\n", "").status, 200);
    let head = door.request("HEAD", "/app.js", "", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.header("content-length").is_some_and(|length| length != "0"));
}

#[test]
fn a_folder_of_the_page_is_read_anew() {
    use std::fs;
    use std::sync::Arc;
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("api.sock");
    fs::write(folder.path().join("index.html"), "one").expect("written");
    fs::write(folder.path().join("secret.txt"), "two").expect("written");
    let options = anomaly_api::Options {
        socket: Some(socket.clone()),
        page: Some(folder.path().to_owned()),
        ..Default::default()
    };
    let service = Arc::new(crate::fake::Fake::new(1, crate::support::NOW));
    let server = anomaly_api::Server::start(options, service).expect("it starts");
    let door = Door::Unix(&socket);
    assert_eq!(door.get("/").body, "one");
    fs::write(folder.path().join("index.html"), "three").expect("written");
    assert_eq!(door.get("/").body, "three");
    for path in ["/secret.txt", "/..%2findex.html", "/missing.js", "/api.sock"] {
        door.get(path).error(404);
    }
    drop(server);
    assert!(!socket.exists());
}
