//! Nanoseconds per execution: features and vector, from an execution and from what a feed delivers.
//!
//! `service` is what a service starts (10 to 18 features), `rustc` a compiler's line at the bound on features,
//! `hostile` 4 KiB made to be slow. The article's scheme runs beside it.

use std::hint::black_box;

use anomaly_vectorizer::{
    Article, Embedder, Embedding, Execution, Hashed,
    canonical::{Raw, area},
    scrub::Scrubber,
};
use criterion::Criterion;

/// One execution as a feed delivers it.
struct Line {
    label: &'static str,
    name: &'static str,
    parent: &'static str,
    area: Vec<u8>,
}

impl Line {
    fn new<A: AsRef<[u8]>>(
        label: &'static str,
        name: &'static str,
        parent: &'static str,
        arguments: &[A],
    ) -> Self {
        Self { label, name, parent, area: area(arguments) }
    }

    fn execution(&self, scrubber: &Scrubber) -> Execution {
        let raw = Raw {
            name: self.name.as_bytes(),
            parent: self.parent.as_bytes(),
            grandparent: b"systemd",
            uid: 33,
            arguments: &self.area,
            ..Raw::default()
        };
        raw.execution(scrubber)
    }
}

fn lines() -> Vec<Line> {
    let crates =
        ["anyhow", "libc", "log", "memchr", "serde", "syn", "quote", "regex", "rand", "time", "url", "uuid"];
    let mut rustc: Vec<String> = [
        "rustc",
        "--crate-name",
        "svc",
        "--edition=2021",
        "src/main.rs",
        "--error-format=json",
        "--crate-type",
        "bin",
        "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
        "--emit=dep-info,metadata,link",
        "-C",
        "embed-bitcode=no",
        "-C",
        "debuginfo=2",
        "--check-cfg",
        "cfg(docsrs,test)",
        "-C",
        "metadata=3de22760bf28ad88",
        "--check-cfg",
        "cfg(feature, values(\"default\", \"std\"))",
        "-C",
        "extra-filename=-67c9536e7d614779",
        "--out-dir",
        "/tmp/runner-40206201/srv/svc/target/debug/deps",
        "-C",
        "incremental=/tmp/runner-40206201/srv/svc/target/debug/incremental",
        "-L",
        "dependency=/tmp/runner-40206201/srv/svc/target/debug/deps",
    ]
    .map(str::to_owned)
    .into();
    for name in crates {
        rustc.push("--extern".into());
        rustc.push(format!(
            "{name}=/tmp/runner-40206201/srv/svc/target/debug/deps/lib{name}-6052c3a195ed8415.rmeta"
        ));
    }
    let hostile = "a=$b:/c1D2@e;".repeat(4096 / 13 + 1);
    vec![
        Line::new(
            "service_shell",
            "sh",
            "php-fpm8.2",
            &["sh", "-c", "convert '/tmp/phpfc0gzh.png' -resize 200x200 2>&1"],
        ),
        Line::new(
            "service_curl",
            "curl",
            "sh",
            &["curl", "-fsS", "-m", "5", "-o", "/dev/null", "http://127.0.0.1:18080/healthz"],
        ),
        Line::new("rustc", "rustc", "cargo", &rustc),
        Line::new("hostile", "sh", "sh", &["sh", "-c", &hostile]),
        Line::new("hostile_arguments", "sh", "sh", &["k=v:w@x/y.z,1a2b3c4d"; 4096 / 21 + 1]),
    ]
}

fn embed(criterion: &mut Criterion) {
    let scrubber = Scrubber::default();
    let embedders: [(&str, &dyn Embedder); 2] =
        [("hashed", &Hashed::default()), ("article", &Article::default())];
    let mut embedding = Embedding::default();
    for (name, embedder) in embedders {
        let mut group = criterion.benchmark_group(format!("embed/{name}"));
        for line in lines() {
            let execution = line.execution(&scrubber);
            embedder.embed(&execution, &mut embedding);
            let label = match embedding.features.len() {
                0 => line.label.to_owned(),
                features => format!("{}/{features} features", line.label),
            };
            group.bench_function(label, |bencher| {
                bencher.iter(|| embedder.embed(black_box(&execution), &mut embedding));
            });
        }
    }
    let hashed = Hashed::default();
    let mut group = criterion.benchmark_group("feed to vector");
    for line in lines() {
        group.bench_function(line.label, |bencher| {
            bencher.iter(|| hashed.embed(&black_box(&line).execution(&scrubber), &mut embedding));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("scrub");
    for line in lines() {
        let text = String::from_utf8_lossy(&line.area).into_owned();
        group.bench_function(line.label, |bencher| bencher.iter(|| scrubber.text(black_box(&text)).len()));
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    embed(&mut criterion);
    criterion.final_summary();
}
