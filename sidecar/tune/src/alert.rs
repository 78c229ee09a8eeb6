//! One of Falco's alerts, as it prints them with `json_output`, and what of it concerns a gate.

use anomaly_baseline::Score;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::bounds;

/// What a line of JSON was.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// An alert.
    Alert(Box<Alert>),
    /// What Falco says of itself: its log in a journal, its metrics among the alerts.
    Log,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The rule's name, as Falco prints it: any characters.
    pub rule: String,
    /// How urgent the rule calls itself.
    pub priority: Priority,
    /// Whether the event came from the kernel. Gates know no other.
    pub of_syscalls: bool,
    /// Microseconds since the Unix epoch.
    pub time: i64,
    /// What the event was.
    pub about: About,
    /// Whose alert it is.
    pub place: Place,
    /// What the alert itself says of its novelty.
    pub told: Told,
    /// Whether it says that the workload was being learned.
    pub learning: bool,
    /// The sentence that Falco made of it; empty where it is left out.
    pub output: String,
    /// Its output fields.
    pub fields: Fields,
}

/// How urgent a rule calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Below `CRITICAL`, or not told.
    Usual,
    /// `CRITICAL` and above: gated only by name.
    Critical,
}

/// What an alert's event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A program that started.
    Execution,
    /// Something else that a program did.
    Act,
    /// The alert does not say: `evt.type` is not among its fields.
    Unsaid,
}

/// Whose alert it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The plugin's own word for the workload, which a baseline has under this name.
    Workload(String),
    /// A container's image and name, from which the workload's name is made.
    Container {
        /// The image as Falco prints it.
        image: String,
        /// The container's name; may be empty.
        name: String,
    },
    /// No container.
    Host,
    /// A container whose image is not told.
    Unknown,
}

/// What an alert says of its event's novelty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Its score.
    Score(Score),
    /// That there was none.
    NoScore,
    /// Nothing: the field is not among the alert's.
    Nothing,
}

/// An alert's output fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Map<String, Value>);

/// The keys of an alert, and the one of a journal's entry. Whatever else is in a line is passed over.
#[derive(Debug, Deserialize)]
struct Raw {
    rule: Option<Value>,
    time: Option<Value>,
    priority: Option<Value>,
    source: Option<Value>,
    output: Option<Value>,
    output_fields: Option<Value>,
    #[serde(rename = "MESSAGE")]
    message: Option<Value>,
}

/// Reads a line: an alert, or an entry of a journal (`journalctl -o json`) with one in its message.
///
/// # Errors
/// What is wrong with the line, in a few words.
pub fn read(line: &[u8]) -> Result<Line, String> {
    let raw: Raw = parse(line)?;
    match raw.message {
        Some(ref message) if raw.rule.is_none() => of_journal(message),
        _ => of_falco(raw),
    }
}

fn parse(line: &[u8]) -> Result<Raw, String> {
    serde_json::from_slice(line).map_err(|error| {
        if error.is_eof() {
            return format!("cut in the middle, at column {}", error.column());
        }
        let text = error.to_string();
        match text.rsplit_once(" at line ") {
            Some((text, _)) => format!("no JSON object: {text} at column {}", error.column()),
            None => format!("no JSON object: {text}"),
        }
    })
}

/// A journal's message: text, or its bytes as numbers where they are no text; null where it was too long.
fn of_journal(message: &Value) -> Result<Line, String> {
    let bytes = match message {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(bytes) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            bytes
                .iter()
                .map(byte)
                .collect::<Option<_>>()
                .ok_or("MESSAGE is a list of something else than bytes")?
        }
        Value::Null => return Err("the journal left MESSAGE out as too long; export with --all".into()),
        _ => return Err("MESSAGE is neither text nor bytes".into()),
    };
    of_message(&bytes)
}

/// The message of a journal's entry.
pub(crate) fn of_message(message: &[u8]) -> Result<Line, String> {
    let message = message.trim_ascii();
    if message.first() != Some(&b'{') {
        return Ok(Line::Log);
    }
    of_falco(parse(message)?)
}

