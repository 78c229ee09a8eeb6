//! One row as a line of JSON. Text goes as it is, whatever it holds: nothing is lost but what was no text.

use std::sync::Arc;

use anomaly_scored::ScoredExecution;
use anomaly_vectorizer::Kind;
use anomaly_vectorizer::context::{ExecutableFlag, InheritedSocket, SocketFamily};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::event::Event;

/// The columns of the table, in its order. What is not known is empty, or null where nothing would be a value.
#[derive(Debug, Serialize)]
struct Row<'a> {
    date: String,
    time: String,
    micros: i64,
    id: &'a str,
    host: &'a str,
    org: &'a str,
    workload: &'a str,
    feed: &'a str,
    pid: u32,
    ppid: u32,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    exe: &'a str,
    kind: Kind,
    args: &'a [String],
    object: &'a str,
    flags: &'a [String],
    command: &'a str,
    tty: Option<u8>,
    loginuid: Option<u32>,
    exe_flags: &'a [ExecutableFlag],
    sockets: Vec<String>,
    anomaly_score: Option<f64>,
    distance: Option<f64>,
    smoothed: Option<f64>,
    threshold: f64,
    level: &'static str,
    novel: u8,
    first: u8,
    seen: u64,
    standing: &'a str,
    held: u8,
    reason: &'a str,
    nearest: &'a str,
    nearest_seen: u64,
    label: &'a str,
    session: &'a str,
    phase: &'a str,
}

/// The year 2100, in seconds: the older servers' calendars end in 2105. Only recordings claim such times.
const LAST: i64 = 4_102_444_799;

/// A batch, one line for each row.
pub(super) fn rows(batch: &[Arc<Event>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.iter().map(|event| event.weight()).sum());
    for event in batch {
        serde_json::to_writer(&mut out, &row(event.scored()))
            .expect("a row is text, numbers and lists, and memory takes every byte");
        out.push(b'\n');
    }
    out
}

fn row(execution: &ScoredExecution) -> Row<'_> {
    let micros = execution.micros();
    let second = micros.div_euclid(1_000_000).clamp(0, LAST);
    let time = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    let surroundings = &execution.surroundings;
    let recorded = &execution.recorded;
    let value = |score: Option<anomaly_baseline::Score>| score.map(anomaly_baseline::Score::value);
    Row {
        date: time.strftime("%Y-%m-%d").to_string(),
        time: time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        micros,
        id: &execution.id,
        host: &execution.host,
        org: &execution.org,
        workload: &execution.workload,
        feed: &execution.feed,
        pid: execution.pid,
        ppid: execution.ppid,
        name: &execution.name,
        parent: &execution.parent,
        grandparent: &execution.grandparent,
        uid: execution.uid,
        exe: &execution.exe,
        kind: execution.kind.unwrap_or_default(),
        args: execution.args.as_deref().unwrap_or_default(),
        object: execution.object.as_deref().unwrap_or_default(),
        flags: execution.flags.as_deref().unwrap_or_default(),
        command: &execution.command,
        tty: surroundings.tty.map(u8::from),
        loginuid: surroundings.loginuid,
        exe_flags: surroundings.exe_flags.as_deref().unwrap_or_default(),
        sockets: surroundings.sockets.iter().flatten().map(socket).collect(),
        anomaly_score: value(execution.score),
        distance: value(execution.distance),
        smoothed: value(execution.smoothed),
        threshold: execution.threshold.value(),
        level: execution.level.as_str(),
        novel: execution.novel.into(),
        first: execution.first.into(),
        seen: execution.seen,
        standing: &execution.standing,
        held: execution.held.into(),
        reason: execution.reason.as_deref().unwrap_or_default(),
        nearest: execution.nearest.as_deref().unwrap_or_default(),
        nearest_seen: execution.nearest_seen.unwrap_or_default(),
        label: recorded.label.as_deref().unwrap_or_default(),
        session: recorded.session.as_deref().unwrap_or_default(),
        phase: recorded.phase.as_deref().unwrap_or_default(),
    }
}

/// `0 inet 10.0.0.1:22 203.0.113.9:4444`: descriptor, family, local and remote address; a dash for what is not known.
fn socket(socket: &InheritedSocket) -> String {
    let family = match socket.family {
        SocketFamily::Unix => "unix",
        SocketFamily::Inet => "inet",
        SocketFamily::Inet6 => "inet6",
        SocketFamily::Other => "other",
    };
    let show =
        |address: Option<std::net::SocketAddr>| address.map_or("-".to_owned(), |address| address.to_string());
    format!("{} {family} {} {}", socket.fd, show(socket.local), show(socket.remote))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::super::schema::COLUMNS;
    use super::*;
    use crate::testing::execution;

    fn read(execution: ScoredExecution) -> Map<String, Value> {
        let text = rows(&[Arc::new(Event::new(Arc::new(execution)))]);
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&text).expect("JSON")
    }

    #[test]
    fn a_row_has_the_columns_of_the_table_and_no_others() {
        let text = serde_json::to_string(&row(&execution(1))).expect("JSON");
        let mut at = 0;
        for (name, kind) in COLUMNS {
            let key = format!("\"{name}\":");
            at += text[at..].find(&key).unwrap_or_else(|| panic!("{name} is missing or not in its place"))
                + key.len();
            let value = &text[at..];
            let fits = match kind {
                "String" | "Date" | "DateTime('UTC')" => value.starts_with('"'),
                "Array(String)" => value.starts_with('['),
                _ => value.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == 'n'),
            };
            assert!(fits, "{name} is no {kind}: {value}");
        }
        let object: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(object.len(), COLUMNS.len());
    }

    #[test]
    fn times_are_utc_and_stay_in_every_servers_calendar() {
        let at = |time: f64| {
            let row = read(ScoredExecution { time, ..execution(1) });
            [row["date"].clone(), row["time"].clone(), row["micros"].clone()]
        };
        assert_eq!(
            at(1_772_438_400.25),
            [json!("2026-03-02"), json!("2026-03-02 08:00:00"), json!(1_772_438_400_250_000_i64)]
        );
        assert_eq!(at(-5.0)[..2], [json!("1970-01-01"), json!("1970-01-01 00:00:00")]);
        assert_eq!(at(1e18)[..2], [json!("2099-12-31"), json!("2099-12-31 23:59:59")]);
        assert_eq!(at(f64::NAN)[..2], [json!("1970-01-01"), json!("1970-01-01 00:00:00")]);
    }

    #[test]
    fn what_is_not_known_is_empty_or_null() {
        let learning =
            ScoredExecution { score: None, args: None, reason: None, nearest_seen: None, ..execution(1) };
        let row = read(learning);
        assert_eq!((&row["anomaly_score"], &row["args"]), (&Value::Null, &json!([])));
        assert_eq!(
            (&row["reason"], &row["nearest_seen"], &row["tty"]),
            (&json!(""), &json!(0), &Value::Null)
        );
    }

    proptest! {
        #[test]
        fn text_is_sent_as_it_is(command in "(?s).{0,80}", args in prop::collection::vec("(?s).{0,20}", 0..4)) {
            let row = read(ScoredExecution { command: command.clone(), args: Some(args.clone()), ..execution(1) });
            prop_assert_eq!(&row["command"], &json!(command));
            prop_assert_eq!(&row["args"], &json!(args));
        }
    }
}
