//! `sched_process_exec`: everything that a record tells.

use std::{
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anomaly_capture::{FeedKind, Observation, Options, ebpf::Hook};
use anomaly_vectorizer::context::{ExecutableFlag, InheritedSocket, SocketFamily};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::watch::{Watch, arguments, has, marker, own_name, skipped};

/// The feed, or the test ends here.
macro_rules! watch {
    () => {
        match Watch::open(Hook::Exec, &Options::default()) {
            Some(watch) => watch,
            None => return,
        }
    };
}

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
    path
}

#[test]
fn a_plain_execution_is_told_whole() {
    let mut watch = watch!();
    let marker = marker();
    let before = SystemTime::now();
    let mut child = Command::new("/bin/sleep").args(["60"]).arg0(&marker).spawn().expect("sleep starts");
    let seen = watch.collect(1, |observation| has(observation, &marker)).remove(0);
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("the child lives");
    child.kill().and_then(|()| child.wait()).expect("the child ends");

    assert_eq!(arguments(&seen), [marker.as_str(), "60"]);
    assert_eq!((seen.execution.name.as_str(), seen.feed), ("sleep", FeedKind::Ebpf));
    assert_eq!((seen.identity.tgid, seen.ppid), (child.id(), std::process::id()));
    assert_eq!(seen.execution.parent, own_name(), "the process's name, not the thread's");
    assert_eq!(seen.argument_bytes as usize, marker.len() + 1 + "60".len() + 1);
    assert_eq!(seen.exe, "/bin/sleep");
    assert_eq!(seen.execution.uid, rustix::process::geteuid().as_raw());
    assert_eq!(seen.surroundings.exe_flags, Some(vec![]));
    let cgroups = fs::read_to_string("/proc/self/cgroup").expect("/proc is mounted");
    assert!(cgroups.lines().any(|line| line.ends_with(&format!(":{}", seen.cgroup))), "{}", seen.cgroup);
    assert_eq!(seen.workload, "", "whose it is, is resolved elsewhere");

    let microseconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch");
        since.as_micros() as i64
    };
    let slack = 20_000;
    assert!((microseconds(before) - slack..=microseconds(SystemTime::now()) + slack).contains(&seen.time));

    // Field 22, in ticks of a hundredth of a second.
    let start = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(20));
    assert_eq!(start, Some((seen.identity.start_boottime / 10_000_000).to_string().as_str()));
}

#[test]
fn a_script_is_told_as_it_was_called() {
    let mut watch = watch!();
    let marker = marker();
    let directory = tempfile::tempdir().expect("a directory");
    let path = script(directory.path(), "deploy.sh", "#!/bin/sh -e\n:\n");
    let seen = watch.execution(Command::new(&path).arg(&marker), &marker);
    assert_eq!(arguments(&seen), [path.to_str().expect("text"), &marker]);
    assert_eq!((seen.execution.name.as_str(), seen.exe.as_str()), ("deploy.sh", "/bin/sh"));
}

#[test]
fn every_execution_of_a_process_is_one_of_its_own() {
    let mut watch = watch!();
    let marker = marker();
    let directory = tempfile::tempdir().expect("a directory");
    let path = script(directory.path(), "last.sh", "#!/bin/sh\n:\n");
    let mut command = Command::new("/usr/bin/env");
    let status = command.arg("nice").arg(&path).arg(&marker).status().expect("env starts");
    assert!(status.success());
    let seen = watch.collect(3, |observation| has(observation, &marker));
    let names: Vec<&str> = seen.iter().map(|observation| observation.execution.name.as_str()).collect();
    assert_eq!(names, ["env", "nice", "last.sh"]);
    let first = seen[0].identity;
    let number = first.exec_id.expect("this kernel tells it");
    for (step, observation) in seen.iter().enumerate() {
        let identity = observation.identity;
        assert_eq!((identity.tgid, identity.start_boottime), (first.tgid, first.start_boottime));
        assert_eq!(identity.exec_id, Some(number + step as u32));
        assert_eq!(observation.execution.parent, own_name());
    }
}

