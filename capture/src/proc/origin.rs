//! Where an executable comes from: an ordinary file, memory alone, a deleted file, a container's writable layer.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use anomaly_vectorizer::context::ExecutableFlag;
use rustix::fs::{Mode, OFlags, fstatfs, openat};

use super::{MAX_FILE, Process};
use crate::HostRoot;

/// `OVERLAYFS_SUPER_MAGIC` (include/uapi/linux/magic.h).
const OVERLAY: u64 = 0x794c_7630;

/// An executable's path and what is special about it.
pub(super) struct Executable {
    pub(super) path: Vec<u8>,
    /// `None` where it cannot be told.
    pub(super) flags: Option<Vec<ExecutableFlag>>,
}

/// The executable of `process`; `None` where its link may not be read. `buffer` is scratch.
pub(super) fn executable(process: &Process, root: &HostRoot, buffer: &mut Vec<u8>) -> Option<Executable> {
    let mut path = process.link("exe").ok()?;
    let deleted = path.strip_suffix(b" (deleted)").map(<[u8]>::len);
    if let Some(length) = deleted {
        path.truncate(length);
    }
    if path.starts_with(b"/memfd:") {
        // A memfd is always shown as deleted, which says nothing more.
        return Some(Executable { path, flags: Some(vec![ExecutableFlag::Memfd]) });
    }
    let mut flags: Vec<_> = deleted.map(|_| ExecutableFlag::Deleted).into_iter().collect();
    let in_upper = match on_overlay(process) {
        // A deleted file's name leads nowhere, or to another file.
        Some(true) if deleted.is_none() => in_upper_layer(process, root, &path, buffer),
        Some(_) => Some(false),
        None => None,
    };
    flags.extend((in_upper == Some(true)).then_some(ExecutableFlag::UpperLayer));
    let told = in_upper.is_some();
    Some(Executable { path, flags: told.then_some(flags) })
}

fn on_overlay(process: &Process) -> Option<bool> {
    let executable = openat(&process.directory, "exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    Some(fstatfs(executable).ok()?.f_type as u64 == OVERLAY)
}

/// Whether the file lies in the upper directory of the overlay that it was executed from.
fn in_upper_layer(process: &Process, root: &HostRoot, path: &[u8], buffer: &mut Vec<u8>) -> Option<bool> {
    process.read("mountinfo", 16 * MAX_FILE, buffer).ok()?;
    let Some(Layer { directory, file }) = upper_layer(buffer, path)? else { return Some(false) };
    let host = |path: &[u8]| root.join(Path::new(OsStr::from_bytes(path)));
    match host(&file).symlink_metadata() {
        // A whiteout is a character device; an executed file is a regular one.
        Ok(metadata) => Some(metadata.is_file()),
        // Only where the layer itself is in sight does the file's absence mean anything.
        Err(_) => host(&directory).is_dir().then_some(false),
    }
}

/// An overlay's upper layer, as paths of the host.
#[derive(Debug, PartialEq, Eq)]
struct Layer {
    directory: Vec<u8>,
    /// Where the file would be that was looked for.
    file: Vec<u8>,
}

/// Finds, in a process's `mountinfo`, the overlay that holds `path`, and its upper layer: `Some(None)` where it has
/// none, `None` where no mount holds the path, or the layer's own path only means something to who mounted it.
fn upper_layer(mountinfo: &[u8], path: &[u8]) -> Option<Option<Layer>> {
    let mut best: Option<(usize, Option<Layer>)> = None;
    for line in mountinfo.split(|&byte| byte == b'\n') {
        // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        let mut fields = line.split(|&byte| byte == b' ');
        let (Some(within), Some(point)) = (fields.nth(3), fields.next()) else { continue };
        let (within, point) = (unescape(within), unescape(point));
        let Some(rest) = below(path, &point) else { continue };
        // A later mount on the same point covers an earlier one.
        if best.as_ref().is_some_and(|(length, _)| *length > point.len()) {
            continue;
        }
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let (kind, options) = (fields.next(), fields.nth(1));
        let upper = options.filter(|_| kind == Some(b"overlay")).and_then(|options| {
            options.split(|&byte| byte == b',').find_map(|option| option.strip_prefix(b"upperdir="))
        });
        let layer = upper.map(|upper| {
            let mut directory = unescape(upper);
            directory.extend_from_slice(if within == b"/" { b"" } else { &within });
            let file = [&directory, &b"/"[..], rest].concat();
            Layer { directory, file }
        });
        best = Some((point.len(), layer));
    }
    let (_, layer) = best?;
    layer.as_ref().is_none_or(|layer| layer.directory.starts_with(b"/")).then_some(layer)
}

/// What remains of `path` below the mount point `point`.
fn below<'a>(path: &'a [u8], point: &[u8]) -> Option<&'a [u8]> {
    let point = point.strip_suffix(b"/").unwrap_or(point);
    path.strip_prefix(point)?.strip_prefix(b"/")
}

/// Undoes the kernel's octal escapes of space, tab, newline and backslash.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let code = match (byte, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        plain.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"1 0 0:1 / / rw - ext4 /dev/vda rw\n\
        2 1 0:2 / /srv\\040a rw,relatime master:3 - overlay overlay rw,lowerdir=/l,upperdir=/u\\040p/diff,workdir=/w\n\
        3 2 0:3 / /srv\\040a/data rw - tmpfs tmpfs rw\n\
        4 1 0:4 / /frozen ro - overlay overlay ro,lowerdir=/l1:/l2\n\
        5 1 0:5 / /lost rw - overlay overlay rw,lowerdir=l,upperdir=u,workdir=w\n";

    #[test]
    fn the_innermost_mount_decides() {
        let at = |path: &[u8]| upper_layer(MOUNTS, path);
        let layer = Layer { directory: b"/u p/diff".to_vec(), file: b"/u p/diff/bin/x".to_vec() };
        assert_eq!(at(b"/srv a/bin/x"), Some(Some(layer)));
        assert_eq!(at(b"/srv a/data/x"), Some(None));
        assert_eq!(at(b"/srv ab/x"), Some(None), "another directory that begins alike");
        assert_eq!(at(b"/frozen/x"), Some(None));
        assert_eq!(at(b"/lost/x"), None, "a layer by a path from who knows where");
        assert_eq!(upper_layer(b"", b"/x"), None);
    }

    #[test]
    fn only_octal_escapes_are_undone() {
        assert_eq!(unescape(b"a\\040b\\"), b"a b\\");
        assert_eq!(unescape(b"\\999\\04"), b"\\999\\04");
    }
}
