//! The built plugin, as a host loads it.
//!
//! Cargo builds no `libanomaly.so` for a test that does not link it, so a stale one may lie in the target directory, and
//! a test of a stale library is worse than none. Cargo's own list of what the library was built from tells.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, io};

use crate::sysdig::{in_ci, repository};

/// Why there is no library to test.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// It was never built.
    #[error("{0} is not there: run `cargo build` first")]
    Missing(PathBuf),
    /// Something was changed since.
    #[error("{library} is older than {source_file}: run `cargo build` first")]
    Stale {
        /// The library.
        library: PathBuf,
        /// What is newer.
        source_file: PathBuf,
    },
    /// It cannot be told.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The library beside the test that runs, or the one that `ANOMALY_LIBRARY` names.
///
/// # Errors
/// Where it is missing, or older than what it is built from.
pub fn built() -> Result<PathBuf, LibraryError> {
    if let Some(path) = env::var_os("ANOMALY_LIBRARY") {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(path) } else { Err(LibraryError::Missing(path)) };
    }
    let test = env::current_exe().map_err(io_error(Path::new("the test's own path")))?;
    // target/debug/deps/test
    let folder = test.ancestors().nth(2).unwrap_or(&test);
    let library = folder.join("libanomaly.so");
    if !library.is_file() {
        return Err(LibraryError::Missing(library));
    }
    let built_at = modified(&library)?;
    let list = folder.join("libanomaly.d");
    let sources = fs::read_to_string(&list).map_err(io_error(&list))?;
    let (_, sources) = sources.split_once(": ").unwrap_or_default();
    for source in sources.replace("\\ ", "\0").split_whitespace() {
        let source_file = repository().join(source.replace('\0', " "));
        if modified(&source_file)? > built_at {
            return Err(LibraryError::Stale { library, source_file });
        }
    }
    Ok(library)
}

/// For the first lines of a test: the library, or `None` after saying that the test is skipped.
///
/// # Panics
/// Where it is stale, and in CI, which builds it, where it is missing. A workspace without the plugin has none.
#[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
pub fn or_skip() -> Option<PathBuf> {
    match built() {
        Ok(path) => Some(path),
        Err(LibraryError::Missing(_)) if !has_sources() => {
            println!("skipped: the plugin is not a member of this workspace");
            None
        }
        Err(LibraryError::Missing(_)) if !in_ci() => {
            println!("skipped: libanomaly.so was not built: run `cargo build` first");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Whether the plugin is built with the workspace.
fn has_sources() -> bool {
    fs::read_to_string(repository().join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("\"plugin\""))
}

fn modified(path: &Path) -> Result<SystemTime, LibraryError> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> LibraryError + '_ {
    |source| LibraryError::Io { path: path.to_owned(), source }
}
