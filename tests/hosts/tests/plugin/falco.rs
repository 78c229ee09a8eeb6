//! The same rules in Falco itself, where one is installed.

use anomaly_hosts::falco::{Falco, Setting};
use anomaly_hosts::scap::Exec;
use anomaly_hosts::sidekick::receive;
use anomaly_hosts::story::{NORMAL, NOVEL, WORKER};
use anomaly_hosts::sysdig::repository;

use crate::scenario::Scenario;

#[test]
fn falco_reports_what_sysdig_does() {
    let scenario = Scenario::after_learning(|capture| {
        capture.run_and_exit(WORKER, &Exec::line(NORMAL[0]))?;
        capture.run_and_exit(WORKER, &Exec::line(NOVEL))?;
        capture.run_and_exit(WORKER, &Exec::line(NOVEL)).map(drop)
    });
    let Some(scenario) = scenario else { return };
    let Some(falco) = Falco::installed() else {
        println!(
            "skipped: no falco on PATH: its rule loader and its alerts are not tried, its engine is, in sysdig"
        );
        return;
    };
    let (alerts, log) = falco
        .replay(Setting {
            capture: &scenario.capture(),
            library: scenario.library(),
            init_config: &scenario.configuration(),
            rules: &[repository().join("falco-rules/anomaly_rules.yaml")],
            folder: scenario.folder(),
        })
        .expect("a replay");
    let [alert] = &alerts[..] else { panic!("{alerts:?}\n{log}") };
    let alert = receive(alert.as_bytes()).unwrap_or_else(|rejection| panic!("{rejection}\n{alert}"));
    assert_eq!(alert["rule"], "Novel child of a server");
}
