//! Instances of one process share one engine.

use std::thread;

use crate::alone;
use crate::support::c_api::Falco;
use crate::support::{config, connect, exec};

/// Instances of several event sources are made, started and stopped on threads of their own.
#[test]
fn instances_live_side_by_side() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), 20);
    thread::scope(|scope| {
        for number in 0..4_i64 {
            let config = &config;
            scope.spawn(move || {
                for round in 0..5 {
                    let mut falco = Falco::new(config);
                    falco.process(1, 0, "init");
                    falco.open();
                    for pid in 0..50 {
                        let pid = 1_000 * (number + 1) + 100 * round + pid;
                        falco.process(pid, 1, "sh");
                        falco.parse(&exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
                        falco.text(&connect(pid), "anomaly.score");
                    }
                    falco.close();
                }
            });
        }
    });
    let mut falco = Falco::new(&config);
    falco.process(1, 0, "init");
    falco.process(2, 1, "sh");
    falco.open();
    falco.parse(&exec(2, 1, "/usr/sbin/nginx -g daemon").event());
    assert_eq!(
        falco.text(&connect(2), "anomaly.score").as_deref(),
        Some("0.0000"),
        "they learned into one baseline"
    );
    assert_eq!(falco.web_server().metric("falco_executions"), Some(4 * 5 * 50 + 1));
}
