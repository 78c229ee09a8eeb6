use std::time::Duration;

use anomaly_baseline::{Score, Threshold};
use anomaly_capture::FeedChoice;
use anomaly_sinks::{HttpConfig, SinkConfig};

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "a.yaml").map_err(|error| error.to_string())
}

#[test]
fn nothing_is_needed() {
    for text in ["", "\n", "# nothing\n", "---\n", "agent:\nscoring:\n", "\u{feff}", "{}"] {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
    let config = Config::default();
    assert_eq!(config.settings(), Settings::default());
    let Options { root: _, scrubber: _, argument_bytes, ring_bytes, poll_every, queue } =
        config.capture(HostRoot::default());
    let usual = Options::default();
    assert_eq!(
        (argument_bytes, ring_bytes, poll_every, queue),
        (usual.argument_bytes, usual.ring_bytes, usual.poll_every, usual.queue)
    );
}

#[test]
fn the_example_says_what_counts_without_it() {
    let example = Config::example();
    assert_eq!(parse(&example), Ok(Config::default()), "{example}");
    for (section, keys) in reading::sections() {
        assert!(example.contains(&format!("\n{section}:\n")), "{section}");
        for key in keys {
            let shown = |line: &str| {
                line.strip_prefix("  ")
                    .is_some_and(|line| line.trim_start_matches("# ").starts_with(&format!("{key}: ")))
            };
            assert!(example.lines().any(shown), "{section}.{key}");
        }
    }
    assert!(example.lines().all(|line| line.chars().count() <= 120), "{example}");
}

#[test]
fn what_the_example_leaves_in_comments_can_be_taken_out_of_them() {
    // Each key alone with the value that its comment shows, and the sinks together.
    let example = Config::example();
    let mut section = "";
    for line in example.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with([' ', '#'])) {
            section = name;
        }
        let key = line.strip_prefix("  # ").and_then(|line| line.split_once(": ")).map(|(key, _)| key);
        let keys = reading::sections()
            .into_iter()
            .find(|(name, _)| *name == section)
            .map_or(&[][..], |(_, keys)| keys);
        if let Some(key) = key.filter(|key| keys.contains(key)) {
            let text = format!("{section}:\n  {}\n", &line[4..]);
            // One key asks for another beside it.
            let text = if key == "listen" { text + "  token_env: TOKEN\n" } else { text };
            let config = parse(&text).unwrap_or_else(|error| panic!("{text}{error}"));
            assert_ne!(config, Config::default(), "{text}");
        }
    }
    let (_, sinks) = example.split_once("# For example:\n").expect("sinks are shown");
    let sinks: Vec<_> = sinks.lines().map_while(|line| line.strip_prefix("  # ")).collect();
    let text = format!("backend:\n  {}\n", sinks.join("\n  "));
    let config = parse(&text).unwrap_or_else(|error| panic!("{text}{error}"));
    assert_eq!(config.backend.sinks.len(), 4);
}

#[test]
fn secrets_of_ones_own_are_taken_out() {
    let config = parse("vectorization: {scrub: [pin], scrub_patterns: ['EMP-[0-9]{6}']}").expect("it fits");
    assert_eq!(config.scrubber().text("pay --pin 1234 EMP-123456 x"), "pay --pin *** *** x");
    let wrong = parse("vectorization: {scrub_patterns: ['(']}").expect_err("it is no expression");
    assert!(wrong.to_string().contains("a.yaml:1:33: vectorization.scrub_patterns"), "{wrong}");
}

