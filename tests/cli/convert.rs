//! `anomalyctl convert`: Falco's alerts and audit logs as recordings. The samples are shaped like the real ones.

use std::process::Command;

use serde_json::{Value, json};

use crate::recording::{Folder, gzip};
use crate::support::{PROGRAM, Ran, replay, run, run_with, settle};

fn convert(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.arg("convert").args(arguments);
    command
}

fn converted(input: impl AsRef<[u8]>) -> Ran {
    run_with(&mut convert(&[]), input.as_ref()).succeeded()
}

fn alert(fields: Value) -> String {
    json!({
        "hostname": "node-3", "output": "12:00:00.123: Notice A shell was spawned", "priority": "Notice",
        "rule": "Terminal shell in container", "source": "syscall", "tags": ["container", "shell"],
        "time": "2026-03-02T08:00:00.123456789Z", "output_fields": fields,
    })
    .to_string()
        + "\n"
}

#[test]
fn an_alert_becomes_an_execution() {
    let full = alert(json!({
        "container.id": "3ad7b26ded6d", "container.image.repository": "nginx", "container.name": "web-1",
        "evt.time": 1_772_438_400_123_456_789_i64, "evt.type": "execve", "proc.aname[2]": "containerd-shim",
        "proc.args": "-c id  -u", "proc.cmdline": "bash -c id  -u", "proc.exe": "/bin/bash", "proc.exepath": "/usr/bin/bash",
        "proc.name": "bash", "proc.pid": 4711, "proc.ppid": "17", "proc.pname": "nginx", "proc.tty": 34816,
        "user.loginuid": -1, "user.name": "www-data", "user.uid": 33,
    }));
    let sparse = alert(json!({"proc.cmdline": "cat /etc/shadow", "proc.pname": null, "user.uid": "<NA>"}));
    let ran = converted(full + &sparse);
    let lines = ran.json();
    assert_eq!(
        lines[0],
        json!({
            "workload": "docker.io/library/nginx", "time": 1_772_438_400.123456, "pid": 4711, "ppid": 17, "name": "bash",
            "parent": "nginx", "grandparent": "containerd-shim", "uid": 33, "exe": "/usr/bin/bash",
            "args": ["/bin/bash", "-c", "id", "-u"], "tty": true, "loginuid": u32::MAX,
        })
    );
    assert_eq!(lines[1]["args"], json!(["cat", "/etc/shadow"]));
    assert_eq!((&lines[1]["workload"], &lines[1]["time"]), (&"host".into(), &1_772_438_400.123456.into()));
    assert!(ran.err.contains("anomalyctl: 2 executions\n"), "{}", ran.err);
}

