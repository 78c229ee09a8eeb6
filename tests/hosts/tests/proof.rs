//! Gates quieten what workloads always do and hide no attack: a week of three workloads through libsinsp's own filter
//! engine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anomaly_hosts::falco::{Falco, STOCK_RULES, Setting};
use anomaly_hosts::library;
use anomaly_hosts::scap::Capture;
use anomaly_hosts::sysdig::{Sysdig, repository};
use anomaly_hosts::week::{self, DAYS, RULES};
use serde_json::json;

/// What is appended to a rule.
const GATE: &str = "and not anomaly.event_score < 0.85";

/// How many of a hundred routine alerts have to be gone once the first day is over.
const GONE_PERCENT: f64 = 97.0;

#[test]
fn a_week_of_routine_falls_silent_and_every_attack_alerts() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("week.scap");
    let mut writer = Capture::create(&capture, &week::machine()).expect("a capture");
    let week = week::write(&mut writer).expect("a week");
    writer.finish().expect("a capture");
    assert!(week.attacks.len() >= 20);

    let alerts = |condition: &str, data: &Path| -> BTreeSet<u64> {
        let configuration = json!({ "path": data, "feed": "falco" }).to_string();
        let replay = sysdig.replay(&capture).plugin(&library, &configuration).filter(condition);
        replay.fields(&["evt.num"]).expect("a replay").numbers().into_iter().collect()
    };
    let any = |gate: &str| {
        let rules = RULES.map(|(_, condition)| format!("(({condition}) {gate})"));
        rules.join(" or ")
    };
    let ungated = alerts(&any(""), &folder.path().join("ungated"));
    let gated = alerts(&any(GATE), &folder.path().join("gated"));
    assert!(gated.is_subset(&ungated));

    let attacks: BTreeSet<u64> = week.attacks.iter().map(|attack| attack.number).collect();
    let hidden: Vec<_> = week.attacks.iter().filter(|attack| !gated.contains(&attack.number)).collect();
    let unseen: Vec<_> = week.attacks.iter().filter(|attack| !ungated.contains(&attack.number)).collect();
    assert!(unseen.is_empty(), "no rule asks about {unseen:?}");
    let routine = |alerts: &BTreeSet<u64>| {
        alerts.iter().filter(|number| **number >= week.second_day && !attacks.contains(number)).count()
    };
    let (before, after) = (routine(&ungated), routine(&gated));
    let gone = 100.0 * (1.0 - after as f64 / before as f64);
    println!(
        "proof: {DAYS} days, {} alerts; after the first day {before} of routine, {after} with gates ({gone:.2} % gone); \
         {} of {} attacks alert",
        ungated.len(),
        week.attacks.len() - hidden.len(),
        week.attacks.len(),
    );
    assert!(hidden.is_empty(), "{hidden:?}");
    assert!(before > 40_000, "{before}: too few to tell");
    assert!(gone >= GONE_PERCENT, "{gone:.2} %");
}

/// The same week before Falco's own rules, gated and not.
#[test]
fn falcos_stock_rules_fall_silent_too() {
    let Some(library) = library::or_skip() else { return };
    let stock = PathBuf::from(STOCK_RULES);
    let Some(falco) = Falco::installed().filter(|_| stock.is_file()) else {
        println!(
            "skipped: no falco on PATH with its rules in {STOCK_RULES}: rules of our own wording were tried"
        );
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("week.scap");
    let mut writer = Capture::create(&capture, &week::machine()).expect("a capture");
    let week = week::write(&mut writer).expect("a week");
    writer.finish().expect("a capture");

    let gates = ["executions", "files", "network", "processes", "critical"];
    let gates = gates.map(|name| repository().join(format!("falco-rules/gates/{name}.yaml")));
    let alerts = |name: &str, rules: &[PathBuf]| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("a directory");
        let init_config = json!({ "path": folder.join("data"), "feed": "falco" });
        let setting = Setting {
            capture: &capture,
            library: &library,
            init_config: &init_config,
            rules,
            folder: &folder,
        };
        let (alerts, log) = falco.replay(setting).expect("a replay");
        let alerts = alerts.iter().filter_map(|alert| serde_json::from_str::<serde_json::Value>(alert).ok());
        let alerts: Vec<_> = alerts.collect();
        assert!(!alerts.is_empty(), "{log}");
        alerts
    };
    let ungated = alerts("ungated", std::slice::from_ref(&stock));
    let gated = alerts("gated", &[&[stock][..], &gates].concat());
    println!(
        "proof: stock rules of the installed falco: {} alerts, {} with gates",
        ungated.len(),
        gated.len()
    );
    assert!(gated.len() < ungated.len());
    // Whatever it asks about, an attack that alerted before alerts still.
    let told = |alerts: &[serde_json::Value], attack: &week::Attack| {
        alerts.iter().any(|alert| alert["output_fields"]["evt.time"].as_u64() == Some(attack.time))
    };
    let alerting: Vec<_> = week.attacks.iter().filter(|attack| told(&ungated, attack)).collect();
    println!("proof: they ask about {} of {} attacks", alerting.len(), week.attacks.len());
    assert!(!alerting.is_empty(), "no alert was recognised: {}", ungated[0]);
    for attack in alerting {
        assert!(told(&gated, attack), "{}", attack.what);
    }
}