#[test]
fn every_value_reaches_its_place() {
    let config = parse(
        "agent: {org: shop, workload: '{unit}', feed: connector, host: web-1, poll_every: 5ms, queue: 9}
ebpf: {ring: 1MiB}
vectorization: {scrub: [--licence-number, PIN], scrub_patterns: ['EMP-[0-9]{6}']}
storage: {path: /data, retention_days: 30, memory_budget: 1GiB, max_rows: 1, max_held: 2, max_workloads: 3,
  max_new_workloads: 4, shared: 's3://bucket/prefix', shared_machine: web-1, shared_interval: 5m, shared_agree: 2}
scoring: {learn_below: 0.3, learn_executions: 7, learn_for: 2h, learn_acts_for: 7d, threshold: 0.9,
  thresholds: ['ci*=0.95', 'a=b=auto'], warn: 0.8, critical: '0.97', never_learn: [nc]}
backend: {spool: /spool, sinks: [{type: http, endpoint: 'https://a/b', retry_max: 5}]}
api: {socket: /run/x, listen: '[::1]:7', token_env: TOKEN, max_body: 1MiB, timeout: 1s, max_waiting: 5}
search: {model: /model, digests: {model.safetensors: '0000000000000000000000000000000000000000000000000000000000000000'}}
",
    )
    .expect("a configuration");
    let score = |text: &str| text.parse::<Score>().expect("a score");
    let settings = config.settings();
    assert_eq!(
        settings,
        Settings {
            learn_below: 0.3,
            learn_executions: 7,
            learn_for: Duration::from_secs(7_200),
            learn_acts_for: Duration::from_secs(7 * 86_400),
            threshold: Threshold::Fixed(score("0.9")),
            thresholds: vec![
                ("ci*".parse().expect("a pattern"), Threshold::Fixed(score("0.95"))),
                ("a=b".parse().expect("a pattern"), Threshold::Auto),
            ],
            warn: score("0.8"),
            critical: score("0.97"),
            never_learn: vec!["nc".into()],
            retention_days: 30,
            memory_budget: 1 << 30,
            max_rows: 1,
            max_held: 2,
            max_workloads: 3,
            max_new_workloads: 4,
            ..Settings::default()
        }
    );
    let options = config.capture(HostRoot::default());
    assert_eq!((options.ring_bytes, options.queue), (1 << 20, 9));
    assert_eq!(options.poll_every, Duration::from_millis(5));
    assert_eq!((config.agent.feed, config.agent.org.as_str()), (FeedChoice::Connector, "shop"));
    assert_eq!(config.storage.shared_interval, Duration::from_secs(300));
    let http = HttpConfig { retry_max: 5, ..HttpConfig::to("https://a/b") };
    assert_eq!(config.backend.sinks, [SinkConfig::Http(http)]);
    assert_eq!(config.api.listen.map(|listen| listen.to_string()).as_deref(), Some("[::1]:7"));
    // What is written is what was read.
    let written = serde_json::to_string(&config).expect("JSON");
    assert_eq!(parse(&written), Ok(config));
}

