//! Acts as an alert's output fields tell of them, for alerts that do not say how novel they are.
//!
//! The plugin sees more than Falco prints: whether a file was opened for reading or for writing is printed by hardly any
//! rule. What is not printed is tried in each manner that there is, and the one that is known best counts, so that what
//! a gate would hide is never more than what is shown.

use std::net::SocketAddr;

use anomaly_tune::Fields;
use anomaly_vectorizer::act::{Act, endpoint};
use anomaly_vectorizer::context::AddressClass;
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Execution, Kind};

/// What the plugin calls the manners of opening, where an alert does not print the flags.
const OPENINGS: [&[&str]; 5] =
    [&["read"], &["write"], &["read", "write"], &["write", "create"], &["write", "create", "truncate"]];

/// The protocols of a connection, where an alert does not print it.
const PROTOCOLS: [&[&str]; 3] = [&["tcp"], &["udp"], &[]];

/// The acts that an alert may be about; none where its fields do not tell to what something was done.
pub(super) fn acts(fields: &Fields, scrubber: &Scrubber) -> Vec<Execution> {
    let Some(name) = fields.text("proc.name") else { return Vec::new() };
    let Some((kind, object, manners)) = told(fields) else { return Vec::new() };
    let failed = fields.number("evt.rawres").is_some_and(|result| result < 0 && result != IN_PROGRESS);
    let act = |manner: &Vec<&str>| {
        let act = Act {
            kind,
            name: name.as_bytes(),
            parent: fields.text("proc.pname").unwrap_or_default().as_bytes(),
            uid: fields.id("user.uid").unwrap_or(0),
            executable: fields.text("proc.exepath").unwrap_or_default().as_bytes(),
            object: object.as_bytes(),
            flags: manner,
        };
        act.execution(scrubber)
    };
    let with_outcome = manners.into_iter().map(|mut manner| {
        manner.extend(failed.then_some("failed"));
        manner
    });
    with_outcome.map(|manner| act(&manner)).collect()
}

/// `-EINPROGRESS`: a connection that is being made.
const IN_PROGRESS: i64 = -115;

/// A kind of act, its object and the manners that it may have had.
type Told<'f> = (Kind, String, Vec<Vec<&'f str>>);

fn told(fields: &Fields) -> Option<Told<'_>> {
    let event = fields.text("evt.type")?;
    let any = |manners: &[&[&'static str]]| manners.iter().map(|manner| manner.to_vec()).collect();
    let one = |manner: &[&'static str]| vec![manner.to_vec()];
    let file = || fields.text("fd.name").map(str::to_owned);
    Some(match event {
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => {
            let manners =
                fields.text("evt.arg.flags").map_or_else(|| any(&OPENINGS), |flags| vec![opening(flags)]);
            (Kind::Open, file()?, manners)
        }
        "connect" | "sendto" | "sendmsg" => {
            let name = fields.text("fd.name")?;
            if name.starts_with('/') {
                (Kind::Connect, name.to_owned(), one(&["unix"]))
            } else {
                let (_, server) = ends(name)?;
                (Kind::Connect, endpoint(server.ip(), server.port()), protocols(fields))
            }
        }
        "accept" | "accept4" => {
            let (client, server) = ends(fields.text("fd.name")?)?;
            (Kind::Accept, endpoint(client.ip(), server.port()), protocols(fields))
        }
        "dup" | "dup2" | "dup3" => {
            let (_, server) = ends(fields.text("fd.name")?)?;
            let object = format!("{} {}", AddressClass::of(server.ip()).as_str(), "connection");
            let onto = fields.number("evt.rawres").map(|new| (0..3).contains(&new));
            let manners = match onto {
                Some(true) => one(&["onto 0-2"]),
                Some(false) => one(&[]),
                None => any(&[&["onto 0-2"], &[]]),
            };
            (Kind::Dup, object, manners)
        }
        "unlink" | "unlinkat" => {
            (Kind::Link, path(fields, &["evt.arg.name", "evt.arg.path"])?, one(&["remove"]))
        }
        "rename" | "renameat" | "renameat2" => {
            (Kind::Link, path(fields, &["evt.arg.newpath"])?, one(&["rename"]))
        }
        "symlink" | "symlinkat" => (Kind::Link, path(fields, &["evt.arg.target"])?, one(&["symlink"])),
        "link" | "linkat" => (Kind::Link, path(fields, &["evt.arg.oldpath"])?, one(&["link"])),
        "setuid" => (Kind::Setuid, fields.id("evt.arg.uid")?.to_string(), one(&[])),
        _ => return None,
    })
}

/// Falco's words for the flags of an open.
fn opening(flags: &str) -> Vec<&'static str> {
    let has = |names: &[&str]| flags.split('|').any(|flag| names.contains(&flag.trim()));
    let write = has(&["O_WRONLY", "O_RDWR"]);
    let mut manner = Vec::new();
    manner.extend((has(&["O_RDONLY", "O_RDWR"]) || !write).then_some("read"));
    manner.extend(write.then_some("write"));
    manner.extend(has(&["O_CREAT", "O_TMPFILE"]).then_some("create"));
    manner.extend(has(&["O_TRUNC"]).then_some("truncate"));
    manner
}

fn protocols(fields: &Fields) -> Vec<Vec<&str>> {
    match fields.text("fd.l4proto") {
        Some(protocol) => vec![vec![protocol]],
        None => PROTOCOLS.iter().map(|manner| manner.to_vec()).collect(),
    }
}

/// `client:port->server:port`.
fn ends(name: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (client, server) = name.rsplit_once("->")?;
    Some((end(client)?, end(server)?))
}

/// An address and port as Falco prints them: IPv6 without brackets.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(address.trim_matches(['[', ']']).parse().ok()?, port.parse().ok()?))
}

