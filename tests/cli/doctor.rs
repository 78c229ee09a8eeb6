//! `anomalyctl doctor`: this machine, and one that is made up.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::recording::Folder;
use crate::support::{PROGRAM, Ran, run, settle};

fn doctor(folder: &Folder) -> Command {
    let mut command = Command::new(PROGRAM);
    let config =
        folder.file("anomaly.yaml", format!("storage:\n  path: {}\n", folder.path("data").display()));
    command.arg("doctor").arg("--config").arg(config);
    settle(&mut command);
    command
}

fn checks(ran: &Ran) -> Vec<Value> {
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").clone();
    let failed = checks.iter().any(|check| check["status"] == "fail");
    assert_eq!(report["ok"], !failed);
    assert_eq!(ran.code(), Some(i32::from(failed)), "{ran:?}");
    checks
}

#[track_caller]
fn check<'c>(checks: &'c [Value], name: &str) -> &'c Value {
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name} in {checks:?}"))
}

#[test]
fn this_machine_is_told_with_what_to_do() {
    let folder = Folder::new();
    let ran = run(doctor(&folder).arg("--json"));
    let all = checks(&ran);
    for check in &all {
        let is_fine = check["status"] == "ok" || check["status"] == "skipped";
        assert_eq!(check["remedy"].is_null(), is_fine, "{check}");
        assert!(check["found"].as_str().is_some_and(|found| !found.is_empty()), "{check}");
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    assert!(check(&all, "kernel")["found"].as_str().is_some_and(|found| found.starts_with(release.trim())));
    assert!(
        check(&all, "version")["found"]
            .as_str()
            .is_some_and(|found| found.contains(env!("CARGO_PKG_VERSION")))
    );
    // What it says of the feed is what `watch` then does.
    let mut watch = crate::support::watch();
    let watched = run(watch.args(["--for", "0s", "--data"]).arg(folder.path("other"))).succeeded();
    let taken =
        watched.err.lines().find_map(|line| line.split_once("feed ")?.1.split_once(": ")).expect("a feed").0;
    let feed = check(&all, "feed")["found"].as_str().expect("text");
    assert!(feed.starts_with(&format!("auto takes {taken}, which")), "{feed}");
    // It only looked.
    assert!(!folder.path("data").exists());

    let lines = run(&mut doctor(&folder)).out;
    assert_eq!(lines.lines().count(), all.len(), "{lines}");
}

#[test]
fn without_privileges_it_says_which_are_missing() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give privileges away");
        return;
    }
    let folder = Folder::new();
    let inner = doctor(&folder);
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]);
    command.arg(inner.get_program()).args(inner.get_args()).arg("--json");
    settle(&mut command);
    let ran = run(&mut command);
    let all = checks(&ran);
    let found = check(&all, "capabilities")["found"].as_str().expect("text");
    assert!(found.contains("without CAP_BPF (to load the kernel program)"), "{found}");
    let ebpf = check(&all, "feed ebpf");
    assert_eq!(ebpf["status"], "warn", "{ebpf}");
    assert_eq!(check(&all, "feed")["status"], "warn");
    assert_eq!(ran.code(), Some(0), "it works, less well: {ran:?}");
}

#[test]
fn a_made_up_machine_is_looked_at_below_its_root() {
    let folder = Folder::new();
    let root = folder.path("root");
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("proc/sys/kernel/osrelease", "4.18.0-old\n");
    write("proc/sys/kernel/unprivileged_bpf_disabled", "0\n");
    write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
    write("var/lib/docker/containers/a/config.v2.json", "{}");
    write("usr/bin/falco", "");
    write("etc/falco/config.d/zz-anomaly.yaml", "plugins:\n  - library_path: libanomaly.so\n");
    let ran = run(doctor(&folder).arg("--json").env("HOST_ROOT", &root));
    let all = checks(&ran);
    for (name, status, part) in [
        ("kernel", "warn", "4.18.0-old: the kernel program needs 5.8"),
        ("btf", "warn", "no /sys/kernel/btf/vmlinux"),
        ("tracefs", "warn", "the feed ebpf-enter needs it"),
        ("lockdown", "warn", "confidentiality"),
        ("unprivileged_bpf", "warn", "every user may load BPF programs"),
        ("containers", "ok", "Docker: workloads are images"),
        ("falco", "warn", "libanomaly.so is not in usr/share/falco/plugins"),
        ("feed ebpf", "warn", "the kernel has no type information at "),
        ("feed", "fail", "agent.feed is auto, which does not work here"),
    ] {
        let check = check(&all, name);
        assert_eq!(check["status"], status, "{check}");
        assert!(check["found"].as_str().is_some_and(|found| found.contains(part)), "{part}: {check}");
    }
    assert_eq!(ran.code(), Some(1));
}

