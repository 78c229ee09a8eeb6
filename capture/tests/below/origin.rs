//! Where executables come from and what descriptors 0-2 are, as /proc tells it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
};

use anomaly_capture::{Observation, ProcFeed};
use anomaly_vectorizer::context::ExecutableFlag;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::watch::{collect, complaint, marker, open, skipped};

/// What the feed tells of a program that `command` starts and that runs until it is killed.
fn told(command: &mut Command, mark: &str) -> Option<Observation> {
    let (mut feed, _) = open(ProcFeed::open)?;
    let mut child = command.spawn().expect("it starts");
    let found = collect(&mut feed, mark, 1).remove(0);
    child.kill().and_then(|()| child.wait()).expect("it ends");
    Some(found)
}

#[test]
fn an_ordinary_file_a_deleted_one_and_memory_are_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cat");
    fs::copy("/bin/cat", &path).expect("copied");
    let file = fs::File::open(&path).expect("it is there");
    let memory = memfd_create("payload", MemfdFlags::CLOEXEC).expect("memfd_create");
    fs::copy("/bin/cat", format!("/proc/self/fd/{}", memory.as_raw_fd())).expect("copied");

    let flags = |program: String| {
        let mark = marker();
        told(Command::new(program).arg0(&mark).stdin(Stdio::piped()), &mark)
            .map(|told| (told.exe, told.surroundings.exe_flags))
    };
    let Some(ordinary) = flags(path.display().to_string()) else { return };
    assert_eq!(ordinary, (path.display().to_string(), Some(vec![])));
    let in_memory = flags(format!("/proc/self/fd/{}", memory.as_raw_fd()));
    assert_eq!(in_memory, Some(("/memfd:payload".to_owned(), Some(vec![ExecutableFlag::Memfd]))));
    fs::remove_file(&path).expect("removed");
    let deleted = flags(format!("/proc/self/fd/{}", file.as_raw_fd()));
    assert_eq!(deleted, Some((path.display().to_string(), Some(vec![ExecutableFlag::Deleted]))));
}

#[test]
fn what_was_added_to_a_container_is_told_from_what_it_came_with() {
    const CONTAINER: &str = "set -e; mount -t overlay -o lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work overlay $1/all; \
        exec $1/all/$2 $3";
    for (file, expected) in [("old", vec![]), ("new", vec![ExecutableFlag::UpperLayer])] {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["lower", "upper", "work", "all"] {
            fs::create_dir(directory.path().join(name)).expect("created");
        }
        fs::copy("/bin/sleep", directory.path().join("lower/old")).expect("copied");
        fs::copy("/bin/sleep", directory.path().join("upper/new")).expect("copied");
        let container = |program: &str, argument: &str| {
            let mut command = Command::new("unshare");
            command
                .args(["--mount", "sh", "-c", CONTAINER, "sh"])
                .arg(directory.path())
                .args([program, argument]);
            command
        };
        match container(file, "0").output() {
            Ok(output) if output.status.success() => {}
            other => return skipped(format!("no overlay can be mounted: {}", complaint(other))),
        }
        // A number of seconds is a mark, too.
        let mark = format!("{}.{}", 100 + std::process::id(), expected.len());
        let Some((mut feed, _)) = open(ProcFeed::open) else { return };
        let mut child = container(file, &mark).spawn().expect("it started before");
        let is_it = |told: &Observation| told.execution.name == file;
        let found = loop {
            if let Some(found) = collect(&mut feed, &mark, 1).into_iter().find(is_it) {
                break found;
            }
        };
        child.kill().and_then(|()| child.wait()).expect("it ends");
        assert_eq!(found.surroundings.exe_flags, Some(expected), "{}", found.exe);
    }
}

#[test]
fn a_connection_on_standard_input_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let remote = near.peer_addr().ok();
    let mark = marker();
    let mut command = Command::new("cat");
    command.arg0(&mark).stdin(Stdio::from(OwnedFd::from(near)));
    let Some(found) = told(&mut command, &mark) else { return };
    let sockets = found.surroundings.sockets.expect("one's own child may be seen");
    let input = sockets.iter().find(|socket| socket.fd == 0).expect("standard input is a socket");
    assert_eq!(input.remote, remote);
}
