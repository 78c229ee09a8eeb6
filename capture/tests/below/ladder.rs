//! The ladder, where rungs are really missing: without capabilities, in other namespaces, without /proc.

use std::{
    env,
    process::{Command, Output},
    time::{Duration, Instant},
};

use anomaly_capture::{Capture, CaptureError, FeedChoice, FeedKind, HostRoot, Options};

use crate::watch::{complaint, skipped};

/// Which feed [`inside`] opens.
const CHOICE: &str = "ANOMALY_TEST_FEED";

/// Not a test of its own: what [`within`] runs in another namespace or with fewer rights.
#[test]
fn inside() {
    let Ok(choice) = env::var(CHOICE) else { return };
    let begun = Instant::now();
    let lines = match Capture::open(choice.parse().expect("a feed"), &Options::default()) {
        Ok((capture, steps)) => {
            let steps = steps.iter().map(|step| format!("step {step}"));
            steps.chain([format!("runs {}", capture.kind())]).collect()
        }
        Err(error) => vec![format!("error {error}")],
    };
    let lines = lines.join("\n");
    println!("\n{lines}\ntook {}\nend", begun.elapsed().as_millis());
}

/// What opening a feed says when this test is run by `wrapper`: its lines and the time it took. `None`, and a line
/// that says why, where the wrapper does not work here.
fn within(wrapper: &[&str], choice: FeedChoice) -> Option<(Vec<String>, Duration)> {
    let Some((program, arguments)) = wrapper.split_first() else { panic!("a wrapper") };
    let probe = Command::new(program).args(arguments).arg("true").output();
    match probe {
        Ok(Output { status, .. }) if status.success() => {}
        other => {
            skipped(format!("{} does not work here: {}", wrapper.join(" "), complaint(other)));
            return None;
        }
    }
    let output = Command::new(program)
        .args(arguments)
        .arg(env::current_exe().expect("this runs"))
        .args(["--exact", "ladder::inside", "--nocapture"])
        .env(CHOICE, choice.as_str())
        .output()
        .expect("it started before");
    let text = String::from_utf8_lossy(&output.stdout);
    let told = |line: &&str| ["step ", "runs ", "error "].iter().any(|begin| line.starts_with(begin));
    let lines: Vec<String> = text.lines().filter(told).map(str::to_owned).collect();
    let took = text.lines().find_map(|line| line.strip_prefix("took ")?.parse().ok());
    let took = took.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    Some((lines, Duration::from_millis(took)))
}

const NO_CAPABILITIES: &[&str] = &["setpriv", "--inh-caps=-all", "--bounding-set=-all"];

#[test]
fn in_another_network_namespace_the_connector_is_refused_at_once() {
    let Some((lines, took)) = within(&["unshare", "--net"], FeedChoice::Connector) else { return };
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(line.starts_with("error the connector feed does not work here: "), "{line}");
    assert!(line.contains("refused") && line.contains("host's network namespace"), "{line}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn in_another_pid_namespace_the_connector_is_silent_and_given_up_after_a_second() {
    let Some((lines, took)) = within(&["unshare", "--pid", "--fork", "--mount-proc"], FeedChoice::Connector)
    else {
        return;
    };
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(
        line.starts_with("error the connector feed does not work here: no acknowledgement within 1 s; "),
        "{line}"
    );
    assert!(line.contains("host's pid"), "{line}");
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn without_capabilities_a_lower_rung_runs_and_each_step_says_why() {
    let Some((lines, _)) = within(NO_CAPABILITIES, FeedChoice::Auto) else { return };
    let Some((runs, steps)) = lines.split_last() else { panic!("nothing was said") };
    let runs = runs.strip_prefix("runs ").unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(["connector", "proc"].contains(&runs), "{lines:#?}");
    assert_eq!(steps.len(), if runs == "connector" { 2 } else { 3 }, "{lines:#?}");
    for (step, failed) in steps.iter().zip(["ebpf", "ebpf-enter", "connector"]) {
        assert!(step.starts_with(&format!("step the {failed} feed does not work here (")), "{step}");
        assert!(step.contains(&format!("); using {runs}, which ")), "{step}");
        assert!(!step.contains("Error") && !step.contains('{'), "a cause for people: {step}");
    }
    assert!(steps[0].contains("CAP_BPF") || steps[0].contains("no kernel program"), "{}", steps[0]);
}

#[test]
fn without_capabilities_and_connector_proc_is_polled() {
    let wrapper = [&["unshare", "--net"], NO_CAPABILITIES].concat();
    let Some((lines, _)) = within(&wrapper, FeedChoice::Auto) else { return };
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[2].starts_with("step the connector feed does not work here ("), "{lines:#?}");
    assert!(lines[2].ends_with(FeedKind::Proc.misses()), "{lines:#?}");
    assert_eq!(lines[3], "runs proc");
}

#[test]
fn a_feed_asked_for_by_name_is_never_replaced() {
    for choice in [FeedChoice::Ebpf, FeedChoice::EbpfEnter] {
        let Some((lines, _)) = within(NO_CAPABILITIES, choice) else { return };
        let [line] = &lines[..] else { panic!("{lines:#?}") };
        assert!(line.starts_with(&format!("error the {choice} feed does not work here: ")), "{line}");
        assert!(line.contains("; "), "a remedy: {line}");
    }
}

#[test]
fn without_proc_nothing_works_and_the_path_is_named() {
    let empty = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(empty.path().join("proc")).expect("created");
    let options = Options { root: HostRoot::new(empty.path()), ..Options::default() };
    for choice in [FeedChoice::Connector, FeedChoice::Proc] {
        let error = Capture::open(choice, &options).expect_err("there is no /proc");
        assert!(matches!(&error, CaptureError::Read { path, .. } if path.ends_with("proc")), "{error}");
        assert!(error.to_string().ends_with("; check that it is mounted and readable"), "{error}");
    }
}