#[test]
fn a_mistake_is_told_with_its_place_and_its_remedy() {
    for (text, expected) in [
        ("agnt:\n  org: x\n", "a.yaml:1:1: there is no section agnt; did you mean agent?"),
        ("agent:\n  fed: auto\n", "a.yaml:2:3: agent has no key fed; did you mean feed?"),
        ("agent:\n  scrub: [a]\n", "a.yaml:2:3: agent has no key scrub; it belongs to vectorization"),
        ("learn_for: 1h\n", "a.yaml:1:1: there is no section learn_for; it belongs to scoring"),
        (
            "scoring:\n  learn_for: 30\n",
            "a.yaml:2:14: scoring.learn_for is 30: the unit is missing: write 30ms, 30s, 30m, 30h or 30d",
        ),
        (
            "scoring:\n  learn_for: 10 min\n",
            "a.yaml:2:14: scoring.learn_for is \"10 min\": \" min\" is no unit",
        ),
        (
            "scoring: {threshold: 85}",
            "a.yaml:1:22: scoring.threshold is 85: write auto, or a number from 0 to 1",
        ),
        (
            "scoring:\n  warn: 0.99\n",
            "a.yaml:2:9: scoring.warn is 0.9900, above scoring.critical, which is 0.9500",
        ),
        ("scoring:\n  critical: 0.5\n", "a.yaml:2:13: scoring.warn is 0.8500, above scoring.critical"),
        (
            "scoring:\n  thresholds: [ci*]\n",
            "a.yaml:2:15: scoring.thresholds is a list: write PATTERN=THRESHOLD",
        ),
        (
            "storage:\n  memory_budget: 64\n",
            "a.yaml:2:18: storage.memory_budget is 64: the unit is missing: write 64KiB",
        ),
        ("storage:\n  memory_budget: 64MB\n", "\"MB\" is no unit"),
        ("storage:\n  path: data\n", "a.yaml:2:9: storage.path is \"data\": write the whole path, from /"),
        (
            "storage:\n  retention_days: 0\n",
            "a.yaml:2:19: storage.retention_days is 0: write a whole number from 1",
        ),
        (
            "storage:\n  retention_days: -1\n",
            "a.yaml:2:19: storage.retention_days is -1; write a whole number",
        ),
        ("storage:\n  retention_days: 70000\n", "that is too many"),
        ("storage:\n  shared: bucket\n", "begins with neither s3:// nor file://"),
        (
            "agent:\n  org: 12\n",
            "a.yaml:2:8: agent.org is 12; write text; a number, true and false are text in quotes",
        ),
        ("agent:\n  org:\n", "a.yaml:2:"),
        ("agent:\n  workload: '{pod}'\n", "a.yaml:2:13: agent.workload is \"{pod}\": no placeholder {pod}"),
        (
            "agent:\n  feed: falco\n",
            "a.yaml:2:9: agent.feed is \"falco\"; write one of auto, ebpf, ebpf-enter",
        ),
        (
            "agent:\n  queue: 18446744073709551615\n",
            "a.yaml:2:10: agent.queue is 18446744073709551615: write a whole number from 1 to 1000000",
        ),
        ("agent:\n  queue: 1000001\n", "from 1 to 1000000"),
        (
            "agent:\n  poll_every: 36500d\n",
            "a.yaml:2:15: agent.poll_every is \"36500d\": write a time from 1ms to 1m",
        ),
        ("ebpf:\n  ring: 2GiB\n", "a.yaml:2:9: ebpf.ring is \"2GiB\": write a size from 64KiB to 1GiB"),
        ("api:\n  timeout: 36500d\n", "a.yaml:2:12: api.timeout is \"36500d\": write a time from 1s to 1m"),
        ("api:\n  timeout: 999ms\n", "write a time from 1s to 1m"),
        (
            "api:\n  max_waiting: 18446744073709551615\n",
            "a.yaml:2:16: api.max_waiting is 18446744073709551615: write a whole number from 1 to 10000",
        ),
        (
            "api:\n  max_body: 1000000GiB\n",
            "a.yaml:2:13: api.max_body is \"1000000GiB\": write a size from 1KiB to 16MiB",
        ),
        (
            "api:\n  socket: api.sock\n",
            "a.yaml:2:11: api.socket is \"api.sock\": write the whole path, from /",
        ),
        (
            "api:\n  token_file: token\n",
            "a.yaml:2:15: api.token_file is what it cannot be: write the whole path",
        ),
        (
            "backend:\n  spool: spool\n",
            "a.yaml:2:10: backend.spool is what it cannot be: write the whole path",
        ),
        ("search:\n  model: model\n", "a.yaml:2:10: search.model is \"model\": write the whole path, from /"),
        ("storage:\n  path: \"/a\\0b\"\n", "no path has a NUL in it"),
        ("agent: 5\n", "a.yaml:1:8: agent is 5; write its keys below it"),
        ("- agent\n", "a.yaml:1:1: the file is a list"),
        (
            "api:\n  listen: 0.0.0.0:80\n",
            "a.yaml:2:11: api.listen is \"0.0.0.0:80\": that is not the loopback",
        ),
        ("api:\n  listen: 127.0.0.1:80\n", "a.yaml:2:11: api.listen without a token"),
        ("api:\n  listen: 127.0.0.1\n", "write an address and a port"),
        (
            "backend:\n  sinks:\n  - type: slack\n",
            "a.yaml:3:11: backend.sinks[0].type is \"slack\"; write one of falcosidekick, clickhouse, http, file",
        ),
        (
            "backend:\n  sinks:\n  - endpoint: x\n",
            "a.yaml:3:5: backend.sinks[0] has no type; write one below it",
        ),
        ("backend:\n  sinks:\n  - type: http\n", "a.yaml:3:5: backend.sinks[0] has no endpoint"),
        (
            "backend:\n  sinks:\n  - {type: stdout, colour: yes}\n",
            "a.yaml:3:20: backend.sinks[0] has no key colour",
        ),
        (
            "backend:\n  sinks:\n  - type: clickhouse\n    timeout_ms: soon\n",
            "a.yaml:4:17: backend.sinks[0].timeout_ms is what it cannot be; write a whole number",
        ),
        (
            "backend:\n  sinks:\n  - type: clickhouse\n    table: a b\n",
            "a.yaml:4:12: backend.sinks[0].table: 1 to 64 letters",
        ),
        (
            "backend:\n  sinks:\n  - type: stdout\n  - type: stdout\n",
            "a.yaml:4:5: backend.sinks[1] is the second of the name stdout",
        ),
        ("agent:\n  org: a\n  org: b\n", "a.yaml:3:3: org stands here a second time; keep one of them"),
        ("agent: [\n", "this is not the YAML of a configuration: "),
        ("agent: {org: !!python/object x}", "this is not the YAML of a configuration: "),
        ("agent: {}\n---\napi: {}\n", "a second document begins here"),
        ("agent: {<<: {org: x}}\n", "<< merges nothing here"),
        ("scoring:\n  warn: .nan\n", "a.yaml:2:9: this is no number"),
        ("1: x\n", "this is not the YAML of a configuration: "),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}{error}");
        assert_eq!(error.lines().count(), 1, "{text}{error}");
        assert!(!error.ends_with('.'), "{error}");
    }
}