#[test]
fn alerts_about_other_things_are_counted_and_no_executions() {
    let open = alert(json!({"evt.type": "openat", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow"}));
    let cloud = alert(json!({"ct.name": "ConsoleLogin"}));
    let exec = alert(json!({"evt.type": "execveat", "proc.name": "id", "proc.cmdline": "id"}));
    let ran = converted(open + &cloud + &exec);
    assert_eq!(ran.json().len(), 1);
    assert!(ran.err.contains("1 execution; 2 about something else"), "{}", ran.err);
}

/// A script as the kernel logs it, an argument with a blank and bytes of no text, a failure, two events mixed, records of
/// other kinds, and a second node with the same number.
const AUDIT: &str = r#"----
time->Mon Mar  2 08:00:00 2026
type=SYSCALL msg=audit(1772438400.123:4711): arch=c000003e syscall=59 success=yes exit=0 a0=55d8 a1=55d9 a2=55da a3=8 items=2 ppid=900 pid=901 auid=1000 uid=1000 gid=1000 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="bash" exe="/usr/bin/bash" subj=unconfined key="exec"
type=SYSCALL msg=audit(1772438400.200:4712): arch=c000003e syscall=59 success=yes exit=0 items=3 ppid=901 pid=902 auid=4294967295 uid=33 gid=33 euid=33 tty=(none) ses=4294967295 comm="backup.sh" exe="/usr/bin/dash" key=(null)
type=EXECVE msg=audit(1772438400.123:4711): argc=2 a0="bash" a1="-l"
type=CWD msg=audit(1772438400.123:4711): cwd="/root"
type=EXECVE msg=audit(1772438400.200:4712): argc=4 a0="/bin/sh" a1="/opt/backup.sh" a2=2F7661722F6D792066696C6573FF a3_len=4 a3[0]="ab"
type=EXECVE msg=audit(1772438400.200:4712): a3[1]=6364
type=PATH msg=audit(1772438400.123:4711): item=0 name="/usr/bin/bash" inode=42 dev=08:01 mode=0100755 nametype=NORMAL
type=PROCTITLE msg=audit(1772438400.123:4711): proctitle=62617368002D6C
type=PROCTITLE msg=audit(1772438400.200:4712): proctitle=2F62696E2F7368
node=b type=SYSCALL msg=audit(1772438400.123:4711): arch=c000003e syscall=59 success=no exit=-2 ppid=1 pid=5 euid=0 uid=0 comm="x" exe="/usr/bin/x"
node=b type=EXECVE msg=audit(1772438400.123:4711): argc=1 a0="y"
type=SYSCALL msg=audit(1772438401.000:4713): arch=c000003e syscall=322 success=yes exit=0 ppid=902 pid=903 uid=33 euid=33 comm="tar" exe="/usr/bin/tar"ARCH=x86_64 UID="www-data"
type=EXECVE msg=audit(1772438401.000:4713): argc=1 a0="tar"
type=EOE msg=audit(1772438401.000:4713):
type=USER_AUTH msg=audit(1772438402.000:4714): pid=77 uid=0 msg='op=PAM:authentication res=success'
type=SYSCALL msg=audit(1772438403.000:4715): arch=c000003e syscall=257 success=yes exit=3 ppid=1 pid=6 uid=0 euid=0 comm="cat" exe="/usr/bin/cat"
type=PROCTITLE msg=audit(1772438403.000:4715): proctitle="cat"
"#;

#[test]
fn an_audit_log_becomes_executions() {
    let folder = Folder::new();
    let (plain, packed) =
        (folder.file("audit.log", AUDIT), folder.file("audit.log.1.gz", gzip(AUDIT.as_bytes())));
    let ran = run(convert(&["--workload", "db"]).arg(&plain)).succeeded();
    let lines = ran.json();
    assert_eq!(
        lines[0],
        json!({
            "workload": "db", "time": 1_772_438_400.123, "pid": 901, "ppid": 900, "name": "bash", "parent": "",
            "grandparent": "", "uid": 0, "exe": "/usr/bin/bash", "args": ["bash", "-l"], "tty": true, "loginuid": 1000,
        })
    );
    // The interpreter goes, the script stays; what is no UTF-8 is replaced.
    assert_eq!(lines[1]["args"], json!(["/opt/backup.sh", "/var/my files\u{fffd}", "abcd"]));
    assert_eq!(
        (&lines[1]["parent"], &lines[1]["tty"], &lines[1]["uid"]),
        (&"bash".into(), &false.into(), &33.into())
    );
    assert_eq!((&lines[2]["parent"], &lines[2]["grandparent"]), (&"backup.sh".into(), &"bash".into()));
    assert_eq!(lines.len(), 3);
    let told =
        "3 executions; 2 about something else; 1 failed to start, left out; 1 without the parent's name";
    assert!(ran.err.contains(told), "{}", ran.err);
    let again = run(convert(&["--workload", "db"]).arg(&packed)).succeeded();
    assert_eq!(again.out, ran.out);
    // What comes out is a recording.
    let recording = folder.file("r.jsonl", &ran.out);
    let replayed = run(replay(&recording).arg("--json")).succeeded();
    assert_eq!(replayed.json().len(), 3);
}

#[test]
fn garbage_is_named_counted_and_passed_over() {
    let garbage: [&[u8]; 9] = [
        b"not json",
        b"{\"output_fields\":",
        b"{\"rule\":\"x\"}",
        b"{\"output_fields\":[]}",
        b"\xff\xfe\x1b[31m",
        b"type=SYSCALL msg=audit(x:1): pid=1",
        b"type=SYSCALL msg=audit(99999999999.0:1): pid=1",
        b"type=EXECVE msg=audit(1.0:1): argc=1 a0=4G",
        b"type=SYSCALL msg=audit(1.0:1): syscall=59 pid=1 euid=0",
    ];
    let mut input = alert(json!({"proc.cmdline": "id"})).into_bytes();
    for line in garbage.iter().cycle().take(27) {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend(std::iter::repeat_n(b'{', 2 << 20));
    let ran = converted(input);
    assert_eq!(ran.json().len(), 1);
    let told: Vec<_> = ran.err.lines().filter(|line| line.contains("standard input: line ")).collect();
    assert_eq!(told.len(), 10, "{}", ran.err);
    for (number, line) in (2..).zip(&told) {
        assert!(line.contains(&format!("line {number}: ")) && line.ends_with("; passed over"), "{line}");
    }
    assert!(ran.err.contains("28 could not be read") && !ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn hostile_names_and_secrets_do_not_reach_a_terminal() {
    let hostile = alert(json!({
        "proc.name": "a\u{1b}[2J\u{9b}", "proc.pname": "\u{202e}x\u{0}y",
        "proc.cmdline": "mysql --password=hunter2secret", "proc.args": "--password=hunter2secret \u{9b}31m",
    }));
    let hex = "type=SYSCALL msg=audit(1.5:1): syscall=59 success=yes ppid=1 pid=2 euid=0 comm=1B5B324A exe=\"/x\"\n\
               type=EXECVE msg=audit(1.5:1): argc=1 a0=9B1B5D30 a4095=41 a99999999=41\n";
    let ran = converted(hostile + hex);
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
    assert!(!ran.out.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{:?}", ran.out);
    assert_eq!(ran.json()[0]["name"], "a\u{1b}[2J\u{9b}");
    assert_eq!(ran.json().len(), 2);
}

#[test]
fn nothing_but_garbage_and_what_cannot_be_read_are_failures() {
    run_with(&mut convert(&[]), b"hello\n").failed_with(&["nothing in it is an execution", "json_output"]);
    run(&mut convert(&["/no/such/log"])).failed_with(&["cannot convert /no/such/log", "check the name"]);
    run(&mut convert(&["/proc"])).failed_with(&["is a directory"]);
    run(&mut convert(&["-", "-"])).failed_with(&["standard input can be converted once"]);
    run(&mut convert(&["--workload", "{image}"])).failed_with(&["plain name"]);
    let folder = Folder::new();
    let whole = gzip(AUDIT.repeat(50).as_bytes());
    let broken = folder.file("broken.gz", &whole[..whole.len() / 2]);
    run(convert(&[]).arg(&broken)).failed_with(&["broken.gz", "cannot read on"]);
    assert!(converted(b"").out.is_empty());
}

#[test]
fn a_reader_that_leaves_ends_it_early_and_well() {
    let folder = Folder::new();
    let alerts = alert(json!({"proc.cmdline": "id", "proc.name": "id", "evt.type": "execve"})).repeat(50_000);
    let file = folder.file("alerts.jsonl", alerts);
    let mut command = Command::new("bash");
    settle(&mut command);
    let script = format!("{PROGRAM} convert {0} {0} | head -c 10; exit ${{PIPESTATUS[0]}}", file.display());
    let ran = run(command.args(["-c", &script])).succeeded();
    let told: Vec<_> = ran.err.lines().filter(|line| line.contains("executions")).collect();
    assert_eq!(told.len(), 1, "what was done is told: {}", ran.err);
    assert!(!told[0].contains("100,000"), "not all of it was: {}", told[0]);
}
