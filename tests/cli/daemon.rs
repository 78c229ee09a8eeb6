//! `anomalyctl run`, from its first execution to its restart, asked over its socket as a person or a script would.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::recording::Folder;
use crate::support::{PROGRAM, Running, eventually, run, settle, start};

/// A daemon's folder: its configuration, database, socket and what its sinks write.
pub(crate) struct Place {
    folder: Folder,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: Folder::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Writes the configuration, with these lines at its end.
    pub(crate) fn configure(&self, more: &str) {
        let path = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "agent: {{workload: all}}\n\
             storage: {{path: {}}}\n\
             scoring: {{learn_executions: 20, learn_for: 1s, learn_below: 0.2, threshold: 0.5}}\n\
             api: {{socket: {}}}\n\
             {more}\n",
            path("data"),
            path("api.sock")
        );
        fs::write(self.path("anomaly.yaml"), text).expect("the folder is ours");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(self.path("anomaly.yaml"));
        settle(&mut command);
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
        command
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) fn daemon(&self) -> Running {
        let daemon = start(&mut self.command(), b"");
        daemon.says("answering on ");
        daemon
    }

    /// Asks over the socket; the status and the answer.
    fn ask(&self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let stream = UnixStream::connect(self.path("api.sock")).expect("the daemon answers");
        Self::ask_over(stream, method, target, body)
    }

    /// Whether the daemon is ready; not, while it answers nobody.
    fn is_ready(&self) -> bool {
        let stream = UnixStream::connect(self.path("api.sock"));
        stream.is_ok_and(|stream| Self::ask_over(stream, "GET", "/readyz", "").0 == 200)
    }

    fn ask_over(mut stream: UnixStream, method: &str, target: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers to the end");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        };
        (status.expect("a status"), serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    pub(crate) fn get(&self, target: &str) -> Value {
        let (status, answer) = self.ask("GET", target, "");
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    /// Teaches the daemon what is normal here, and runs what is not; returns the finding that comes of it.
    pub(crate) fn attacked(&self) -> Value {
        for n in 0..25 {
            self.program("teacher", n);
        }
        eventually("the warm-up ends", || {
            self.program("teacher", 99);
            self.get("/v1/workloads").as_array().is_some_and(|all| {
                all.iter().any(|one| one["workload"] == "all" && one["learning"].is_null())
            })
        });
        let mut found = None;
        eventually("the finding is there", || {
            self.program("intruder", 1);
            let findings = self.get("/v1/findings");
            let of_ours = |finding: &&Value| finding["name"] == "intruder";
            found = findings["findings"].as_array().and_then(|all| all.iter().find(of_ours).cloned());
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Runs a program of this name long enough to be polled.
    pub(crate) fn program(&self, name: &str, n: usize) {
        let path = self.path(name);
        if !path.exists() {
            fs::copy("/bin/sleep", &path).expect("sleep can be copied");
        }
        Command::new(&path).arg(format!("0.0{}", n % 10 + 10)).status().expect("it runs");
    }
}

/// What an answer in chunks says.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("a chunk's length");
        if length == 0 {
            break;
        }
        text.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    text
}

/// Ends a daemon; within five seconds, as it promises, and with everything written.
pub(crate) fn end(daemon: Running) -> String {
    let begin = Instant::now();
    daemon.signal(Signal::TERM);
    let ran = daemon.wait().succeeded();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {}", begin.elapsed(), ran.err);
    ran.err
}

#[test]
fn from_the_first_execution_to_the_restart() {
    let place = Place::new();
    let out = place.path("out.jsonl");
    place.configure(&format!("backend: {{sinks: [{{type: file, path: {}, events: novel}}]}}", out.display()));
    let daemon = place.daemon();
    assert_eq!(place.ask("GET", "/readyz", "").0, 200);
    let finding = place.attacked();
    assert_eq!((&finding["workload"], &finding["state"]), (&"all".into(), &"held".into()), "{finding}");

    let id = finding["example"]["id"].as_str().expect("it has an id").to_owned();
    let detail = place.get(&format!("/v1/executions/{id}"));
    assert_eq!(detail["execution"]["name"], "intruder");
    assert!(detail["now"]["neighbours"].as_array().is_some_and(|near| !near.is_empty()), "{detail}");
    eventually("the sink has it", || fs::read_to_string(&out).is_ok_and(|text| text.contains(&id)));

    let question = json!({"query": "intruder"}).to_string();
    let (_, found) = place.ask("POST", "/security/search", &question);
    assert_eq!(found["matches"][0]["name"], "intruder", "{found}");

    let decision = json!({"action": "approve", "ids": [finding["group"]], "why": "ours"}).to_string();
    let (status, decided) = place.ask("POST", "/v1/decisions", &decision);
    assert_eq!((status, &decided["applied"]), (200, &true.into()), "{decided}");
    let held = place.get("/v1/held");
    assert!(!held.to_string().contains("intruder"), "it is learned by now: {held}");

    let (_, metrics) = place.ask("GET", "/metrics", "");
    let metrics = metrics.as_str().expect("text");
    for name in
        ["anomaly_executions_total", "anomaly_lost_total", "anomaly_sink_sent_total", "anomaly_ready 1"]
    {
        assert!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    let said = end(daemon);
    assert!(said.contains("ended after "), "{said}");
    assert!(!place.path("api.sock").exists(), "the socket is removed");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&place.path("data")), 0o700);
    assert_eq!(mode(&out), 0o600);

    // The next one knows what was novel before, and what was decided.
    let daemon = place.daemon();
    let findings = place.get("/v1/findings");
    let again = findings["findings"]
        .as_array()
        .and_then(|all| all.iter().find(|again| again["id"] == finding["id"]).cloned());
    assert_eq!(again.expect("it is remembered")["state"], Value::Null);
    let decisions = place.get("/v1/decisions");
    assert_eq!(
        (&decisions[0]["action"], &decisions[0]["why"]),
        (&"approve".into(), &"ours".into()),
        "{decisions}"
    );
    end(daemon);
}

#[cfg(feature = "semantic")]
#[test]
fn it_is_asked_by_meaning_and_says_where_it_cannot() {
    let Some(model) = crate::search::semantic::model_or_skip() else { return };
    let place = Place::new();
    let asked =
        |mode: &str| json!({"query": "find out which computers are in reach", "mode": mode}).to_string();
    let by_meaning = asked("semantic");
    place.configure("search: {model: /nowhere}");
    let daemon = place.daemon();
    daemon.says("search by words alone: /nowhere");
    let (status, refused) = place.ask("POST", "/security/search", &by_meaning);
    assert!(status >= 400 && refused.to_string().contains("/nowhere"), "{status} {refused}");

    place.configure(&format!("search: {{model: {model}}}"));
    daemon.signal(Signal::HUP);
    daemon.says("the configuration was read again and is followed");
    place.attacked();
    let mut found = Value::Null;
    eventually("it is found by its meaning", || {
        place.program("nmap", 1);
        let (status, answer) = place.ask("POST", "/security/search", &by_meaning);
        assert_eq!(status, 200, "{answer}");
        found = answer;
        found["matches"][0]["name"] == "nmap"
    });
    let (_, words) = place.ask("POST", "/security/search", &asked("words"));
    let by_words = words["matches"].as_array().expect("matches").iter();
    assert!(by_words.clone().all(|found| found["name"] != "nmap"), "no word of it is there: {words}");
    end(daemon);
}

#[test]
fn a_configuration_is_read_again_and_a_bad_one_changes_nothing() {
    let place = Place::new();
    place.configure("");
    let daemon = place.daemon();
    daemon.says("no sinks: nothing is sent");

    let out = place.path("late.jsonl");
    place.configure(&format!("backend: {{sinks: [{{type: file, path: {}, events: all}}]}}", out.display()));
    daemon.signal(Signal::HUP);
    daemon.says("the configuration was read again and is followed");
    eventually("the new sink is served", || {
        place.program("anything", 1);
        fs::read_to_string(&out).is_ok_and(|text| text.contains("anything"))
    });

    place.configure("scoring2: {}");
    daemon.signal(Signal::HUP);
    daemon.says("the configuration stays as it was: ");
    daemon.says("anomaly.yaml:5:1: there is no section scoring2");

    // What is wrong outside the file changes nothing either.
    place.configure(
        "backend: {sinks: [{type: http, endpoint: \"http://127.0.0.1:9/v1/events\", auth_header: X-API-Key, \
         auth_env: NOT_SET_ANYWHERE}]}",
    );
    daemon.signal(Signal::HUP);
    daemon.says("NOT_SET_ANYWHERE");
    eventually("it answers as before", || place.is_ready());
    end(daemon);
}

#[test]
fn what_fails_late_brings_back_what_worked_and_is_tried_again() {
    let place = Place::new();
    let key = place.folder.file("key", "hunter2");
    let sink = |more: &str| {
        format!(
            "backend: {{sinks: [{{type: http, endpoint: \"http://127.0.0.1:9/v1/events\", auth_header: X-API-Key, \
             auth_file: {}{more}}}]}}",
            key.display()
        )
    };
    place.configure(&sink(""));
    let daemon = place.daemon();
    // What was learned counts what ran before as well, and the feed only what it told.
    let counts = |place: &Place| {
        let health = place.get("/v1/health");
        let count = |value: &Value| value.as_u64().expect("a count");
        (count(&health["learning"]), count(&health["feed"]["executions"]))
    };
    eventually("executions are counted", || {
        place.program("anything", 1);
        let (learning, told) = counts(&place);
        learning > 0 && told > 0
    });
    let before = counts(&place);

    // Found out before anything is closed.
    place.configure(&sink(", ca_file: /nowhere.pem"));
    daemon.signal(Signal::HUP);
    daemon.says("the configuration stays as it was: ");
    daemon.says("/nowhere.pem");
    assert!(place.is_ready());

    // Found out when the sinks are closed: what worked before works again, though its secret is gone by now.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it is bound");
    let token = place.folder.file("token", "0123456789abcdef0123456789abcdef");
    place.configure("");
    let text = fs::read_to_string(place.path("anomaly.yaml")).expect("it is there");
    let listen = format!("api: {{listen: \"{address}\", token_file: {}, ", token.display());
    let listening = text.replace("api: {", &listen);
    fs::write(place.path("anomaly.yaml"), &listening).expect("it is ours");
    fs::remove_file(&key).expect("it is there");
    daemon.signal(Signal::HUP);
    daemon.says(&address.to_string());
    eventually("it answers as before", || place.is_ready());
    assert_eq!(place.get("/v1/health")["sinks"][0]["kind"], "http");

    // By now nothing can be started at all: executions wait until it can.
    let (spool, aside) = (place.path("data/spool"), place.path("data/aside"));
    fs::rename(&spool, &aside).expect("it is there");
    fs::write(&spool, "").expect("the folder is ours");
    daemon.signal(Signal::HUP);
    daemon.says("nothing can be taken, and it is tried again: ");
    fs::remove_file(&spool).expect("it is there");
    fs::rename(&aside, &spool).expect("it is there");
    daemon.says("everything is there again, and executions are taken");
    eventually("it answers as before", || place.is_ready());

    // What was counted before is still counted, though everything was replaced.
    place.configure("agent: {queue: 70000}");
    let text = fs::read_to_string(place.path("anomaly.yaml")).expect("it is there");
    let text = text.replace("agent: {workload: all}\n", "").replace("{queue:", "{workload: all, queue:");
    fs::write(place.path("anomaly.yaml"), text.replace("threshold: 0.5", "threshold: 0.6"))
        .expect("it is ours");
    daemon.signal(Signal::HUP);
    daemon.says("the configuration was read again and is followed");
    eventually("it answers", || place.is_ready());
    let after = counts(&place);
    assert!(after.0 >= before.0 && after.1 >= before.1, "{before:?} before, {after:?} now");
    end(daemon);
}

#[test]
fn systemd_is_told() {
    let place = Place::new();
    place.configure("");
    let socket = place.path("notify.sock");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_read_timeout(Some(Duration::from_secs(60))).expect("it is ours");
    let hear = |wanted: &str| {
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let length = systemd.recv(&mut buffer).unwrap_or_else(|_| panic!("no {wanted} among {heard:?}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line == wanted) {
                return;
            }
            heard.push(message);
        }
    };
    let mut command = place.command();
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "1000000");
    let daemon = start(&mut command, b"");
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    daemon.signal(Signal::HUP);
    hear("RELOADING=1");
    hear("READY=1");
    daemon.signal(Signal::TERM);
    hear("STOPPING=1");
    daemon.wait().succeeded();
}

#[test]
fn two_daemons_and_other_slips_are_one_clear_sentence() {
    let place = Place::new();
    place.configure("");
    let first = place.daemon();
    // Its database may be read beside it, its socket may not be taken.
    run(&mut place.command()).failed_with(&["another process answers at ", "api.sock"]);
    end(first);

    fs::write(place.path("anomaly.yaml"), "storage:\n  retention_day: 7\n").expect("the folder is ours");
    run(&mut place.command()).failed_with(&["anomaly.yaml:2:3: ", "did you mean retention_days?"]);
    fs::remove_file(place.path("anomaly.yaml")).expect("it is there");
    run(&mut place.command()).failed_with(&["anomaly.yaml", "No such file"]);
}

#[test]
fn a_folder_of_findings_that_cannot_be_used_costs_their_memory_alone() {
    let place = Place::new();
    place.configure("");
    end(place.daemon());
    let findings = place.path("data").join("findings");
    fs::remove_dir_all(&findings).expect("it is there");
    fs::write(&findings, "").expect("the folder is ours");
    let daemon = place.daemon();
    daemon.says("what was novel is remembered until the daemon ends");
    assert_eq!(place.ask("GET", "/readyz", "").0, 200);
    let health = place.get("/v1/health");
    assert!(health["notices"].to_string().contains("findings"), "{health}");
    end(daemon);
}
