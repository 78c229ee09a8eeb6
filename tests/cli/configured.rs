//! Commands beside a daemon: they find its database, organisation and secrets by its configuration, and where nothing is
//! known of the organisation that they look at, say of whom something is.

use std::path::PathBuf;
use std::process::Command;

use crate::recording::{DAY, Folder, exfiltration, web_week};
use crate::support::{PROGRAM, Ran, run, settle, skipped, watch};

fn told(arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    run(command.args(arguments)).succeeded()
}

/// The database of organisation `prod`, with an attack held, and the configuration that names it.
fn database(folder: &Folder) -> (PathBuf, PathBuf) {
    let data = folder.path("data");
    let attack = exfiltration("web").at(7.0 * DAY);
    let recording = folder.recording("week.jsonl", &[web_week("web"), vec![attack]].concat());
    let mut teaching = watch();
    teaching.arg("--replay").arg(recording).arg("--data").arg(&data).args(["--org", "prod"]);
    run(&mut teaching).succeeded();
    let config = format!(
        "agent: {{org: prod}}\nstorage: {{path: {data:?}}}\nvectorization: {{scrub: [pepper]}}\n\
         scoring: {{threshold: 0.77}}\n"
    );
    (data, folder.file("anomaly.yaml", config))
}

#[test]
fn the_configuration_says_which_database_and_whose() {
    let folder = Folder::new();
    let (data, config) = database(&folder);
    let (data, config) = (data.display().to_string(), config.display().to_string());
    for (arguments, has) in [
        (&["status"][..], "web"),
        (&["status"], "0.77"),
        (&["held"], "curl"),
        (&["search", "curl"], "curl"),
        (&["learn", "web", "--for", "1h", "--dry-run"], ""),
        (&["deny", "curl *", "--dry-run"], "curl"),
        (&["baseline", "list"], "web"),
        (&["baseline", "show", "web"], "nginx"),
        (&["baseline", "export"], "nginx"),
        (&["baseline", "verify"], ""),
        (&["baseline", "prune", "--dry-run"], "web"),
        (&["explain", "--workload", "web", "curl --upload-file /etc/passwd"], "score"),
    ] {
        let ran = told(&[arguments, &["--config", &config]].concat());
        assert!(ran.out.contains(has), "{arguments:?}: {ran:?}");
        assert!(!ran.err.contains("holds nothing"), "{arguments:?}: {ran:?}");
    }
    // Secrets that the daemon takes out, commands take out, too.
    let secret =
        told(&["explain", "--workload", "web", "x --pepper=grinder-4711", "--json", "--config", &config]);
    assert!(secret.out.contains("--pepper=") && !secret.out.contains("grinder-4711"), "{}", secret.out);
    // A flag wins.
    let other = told(&["held", "--config", &config, "--org", "default"]);
    assert!(other.out.is_empty(), "{other:?}");
    let nowhere = folder.path("nowhere").display().to_string();
    let mut elsewhere = Command::new(PROGRAM);
    settle(elsewhere.args(["held", "--config", &config, "--data", &nowhere]));
    run(&mut elsewhere).failed_with(&["nowhere", "there is no such directory"]);
    let same = told(&["baseline", "diff", &data, &data, "--config", &config]);
    assert!(same.out.contains("web: 0 new, 0 gone"), "{same:?}");
}

#[test]
fn who_looks_at_the_wrong_organisation_hears_of_the_others() {
    let folder = Folder::new();
    let (data, _) = database(&folder);
    let data = data.display().to_string();
    for arguments in [&["status"][..], &["held"], &["baseline", "list"], &["baseline", "verify"]] {
        let ran = told(&[arguments, &["--data", &data]].concat());
        assert!(ran.err.contains("holds nothing of the organisation default, but of prod: "), "{ran:?}");
        let right = told(&[arguments, &["--data", &data, "--org", "prod"]].concat());
        assert!(!right.err.contains("holds nothing"), "{right:?}");
    }
    let mut learn = Command::new(PROGRAM);
    settle(learn.args(["learn", "host", "--for", "1h", "--data", &data]));
    run(&mut learn).failed_with(&["no workload matches host; none is known yet"]);
}

#[test]
fn a_database_of_another_user_says_who_may_look() {
    if !rustix::process::geteuid().is_root() {
        return skipped("giving a directory to another user wants root");
    }
    let folder = Folder::new();
    let (data, _) = database(&folder);
    std::os::unix::fs::chown(&data, Some(65534), Some(65534)).expect("root may");
    // A root that is like any other user in this.
    let mut status = Command::new("setpriv");
    settle(status.args(["--bounding-set=-dac_override,-dac_read_search", PROGRAM, "status", "--data"]));
    run(status.arg(&data))
        .failed_with(&["Permission denied", "run this as root, or as the user who owns it"]);
}

#[test]
fn what_init_taught_is_found_by_the_lines_that_it_prints() {
    let folder = Folder::new();
    let data = folder.path("data").display().to_string();
    let said = told(&["init", "--org", "prod", "--workload", "web-frontend", "--data", &data]).err;
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("anomalyctl: ")).collect();
    let at = lines.iter().position(|line| line.starts_with("next: write into the configuration"));
    let at = at.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(lines[at + 1], r#"    agent: {org: "prod", workload: "web-frontend"}"#);
    assert!(lines[at + 3].starts_with("then: anomalyctl validate --config anomaly.yaml"), "{said}");
    let text: String = lines[at + 1..at + 3].iter().map(|line| format!("{}\n", line.trim())).collect();
    let config = folder.file("anomaly.yaml", text).display().to_string();
    assert!(told(&["status", "--config", &config]).out.contains("web-frontend"));
    // Where the configuration says it all, nothing is left to write.
    let again = told(&["init", "--config", &config]).err;
    let next = format!("next: anomalyctl validate --config {config}, then anomalyctl run --config {config}");
    assert!(again.contains(&next), "{again}");
    // Without it, the same database is another's, and that is said before every start.
    let mut validate = Command::new(PROGRAM);
    settle(validate.args(["validate", "--sample-size", "1", "--data", &data]));
    let said = run(&mut validate).err;
    assert!(said.contains("holds nothing of the organisation default, but of prod"), "{said}");
}
