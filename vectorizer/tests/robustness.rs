//! What must not move an execution, or hardly, and what must.
//!
//! Distances are those of the scorer, on features: `.7 (1 - cos) + .3 u` between an execution and the one learned,
//! `u` being the share of the new one's weight that the learned one lacks.

use anomaly_vectorizer::{
    Embedder, Embedding, Execution, Feature, Hashed,
    canonical::{Raw, area},
    scrub::Scrubber,
};

fn execution(line: &[&str]) -> Execution {
    let name = line[0].rsplit('/').next().unwrap_or_default();
    named(name, line)
}

fn named(name: &str, line: &[&str]) -> Execution {
    Raw {
        name: name.as_bytes(),
        parent: b"sh",
        grandparent: b"cron",
        uid: 33,
        arguments: &area(line),
        ..Raw::default()
    }
    .execution(&Scrubber::default())
}

fn embed(execution: &Execution) -> Embedding {
    let mut embedding = Embedding::default();
    Hashed::default().embed(execution, &mut embedding);
    embedding
}

fn weight<'a>(features: impl Iterator<Item = &'a Feature>) -> f32 {
    features.map(|feature| feature.class.weight().powi(2)).sum()
}

fn distance(new: &Execution, learned: &Execution) -> f32 {
    let (new, learned) = (embed(new), embed(learned));
    let shared = weight(new.features.iter().filter(|feature| learned.features.contains(feature)));
    let whole = weight(new.features.iter());
    let cosine = shared / (whole * weight(learned.features.iter())).sqrt();
    0.7 * (1.0 - cosine) + 0.3 * (1.0 - shared / whole)
}

/// Two runs of one thing.
const SAME: &[(&[&str], &[&str])] = &[
    // Process ids.
    (&["kill", "-TERM", "1234"], &["kill", "-TERM", "98765"]),
    (&["cat", "/proc/1234/status"], &["cat", "/proc/7/status"]),
    (&["app", "--pid-file=/run/app.1234.pid"], &["app", "--pid-file=/run/app.99.pid"]),
    // Temporary names.
    (&["sh", "-c", "convert '/tmp/phpfc0gzh.png' x"], &["sh", "-c", "convert '/tmp/phpZxQ1aB.png' x"]),
    (&["pdftotext", "/tmp/upllBnaBV.pdf", "-"], &["pdftotext", "/tmp/upluWX7lZ8.pdf", "-"]),
    (&["cat", "/tmp/tmp.XyZabc1234"], &["cat", "/tmp/tmp.q8Jk2LmNop"]),
    (&["python3", "/tmp/tmpab12cd34/x.py"], &["python3", "/tmp/tmpzzyyxxww/x.py"]),
    (
        &["ld", "-o", "/tmp/ccOljG8o.o", "-L/srv/deps/rustcWP6qS1/raw"],
        &["ld", "-o", "/tmp/cc2mp6Jc.o", "-L/srv/deps/rustcAbC9xZ/raw"],
    ),
    (
        &["pip", "install", "/tmp/pip-build-env-x7k2m9qw/overlay"],
        &["pip", "install", "/tmp/pip-build-env-a1b9zz03/overlay"],
    ),
    (&["sh", "/var/tmp/rpm-tmp.aBc12d"], &["sh", "/var/tmp/rpm-tmp.Zq9Xy1"]),
    // Dates and times.
    (
        &["tar", "czf", "/var/backups/etc-2026-11-21.tgz", "/etc"],
        &["tar", "czf", "/var/backups/etc-2025-01-02.tgz", "/etc"],
    ),
    (&["gzip", "app-20251102.dump"], &["gzip", "app-20261231.dump"]),
    (&["date", "-d", "2026-11-21T10:11:12Z"], &["date", "-d", "2025-01-02T23:59:59Z"]),
    (
        &["psql", "-c", "select * from t where d > '2026-11-21 10:00:00'"],
        &["psql", "-c", "select * from t where d > '2025-01-02 07:30:15'"],
    ),
    // Ports of clients.
    (&["psql", "-h", "db", "-p", "54321"], &["psql", "-h", "db", "-p", "15432"]),
    (&["redis-cli", "-p", "6379", "ping"], &["redis-cli", "-p", "16380", "ping"]),
    (&["app", "--connect=10.0.0.5:51234"], &["app", "--connect=10.99.1.2:40000"]),
    // Commits, digests, identifiers.
    (
        &["git", "checkout", "e83c5163316f89bfbde7d9ab23ca2e25604af290"],
        &["git", "checkout", "0000000000000000000000000000000000000001"],
    ),
    (&["git", "show", "e83c516"], &["git", "show", "abcdef1"]),
    (&["docker", "exec", "3f2a9c1b7e4d", "id"], &["docker", "exec", "000111222333", "id"]),
    (&["rustc", "-C", "metadata=9e24b667ea67c490"], &["rustc", "-C", "metadata=3de22760bf28ad88"]),
    (&["app", "6b00e15b-4f3a-11ee-be56-0242ac120002"], &["app", "00000000-0000-0000-0000-000000000001"]),
    (&["php", "/tmp/exp_6b00e15bcef51.csv"], &["php", "/tmp/exp_7c11f26cdf062.csv"]),
    // Versions.
    (
        &["rustc", "/home/ci/.cargo/registry/src/proc-macro2-1.0.107/src/lib.rs"],
        &["rustc", "/home/ci/.cargo/registry/src/proc-macro2-1.0.9/src/lib.rs"],
    ),
    (&["pip", "install", "requests==2.31.0"], &["pip", "install", "requests==2.32.1"]),
    (&["sh", "/srv/app/deploy.v1.sh"], &["sh", "/srv/app/deploy.v12.sh"]),
    // Addresses.
    (&["curl", "http://10.1.2.3/healthz"], &["curl", "http://192.168.7.9/healthz"]),
    (&["ping", "-c", "1", "203.0.113.7"], &["ping", "-c", "1", "198.51.100.200"]),
];