fn of_falco(raw: Raw) -> Result<Line, String> {
    match raw.source.as_ref().and_then(Value::as_str) {
        Some("internal") => Ok(Line::Log),
        _ => alert(raw).map(Box::new).map(Line::Alert),
    }
}

fn alert(raw: Raw) -> Result<Alert, String> {
    let Raw { rule, time, priority, source, output, output_fields, message: _ } = raw;
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let fields = match (output_fields, &rule) {
        (Some(Value::Object(fields)), _) => Fields(fields),
        (None | Some(Value::Null), None) => {
            return Err("neither rule nor output_fields: another tool's JSON".into());
        }
        (None, _) => {
            return Err("no output_fields: Falco prints them with json_include_output_fields_property".into());
        }
        (Some(_), _) => return Err("output_fields is no object".into()),
    };
    let rule = text(rule).ok_or("no rule's name")?;
    if rule.is_empty() || rule.len() > bounds::NAME {
        return Err(format!("the rule's name has {} bytes", rule.len()));
    }
    let about = match fields.text("evt.type") {
        Some("execve" | "execveat" | "anomaly_exec") => About::Execution,
        Some(_) => About::Act,
        None => About::Unsaid,
    };
    let own = || fields.told("anomaly.score");
    let of_event = fields.told("anomaly.event_score");
    let told = match (about, of_event) {
        (About::Execution, of_event) => match own() {
            Told::Nothing => of_event,
            own => own,
        },
        // The process's score says nothing of what the process did there.
        (_, of_event) => of_event,
    };
    Ok(Alert {
        time: time_of(&fields, time.as_ref())?,
        priority: match text(priority).as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("critical" | "alert" | "emergency") => Priority::Critical,
            _ => Priority::Usual,
        },
        of_syscalls: text(source).is_none_or(|source| source == "syscall"),
        place: fields.place(),
        learning: fields.text("anomaly.level") == Some("learning"),
        output: text(output).unwrap_or_default(),
        rule,
        about,
        told,
        fields,
    })
}

/// The event's own time where that is printed, else the alert's.
fn time_of(fields: &Fields, time: Option<&Value>) -> Result<i64, String> {
    if let Some(nanoseconds) = fields.number("evt.time") {
        return Ok(nanoseconds / 1_000);
    }
    let text = time.and_then(Value::as_str).ok_or("neither time nor evt.time")?;
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "time is no time such as 2026-03-02T08:00:00.123456789Z")?;
    Ok(time.as_microsecond())
}

impl Fields {
    /// A field's text; what Falco could not tell is missing.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !["", "<NA>", "N/A"].contains(text))
    }

    /// A number, which some releases and forwarders print as text.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A user's or a process's number; -1 stands for the largest, as in the kernel.
    pub fn id(&self, name: &str) -> Option<u32> {
        match self.number(name)? {
            -1 => Some(u32::MAX),
            number => number.try_into().ok(),
        }
    }

    /// What a field with a score says. What is no score counts as nothing said.
    fn told(&self, name: &str) -> Told {
        let score = match self.0.get(name) {
            None => return Told::Nothing,
            Some(Value::Null) => return Told::NoScore,
            Some(Value::String(text)) if ["", "<NA>", "N/A"].contains(&text.as_str()) => {
                return Told::NoScore;
            }
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.to_string().parse().ok(),
            Some(_) => None,
        };
        score.map_or(Told::Nothing, Told::Score)
    }

    fn place(&self) -> Place {
        if let Some(workload) = self.text("anomaly.workload") {
            return Place::Workload(workload.to_owned());
        }
        let image = self.text("container.image.repository").or_else(|| self.text("container.image"));
        match (image, self.text("container.id")) {
            (Some(image), _) => Place::Container {
                image: image.to_owned(),
                name: self.text("container.name").unwrap_or_default().to_owned(),
            },
            (None, None | Some("host")) => Place::Host,
            (None, Some(_)) => Place::Unknown,
        }
    }
}