#[test]
fn an_executable_in_memory_alone_is_told() {
    let mut watch = watch!();
    let marker = marker();
    let memory = memfd_create("payload", MemfdFlags::CLOEXEC).expect("memfd_create");
    fs::copy("/bin/sleep", format!("/proc/self/fd/{}", memory.as_raw_fd())).expect("copied");
    let mut child = Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd()))
        .args(["60"])
        .arg0(&marker)
        .spawn()
        .expect("it starts");
    let seen = watch.collect(1, |observation| has(observation, &marker)).remove(0);
    child.kill().and_then(|()| child.wait()).expect("the child ends");
    assert_eq!(seen.surroundings.exe_flags, Some(vec![ExecutableFlag::Memfd]));
    assert_eq!(seen.exe, "/memfd:payload");
}

#[test]
fn a_deleted_executable_is_told() {
    let mut watch = watch!();
    let marker = marker();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gone");
    fs::copy("/bin/true", &path).expect("copied");
    let open = fs::File::open(&path).expect("it is there");
    fs::remove_file(&path).expect("removed");
    let seen =
        watch.execution(Command::new(format!("/proc/self/fd/{}", open.as_raw_fd())).arg(&marker), &marker);
    let flags = seen.surroundings.exe_flags.expect("this kernel tells them");
    assert!(flags.contains(&ExecutableFlag::Deleted) && !flags.contains(&ExecutableFlag::Memfd), "{flags:?}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_executable_passed_as_a_descriptor_has_its_real_path() {
    const EXECVEAT: &str = r#"open(F, "<", "/bin/sleep"); my $empty = ""; my $environment = pack("Q", 0);
        my $argv = pack("p p Q", $ARGV[0], "60", 0);
        syscall(322, fileno(F), $empty, $argv, $environment, 0x1000); die $!"#;
    let mut watch = watch!();
    let marker = marker();
    let Ok(mut child) = Command::new("perl").args(["-e", EXECVEAT, &marker]).spawn() else {
        return skipped("there is no perl to call execveat");
    };
    let is_it = |observation: &Observation| has(observation, &marker) && has(observation, "60");
    let seen = watch.collect(1, is_it).remove(0);
    child.kill().and_then(|()| child.wait()).expect("the child ends");
    assert_eq!(Path::new(&seen.exe), fs::canonicalize("/bin/sleep").expect("it is there"));
    assert_eq!(arguments(&seen), [marker.as_str(), "60"]);
}

#[test]
fn the_first_4096_bytes_are_kept_and_the_whole_length_is_told() {
    let mut watch = watch!();
    let marker = marker();
    let long = "x".repeat(100_000);
    let seen = watch.execution(Command::new("/bin/true").arg(&marker).args([&long, "end"]), &marker);
    let kept = seen.execution.arguments.text();
    assert_eq!(kept.len(), 4095, "the last byte is for the NUL behind it");
    assert!(kept.ends_with("x…"));
    assert_eq!(seen.argument_bytes as usize, "/bin/true".len() + marker.len() + long.len() + "end".len() + 4);
    assert_eq!(watch.counters.truncated(), 1);
}

#[test]
fn any_bytes_are_arguments() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut watch = watch!();
    let marker = marker();
    let odd = OsStr::from_bytes(b"\x1b[31m\xff\n");
    let seen = watch.execution(Command::new("/bin/true").arg("").arg(odd).arg(&marker), &marker);
    assert_eq!(arguments(&seen), ["/bin/true", "", "\x1b[31m\u{fffd}\n", &marker]);
}

/// What the program says of its standard input.
fn stdin_of(watch: &mut Watch, stdin: impl Into<OwnedFd>) -> InheritedSocket {
    let marker = marker();
    let stdin = Stdio::from(stdin.into());
    let mut command = Command::new("/bin/true");
    let seen = watch
        .execution(command.arg(&marker).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()), &marker);
    let sockets = seen.surroundings.sockets.expect("this kernel tells them");
    assert_eq!(sockets.len(), 1, "{sockets:?}");
    sockets[0].clone()
}

