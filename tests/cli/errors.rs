//! What goes wrong for reasons outside: one sentence with the remedy, exit code 2, nothing overwritten.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::recording::{Folder, gzip, text, web_week};
use crate::support::{PROGRAM, replay, run, settle, watch};

fn anomalyctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.args(arguments);
    command
}

#[test]
fn flags_that_do_not_exist_and_values_that_make_no_sense() {
    for (arguments, says) in [
        (&["watch", "--no-such-flag"][..], "--no-such-flag"),
        (&["wach"], "wach"),
        (&["watch", "--for", "20"], "write 20s, 20m, 20h or 20d"),
        (&["watch", "--for", "1.5h"], "30s, 10m, 2h or 7d"),
        (&["watch", "--threshold", "85"], "a number from 0 to 1"),
        (&["watch", "--feed", "falco"], "possible values: auto, ebpf, ebpf-enter, connector, proc"),
        (&["watch", "--force"], "--record"),
        (&["watch", "--replay", "x", "--feed", "proc"], "--feed"),
        (&["watch", "--replay", "-", "--replay", "-"], "standard input can be replayed once"),
        (&["watch", "--learn-executions", "-3"], "-3"),
        (&[], "Usage: anomalyctl"),
    ] {
        run(&mut anomalyctl(arguments)).failed_with(&[says]);
    }
}

#[test]
fn help_has_examples_and_the_version_is_told() {
    for arguments in [&["--help"][..], &["watch", "--help"], &["help", "watch"]] {
        let help = run(&mut anomalyctl(arguments)).succeeded().out;
        assert!(help.contains("Examples:\n  anomalyctl watch"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    let version = run(&mut anomalyctl(&["--version"])).succeeded().out;
    assert_eq!(version, format!("anomalyctl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn recordings_that_cannot_be_read() {
    let folder = Folder::new();
    run(&mut replay(Path::new("/no/such/recording")))
        .failed_with(&["cannot replay /no/such/recording", "check the name"]);
    run(&mut replay(Path::new("/proc"))).failed_with(&["cannot replay /proc", "is a directory"]);
    // Nothing of the first one is replayed when the second is missing.
    let good = folder.recording("r.jsonl", &web_week("web"));
    let ran = run(replay(&good).args(["--json", "--replay", "/no/such/recording"]));
    assert!(ran.failed_with(&["/no/such/recording"]).out.is_empty());
    // The beginning of a recording that breaks off is not lost.
    let whole = gzip(text(&web_week("web")).as_bytes());
    let broken = folder.file("broken.gz", &whole[..whole.len() / 2]);
    let ran = run(replay(&broken).arg("--json")).failed_with(&["broken.gz", "cannot read on"]);
    assert!(ran.json().len() > 100, "{}", ran.err);
}

#[test]
fn a_recording_that_cannot_be_made() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &web_week("web"));
    run(replay(&recording).args(["--record", "/no/such/folder/x"]))
        .failed_with(&["/no/such/folder/x", "directory first"]);
}

mod databases {
    use super::*;

    /// Every file below a directory with its content.
    fn everything(directory: &Path) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for entry in fs::read_dir(directory).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                all.extend(everything(&path));
            } else {
                all.push((path.display().to_string(), fs::read(&path).expect("it can be read")));
            }
        }
        all.sort();
        all
    }

    /// A replay into this database is refused with these words, and nothing in it changes.
    #[track_caller]
    fn refused(folder: &Folder, data: &Path, says: &[&str]) {
        let recording = folder.recording("r.jsonl", &web_week("web"));
        let before = data.is_dir().then(|| everything(data));
        let name = data.display().to_string();
        let says: Vec<&str> = [name.as_str()].into_iter().chain(says.iter().copied()).collect();
        run(replay(&recording).arg("--data").arg(data)).failed_with(&says);
        assert!(before == data.is_dir().then(|| everything(data)), "{name} was changed");
    }

    #[test]
    fn somebody_elses_directory_is_left_alone() {
        let folder = Folder::new();
        let home = folder.path("home");
        fs::create_dir_all(home.join("letters")).expect("a directory");
        fs::write(home.join("letters/dear.txt"), "dear").expect("a file");
        refused(&folder, &home, &["not empty", "letters", "choose an empty directory"]);
    }

    #[test]
    fn the_database_of_a_newer_release_is_left_to_it() {
        let folder = Folder::new();
        let data = folder.path("data");
        let recording = folder.recording("r.jsonl", &web_week("web"));
        run(replay(&recording).arg("--data").arg(&data)).succeeded();
        let marker = data.join("falco-anomaly.json");
        let said = fs::read_to_string(&marker).expect("every database has it");
        let newer = said.replace("\"version\": 1", "\"version\": 99");
        assert_ne!(newer, said, "the feature version is in it");
        fs::write(&marker, newer).expect("it is ours");
        refused(&folder, &data, &["feature version 99", "upgrade"]);
    }

    #[test]
    fn a_file_is_no_directory() {
        let folder = Folder::new();
        let file = folder.file("database", "text");
        refused(&folder, &file, &["directory"]);
        assert_eq!(fs::read(&file).expect("it is there"), b"text");
    }

    #[test]
    fn a_place_where_nothing_can_be_made() {
        let folder = Folder::new();
        refused(&folder, Path::new("/proc/anomaly"), &["directory"]);
    }

    #[test]
    fn a_user_without_a_home_is_asked_for_a_directory() {
        if rustix::process::geteuid().is_root() {
            println!("skipped: root's default directory needs no home");
            return;
        }
        let mut command = watch();
        command.env_remove("HOME").env_remove("XDG_DATA_HOME").args(["--feed", "proc", "--for", "0s"]);
        run(&mut command).failed_with(&["--data DIR"]);
    }
}
