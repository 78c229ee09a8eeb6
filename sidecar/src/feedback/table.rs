//! What these commands print of executions, and how they print.

use std::io::{self, Write};

use anomaly_baseline::RowView;
use anomaly_baseline::text::printable;
use anomaly_vectorizer::Execution;
use serde::Serialize;

use crate::failure::Failure;
use crate::reader::Reader;
use crate::table::Table;
use crate::terminal::{self, fit};
use anomaly_daemon::ids::Id;

/// How much of a command line is shown, in bytes.
const MAX_COMMAND: usize = 400;

/// How much of a name is shown, in bytes.
const MAX_NAME: usize = 200;

/// How many columns of a terminal a workload's name takes at most.
const NAME_COLUMNS: usize = 32;

/// Executions that are listed when they were touched.
const LISTED: usize = 20;

/// The rows that a decision touches.
pub(super) fn touched(rows: &[RowView]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["ID", "STATE", "WORKLOAD", "PARENT > NAME (UID)"]);
    for row in rows.iter().take(LISTED) {
        let cells = vec![
            Id::of_row(row).short(),
            row.state.as_str().to_owned(),
            workload(&row.workload),
            group(&row.execution),
        ];
        table.row(cells, vec![command(&row.execution)]);
    }
    let mut text = table.text(terminal::width(&io::stdout()));
    if rows.len() > LISTED {
        text.push_str(&format!("and {} more (--json lists them)\n", rows.len() - LISTED));
    }
    text
}

/// `nginx > sh (33)`
pub(crate) fn group(execution: &Execution) -> String {
    let Execution { parent, name, uid, .. } = execution;
    let name = if name.is_empty() { "(no name)".to_owned() } else { printable(name, MAX_NAME) };
    let parent =
        if parent.is_empty() { String::new() } else { format!("{} > ", printable(parent, MAX_NAME)) };
    format!("{parent}{name} ({uid})")
}

/// A workload's name, as much as fits a column.
pub(crate) fn workload(name: &str) -> String {
    fit(&printable(name, MAX_NAME), NAME_COLUMNS)
}

/// A command line; the name where there is none.
pub(super) fn command(execution: &Execution) -> String {
    let command = execution.command_line();
    printable(if command.is_empty() { &execution.name } else { &command }, MAX_COMMAND)
}

/// Prints a value as one line of JSON that is safe on a terminal.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = Vec::new();
    anomaly_baseline::json::write(&mut line, value)
        .map_err(|error| Failure::new(format!("the result cannot be written as JSON: {error}")))?;
    line.push(b'\n');
    Reader::of(io::stdout().lock().write_all(&line)).map(drop)
}

/// Prints text that is safe already.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    Reader::of(io::stdout().lock().write_all(text.as_bytes())).map(drop)
}
