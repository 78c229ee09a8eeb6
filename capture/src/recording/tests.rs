use std::io::{BufReader, Read, Write};

use anomaly_vectorizer::{
    Context, Kind, Surroundings,
    context::{ExecutableFlag, InheritedSocket, SocketFamily},
    scrub::Scrubber,
};
use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Vec<Result<Recorded, RecordingError>> {
    Reader::new(bytes, Scrubber::default()).expect("memory can be read").collect()
}

fn one(line: &str) -> Recorded {
    let mut lines = read(line.as_bytes());
    assert_eq!(lines.len(), 1, "{line}");
    lines.remove(0).expect("a good line")
}

/// What is wrong with each bad line, and how many lines are good.
fn judged(bytes: &[u8]) -> (Vec<String>, usize) {
    let items = read(bytes);
    let good = items.iter().filter(|item| item.is_ok()).count();
    (items.into_iter().filter_map(|item| item.err().map(|error| error.to_string())).collect(), good)
}

const CURL: &str = r#"{"workload":"web","day":3,"phase":"x","time":1795219803.654534,"pid":53,"ppid":46,"name":"curl",
"parent":"bash","grandparent":"nginx","uid":33,"exe":"/usr/bin/curl","args":["curl","-s",""],"label":"attack",
"session":"s","split":"test","tty":false,"loginuid":4294967295,"exe_flags":["memfd"],
"sockets":[{"fd":0,"family":"inet","protocol":6,"local":"10.0.0.1:5000","remote":"203.0.113.9:443"}],"new":{"a":[1]}}"#;

fn curl() -> Recorded {
    one(&CURL.replace('\n', ""))
}

#[test]
fn every_key_is_read_and_unknown_ones_are_ignored() {
    let recorded = curl();
    let observation = &recorded.observation;
    assert_eq!(observation.workload, "web");
    assert_eq!(observation.time, 1_795_219_803_654_534);
    assert_eq!((observation.identity.tgid, observation.ppid), (53, 46));
    let execution = &observation.execution;
    assert_eq!((&*execution.name, &*execution.parent, &*execution.grandparent), ("curl", "bash", "nginx"));
    assert_eq!(execution.uid, 33);
    assert_eq!(execution.arguments.iter().collect::<Vec<_>>(), ["curl", "-s", ""]);
    assert_eq!(observation.exe, "/usr/bin/curl");
    assert_eq!(observation.argument_bytes, 9);
    let Surroundings { tty, loginuid, exe_flags, sockets } = &observation.surroundings;
    assert_eq!((*tty, *loginuid), (Some(false), Some(u32::MAX)));
    assert_eq!(exe_flags.as_deref(), Some(&[ExecutableFlag::Memfd][..]));
    assert_eq!(sockets.as_ref().map(Vec::len), Some(1));
    assert_eq!((recorded.day, recorded.label), (Some(3), Some(Label::Attack)));
    assert_eq!(recorded.session.as_deref(), Some("s"));
    assert_eq!((recorded.phase.as_deref(), recorded.split.as_deref()), (Some("x"), Some("test")));
}

