//! Where the host's files are: `/` on the host, a mount point inside a container.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The directory under which the host's `/proc`, `/sys`, `/run`, `/var` and `/etc` are found.
///
/// A container that watches its host mounts the host's root somewhere and says where in `HOST_ROOT`, as Falco's own
/// containers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoot(PathBuf);

impl HostRoot {
    /// The environment variable that names the directory.
    pub const VARIABLE: &'static str = "HOST_ROOT";

    /// The root at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// From `HOST_ROOT`, or `/` where that is unset or empty.
    pub fn from_env() -> Self {
        env::var_os(Self::VARIABLE).filter(|root| !root.is_empty()).map_or_else(Self::default, Self::new)
    }

    /// Where a path of the host is found. A leading slash of `path` is no way out of the root; `..` is the caller's
    /// business.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The host's `/proc`.
    pub fn proc(&self) -> PathBuf {
        self.join("proc")
    }
}

impl Default for HostRoot {
    fn default() -> Self {
        Self::new("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_stay_below_the_root() {
        assert_eq!(HostRoot::new("/host").join("/etc/passwd"), Path::new("/host/etc/passwd"));
        assert_eq!(HostRoot::new("/host").proc(), Path::new("/host/proc"));
        assert_eq!(HostRoot::default().join("proc/1"), Path::new("/proc/1"));
    }
}
