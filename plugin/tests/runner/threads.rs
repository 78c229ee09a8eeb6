//! What Falco does at the same time, and what it does not know.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use crate::support::c_api::{Falco, parsed_types, sources};
use crate::support::{clone, config, connect, exec};

#[test]
fn metrics_are_read_while_events_are_parsed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = Falco::new(&config(directory.path(), 20));
    falco.process(1, 0, "init");
    falco.open();
    let (server, done) = (falco.web_server(), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Relaxed) {
                let now = server.metric("falco_executions").expect("capture has begun");
                assert!(now >= last, "counters go up");
                last = now;
            }
        });
        for pid in 100..2_000 {
            falco.process(pid, 1, "sh");
            falco.parse(&exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
            falco.text(&connect(pid), "anomaly.reason");
        }
        done.store(true, Relaxed);
        reader.join().expect("it read to the end");
    });
    assert_eq!(server.metric("falco_executions"), Some(1_900));
}

/// `parse` asserts that it is no error, which Falco would log for each event.
#[test]
fn a_thread_that_falco_does_not_know_is_counted_and_no_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = Falco::new(&config(directory.path(), 20));
    falco.process(1, 0, "init");
    falco.open();
    falco.parse(&exec(4_711, 1, "/bin/true").event());
    falco.parse(&clone(4_713, 4_713, 4_712));
    assert_eq!(falco.text(&connect(4_711), "anomaly.score"), None);
    assert_eq!(falco.web_server().metric("missing_threads"), Some(2));
}

/// In libsinsp a column that nobody wrote reads 0, which must not be taken for a score of 0.
#[test]
fn a_column_that_nobody_wrote_is_no_score() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = Falco::new(&config(directory.path(), 1));
    falco.process(1, 0, "init");
    falco.open();
    for pid in 100..200 {
        falco.process(pid, 1, "sh");
        falco.parse(&exec(pid, 1, "/bin/true").event());
    }
    assert!(falco.text(&connect(199), "anomaly.score").is_some());
    assert_eq!(falco.text(&connect(1), "anomaly.score"), None);
}

/// A replay's first events are parsed before its capture begins.
#[test]
fn events_before_the_capture_are_passed_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = Falco::new(&config(directory.path(), 1));
    falco.process(100, 1, "sh");
    falco.parse(&exec(100, 1, "/bin/true").event());
    assert_eq!(falco.text(&connect(100), "anomaly.score"), None);
    assert_eq!(falco.web_server().metric("falco_executions"), None);
}

#[test]
fn it_hears_of_the_source_syscall_and_of_nothing_more_than_it_reads() {
    let api = anomaly::__plugin_base_api();
    assert_eq!(sources(&api), [r#"["syscall"]"#; 3], "of extraction, parsing and injecting");
    assert!(api.__bindgen_anon_1.open.is_none(), "a source would hear its own events alone");
    assert_eq!(parsed_types(&api), [293, 331, 223, 225, 227, 335, 402]);
}

#[test]
fn no_configuration_at_all_is_enough() {
    drop(Falco::new(c"{}"));
}
