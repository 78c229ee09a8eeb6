//! `feed` is what executions come from, live, with Falco's driver and without; one line of the log says so.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anomaly_capture::{FeedChoice, Options, ladder};

use crate::alone;
use crate::support::c_api::Falco;
use crate::support::{configured, connect, exec};

/// Long enough for whoever only polls, and gone with the test.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("/bin/sleep").arg("984").spawn().expect("sleep is there"))
    }

    fn pid(&self) -> i64 {
        self.0.id().into()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A host that captures live, with a driver or without.
fn live(path: &Path, feed: &str, driver: bool) -> Falco {
    let mut falco = Falco::new(&configured(path, &format!(r#""feed": {feed:?}, "learn_executions": 1"#)));
    if driver {
        falco.process(1, 0, "init");
    }
    falco.open_live();
    falco
}

/// Whether this feed of ours works here; says so where it does not.
#[expect(clippy::print_stdout, reason = "says that a part of a test was skipped")]
fn works(choice: FeedChoice) -> bool {
    let opened = ladder::open(choice, &Options::default(), &Arc::default());
    opened.map_err(|error| println!("skipped: {error}")).is_ok()
}

/// The lines of the log that say where executions come from.
fn chosen(falco: &Falco) -> Vec<String> {
    falco.log().into_iter().filter(|line| line.contains("executions come from")).collect()
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !until() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// Under a driver: the name of the feed that counts, and what the one line says.
fn under_a_driver(feed: &str, counts: &str, says: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = live(directory.path(), feed, true);
    let sleeper = Sleeper::new();
    let (pid, own) = (sleeper.pid(), i64::from(std::process::id()));
    falco.process(pid, own, "sleep");
    falco.parse(&exec(pid, own, "/bin/sleep 984").event());
    let (server, counter) = (falco.web_server(), format!("executions_{}", counts.replace('-', "_")));
    wait(&counter, || server.metric(&counter) >= Some(1));
    // Its container's image may have to be waited for.
    let later = connect(pid);
    wait("a verdict on later events", || falco.text(&later, "anomaly.level").is_some());
    let said = chosen(&falco);
    assert!(said.len() == 1 && said[0].contains(says), "{said:?}");
    assert_eq!(falco.injected(), 0, "Falco's driver tells of executions");
}

#[test]
fn each_feed_that_is_asked_for_is_used_under_a_driver() {
    let _alone = alone();
    under_a_driver("falco", "falco", "from Falco's own events, as configured");
    for choice in FeedChoice::ALL.into_iter().filter(|choice| *choice != FeedChoice::Auto && works(*choice)) {
        let says = format!("from the {choice} feed, as configured, which");
        under_a_driver(choice.as_str(), choice.as_str(), &says);
    }
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let _alone = alone();
    if works(FeedChoice::Ebpf) {
        under_a_driver("auto", "ebpf", "from the ebpf feed, the best there is, which sees every execution");
    } else {
        under_a_driver(
            "auto",
            "falco",
            "from Falco's own events, because the ebpf feed does not work here (",
        );
    }
}

#[test]
fn without_a_driver_each_feed_injects() {
    let _alone = alone();
    for choice in FeedChoice::ALL.into_iter().filter(|choice| works(*choice)) {
        let directory = tempfile::tempdir().expect("a directory");
        let falco = live(directory.path(), choice.as_str(), false);
        let _sleeper = Sleeper::new();
        wait(choice.as_str(), || falco.injected() >= 1);
        let said = chosen(&falco);
        assert!(
            said.len() == 1 && said[0].contains("Falco has no driver: executions come from the "),
            "{said:?}"
        );
        assert!(choice == FeedChoice::Auto || said[0].contains(&format!("the {choice} feed")), "{said:?}");
    }
}

#[test]
fn without_a_driver_falcos_own_events_are_none_and_the_log_says_so_once() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let falco = live(directory.path(), "falco", false);
    let said: Vec<_> = falco.log().into_iter().filter(|line| line.contains("set feed to auto")).collect();
    assert_eq!(said.len(), 1, "{:?}", falco.log());
    assert_eq!(falco.injected(), 0);
}
