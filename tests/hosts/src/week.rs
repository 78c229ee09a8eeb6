//! A week of three workloads: what they do every minute, hour and night that rules like the stock ones fire on, and among
//! it attacks that use programs, files and connections which are known by themselves.

use std::io;
use std::time::Duration;

use crate::scap::{CREATE, Capture, Descriptor, Exec, Number, READ, TRUNCATE, Task, WRITE};

/// Days that the week has.
pub const DAYS: u64 = 7;

const MINUTES_A_DAY: u64 = 24 * 60;

// The shop: a web server, its application, a sidecar, what cron starts.
const NGINX: u32 = 701;
const PHP: u32 = 710;
const VAULT: u32 = 720;
const CRON: u32 = 730;
// The database and what cron starts beside it.
const POSTGRES: u32 = 800;
const DB_CRON: u32 = 810;
// The operator of the cluster and a server behind xinetd.
const CONTROLLER: u32 = 900;
const XINETD: u32 = 910;

/// The cluster's API.
const API: &str = "10.96.0.1:443";

/// Rules as Falco's stable ones ask, worded for this week: name and condition.
pub const RULES: [(&str, &str); 11] = [
    (
        "sensitive file read",
        "evt.type = openat and evt.is_open_read = true and (fd.name in (/etc/shadow, /etc/sudoers) or fd.name startswith \
         /root/.ssh)",
    ),
    ("write below etc", "evt.type = openat and evt.is_open_write = true and fd.name startswith /etc"),
    (
        "log tampered with",
        "evt.type = openat and evt.arg.flags contains O_TRUNC and fd.name startswith /var/log",
    ),
    ("cluster's API contacted", "evt.type = connect and fd.sip = 10.96.0.1"),
    (
        "connection out of the cluster",
        "evt.type = connect and fd.typechar = 4 and not fd.snet in (10.0.0.0/8)",
    ),
    ("connection to a pod", "evt.type = connect and fd.snet = 10.244.0.0/16"),
    (
        "descriptor redirected to the network",
        "evt.type = dup2 and evt.rawres in (0, 1, 2) and fd.typechar = 4",
    ),
    ("process traced", "evt.type = ptrace"),
    ("shell by a server", "evt.type = execve and proc.name in (sh, bash)"),
    ("link over a sensitive file", "evt.type = symlinkat and evt.arg.target in (/etc/shadow, /etc/sudoers)"),
    (
        "setuid or a packet socket",
        "(evt.type = chmod or (evt.type = socket and evt.arg.domain contains PACKET))",
    ),
];

/// An attack's event.
#[derive(Debug, Clone)]
pub struct Attack {
    /// What it is.
    pub what: &'static str,
    /// `evt.num` of it.
    pub number: Number,
    /// When it happened, in nanoseconds since the Unix epoch.
    pub time: u64,
}

/// What was written.
#[derive(Debug, Clone, Default)]
pub struct Week {
    /// Every attack.
    pub attacks: Vec<Attack>,
    /// The first event after the first day.
    pub second_day: Number,
}

/// What runs when the week begins.
pub fn machine() -> Vec<Task> {
    let task = |pid: u32, path: &str, unit: &str, uid| {
        Task::new(pid, 1, path)
            .in_cgroup(&format!("/system.slice/{unit}.service"))
            .owned_by(uid)
            .with_descriptor(0, Descriptor::File("/dev/null".into()))
    };
    vec![
        task(NGINX, "/usr/sbin/nginx", "shop", 33),
        task(PHP, "/usr/sbin/php-fpm", "shop", 33),
        task(VAULT, "/usr/bin/vault-agent", "shop", 100),
        task(CRON, "/usr/sbin/cron", "shop", 0),
        task(POSTGRES, "/usr/lib/postgresql/15/bin/postgres", "db", 999),
        task(DB_CRON, "/usr/sbin/cron", "db", 0),
        task(CONTROLLER, "/manager", "operator", 1000),
        task(XINETD, "/usr/sbin/xinetd", "operator", 0),
    ]
}