#[test]
fn sockets_on_descriptors_are_told_with_their_addresses() {
    let mut watch = watch!();
    for (address, family) in [("127.0.0.1:0", SocketFamily::Inet), ("[::1]:0", SocketFamily::Inet6)] {
        let Ok(listener) = TcpListener::bind(address) else {
            skipped(format!("{address} cannot be bound"));
            continue;
        };
        let (at, stream) =
            (listener.local_addr().ok(), TcpStream::connect(listener.local_addr().expect("bound")));
        let stream = stream.expect("connected");
        let expected =
            InheritedSocket { fd: 0, family, protocol: 6, local: stream.local_addr().ok(), remote: at };
        assert_eq!(stdin_of(&mut watch, stream), expected);
        let expected = InheritedSocket { fd: 0, family, protocol: 6, local: at, remote: None };
        assert_eq!(stdin_of(&mut watch, listener), expected, "a socket that listens is connected to nobody");
    }
    let udp = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let (family, local) = (SocketFamily::Inet, udp.local_addr().ok());
    let expected = InheritedSocket { fd: 0, family, protocol: 17, local, remote: None };
    assert_eq!(stdin_of(&mut watch, udp), expected);
    let (near, _far) = UnixStream::pair().expect("a pair");
    let expected =
        InheritedSocket { fd: 0, family: SocketFamily::Unix, protocol: 0, local: None, remote: None };
    assert_eq!(stdin_of(&mut watch, near), expected);
}

#[test]
fn every_descriptor_is_looked_at() {
    let mut watch = watch!();
    let marker = marker();
    let pair = || OwnedFd::from(UnixStream::pair().expect("a pair").0);
    let mut command = Command::new("/bin/true");
    command.arg(&marker).stdin(Stdio::null()).stdout(pair()).stderr(pair());
    let seen = watch.execution(&mut command, &marker);
    let sockets = seen.surroundings.sockets.expect("this kernel tells them");
    assert_eq!(sockets.iter().map(|socket| socket.fd).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_terminal_is_told_from_none() {
    let mut watch = watch!();
    let told = |marker: String, name: &'static str| {
        move |observation: &Observation| has(observation, &marker) && observation.execution.name == name
    };
    let without = marker();
    let status = Command::new("setsid").args(["-w", "/bin/true", &without]).status().expect("setsid starts");
    assert!(status.success());
    assert_eq!(watch.collect(1, told(without, "true")).remove(0).surroundings.tty, Some(false));
    let with = marker();
    let command = format!("/bin/true {with}");
    match Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        other => return skipped(format!("script(1) gives no terminal: {other:?}")),
    }
    assert_eq!(watch.collect(1, told(with, "true")).remove(0).surroundings.tty, Some(true));
}

#[test]
fn the_effective_user_is_told() {
    let mut watch = watch!();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("as-another");
    fs::copy("/bin/true", &path).expect("copied");
    if std::os::unix::fs::chown(&path, Some(4242), None).is_err() {
        return skipped("not allowed to give a file away");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).expect("made set-user-id");
    let marker = marker();
    let seen = watch.execution(Command::new(&path).arg(&marker), &marker);
    assert_eq!(seen.execution.uid, 4242, "or the directory for temporary files is mounted nosuid");
}

#[test]
fn what_was_added_to_a_container_is_told_from_what_it_came_with() {
    const CONTAINER: &str = "set -e; cd $1; mount -t tmpfs tmpfs .; mkdir lower upper work all; cp /bin/true lower/old; \
        mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay all; cp /bin/true all/new; \
        all/old $2; all/new $2";
    let mut watch = watch!();
    let marker = marker();
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", CONTAINER, "sh"]).arg(directory.path()).arg(&marker);
    let output = command.output().expect("unshare is there");
    if !output.status.success() {
        return skipped(format!("no overlay can be mounted: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let is_it = |observation: &Observation| {
        has(observation, &marker) && ["old", "new"].contains(&&*observation.execution.name)
    };
    let seen = watch.collect(2, is_it);
    let flags: Vec<_> = seen.iter().map(|observation| observation.surroundings.exe_flags.clone()).collect();
    assert_eq!(flags, [Some(vec![]), Some(vec![ExecutableFlag::UpperLayer])]);
}
