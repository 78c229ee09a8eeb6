//! `anomalyctl tune`: what gates would do to the alerts that a Falco already wrote, and the gates.
//!
//! Reading, asking a baseline and writing happen here; how alerts are read, counted and judged is [`anomaly_tune`]'s.
//! Nothing is written that was not shown before: the gates come last, and not at all where nobody read to the end.

mod acts;
mod arguments;
mod baseline;
mod input;
mod summary;
mod write;

use std::io::{self, Write};
use std::path::Path;

use anomaly_baseline::text::printable;
use anomaly_capture::HostRoot;
use anomaly_capture::workload::{HOST, Template, Workloads};
use anomaly_tune::{Alert, Judged, Lines, Place, Report, RuleReport, Tally, page};

pub(crate) use self::arguments::{Arguments, EXAMPLES};
use self::baseline::Baseline;
use self::input::Input;
use crate::failure::{Failure, print, say};
use crate::lines;
use crate::reader::Reader;
use crate::report;
use crate::terminal;

/// What alerts of containers without an image count as.
const UNKNOWN: &str = "unknown container";

/// The longest name of a file in a report, in bytes.
const MAX_NAME: usize = 300;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // What would fail at the end fails at the beginning.
    check(arguments)?;
    let open = |path| lines::Lines::open(path, "read").map(Input::new);
    let inputs = arguments.files.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    let mut baseline =
        arguments.which().map(|which| Baseline::open(&which, &arguments.secrets)).transpose()?;

    let workloads = Workloads::new(HostRoot::new("/"), Template::default());
    let mut tally = Tally::default();
    let mut passed_over = Lines::default();
    for mut input in inputs {
        input.each(&mut passed_over, &mut |alert| {
            let workload = workload(alert, &workloads);
            let judged = judge(alert, workload.as_deref(), baseline.as_mut());
            tally.add(alert, workload.as_deref().unwrap_or(UNKNOWN), judged);
        });
    }
    let name = |path: &Path| printable(&path.display().to_string(), MAX_NAME);
    let files = arguments.files.iter().map(|path| name(path)).collect();
    let report = Report::new(&tally, files, arguments.data.as_deref().map(name), passed_over);
    if report.alerts == 0 {
        return Err(Failure::new(
            "nothing in it is an alert; give what Falco prints with json_output, or an export of its journal",
        ));
    }
    let chosen = choose(arguments, &report)?;
    if let Some(directory) = &arguments.report {
        report::write(directory, &report, &page(&report))?;
        say(&format!("the report is {}", directory.join("report.html").display()));
    }
    let shown = show(arguments, &report, &chosen)?;
    let Some(path) = &arguments.write else { return Ok(()) };
    if shown == Reader::Gone {
        return Err(Failure::new(format!(
            "whoever read standard output left before its end, so {} is not written; let it be read to the end",
            path.display()
        )));
    }
    write::gates(path, arguments.force, &report, &chosen)
}

/// Refuses what could not end well, before anything is read.
fn check(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::new("standard input can be read once; name - one time only"));
    }
    if let Some(path) = &arguments.write {
        if arguments.rule.is_empty() && !arguments.all_noisy {
            return Err(Failure::new(
                "--write needs to know which rules to gate; name them with --rule NAME, or give --all-noisy",
            ));
        }
        write::check(path, arguments.force)?;
    }
    arguments.report.as_deref().map_or(Ok(()), report::prepare)
}

/// Whose alert it is; `None` where that cannot be told.
fn workload(alert: &Alert, workloads: &Workloads) -> Option<String> {
    match &alert.place {
        Place::Workload(name) => Some(name.clone()),
        Place::Host => Some(HOST.to_owned()),
        Place::Container { image, name } => workloads.of_container(image, name).map(|name| name.to_string()),
        Place::Unknown => None,
    }
}

fn judge(alert: &Alert, workload: Option<&str>, baseline: Option<&mut Baseline>) -> Judged {
    if let Some(judged) = Judged::by_itself(alert) {
        return judged;
    }
    match (workload, baseline) {
        (None, _) => Judged::UnknownWorkload,
        (Some(workload), Some(baseline)) => baseline.judge(alert, workload),
        (Some(_), None) => Judged::Unsaid,
    }
}

/// The rules that are shown in full and gated: those that were named, in that order, then those that are recommended.
fn choose<'r>(arguments: &Arguments, report: &'r Report) -> Result<Vec<&'r RuleReport>, Failure> {
    let mut chosen: Vec<&RuleReport> = Vec::new();
    for name in &arguments.rule {
        let rule = report.rule(name).ok_or_else(|| {
            Failure::new(format!(
                "no alert is of the rule {name:?}, so nothing shows what a gate on it would hide; the rules are {}",
                crate::words::list(report.rules.iter().map(|rule| format!("{:?}", rule.rule)), 8)
            ))
        })?;
        if !chosen.iter().any(|other| other.rule == rule.rule) {
            chosen.push(rule);
        }
    }
    if arguments.all_noisy {
        let noisy = report.rules.iter().filter(|rule| rule.advice.recommended);
        let noisy: Vec<_> = noisy.filter(|rule| !arguments.rule.contains(&rule.rule)).collect();
        chosen.extend(noisy);
    }
    Ok(chosen)
}

/// Prints the report; tells whether all of it was read.
fn show(arguments: &Arguments, report: &Report, chosen: &[&RuleReport]) -> Result<Reader, Failure> {
    let width = terminal::width(&io::stdout());
    let text = summary::text(report, chosen, width);
    let mut out = io::stdout().lock();
    let written = if arguments.json {
        print(&summary::rules(report, terminal::width(&io::stderr())));
        anomaly_baseline::json::write(&mut out, report).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        out.write_all(text.as_bytes())
    };
    Reader::of(written.and_then(|()| out.flush()))
}