/// Writes the week.
///
/// # Errors
/// Where the capture cannot be written.
pub fn write(capture: &mut Capture) -> io::Result<Week> {
    let mut week = Week::default();
    for minute in 0..DAYS * MINUTES_A_DAY {
        let (day, of_day) = (minute / MINUTES_A_DAY, minute % MINUTES_A_DAY);
        if minute == MINUTES_A_DAY {
            week.second_day = capture.events() + 1;
        }
        every_minute(capture, minute)?;
        if minute % 10 == 3 {
            every_ten_minutes(capture, minute)?;
        }
        if of_day == 19 * 60 {
            every_night(capture, day)?;
        }
        if of_day % 180 == 97 && day > 0 {
            let attack = ((day - 1) * 8 + of_day / 180) as usize;
            week.attacks.extend(self::attack(capture, attack)?);
        }
        capture.advance(Duration::from_secs(60));
    }
    Ok(week)
}

fn every_minute(capture: &mut Capture, minute: u64) -> io::Result<()> {
    for _ in 0..3 {
        connect(capture, CONTROLLER, API)?;
    }
    connect(capture, VAULT, API)?;
    // Pods come and go: every hour another one, of which there are never more than a few hundred addresses.
    let pod = minute / 60 * 7 % 600;
    connect(capture, NGINX, &format!("10.244.{}.{}:8080", pod / 250, pod % 250 + 1))?;
    connect(capture, NGINX, "10.0.3.9:5432").map(drop)
}

fn every_ten_minutes(capture: &mut Capture, minute: u64) -> io::Result<()> {
    let date =
        format!("sh -c convert /srv/uploads/{:08x}.png -resize 200x200", minute * 2_654_435_761 % (1 << 32));
    capture.run_and_exit(PHP, &shell(&date))?;
    let archive = format!("sh -c /usr/bin/wal-push /var/lib/postgresql/15/pg_wal/{:024X}", minute * 7);
    capture.run_and_exit(POSTGRES, &shell(&archive))?;
    // A registry behind a network of caches has another address each time.
    connect(capture, CONTROLLER, &format!("203.0.113.{}:443", minute % 250 + 1))?;
    connect(capture, XINETD, "10.0.7.7:9000")?;
    capture.dup2(XINETD, 5, 0)?;
    capture.dup2(XINETD, 5, 1).map(drop)
}

fn every_night(capture: &mut Capture, day: u64) -> io::Result<()> {
    let (certbot, _) = capture.run(CRON, &Exec::line("/usr/bin/certbot renew -q"))?;
    for file in ["fullchain.pem", "privkey.pem"] {
        capture.open_to(
            certbot,
            &format!("/etc/letsencrypt/archive/shop/{file}"),
            WRITE | CREATE | TRUNCATE,
        )?;
    }
    capture.exit(certbot)?;
    let (logrotate, _) = capture.run(CRON, &Exec::line("/usr/sbin/logrotate /etc/logrotate.conf"))?;
    for log in ["access.log", "error.log"] {
        capture.open_to(logrotate, &format!("/var/log/nginx/{log}"), WRITE | TRUNCATE)?;
    }
    capture.exit(logrotate)?;
    for cron in [CRON, DB_CRON] {
        let line = format!("/usr/bin/tar -czf /backup/etc-2026-03-{:02}.tar.gz /etc", day + 2);
        let (tar, _) = capture.run(cron, &Exec::line(&line))?;
        for file in ["shadow", "sudoers"] {
            capture.open(tar, &format!("/etc/{file}"))?;
        }
        capture.exit(tar)?;
    }
    Ok(())
}

