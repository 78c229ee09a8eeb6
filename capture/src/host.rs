//! Where the host's files are: `/` on the host, a mount point inside a container.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

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

    /// Reads a regular file of the host, at most `limit` bytes of it.
    ///
    /// Others may have written what lies there: a pipe or a device is no file and never waited for, and links, absolute
    /// ones too, stay below the root where the kernel can see to it (5.6 and later).
    ///
    /// # Errors
    /// Those of opening and reading; `FileTooLarge` beyond the limit; `InvalidInput` for what is no regular file.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path.as_ref())?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        if self.0 != Path::new("/") {
            let root =
                openat(CWD, &self.0, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            match openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
                // Older kernels, and sandboxes that do not know the call.
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
                opened => return Ok(opened?.into()),
            }
        }
        Ok(openat(CWD, self.join(path), flags, Mode::empty())?.into())
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
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn absolute_paths_stay_below_the_root() {
        assert_eq!(HostRoot::new("/host").join("/etc/passwd"), Path::new("/host/etc/passwd"));
        assert_eq!(HostRoot::new("/host").proc(), Path::new("/host/proc"));
        assert_eq!(HostRoot::default().join("proc/1"), Path::new("/proc/1"));
    }

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("data")).expect("created");
        fs::write(directory.path().join("data/passwd"), "inside").expect("written");
        symlink("/data", directory.path().join("etc")).expect("linked");
        let root = HostRoot::new(directory.path());
        match root.read("/etc/passwd", 100) {
            Ok(bytes) => assert_eq!(bytes, b"inside"),
            Err(error) => crate::testing::skipped(format!("no openat2 here: {error}")),
        }
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = HostRoot::new(directory.path());
        fs::write(directory.path().join("four"), "four").expect("written");
        assert_eq!(root.read("four", 4).expect("within the limit"), b"four");
        assert_eq!(root.read("four", 3).expect_err("beyond it").kind(), io::ErrorKind::FileTooLarge);
        rustix::fs::mknodat(
            CWD,
            directory.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .expect("a pipe nobody writes to");
        assert_eq!(root.read("pipe", 4).expect_err("not waited for").kind(), io::ErrorKind::InvalidInput);
        assert!(root.read(".", 4).is_err());
        assert!(HostRoot::default().read("/dev/zero", 4).is_err());
    }
}
