//! Where requests come in: a unix socket, which its mode protects, and loopback.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::ApiError;

/// The longest path that a socket's address takes.
const LONGEST_PATH: usize = 107;

/// How long whoever answers at a socket may take to be noticed.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);

/// A socket's file, which goes away with this.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket there since.
    identity: (u64, u64),
}

impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Where it cannot be removed, the next start replaces it.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// What may be in the place of a socket that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing.
    Free,
    /// A socket that nobody listens on any more.
    Left,
}

/// Fails where a socket could not be made because of what is in its place.
pub(crate) fn place_of_socket(path: &Path) -> Result<Place, ApiError> {
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(ApiError::PathTooLong { path: path.to_owned() });
    }
    let failed = |source| ApiError::Socket { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::Free),
        Err(error) => Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Err(ApiError::NotASocket { path: path.to_owned() })
        }
        Ok(_) if is_answered(path).map_err(failed)? => Err(ApiError::SocketInUse { path: path.to_owned() }),
        Ok(_) => Ok(Place::Left),
    }
}

/// Listens on a unix socket that its owner alone may open. What a dead process left is replaced.
pub(crate) fn on_socket(path: &Path) -> Result<(UnixListener, SocketFile), ApiError> {
    let failed = |source| ApiError::Socket { path: path.to_owned(), source };
    let place = place_of_socket(path)?;
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    if place == Place::Left {
        fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path).map_err(failed)? };
    // In between, the usual mask kept others from writing, which is what connecting asks for.
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, file))
}

/// Whether a process listens there. One that is stuck lets connections wait: that it is there is all that is asked.
fn is_answered(path: &Path) -> io::Result<bool> {
    let (tell, told) = mpsc::channel();
    let owned = path.to_owned();
    thread::spawn(move || tell.send(UnixStream::connect(owned).map(drop)));
    match told.recv_timeout(NOTICED_WITHIN) {
        Ok(Ok(())) | Err(_) => Ok(true),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        // It went away just now.
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(Err(error)) => Err(error),
    }
}

/// Listens on loopback.
pub(crate) fn on_loopback(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ApiError> {
    if !address.ip().is_loopback() {
        return Err(ApiError::NotLoopback { address });
    }
    let failed = |source| ApiError::Tcp { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{on_loopback, on_socket};
    use crate::ApiError;

    #[test]
    fn the_socket_is_its_owners_and_goes_with_its_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made/for/it/api.sock");
        let (_listener, file) = on_socket(&path).expect("it listens");
        let mode = |path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("made/for/it")), 0o700);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.sock");
        let (listener, first) = on_socket(&path).expect("it listens");
        let refused = on_socket(&path).expect_err("somebody answers");
        assert!(matches!(refused, ApiError::SocketInUse { .. }), "{refused}");
        drop(listener);
        // It stays on the disk under another name, so that its inode is not given away.
        fs::rename(&path, folder.path().join("aside.sock")).expect("renamed");
        let (listener, second) = on_socket(&path).expect("nobody answers");
        drop(first);
        assert!(path.exists(), "the first has taken away the second's socket");
        drop(listener);
        std::mem::forget(second);
        on_socket(&path).expect("nobody answers any more");
    }

    #[test]
    fn other_peoples_files_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").expect("written");
        assert!(matches!(on_socket(&path), Err(ApiError::NotASocket { .. })));
        assert_eq!(fs::read(&path).expect("still there"), b"mine");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert!(matches!(on_socket(&link), Err(ApiError::NotASocket { .. })));
        assert!(matches!(on_socket(&folder.path().join("x".repeat(120))), Err(ApiError::PathTooLong { .. })));
    }

    #[test]
    fn nothing_but_loopback() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = on_loopback(address.parse().expect("an address")).expect_err("not loopback");
            assert!(matches!(refused, ApiError::NotLoopback { .. }), "{refused}");
        }
        let (_listener, bound) = on_loopback("127.0.0.1:0".parse().expect("an address")).expect("it listens");
        assert_ne!(bound.port(), 0);
    }
}