/// The attacks, one every three hours from the second day on.
fn attack(capture: &mut Capture, number: usize) -> io::Result<Option<Attack>> {
    let tar = |capture: &mut Capture, cron: u32, path: &str, flags: u32| {
        let (tar, _) =
            capture.run(cron, &Exec::line("/usr/bin/tar -czf /backup/etc-2026-03-02.tar.gz /etc"))?;
        capture.open_to(tar, path, flags)
    };
    let (what, number) = match number {
        0 => ("the web server, taken over, reads passwords", capture.open(NGINX, "/etc/shadow")?),
        1 => ("the database calls out of the cluster", connect(capture, POSTGRES, "203.0.113.9:4444")?),
        2 => ("the operator reads a key", capture.open(CONTROLLER, "/root/.ssh/id_ed25519")?),
        3 => ("a known object by another program", connect(capture, PHP, API)?),
        4 => ("a known path but for writing", tar(capture, CRON, "/etc/shadow", READ | WRITE)?),
        5 => ("a known class of address, another port", connect(capture, CONTROLLER, "198.51.100.5:22")?),
        6 => ("the database asks the cluster's API", connect(capture, POSTGRES, API)?),
        7 => ("a known port on a public address", connect(capture, NGINX, "203.0.113.66:5432")?),
        8 => {
            connect(capture, NGINX, "10.0.3.9:5432")?;
            ("the first descriptor of the web server on the network", capture.dup2(NGINX, 5, 0)?)
        }
        9 => ("the first trace", capture.ptrace(NGINX, Some(PHP))?),
        10 => ("a shell with a terminal", capture.run_and_exit(NGINX, &shell("sh -i").on_terminal(34_816))?),
        11 => ("a shell of the database", capture.run_and_exit(POSTGRES, &shell("bash -i"))?),
        12 => ("the first packet socket", capture.socket(CONTROLLER, 7, 17, 3)?),
        13 => ("the first link over passwords", capture.symlink(PHP, "/etc/shadow", "/srv/www/x")?),
        14 => {
            let line = Exec::line("/usr/sbin/logrotate /etc/logrotate.conf");
            let (logrotate, _) = capture.run(CRON, &line)?;
            let number = capture.open_to(logrotate, "/var/log/auth.log", WRITE | TRUNCATE)?;
            ("a known program empties another log", number)
        }
        15 => {
            let number = capture.open_to(NGINX, "/var/log/nginx/access.log", WRITE | TRUNCATE)?;
            ("another program empties a known log", number)
        }
        16 => {
            let number = capture.open_to(CONTROLLER, "/etc/ld.so.preload", WRITE | CREATE)?;
            ("what every program loads is written", number)
        }
        17 => {
            let (certbot, _) = capture.run(CRON, &Exec::line("/usr/bin/certbot renew -q"))?;
            ("a known program writes its first other file", capture.open_to(certbot, "/etc/passwd", WRITE)?)
        }
        18 => ("a known program reads its first key", tar(capture, DB_CRON, "/root/.ssh/id_rsa", READ)?),
        19 => ("the machine's metadata", connect(capture, PHP, "169.254.169.254:80")?),
        20 => ("the database reads who may do what", capture.open(POSTGRES, "/etc/sudoers")?),
        21 => ("the first setuid file", capture.chmod(PHP, "/tmp/x", 0o4755)?),
        22 => ("a pod that the database never called", connect(capture, POSTGRES, "10.244.1.7:8080")?),
        23 => {
            connect(capture, CONTROLLER, "203.0.113.9:443")?;
            ("a descriptor of the operator on the network", capture.dup2(CONTROLLER, 5, 1)?)
        }
        _ => return Ok(None),
    };
    Ok(Some(Attack { what, number, time: capture.time() }))
}

fn connect(capture: &mut Capture, tid: u32, to: &str) -> io::Result<Number> {
    capture.connect(tid, 5, to.parse().expect("an address and a port"))
}

fn shell(line: &str) -> Exec {
    let (name, rest) = line.split_once(' ').expect("a shell and what it does");
    Exec::new(&[&[name][..], &rest.splitn(2, ' ').collect::<Vec<_>>()].concat())
}
