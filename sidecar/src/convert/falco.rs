//! Falco's alerts as it prints them with `json_output`: an object with `time`, `rule` and `output_fields`.
//!
//! An alert is about an event, and only some are about a program that starts. One that names another kind of event, or
//! that carries no process, is no execution; one without `evt.type` is taken for one, because most rules about programs
//! are. Falco joins arguments with blanks, so an argument with a blank in it comes apart here: the price of alerts
//! instead of a recording.

use anomaly_capture::workload::Workloads;
use anomaly_tune::Fields;
use anomaly_vectorizer::Surroundings;
use serde_json::{Map, Value};

use super::execution::Found;

/// What a line was.
#[derive(Debug, PartialEq)]
pub(super) enum Alert {
    /// A program that started.
    Execution(Box<Found>),
    /// An alert about something else.
    Other,
}

/// Reads one alert; an error says what is wrong with it.
pub(super) fn alert(line: &[u8], workloads: &Workloads) -> Result<Alert, String> {
    let mut alert: Map<String, Value> = serde_json::from_slice(line).map_err(|error| reason(&error))?;
    let fields = match alert.remove("output_fields") {
        Some(Value::Object(fields)) => Fields(fields),
        Some(_) => return Err("output_fields is no object".into()),
        None => return Err("no output_fields: an alert printed by Falco with json_output has them".into()),
    };
    if fields.text("evt.type").is_some_and(|kind| !kind.starts_with("execve")) {
        return Ok(Alert::Other);
    }
    let Some(mut found) = found(&fields) else { return Ok(Alert::Other) };
    found.time = fields.number("evt.time").map(|nanoseconds| nanoseconds / 1_000).map_or_else(
        || alert.get("time").and_then(Value::as_str).ok_or("neither time nor evt.time").and_then(timestamp),
        Ok,
    )?;
    found.workload = workload(&fields, workloads)?;
    Ok(Alert::Execution(Box::new(found)))
}

/// The execution that an alert's output fields tell of, without its time and workload; `None` where they name no program.
pub(crate) fn found(fields: &Fields) -> Option<Found> {
    let command_line = fields.text("proc.cmdline").unwrap_or_default();
    let name = fields
        .text("proc.name")
        .or_else(|| command_line.split(' ').next().filter(|name| !name.is_empty()))?;
    Some(Found {
        name: name.into(),
        parent: fields.text("proc.pname").unwrap_or_default().into(),
        grandparent: fields.text("proc.aname[2]").unwrap_or_default().into(),
        exe: fields.text("proc.exepath").unwrap_or_default().into(),
        args: arguments(fields, name, command_line),
        uid: fields.id("user.uid").unwrap_or(0),
        pid: fields.id("proc.pid").unwrap_or(0),
        ppid: fields.id("proc.ppid").unwrap_or(0),
        time: 0,
        workload: None,
        surroundings: Surroundings {
            tty: fields.number("proc.tty").map(|tty| tty != 0),
            loginuid: fields.id("user.loginuid"),
            ..Surroundings::default()
        },
    })
}

/// `proc.exe` is the first argument, `proc.args` the others; a command line begins with the program's name instead.
fn arguments(fields: &Fields, name: &str, command_line: &str) -> Vec<Vec<u8>> {
    // A name may have blanks; where the command line begins with another one, its first word is that.
    let behind_name = command_line.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with(' '));
    let behind_word = || command_line.split_once(' ').map(|(_, rest)| rest);
    let rest = fields.text("proc.args").or(behind_name).or_else(behind_word).unwrap_or_default();
    let first = fields.text("proc.exe").unwrap_or(name);
    let rest = rest.split(' ').filter(|word| !word.is_empty());
    std::iter::once(first).chain(rest).map(|argument| argument.as_bytes().to_vec()).collect()
}

/// The container's image; `None` for the host.
fn workload(fields: &Fields, workloads: &Workloads) -> Result<Option<String>, String> {
    let image = fields.text("container.image.repository").or_else(|| fields.text("container.image"));
    if let Some(image) = image {
        let name = fields.text("container.name").unwrap_or_default();
        return match workloads.of_container(image, name) {
            Some(workload) => Ok(Some(workload.to_string())),
            None => Err("container.image.repository names no image".into()),
        };
    }
    match fields.text("container.id") {
        None | Some("host") => Ok(None),
        Some(_) => Err("a container without container.image.repository, so its workload is not known".into()),
    }
}

/// Microseconds of a time as RFC 3339 has it.
fn timestamp(text: &str) -> Result<i64, &'static str> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "time is no time such as 2026-03-02T08:00:00.123456789Z")?;
    Ok(time.as_microsecond())
}

/// What the parser objects to, without the line that it counted itself.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) => format!("{text} at column {}", error.column()),
        None => text,
    }
}
