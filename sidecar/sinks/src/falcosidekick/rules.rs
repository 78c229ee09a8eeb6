//! Which of our Falco rules an execution would have matched: the first, in the order of `falco-rules/anomaly_rules.yaml`.
//!
//! The lists are those of that file; a test compares them.

use anomaly_scored::ScoredExecution;
use anomaly_vectorizer::context::{ExecutableFlag, SocketFamily};

/// What alerts call it, and how they are tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) tags: &'static [&'static str],
    /// The sentence between who started what and the score.
    pub(super) kind: Kind,
}

/// What a rule's sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connection,
    ServerChild,
    NetworkTool,
    Shell,
    FirstSeenBinary,
    Execution,
    /// Something beside an execution, for which Falco has gates and no rule of ours.
    Act,
}

const SHELLS: &[&str] = &[
    "ash", "bash", "busybox", "csh", "dash", "elvish", "fish", "ksh", "mksh", "pwsh", "rbash", "sh", "tcsh",
    "zsh",
];

#[rustfmt::skip]
const INTERPRETERS: &[&str] = &[
    "awk", "deno", "gawk", "groovy", "lua", "luajit", "mawk", "node", "perl", "php", "python", "python2", "python3", "R",
    "ruby", "tclsh",
];

#[rustfmt::skip]
const NETWORK_TOOLS: &[&str] = &[
    "aria2c", "chisel", "curl", "dig", "ftp", "masscan", "nc", "nc.openbsd", "nc.traditional", "ncat", "netcat", "ngrok",
    "nmap", "nslookup", "proxychains4", "rsync", "scp", "sftp", "socat", "ssh", "sshpass", "tcpdump", "telnet", "tftp",
    "tor", "tshark", "wget", "zmap",
];

#[rustfmt::skip]
const SERVERS: &[&str] = &[
    "apache2", "caddy", "catalina.sh", "cupsd", "dovecot", "exim4", "gunicorn", "haproxy", "httpd", "java", "lighttpd",
    "mariadbd", "memcached", "mongod", "mysqld", "named", "nginx", "openresty", "php-fpm", "postgres", "proftpd", "puma",
    "rabbitmq-server", "redis-server", "smbd", "tomcat", "traefik", "unicorn", "uvicorn", "uwsgi", "varnishd", "vsftpd",
];

/// In the order in which Falco tries them; the last but one takes every execution.
const RULES: [Rule; 7] = [
    Rule {
        name: "Novel program on a network connection",
        tags: &["maturity_sandbox", "host", "container", "network", "process", "mitre_execution", "T1059"],
        kind: Kind::Connection,
    },
    Rule {
        name: "Novel child of a server",
        tags: &["maturity_sandbox", "host", "container", "process", "mitre_initial_access", "T1190"],
        kind: Kind::ServerChild,
    },
    Rule {
        name: "Novel network tool",
        tags: &[
            "maturity_sandbox",
            "host",
            "container",
            "network",
            "process",
            "mitre_command_and_control",
            "T1105",
        ],
        kind: Kind::NetworkTool,
    },
    Rule {
        name: "Novel shell or interpreter",
        tags: &["maturity_sandbox", "host", "container", "process", "mitre_execution", "T1059"],
        kind: Kind::Shell,
    },
    Rule {
        name: "First-seen binary in a container",
        tags: &["maturity_sandbox", "container", "process", "mitre_persistence", "TA0003"],
        kind: Kind::FirstSeenBinary,
    },
    Rule {
        name: "Novel execution",
        tags: &["maturity_sandbox", "host", "container", "process", "mitre_execution", "TA0002"],
        kind: Kind::Execution,
    },
    Rule { name: "Novel act", tags: &["maturity_sandbox", "host", "container", "process"], kind: Kind::Act },
];

/// The rule for this execution.
pub(super) fn rule(execution: &ScoredExecution) -> &'static Rule {
    let kind = kind(execution);
    RULES.iter().find(|rule| rule.kind == kind).expect("the table has a rule of every kind")
}