#[test]
fn what_is_missing_is_unknown_or_follows_from_the_rest() {
    let bare = one(r#"{"args":["/usr/bin/ls","-l"]}"#);
    assert_eq!(bare.observation.execution.name, "ls");
    assert_eq!(bare.observation.surroundings, Surroundings::default());
    assert_eq!(Context::of(&bare.observation.surroundings).unknown(), 4);
    assert_eq!((bare.day, bare.label), (None, None));
    let lines = read(b"{\"name\":\"a\",\"time\":5.5}\n{\"name\":\"b\"}\n{\"name\":null,\"exe\":\"/bin/c\",\"args\":[\"d\"]}");
    let times: Vec<_> = lines.iter().flatten().map(|line| line.observation.time).collect();
    assert_eq!(times, [5_500_000; 3]);
    assert_eq!(lines[2].as_ref().expect("good").observation.execution.name, "c");
}

#[test]
fn arguments_are_taken_as_passed_though_they_look_like_a_script_s() {
    let python = one(r#"{"name":"pip","exe":"/usr/bin/python3","args":["python3","/usr/bin/pip","freeze"]}"#);
    let arguments = python.observation.execution.arguments;
    assert_eq!(arguments.iter().collect::<Vec<_>>(), ["python3", "/usr/bin/pip", "freeze"]);
}

#[test]
fn only_unlabelled_or_benign_lines_of_the_base_are_base() {
    for (line, base) in [
        (r#"{"name":"a"}"#, true),
        (r#"{"name":"a","split":"base","label":"benign"}"#, true),
        (r#"{"name":"a","split":"base","label":"attack"}"#, false),
        (r#"{"name":"a","label":"attack"}"#, false),
        (r#"{"name":"a","split":"test"}"#, false),
    ] {
        assert_eq!(one(line).is_base(), base, "{line}");
    }
}

#[test]
fn garbage_is_told_by_line_and_reason_and_the_rest_goes_on() {
    let mut bytes = br#"{"name":"a"}

not json
{"name":"b","uid":-1}
{"name":"c","label":"atack"}
{"name":"d","time":-3}
{}
[1]
{"name":"e","uid":"\u001b[31mroot"}
"#
    .to_vec();
    bytes.extend(b"{\"name\":\"\xff\"}\n{\"name\":\"f\"");
    bytes.extend(b"\n{\"name\":\"g\"}");
    let (wrong, good) = judged(&bytes);
    assert_eq!(good, 2);
    let lines: Vec<_> = wrong.iter().map(|text| text.split(':').next().expect("a line number")).collect();
    assert_eq!(
        lines,
        ["line 3", "line 4", "line 5", "line 6", "line 7", "line 8", "line 9", "line 10", "line 11"]
    );
    assert!(wrong[2].contains("unknown variant `atack`"), "{}", wrong[2]);
    assert_eq!(wrong[3], "line 6: time is out of range");
    assert!(wrong.iter().all(|text| !text.chars().any(char::is_control) && text.len() < 200), "{wrong:?}");
}

#[test]
fn a_line_without_end_costs_bounded_memory_and_the_next_is_read() {
    let long = 3 * MAX_LINE as u64;
    let input = BufReader::new(std::io::repeat(b'x').take(long).chain(&b"\n{\"name\":\"after\"}\n"[..]));
    let mut reader = Reader::new(input, Scrubber::default()).expect("memory can be read");
    let error = reader.next().expect("a line").expect_err("too long");
    assert_eq!(error.to_string(), "line 1: longer than 1024 KiB");
    assert!(reader.buffer.capacity() <= 4 * MAX_LINE, "{}", reader.buffer.capacity());
    assert_eq!(reader.next().expect("a line").expect("good").observation.execution.name, "after");
    assert!(reader.next().is_none());
}

#[test]
fn the_longest_line_is_read_and_one_more_byte_is_too_long() {
    let frame = br#"{"name":"a","other":""}"#.len();
    for (length, good) in [(MAX_LINE, 1), (MAX_LINE + 1, 0)] {
        let line = format!(r#"{{"name":"a","other":"{}"}}"#, "x".repeat(length - frame));
        assert_eq!(judged(line.as_bytes()).1, good, "without a line end");
        assert_eq!(judged((line + "\n").as_bytes()).1, good, "with one");
    }
}

#[test]
fn what_is_kept_for_days_is_bounded() {
    let line = |key: &str, length: usize| format!("{{\"name\":\"a\",\"{key}\":\"{}\"}}", "x".repeat(length));
    for key in ["workload", "phase", "session", "split"] {
        assert_eq!(judged(line(key, 1024).as_bytes()), (vec![], 1), "{key}");
        let (reasons, good) = judged(line(key, 1025).as_bytes());
        assert_eq!((reasons.len(), good), (1, 0), "{key}");
        assert!(reasons[0].contains("longer than 1024 bytes"), "{reasons:?}");
    }
    assert_eq!(one(&line("exe", 5000)).observation.exe.len(), 4096);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[test]
fn gzip_is_recognised_and_a_cut_one_ends_with_an_error() {
    let lines: String =
        (0..2000).map(|n| format!("{{\"name\":\"n{n}\",\"phase\":\"{}\"}}\n", n * n)).collect();
    let mut compressed = gzip(lines.as_bytes());
    compressed.extend(gzip(b"{\"name\":\"of a second member\"}\n"));
    assert_eq!(judged(&compressed), (vec![], 2001));
    let (wrong, good) = judged(&compressed[..compressed.len() / 2]);
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].contains("cannot read on"), "{}", wrong[0]);
    assert!(good > 100 && good < 2000, "{good}");
}

#[test]
fn short_inputs_are_no_trouble() {
    assert_eq!(judged(b""), (vec![], 0));
    assert_eq!(judged(b"\n"), (vec![], 0));
    assert_eq!(judged(b"\x1f").1, 0);
    assert_eq!(judged(b"\x1f\x8b").1, 0);
}

fn written(recorded: &Recorded) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    writer.write_recorded(recorded).expect("memory can be written");
    writer.into_inner()
}

#[test]
fn an_observation_alone_is_written_without_what_it_has_not() {
    let mut writer = Writer::new(Vec::new());
    writer.write(&one(r#"{"name":"a"}"#).observation).expect("memory can be written");
    let text = String::from_utf8(writer.into_inner()).expect("json");
    for key in ["workload", "day", "label", "tty", "sockets"] {
        assert!(!text.contains(key), "{text}");
    }
}

fn socket() -> impl Strategy<Value = InheritedSocket> {
    let family = prop_oneof![Just(SocketFamily::Unix), Just(SocketFamily::Inet6), Just(SocketFamily::Other)];
    (0u8..3, family, any::<u16>(), any::<Option<std::net::SocketAddr>>()).prop_map(
        |(fd, family, protocol, remote)| {
            // Scope and flow are no part of an address's text form.
            let remote = remote.map(|remote| std::net::SocketAddr::new(remote.ip(), remote.port()));
            InheritedSocket { fd, family, protocol, local: None, remote }
        },
    )
}

fn surroundings() -> impl Strategy<Value = Surroundings> {
    let flag = prop_oneof![
        Just(ExecutableFlag::Memfd),
        Just(ExecutableFlag::UpperLayer),
        Just(ExecutableFlag::Deleted)
    ];
    let flags = proptest::option::of(proptest::collection::vec(flag, 0..3));
    let sockets = proptest::option::of(proptest::collection::vec(socket(), 0..3));
    (any::<Option<bool>>(), any::<Option<u32>>(), flags, sockets)
        .prop_map(|(tty, loginuid, exe_flags, sockets)| Surroundings { tty, loginuid, exe_flags, sockets })
}

proptest! {
    #[test]
    fn what_was_recorded_is_replayed(
        args in proptest::collection::vec("[^\0]{0,20}", 1..6),
        names in ["[^\0]{1,15}", "[^\0]{0,15}", "[^\0]{0,15}"],
        uid: u32,
        time in 0i64..(1 << 32) * 1_000_000,
        workload in ".{0,20}",
        exe in ".{0,20}",
        surroundings in surroundings(),
        day: Option<i64>,
    ) {
        // Canonical first, as every feed delivers it: a recording has what was scored, not what was raw.
        let [name, parent, grandparent] = names;
        let line = serde_json::json!({
            "name": name, "parent": parent, "grandparent": grandparent, "uid": uid, "args": args, "exe": exe,
        });
        let mut recorded = one(&line.to_string());
        recorded.observation.time = time;
        recorded.observation.workload = workload;
        recorded.observation.surroundings = surroundings;
        recorded.day = day;
        recorded.label = Some(Label::Benign);
        let replayed = one(std::str::from_utf8(&written(&recorded)).expect("json"));
        // The length of the original arguments is not recorded, only that of what is left of them.
        recorded.observation.argument_bytes = replayed.observation.argument_bytes;
        prop_assert_eq!(replayed, recorded);
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).len() <= bytes.len());
    }
}

#[test]
fn acts_come_back_beside_executions() {
    let line = r#"{"workload":"shop","time":1.5,"name":"nginx","parent":"sh","uid":33,"exe":"/usr/sbin/nginx","kind":"open","object":"/etc/shadow","flags":["read"]}"#;
    let recorded = one(line);
    let act = &recorded.observation.execution;
    assert_eq!((act.kind, act.object()), (Kind::Open, "/etc/shadow"));
    assert_eq!(act.arguments.iter().collect::<Vec<_>>(), ["/usr/sbin", "/etc/shadow", "read"]);
    let mut written = Vec::new();
    Writer::new(&mut written).write_recorded(&recorded).expect("memory");
    let text = String::from_utf8(written).expect("text");
    assert!(text.contains(r#""kind":"open","object":"/etc/shadow","flags":["read"]"#), "{text}");
    assert!(!text.contains("args"), "{text}");
    assert_eq!(one(&text), recorded);
}

#[test]
fn what_is_neither_an_execution_nor_another_act_is_refused() {
    for line in [
        r#"{"name":"nginx","kind":"open","args":["nginx"]}"#,
        r#"{"name":"nginx","object":"/etc/shadow"}"#,
        r#"{"name":"nginx","kind":"fly","object":"/etc/shadow"}"#,
    ] {
        assert!(read(line.as_bytes())[0].is_err(), "{line}");
    }
}
