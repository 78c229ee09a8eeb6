//! The examples of `docs/api.md` are run as they stand there, but for where the daemon is.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Rig, TOKEN};

/// The shell examples, without their settings: those are the tests'.
fn examples(document: &str) -> Vec<String> {
    let mut blocks = document.split("```sh\n").skip(1);
    let settings = |line: &&str| !["SOCKET=", "API=", "TOKEN="].iter().any(|name| line.starts_with(name));
    std::iter::from_fn(|| blocks.next())
        .map(|block| block.split_once("```").expect("every block ends").0)
        .map(|block| block.lines().filter(settings).collect::<Vec<_>>().join("\n"))
        .collect()
}

#[test]
fn every_example_works() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
        assert!(!in_ci, "CI has curl");
        println!("skipped: the examples of docs/api.md are not run: there is no curl");
        return;
    }
    let mut documents =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("docs/api.md"));
    let document = documents.find(|path| path.exists()).expect("it is in the project");
    let document = std::fs::read_to_string(document).expect("it is text");
    let rig = Rig::new();
    let [door, _] = rig.doors();
    let finding = door.get("/v1/findings?limit=1").json()["findings"][0].clone();
    let held = door.get("/v1/held?limit=1").json()["groups"][0].clone();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let examples = examples(&document);
    assert_eq!(examples.len(), 4, "{examples:?}");
    let mut asked = 0;
    for example in examples {
        // An answer of 400 or more ends it.
        let script = format!(
            "curl() {{ command curl --no-progress-meter --fail-with-body --noproxy '*' \"$@\" || exit 1; echo; }}\n{example}"
        );
        let output = Command::new("sh")
            .args(["-euc", &script])
            .env("SOCKET", &rig.socket)
            .env("API", format!("http://{}", rig.address))
            .env("TOKEN", TOKEN)
            .env("NEXT", text(&finding["id"]))
            .env("ID", text(&finding["executions"][0]))
            .env("GROUP", text(&held["id"]))
            .env("SHOWN", held["executions"].to_string())
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{example}\n{said}{}", String::from_utf8_lossy(&output.stderr));
        asked +=
            example.lines().filter(|line| line.starts_with("curl ") || line.starts_with("decide '")).count();
    }
    assert_eq!(asked, 13);
    assert_eq!(rig.server.counters().requests(200), asked as u64 + 2);
}