#[test]
fn what_is_made_up_anew_at_every_run_moves_nothing() {
    for (one, other) in SAME {
        let (one, other) = (execution(one), execution(other));
        assert_eq!(
            embed(&one).key,
            embed(&other).key,
            "{}\n{}",
            one.arguments.joined(),
            other.arguments.joined()
        );
    }
}

#[test]
fn names_of_processes_are_read_by_the_same_rules() {
    for (one, other) in
        [("runner-12345", "runner-7"), ("python3.11", "python3.12"), ("php-fpm8.2", "php-fpm8.4")]
    {
        assert_eq!(embed(&named(one, &["x"])).key, embed(&named(other, &["x"])).key);
    }
    let script = |package: &str, cut: &str| {
        let service = format!("{package}.service");
        let raw = Raw {
            name: b"systemctl",
            parent: b"deb-systemd-hel",
            grandparent: cut.as_bytes(),
            ..Raw::default()
        };
        let raw =
            Raw { arguments: &area(["systemctl", "--preset-mode=enable-only", "preset", &service]), ..raw };
        embed(&raw.execution(&Scrubber::default())).key
    };
    assert_eq!(script("vsftpd", "vsftpd.postinst"), script("memcached", "memcached.posti"));
    assert_ne!(script("vsftpd", "vsftpd.postinst"), script("memcached", "vsftpd.postinst"));
}

#[test]
fn what_does_not_drift_counts() {
    for (one, other) in [
        (&["chmod", "755", "/srv/x"][..], &["chmod", "4755", "/srv/x"][..]),
        (&["find", "/", "-perm", "-4000"], &["find", "/", "-perm", "-0644"]),
        (&["install", "-m", "644", "a", "b"], &["install", "-m", "4755", "a", "b"]),
        (&["kill", "-9", "1234"], &["kill", "-15", "1234"]),
        (&["kill", "-s", "9", "1234"], &["kill", "-s", "1", "1234"]),
        (&["nc", "10.0.0.1", "4444"], &["nc", "10.0.0.1", "22"]),
        (&["socat", "TCP:10.0.0.1:4444", "-"], &["socat", "TCP:10.0.0.1:80", "-"]),
        (&["ssh", "-p", "2222", "host"], &["ssh", "-p", "22", "host"]),
        (&["curl", "http://10.0.0.1:8080/"], &["curl", "http://10.0.0.1:4444/"]),
        (&["sh", "-c", "nc 10.0.0.1 4444"], &["sh", "-c", "nc 10.0.0.1 22"]),
        (&["curl", "http://10.0.0.1/x"], &["curl", "http://203.0.113.7/x"]),
        (&["curl", "http://127.0.0.1/x"], &["curl", "http://10.0.0.1/x"]),
        (&["curl", "http://example.org/x"], &["curl", "https://example.org/x"]),
        (&["sh", "-c", "id > /tmp/x"], &["sh", "-c", "id | /tmp/x"]),
        (&["sh", "-c", "id 2>&1"], &["sh", "-c", "id 0>&1"]),
        (&["sh", "-c", "cat $HOME/x"], &["sh", "-c", "cat $HISTFILE/x"]),
        (&["bash"], &["bash", "-i"]),
    ] {
        let (one, other) = (execution(one), execution(other));
        assert!(distance(&other, &one) >= 0.05, "{}\n{}", one.arguments.joined(), other.arguments.joined());
    }
}

