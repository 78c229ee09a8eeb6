//! Where the database, the configuration and the daemon's socket are when nobody says.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anomaly_config::Config;

use crate::failure::Failure;

/// The machine's configuration, which the shipped unit, container and pod read.
pub(crate) const CONFIG: &str = "/etc/falco-anomaly/anomaly.yaml";

/// The folder of the socket, of root.
const RUNTIME: &str = "/run/falco-anomaly";

/// The machine's database, shared by the plugin and the sidecar that run as root.
pub(crate) const SYSTEM: &str = "/var/lib/falco-anomaly";

/// The folder's name inside a user's data directory.
const USER: &str = "falco-anomaly";

/// The database's default directory: the machine's for root, the user's own otherwise.
///
/// # Errors
/// Where a user has neither `XDG_DATA_HOME` nor `HOME`.
pub(crate) fn default_data_directory() -> Result<PathBuf, Failure> {
    let root = rustix::process::geteuid().is_root();
    choose(root, env::var_os("XDG_DATA_HOME"), env::var_os("HOME")).ok_or_else(|| {
        Failure::new(
            "neither XDG_DATA_HOME nor HOME names a directory for the database; give one with --data DIR",
        )
    })
}

/// The socket that a daemon with this configuration answers on.
///
/// # Errors
/// Where the configuration names none and a user has no `XDG_RUNTIME_DIR`.
pub(crate) fn socket(config: &Config) -> Result<PathBuf, Failure> {
    config.api.socket.clone().map_or_else(default_socket, Ok)
}

/// The socket where nobody says: in the runtime directory.
fn default_socket() -> Result<PathBuf, Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(RUNTIME).join("api.sock"));
    }
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(path) => Ok(path.join("falco-anomaly/api.sock")),
        None => Err(Failure::new(
            "XDG_RUNTIME_DIR names no directory for the socket; write api.socket in the configuration",
        )),
    }
}

/// The database of a daemon with this configuration.
///
/// # Errors
/// As [`default_data_directory`], where the configuration names none.
pub(crate) fn data(config: &Config) -> Result<PathBuf, Failure> {
    config.storage.path.clone().map_or_else(default_data_directory, Ok)
}

/// The choice itself. Relative paths in the variables are ignored, as the XDG specification asks.
fn choose(root: bool, data_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from(SYSTEM));
    }
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| Path::is_absolute(path));
    absolute(data_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/share")))
        .map(|base| base.join(USER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_machines_and_users_their_own() {
        let os = |text: &str| Some(OsString::from(text));
        assert_eq!(choose(true, os("/x"), os("/h")), Some(PathBuf::from("/var/lib/falco-anomaly")));
        assert_eq!(choose(false, os("/x"), os("/h")), Some(PathBuf::from("/x/falco-anomaly")));
        assert_eq!(choose(false, None, os("/h")), Some(PathBuf::from("/h/.local/share/falco-anomaly")));
        assert_eq!(choose(false, os("not/absolute"), os("/h")), choose(false, None, os("/h")));
        assert_eq!(choose(false, os(""), None), None);
    }
}
