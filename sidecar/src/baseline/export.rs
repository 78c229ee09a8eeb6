//! Baselines as one file that a person can read.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anomaly_archive::Columns;
use anomaly_exchange::{Portion, Writer};

use super::arguments::Export;
use super::file::{EMBEDDER, NewFile};
use super::output::Patient;
use super::show::unknown;
use super::{database, oci};
use crate::failure::{Failure, say};
use crate::words::count;

/// What was written.
#[derive(Default)]
struct Counted {
    workloads: u64,
    rows: u64,
}

pub(super) fn run(arguments: &Export) -> Result<ExitCode, Failure> {
    if let Some(directory) = &arguments.oci {
        let (export, counted) = write(arguments, Vec::new())?;
        let digest = oci::write(directory, &arguments.tag, &export)?;
        tell(&counted, directory, &digest);
        return Ok(ExitCode::SUCCESS);
    }
    let Some(path) = &arguments.output else {
        write(arguments, BufWriter::new(Patient::new()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let file = NewFile::create(path, arguments.force)?;
    let (file, counted) = if path.extension().is_some_and(|extension| extension == "parquet") {
        let (columns, counted) = write(arguments, Columns::new(file).map_err(failed)?)?;
        (columns.finish().map_err(failed)?, counted)
    } else {
        write(arguments, file)?
    };
    let digest = file.finish()?;
    tell(&counted, path, &format!("sha256 {digest}"));
    Ok(ExitCode::SUCCESS)
}

fn tell(counted: &Counted, path: &Path, digest: &str) {
    let Counted { workloads, rows } = counted;
    say(&format!(
        "{} with {} written to {}; {digest}",
        count(*workloads, "workload"),
        count(*rows, "row"),
        path.display()
    ));
}

fn failed(error: io::Error) -> Failure {
    Failure::new(format!("the export cannot be written: {error}; make room for it"))
}

fn write<W: Write>(arguments: &Export, out: W) -> Result<(W, Counted), Failure> {
    let mut store = arguments.which.database()?.place.read()?;
    let mut writer = Writer::new(out, &*EMBEDDER).map_err(failed)?;
    let mut counted = Counted::default();
    let (mut missing, mut others) = (arguments.workloads.clone(), Vec::new());
    database::each(&mut store, |portion: Portion| {
        let named = missing.iter().position(|name| *name == portion.workload);
        if let Some(position) = named {
            missing.swap_remove(position);
        } else if !arguments.workloads.is_empty() {
            others.push(portion.workload);
            return Ok(());
        }
        counted.workloads += 1;
        counted.rows += portion.rows.len() as u64;
        writer.write(&portion).map_err(failed)
    })?;
    if let Some(name) = missing.first() {
        return Err(unknown(name, &others));
    }
    Ok((writer.finish().map_err(failed)?, counted))
}
