//! Getting what LanceDB wrote onto the disk.
//!
//! LanceDB never syncs. What it commits is in the page cache: it survives the process and not the machine. So after
//! each commit this walks the table's directory, syncs every file that is not known to be on the disk, then every
//! folder whose entries changed. Syncing those files alone, and not the file system, keeps a busy host's dirty pages
//! out of our way. A table that is new to this process starts with nothing known: what a killed predecessor wrote
//! may be read from the page cache and not be on the disk, and our next commit builds upon it.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// What tells one content of a path from another. LanceDB replaces files and never writes into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A directory tree and what of it is on the disk.
#[derive(Debug)]
pub(crate) struct DurableTree {
    root: PathBuf,
    /// Files and folders that are on the disk, as they were when they were synced.
    known: HashMap<PathBuf, Stamp>,
    /// Files whose sync failed. The kernel reports a failed write-back once, marks the pages clean and would call the
    /// next sync a success, so these are written anew.
    suspect: HashSet<PathBuf>,
}

impl DurableTree {
    /// A tree of which nothing is known to be on the disk.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, known: HashMap::new(), suspect: HashSet::new() }
    }

    /// Syncs what changed since the last call, and the root's parent where the root itself is new to us.
    /// `synced` is told of each path when it is on the disk. Returns how many there were. After an error the next
    /// call does all of it again.
    pub(crate) fn sync(&mut self, synced: &mut dyn FnMut(&Path)) -> io::Result<u64> {
        let mut files = Vec::new();
        let mut folders = Vec::new();
        let mut seen = HashMap::with_capacity(self.known.len());
        self.walk(&self.root, &mut files, &mut folders, &mut seen)?;
        // Manifests last: should the power fail in between, the manifest of what is not there is not there either.
        files.sort_by_key(|path| path.parent().is_some_and(|parent| parent.ends_with("_versions")));
        for path in &files {
            if self.suspect.contains(path) {
                rewrite(path)?;
                self.suspect.remove(path);
                seen.insert(path.clone(), Stamp::of(&fs::metadata(path)?));
            } else {
                let file = File::open(path)?;
                make_private(&file, 0o600);
                if let Err(error) = file.sync_all() {
                    self.suspect.insert(path.clone());
                    return Err(error);
                }
            }
            synced(path);
        }
        for path in &folders {
            let folder = File::open(path)?;
            make_private(&folder, 0o700);
            folder.sync_all()?;
            synced(path);
        }
        let mut count = files.len() + folders.len();
        if self.known.is_empty()
            && let Some(parent) = self.root.parent()
        {
            File::open(parent)?.sync_all()?;
            synced(parent);
            count += 1;
        }
        self.known = seen;
        Ok(count as u64)
    }

    /// Collects changed files, and folders with changed entries, the deepest first.
    fn walk(
        &self,
        folder: &Path,
        files: &mut Vec<PathBuf>,
        folders: &mut Vec<PathBuf>,
        seen: &mut HashMap<PathBuf, Stamp>,
    ) -> io::Result<()> {
        let mut changed = false;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                changed |= !self.known.contains_key(&path);
                self.walk(&path, files, folders, seen)?;
            } else if metadata.is_file() {
                let stamp = Stamp::of(&metadata);
                if self.known.get(&path) != Some(&stamp) {
                    changed = true;
                    files.push(path.clone());
                }
                seen.insert(path, stamp);
            }
        }
        let stamp = Stamp::of(&fs::metadata(folder)?);
        if changed || self.known.get(folder) != Some(&stamp) {
            folders.push(folder.to_path_buf());
        }
        seen.insert(folder.to_path_buf(), stamp);
        Ok(())
    }
}

/// Takes away what others may do with a file: LanceDB makes its own as the process's mask has it, and command lines are
/// in them. Where this process may not, loading says that others can read the database.
fn make_private(file: &File, mode: u32) {
    if file.metadata().is_ok_and(|metadata| metadata.mode() & 0o777 & !mode != 0) {
        let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    }
}

/// Puts a copy that is on the disk in the place of a file.
fn rewrite(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::copy(path, &temporary)?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)
}

/// Writes a small file so that after a crash at any moment either the old or the new content is there, whole.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let folder = path.parent().unwrap_or(Path::new("/"));
    let temporary = path.with_extension("tmp");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync(tree: &mut DurableTree) -> Vec<String> {
        let root = tree.root.clone();
        let mut synced = Vec::new();
        tree.sync(&mut |path| {
            synced.push(path.strip_prefix(root.parent().unwrap()).unwrap().display().to_string());
        })
        .unwrap();
        synced
    }

    #[test]
    fn exactly_what_changed_is_synced_manifests_after_data_and_folders_after_files() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("t.lance");
        fs::create_dir_all(root.join("_versions")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        fs::write(root.join("_versions/1.manifest"), "m").unwrap();
        fs::write(root.join("data/a"), "a").unwrap();
        let mut tree = DurableTree::new(root.clone());
        let all = sync(&mut tree);
        assert_eq!(all[..2], ["t.lance/data/a", "t.lance/_versions/1.manifest"]);
        assert_eq!(all[4..], ["t.lance", ""], "the root after its folders, then its parent");
        assert_eq!(sync(&mut tree), [""; 0], "nothing changed");

        fs::write(root.join("data/b"), "b").unwrap();
        assert_eq!(sync(&mut tree), ["t.lance/data/b", "t.lance/data"]);

        // Replaced by rename, as LanceDB does with its hint of the newest version.
        fs::write(root.join("x"), "n").unwrap();
        fs::rename(root.join("x"), root.join("_versions/1.manifest")).unwrap();
        let replaced = sync(&mut tree);
        assert!(replaced.contains(&"t.lance/_versions/1.manifest".to_owned()), "{replaced:?}");
        assert!(replaced.contains(&"t.lance/_versions".to_owned()), "{replaced:?}");

        fs::create_dir(root.join("_deletions")).unwrap();
        fs::write(root.join("_deletions/d"), "d").unwrap();
        assert_eq!(sync(&mut tree), ["t.lance/_deletions/d", "t.lance/_deletions", "t.lance"]);
    }

    #[test]
    fn a_file_whose_sync_failed_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("t.lance");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("a"), "content").unwrap();
        fs::write(root.join("b"), "content").unwrap();
        let inode = |name| fs::metadata(root.join(name)).unwrap().ino();
        let (a, b) = (inode("a"), inode("b"));
        let mut tree = DurableTree::new(root.clone());
        tree.suspect.insert(root.join("a"));
        sync(&mut tree);
        assert_ne!(inode("a"), a, "another file under the same name");
        assert_eq!(inode("b"), b);
        assert_eq!(fs::read(root.join("a")).unwrap(), b"content");
        assert_eq!(sync(&mut tree), ["t.lance"], "a file was put into the folder");
        assert_eq!(sync(&mut tree), [""; 0], "nothing is left to do");
    }

    #[test]
    fn a_replaced_file_is_whole_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("marker.json");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