#[test]
fn a_sockets_path_is_as_long_as_an_address_holds() {
    let of = |bytes: usize| parse(&format!("api:\n  socket: /{}\n", "s".repeat(bytes - 1)));
    assert!(of(107).is_ok());
    let error = of(108).expect_err("one byte more than sun_path holds");
    assert!(error.contains("a.yaml:2:11: api.socket is ") && error.contains("at most 107 bytes"), "{error}");
}

#[test]
fn what_is_at_its_bounds_is_taken() {
    for text in [
        "agent: {queue: 1, poll_every: 1ms}",
        "agent: {queue: 1000000, poll_every: 1m}",
        "api: {timeout: 1s, max_body: 1KiB, max_waiting: 1}",
        "api: {timeout: 60s, max_body: 16MiB, max_waiting: 10000}",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let error =
        parse("scoring:\n  wan: 1\n  warn: 2\napi:\n  timeout: 0s\nagent:\n  queue: 0\n").expect_err("wrong");
    let lists = parse("backend:\n  sinks:\n  - type: kafka\n    x: 1\n  - type: stdout\n  - type: http\n")
        .expect_err("two");
    assert_eq!(lists.lines().count(), 2, "{lists}");
    assert!(
        lists.lines().last().is_some_and(|line| line.contains("backend.sinks[2] has no endpoint")),
        "{lists}"
    );
    let places: Vec<_> = error.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(places, ["a.yaml:2:3", "a.yaml:3:9", "a.yaml:5:12", "a.yaml:7:10"], "{error}");
}

#[test]
fn secrets_are_not_repeated_and_control_characters_do_not_get_out() {
    for text in [
        "api:\n  token_env: 'Bearer hunter2 and more'\n",
        "backend:\n  sinks:\n  - {type: http, endpoint: 'http://u:hunter2@a/'}\n",
        "backend:\n  sinks:\n  - {type: http, endpoint: 'http://a/', timeout_ms: hunter2}\n",
        "backend:\n  sinks: hunter2\n",
    ] {
        let error = parse(text).expect_err(text);
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = parse("agent:\n  \"f\\x1bed\": 1\n  feed: \"\\x1b[31m\"\n").expect_err("hostile");
    assert!(!error.contains('\x1b') && error.contains("\\x1b"), "{error}");
}

#[test]
fn large_and_deep_files_end() {
    let bomb = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{p}, *a{p}, *a{p}]\n", p = n - 1)
    });
    assert!(parse(&bomb).is_err());
    let many = parse(&format!("a: [{}]", "1, ".repeat(20_000))).expect_err("many");
    assert!(many.contains("larger or deeper than a configuration"), "{many}");
    assert!(parse(&"[".repeat(100_000)).is_err());
    let keys: String = (0..5_000).map(|n| format!("  key{n}: 1\n")).collect();
    assert!(parse(&format!("agent:\n{keys}")).expect_err("unknown").lines().count() <= 50);
}

/// The configuration template of the article, as it stands there.
const ARTICLE: &str = "\
# telemetry-agent-config.yaml
agent:
  mode: auto # auto, ebpf, proc
  batch_interval_ms: 60000
  max_batch_size: 500
ebpf:
  tracepoint: sys_enter_execve
  ring_buffer_pages: 64
  btf_required: true