#[test]
fn a_directory_of_others_and_a_wrong_file_are_told() {
    let folder = Folder::new();
    let data = folder.path("data");
    fs::create_dir(&data).expect("made");
    fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let all = checks(&run(doctor(&folder).arg("--json")));
    let check_of = check(&all, "data");
    assert_eq!(check_of["status"], "warn", "{check_of}");
    assert!(check_of["remedy"].as_str().is_some_and(|remedy| remedy.starts_with("chmod 700 ")), "{check_of}");

    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    let wrong = folder.file("wrong.yaml", "agnt: {}\n");
    let ran = run(command.args(["doctor", "--json", "--config"]).arg(wrong));
    let all = checks(&ran);
    assert_eq!(check(&all, "configuration")["status"], "fail");
    assert_eq!(ran.code(), Some(1));
}

/// What `doctor` and `run` say of a configuration that cannot work: both of them refuse it.
#[track_caller]
fn refused(folder: &Folder, text: &str, name: &str, part: &str) {
    let file = folder.file("refused.yaml", text);
    for (args, command) in [(&["doctor", "--json"][..], "doctor"), (&["run", "--for", "0s"][..], "run")] {
        let mut program = Command::new(PROGRAM);
        settle(&mut program);
        let ran = run(program.args(args).arg("--config").arg(&file).env("SHORT_TOKEN", "short"));
        if command == "run" {
            assert_eq!(ran.code(), Some(2), "{text}: {ran:?}");
            continue;
        }
        let all = checks(&ran);
        let check = check(&all, name);
        assert_eq!(check["status"], "fail", "{text}: {check}");
        assert!(check["found"].as_str().is_some_and(|found| found.contains(part)), "{part}: {check}");
    }
}

#[test]
fn what_run_refuses_it_refuses() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    let (file, data, socket) = (file.display(), folder.path("data"), folder.path("api.sock"));
    let (data, socket) = (data.display(), socket.display());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address");
    let usual = format!("storage: {{path: {data}}}");
    let token = folder.file("token", "a-token-that-is-long-enough");
    let token = token.display();
    for (text, name, part) in [
        (format!("storage: {{path: {file}}}\napi: {{socket: {socket}}}"), "data", "is no directory"),
        (format!("{usual}\napi: {{socket: {file}}}"), "api socket", "is no socket"),
        (format!("{usual}\napi: {{socket: {file}/api.sock}}"), "api socket", "is no directory"),
        (
            format!("{usual}\napi: {{socket: {socket}, listen: '127.0.0.1:0', token_env: NO_SUCH_TOKEN}}"),
            "api",
            "the environment has no NO_SUCH_TOKEN",
        ),
        (
            format!("{usual}\napi: {{socket: {socket}, listen: '127.0.0.1:0', token_env: SHORT_TOKEN}}"),
            "api",
            "at least 16 visible ASCII characters",
        ),
        (
            format!("{usual}\napi: {{socket: {socket}, listen: '{port}', token_file: {token}}}"),
            "api listen",
            "cannot listen on 127.0.0.1:",
        ),
    ] {
        refused(&folder, &text, name, part);
    }
    drop(taken);
    let file = folder.file(
        "taken.yaml",
        format!("{usual}\napi: {{socket: {socket}, listen: '{port}', token_file: {token}}}"),
    );
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    let all = checks(&run(command.args(["doctor", "--json", "--config"]).arg(file)));
    for name in ["data", "api socket", "api listen"] {
        assert_eq!(check(&all, name)["status"], "ok", "{all:?}");
    }
    assert!(!folder.path("api.sock").exists(), "it only looked");
}