fn kind(execution: &ScoredExecution) -> Kind {
    let name = execution.name.as_str();
    if execution.kind.is_some_and(|kind| kind != anomaly_vectorizer::Kind::Exec) {
        Kind::Act
    } else if on_connection(execution) {
        Kind::Connection
    } else if SERVERS.contains(&execution.parent.as_str()) {
        Kind::ServerChild
    } else if NETWORK_TOOLS.contains(&name) {
        Kind::NetworkTool
    } else if SHELLS.contains(&name) || INTERPRETERS.contains(&name) || name.starts_with("python") {
        Kind::Shell
    } else if is_image(&execution.workload) && first_seen(execution) {
        Kind::FirstSeenBinary
    } else {
        Kind::Execution
    }
}

/// Whether the standard input is a network connection.
fn on_connection(execution: &ScoredExecution) -> bool {
    let inet = [SocketFamily::Inet, SocketFamily::Inet6];
    let mut sockets = execution.surroundings.sockets.iter().flatten();
    sockets.any(|socket| socket.fd == 0 && inet.contains(&socket.family))
}

fn first_seen(execution: &ScoredExecution) -> bool {
    let flags = execution.surroundings.exe_flags.as_deref().unwrap_or_default();
    let reason = execution.reason.as_deref().unwrap_or_default();
    flags.contains(&ExecutableFlag::UpperLayer) || reason.contains("new: name ")
}

/// Whether a workload is a container's image: neither the host nor a systemd unit, as in the rules without a driver.
pub(super) fn is_image(workload: &str) -> bool {
    !(workload.is_empty()
        || workload == "host"
        || workload.ends_with(".service")
        || workload.ends_with(".scope"))
}

#[cfg(test)]
mod tests {
    use anomaly_vectorizer::context::InheritedSocket;

    use super::*;
    use crate::testing::execution;

    fn name(change: impl FnOnce(&mut ScoredExecution)) -> &'static str {
        let mut execution = ScoredExecution { parent: "cron".into(), name: "frob".into(), ..execution(1) };
        change(&mut execution);
        rule(&execution).name
    }

    #[test]
    fn the_more_telling_rule_comes_first() {
        let socket =
            InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 6, local: None, remote: None };
        assert_eq!(name(|_| {}), "Novel execution");
        assert_eq!(name(|it| it.reason = Some("new: name frob".into())), "First-seen binary in a container");
        let unit = |it: &mut ScoredExecution| {
            it.reason = Some("new: name frob".into());
            it.workload = "cron.service".into();
        };
        assert_eq!(name(unit), "Novel execution");
        assert_eq!(name(|it| it.name = "python3.11".into()), "Novel shell or interpreter");
        assert_eq!(name(|it| it.name = "curl".into()), "Novel network tool");
        let child = |it: &mut ScoredExecution| {
            it.name = "curl".into();
            it.parent = "nginx".into();
        };
        assert_eq!(name(child), "Novel child of a server");
        let connected = |it: &mut ScoredExecution| {
            it.parent = "nginx".into();
            it.surroundings.sockets = Some(vec![socket]);
        };
        assert_eq!(name(connected), "Novel program on a network connection");
        assert_eq!(name(|it| it.kind = Some(anomaly_vectorizer::Kind::Connect)), "Novel act");
    }

    #[test]
    fn names_tags_and_lists_are_those_of_the_rules_file() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../falco-rules/anomaly_rules.yaml");
        let file = std::fs::read_to_string(path).expect("the rules");
        for rule in RULES.iter().filter(|rule| rule.kind != Kind::Act) {
            let rest = file.split_once(&format!("\n- rule: {}\n", rule.name)).expect(rule.name).1;
            let tags = rest.split_once("  tags: [").expect(rule.name).1.split_once(']').expect(rule.name).0;
            assert_eq!(tags.split(", ").collect::<Vec<_>>(), rule.tags, "{}", rule.name);
        }
        for (name, list) in [
            ("anomaly_shells", SHELLS),
            ("anomaly_interpreters", INTERPRETERS),
            ("anomaly_network_tools", NETWORK_TOOLS),
            ("anomaly_servers", SERVERS),
        ] {
            let rest = file.split_once(&format!("- list: {name}\n  items:")).expect(name).1;
            let items = rest.split_once("\n\n").expect(name).0;
            let items: Vec<_> = items
                .split(['\n', ',', '[', ']'])
                .map(|item| item.trim().trim_start_matches("- "))
                .filter(|item| !item.is_empty())
                .collect();
            assert_eq!(items, list, "{name}");
        }
    }
}