vectorization:
  dimension: 128
  normalization: l2
  token_min_length: 3
  delimiters: [\" \", \"/\", \".\", \":\", \"-\", \"=\"]
storage:
  provider: lancedb
  retention_days: 7
  prune_interval_hours: 24
  path: /var/lib/telemetry/baselines
scoring:
  k_neighbors: 10
  distance_metric: cosine
  threshold_warn: 0.85
  threshold_critical: 0.95
  temporal_smoothing: true
  decay_factor: 0.7
backend:
  endpoint: https://telemetry.internal/v1/events
  auth_header: X-API-Key
  retry_max: 3
  timeout_ms: 5000
";

#[test]
fn the_articles_template_says_what_is_not_done_here_and_the_rest_is_taken() {
    let error = parse(ARTICLE).expect_err("three lines ask for something else");
    let begins: Vec<_> =
        error.lines().map(|line| line.split_inclusive(' ').take(2).collect::<String>()).collect();
    let expected = [
        "a.yaml:7:3: ebpf.tracepoint ",
        "a.yaml:13:3: vectorization.token_min_length ",
        "a.yaml:14:3: vectorization.delimiters ",
    ];
    assert_eq!(begins, expected, "{error}");
    assert!(error.lines().all(|line| line.ends_with("; take the key out")), "{error}");

    let refused = ["tracepoint:", "token_min_length:", "delimiters:"];
    let kept = ARTICLE.lines().filter(|line| !refused.iter().any(|key| line.trim_start().starts_with(key)));
    let config = parse(&kept.collect::<Vec<_>>().join("\n")).expect("the rest");
    let mut expected = Config::default();
    expected.ebpf.ring = 64 * 4096;
    expected.storage.path = Some("/var/lib/telemetry/baselines".into());
    let http = HttpConfig {
        auth_header: Some("X-API-Key".into()),
        retry_max: 3,
        timeout_ms: 5_000,
        batch_interval_ms: 60_000,
        max_batch_size: 500,
        ..HttpConfig::to("https://telemetry.internal/v1/events")
    };
    expected.backend.sinks = vec![SinkConfig::Http(http)];
    assert_eq!(config, expected);
}

#[test]
fn what_the_article_leaves_open_is_checked() {
    for (text, expected) in [
        (
            "vectorization: {dimension: 256}",
            "a.yaml:1:17: vectorization.dimension is 256, and here it is 128",
        ),
        ("storage: {provider: sqlite}", "storage.provider is \"sqlite\", and here it is lancedb"),
        ("scoring: {decay_factor: 0.5}", "scoring.decay_factor is 0.5, and here it is 0.7"),
        ("scoring: {k_neighbors: 0}", "the nearest of all counts"),
        ("ebpf: {btf_required: false}", "agent.feed: ebpf-enter is for kernels without"),
        ("ebpf: {ring_buffer_pages: 0}", "write ebpf.ring: 4MiB"),
        (
            "agent: {mode: ebpf, feed: ebpf}",
            "a.yaml:1:9: agent.mode is agent.feed, which line 1 has; keep one of them",
        ),
        ("agent: {mode: falco}", "agent.feed is \"falco\"; write one of"),
        ("agent: {max_batch_size: 5}", "a.yaml:1:9: max_batch_size belongs to a sink"),
        (
            "backend: {endpoint: 'ftp://x/'}",
            "a.yaml:1:21: backend.sinks[0].endpoint: the address begins with",
        ),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{text}\n{error}");
    }
    let two = "backend: {endpoint: 'http://x/', sinks: [{type: stdout}]}";
    assert_eq!(parse(two).expect("both").backend.sinks.len(), 2);
    assert_eq!(
        parse("ebpf: {tracepoint: sched_process_exec}\nscoring: {k_neighbors: 1}"),
        Ok(Config::default())
    );
}

#[test]
fn files_with_secrets_are_looked_at() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    std::fs::write(&path, "secret").expect("written");
    let config =
        Config { api: Api { token_file: Some(path.clone()), ..Api::default() }, ..Config::default() };
    for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        let said = config.given_away();
        assert_eq!(said.len(), usize::from(open), "{mode:o}: {said:?}");
        assert!(said.iter().all(|line| line.contains("chmod 600")), "{said:?}");
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(config.given_away()[0].contains("cannot be read"));
    assert_eq!(Config::default().given_away(), [""; 0]);
}