/// The first of these fields that is an absolute path: what a relative one stands for is not printed.
fn path(fields: &Fields, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| fields.text(name)).filter(|path| path.starts_with('/')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(fields: Value) -> Vec<String> {
        let Value::Object(mut fields) = fields else { panic!("fields are an object") };
        fields.insert("proc.name".into(), json!("nginx"));
        fields.insert("proc.exepath".into(), json!("/usr/sbin/nginx"));
        acts(&Fields(fields), &Scrubber::default()).iter().map(Execution::command_line).collect()
    }

    #[test]
    fn fields_become_acts() {
        for (fields, told) in [
            (
                json!({"evt.type": "openat", "fd.name": "/etc/shadow", "evt.arg.flags": "O_RDONLY|O_CLOEXEC"}),
                "open /etc/shadow read",
            ),
            (
                json!({"evt.type": "open", "fd.name": "/x", "evt.arg.flags": "O_WRONLY|O_CREAT|O_TRUNC"}),
                "open /x write create truncate",
            ),
            (
                json!({"evt.type": "connect", "fd.name": "10.0.0.7:40212->10.96.0.1:443", "fd.l4proto": "tcp"}),
                "connect 10.96.0.1:443 tcp",
            ),
            (
                json!({"evt.type": "connect", "fd.name": "fd00::7:40212->2001:db8::1:443", "fd.l4proto": "tcp"}),
                "connect [2001:db8::1]:443 tcp",
            ),
            (json!({"evt.type": "connect", "fd.name": "/run/docker.sock"}), "connect /run/docker.sock unix"),
            (
                json!({"evt.type": "accept4", "fd.name": "10.0.0.7:40212->10.0.0.9:80", "fd.l4proto": "tcp"}),
                "accept 10.0.0.7:80 tcp",
            ),
            (
                json!({"evt.type": "unlinkat", "evt.arg.name": "/var/log/x", "evt.rawres": -2}),
                "link /var/log/x remove failed",
            ),
            (json!({"evt.type": "setuid", "evt.arg.uid": 0}), "setuid 0"),
        ] {
            assert_eq!(lines(fields.clone()), [told], "{fields}");
        }
    }

    #[test]
    fn what_is_not_printed_is_tried_in_every_manner() {
        assert_eq!(lines(json!({"evt.type": "openat", "fd.name": "/etc/shadow"})).len(), OPENINGS.len());
        let connection = json!({"evt.type": "connect", "fd.name": "10.0.0.7:40212->10.96.0.1:443"});
        assert_eq!(lines(connection).len(), PROTOCOLS.len());
    }

    #[test]
    fn what_says_too_little_is_no_act() {
        for fields in [
            json!({}),
            json!({"evt.type": "openat"}),
            json!({"evt.type": "connect", "fd.name": "nonsense"}),
            json!({"evt.type": "connect", "fd.name": "a:b->c:d"}),
            json!({"evt.type": "ptrace"}),
            json!({"evt.type": "unlink", "evt.arg.name": "relative"}),
        ] {
            assert!(lines(fields.clone()).is_empty(), "{fields}");
        }
        let fields = Fields([("evt.type".to_owned(), json!("setuid"))].into_iter().collect());
        assert!(acts(&fields, &Scrubber::default()).is_empty());
    }
}
