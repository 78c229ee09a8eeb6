//! A path in features: where it lies, not what it is called alone.

use crate::{
    FeatureClass,
    hashed::{
        collect::{Collector, Words},
        random,
        shape::Shapes,
    },
};

/// Longest extension, without its dot.
const MAX_EXTENSION: usize = 6;

/// Emits the features of `path`; the result stands for it in bigrams.
///
/// First two components of the directory part; shape of the basename; the last directory where there are more than
/// three; the extension. Below a folder for temporary files names are taken for random more readily.
pub(super) fn write<W: Words>(out: &mut Collector<'_, W>, shapes: Shapes<'_>, path: &str) -> u64 {
    let (directory, basename) = path.rsplit_once('/').unwrap_or(("", path));
    let mut is_temporary = false;
    let shape_of = |out: &mut Collector<'_, W>, name: &str, is_temporary: bool| {
        if is_temporary {
            shapes.write_temporary(name, |piece| out.write(piece));
        } else {
            shapes.write(name, |piece| out.write(piece));
        }
    };

    out.open(FeatureClass::Directory);
    let is_here = directory == "." || directory.starts_with("./");
    out.write(if is_here {
        "./"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    });
    let mut depth = 0;
    let mut parent = ("", false);
    for component in directory.split('/').filter(|component| !component.is_empty() && *component != ".") {
        if depth < 2 {
            if depth > 0 {
                out.write("/");
            }
            shape_of(out, component, is_temporary);
        }
        depth += 1;
        parent = (component, is_temporary);
        is_temporary |= holds_temporary_files(component);
    }
    let token = out.close();

    if !basename.is_empty() {
        out.open(FeatureClass::Basename);
        shape_of(out, basename, is_temporary);
        out.close();
    }
    if depth >= 3 {
        out.open(FeatureClass::ParentDirectory);
        shape_of(out, parent.0, parent.1);
        out.close();
    }
    if let Some(extension) = extension(basename)
        && !(is_temporary && random::is_drawn(&extension.as_bytes()[1..]))
    {
        out.feature(FeatureClass::Extension, extension);
    }
    token
}

/// Hands the shape of every component of `path` to `out`, which below a folder for temporary files are taken for random
/// more readily. `is_temporary` says whether there was such a folder before, and afterwards whether there was one by now.
pub(super) fn write_components(path: &str, is_temporary: &mut bool, mut out: impl FnMut(&str)) {
    for (position, component) in path.split('/').enumerate() {
        if position > 0 {
            out("/");
        }
        if *is_temporary {
            Shapes::default().write_temporary(component, &mut out);
        } else {
            Shapes::default().write(component, &mut out);
        }
        *is_temporary |= holds_temporary_files(component);
    }
}

/// `/tmp`, `/var/tmp`, `/dev/shm`, debconf's `tmp.ci`.
fn holds_temporary_files(folder: &str) -> bool {
    matches!(folder, "tmp" | "shm") || folder.starts_with("tmp.")
}

/// What is behind the last dot of a name, with the dot, where it looks like a kind of file.
pub(super) fn extension(basename: &str) -> Option<&str> {
    let dot = basename.rfind('.').filter(|&dot| dot > 0)?;
    let (extension, letters) = (&basename[dot..], &basename.as_bytes()[dot + 1..]);
    let fits = (1..=MAX_EXTENSION).contains(&letters.len())
        && letters.iter().all(u8::is_ascii_alphanumeric)
        && letters[0].is_ascii_alphabetic()
        && !random::is_random(letters);
    fits.then_some(extension)
}

#[cfg(test)]
mod tests {
    use crate::{Embedder, Execution, Hashed};

    fn features(path: &str) -> Vec<String> {
        let execution = Execution { arguments: ["x", path].iter().collect(), ..Execution::default() };
        let described = Hashed::default().describe(&execution).into_iter().skip(1);
        described.map(|described| described.text).collect()
    }

    #[test]
    fn parts_of_paths() {
        for (path, expected) in [
            ("/etc/passwd", &["directory /etc", "file passwd"][..]),
            (
                "/usr/lib/gcc/x86_64-linux-gnu/12/crt1.o",
                &["directory /usr/lib", "file crt1.o", "folder #", "extension .o"],
            ),
            ("/", &["directory /"]),
            ("/srv/", &["directory /srv"]),
            ("./a.out", &["directory ./", "file a.out", "extension .out"]),
            ("../x", &["directory ..", "file x"]),
            ("src/main.rs", &["directory src", "file main.rs", "extension .rs"]),
            ("/tmp/backup.Fjceoh/y", &["directory /tmp/backup.#", "file y"]),
            ("/tmp/backup.Fjceoh", &["directory /tmp", "file backup.#"]),
            ("/srv/backup.Fjceoh", &["directory /srv", "file backup.Fjceoh", "extension .Fjceoh"]),
            (
                "/var/cache/debconf/tmp.ci/x.config.0pmLJK",
                &["directory /var/cache", "file x.config.#", "folder tmp.ci"],
            ),
        ] {
            assert_eq!(features(path), expected, "{path}");
        }
    }
}
