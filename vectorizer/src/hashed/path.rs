//! A path in features: where it lies, not what it is called alone.

use crate::{
    FeatureClass,
    hashed::{
        collect::{Collector, Words},
        shape::{self, Shapes},
    },
};

/// Folders whose names inside are mostly made up at every run.
const TEMPORARY: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];

/// Longest extension, without its dot.
const MAX_EXTENSION: usize = 6;

/// Emits the features of `path`; the result stands for it in bigrams.
///
/// First two components of the directory part; shape of the basename; the last directory where there are more than
/// three; the extension.
pub(super) fn write<W: Words>(out: &mut Collector<'_, W>, shapes: Shapes<'_>, path: &str) -> u64 {
    let is_temporary = TEMPORARY.iter().any(|folder| path.starts_with(folder));
    let shape_of = |out: &mut Collector<'_, W>, name: &str| {
        if is_temporary {
            shapes.write_temporary(name, |piece| out.write(piece));
        } else {
            shapes.write(name, |piece| out.write(piece));
        }
    };
    let (directory, basename) = path.rsplit_once('/').unwrap_or(("", path));
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut components = directory.split('/').filter(|component| !component.is_empty() && *component != ".");

    out.open(FeatureClass::Directory);
    out.write(if directory == "." || directory.starts_with("./") { "./" } else { root });
    let mut depth = 0;
    for component in components.by_ref().take(2) {
        if depth > 0 {
            out.write("/");
        }
        shape_of(out, component);
        depth += 1;
    }
    let token = out.close();

    if !basename.is_empty() {
        out.open(FeatureClass::Basename);
        shape_of(out, basename);
        out.close();
    }
    let mut parent = None;
    for component in components {
        depth += 1;
        parent = Some(component);
    }
    if let Some(parent) = parent.filter(|_| depth >= 3) {
        out.open(FeatureClass::ParentDirectory);
        shape_of(out, parent);
        out.close();
    }
    if let Some(extension) =
        extension(basename).filter(|name| !is_temporary || !shape::is_temporary(&name.as_bytes()[1..]))
    {
        out.feature(FeatureClass::Extension, extension);
    }
    token
}

/// What is behind the last dot of a name, with the dot, where it looks like a kind of file.
pub(super) fn extension(basename: &str) -> Option<&str> {
    let dot = basename.rfind('.').filter(|&dot| dot > 0)?;
    let (extension, letters) = (&basename[dot..], &basename.as_bytes()[dot + 1..]);
    let fits = (1..=MAX_EXTENSION).contains(&letters.len())
        && letters.iter().all(u8::is_ascii_alphanumeric)
        && letters[0].is_ascii_alphabetic()
        && !shape::is_random(letters);
    fits.then_some(extension)
}