#[test]
fn one_inserted_flag_moves_an_execution_little() {
    let lines: &[&[&str]] = &[
        &["curl", "-fsS", "-m", "5", "-o", "/dev/null", "http://127.0.0.1:18080/healthz"],
        &["tar", "czf", "/var/backups/etc-20251102.tgz", "/etc"],
        &["sh", "-c", "convert '/tmp/phpfc0gzh.png' -resize 200x200 2>&1"],
        &["psql", "-h", "/tmp", "-p", "15432", "-c", "vacuum analyze"],
        &["bash", "-i"],
    ];
    for line in lines {
        for at in 1..=line.len() {
            let inserted: Vec<&str> =
                line[..at].iter().chain(&["--verbose"]).chain(&line[at..]).copied().collect();
            let moved = distance(&execution(&inserted), &execution(line));
            assert!((0.005..0.2).contains(&moved), "{inserted:?}: {moved}");
        }
    }
}

#[test]
fn padding_and_repeating_hide_nothing() {
    let learned = execution(&["rm", "-f", "/srv/app/cache/x1234"]);
    let attack = ["-r", "/var/log/audit", "--no-preserve-root"];
    let plain =
        distance(&execution(&[&["rm", "-f", "/srv/app/cache/x1234"], &attack[..]].concat()), &learned);
    for padding in [&["-f"; 500][..], &["/srv/app/cache/x1234"; 100], &["-f", "/srv/app/cache/x7"].repeat(50)]
    {
        let padded = execution(&[&["rm", "-f", "/srv/app/cache/x1234"], padding, &attack[..]].concat());
        let moved = distance(&padded, &learned);
        assert!(moved >= plain, "{moved} of {plain}");
    }
    // Beyond the bound nothing is read; that there is more shows.
    let beyond = execution(&[&["rm"], &["-f"; 3000][..], &attack[..]].concat());
    let described = Hashed::default().describe(&beyond);
    assert!(described.iter().any(|feature| feature.text == "word <cut>"), "{described:?}");
}

#[test]
fn blanks_and_quotes_of_a_script_are_no_features() {
    let learned = execution(&["sh", "-c", "cat /etc/passwd | grep root"]);
    for same in [
        "cat  /etc/passwd  |  grep   root",
        "cat '/etc/passwd'|grep \"root\"",
        "cat /etc/passwd | grep root\n",
    ] {
        assert_eq!(distance(&execution(&["sh", "-c", same]), &learned), 0.0, "{same}");
    }
}

#[test]
fn every_feed_gives_the_same_vector_for_a_script() {
    let ebpf = Raw {
        name: b"backup.sh",
        parent: b"cron",
        grandparent: b"systemd",
        uid: 0,
        arguments: b"/bin/sh\0-e\0/opt/backup.sh\0--full\0",
        executable: b"/usr/bin/dash",
        filename: b"/opt/backup.sh",
        interp: b"/bin/sh",
    };
    let proc = Raw { filename: b"", interp: b"", ..ebpf };
    let falco = Raw { executable: b"", ..proc };
    let recording = Raw { arguments: b"/opt/backup.sh\0--full\0", ..falco };
    let of = |raw: Raw<'_>| embed(&raw.execution(&Scrubber::default()));
    for other in [proc, falco, recording] {
        assert_eq!(of(other), of(ebpf));
    }
}

#[test]
fn order_among_features_is_all_that_a_vector_forgets() {
    let (one, other) = (execution(&["tool", "-a", "-b", "-c"]), execution(&["tool", "-c", "-b", "-a"]));
    let moved = distance(&one, &other);
    assert!(moved > 0.0 && moved < 0.1, "pairs of arguments tell the order, and little else does: {moved}");
}
