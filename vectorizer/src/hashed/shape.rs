//! The shape of a name: what stays of it when everything that is made up anew at every run is taken out.
//!
//! Process ids, commits, temporary names, dates and versions tell runs apart, not behaviour. A name is read component
//! by component (letters and digits between punctuation); a component that somebody counted up or drew at random
//! becomes `#`, and several in a row become one: `runner-12345` and `runner-777` are both `runner-#`, `2026-11-21` and
//! `1.0.3` are both `#`. One mark for all of them, because a random hexadecimal name is all digits once in a while.

use crate::hashed::{
    package,
    random::{self, is_component},
};

/// What stands for a counted or random component.
pub(super) const MARK: &str = "#";

/// Digits in a row that are a number of their own inside a component (a year, a process id), not part of a word such
/// as `sha256`.
const LONG_NUMBER: usize = 4;

/// Makes shapes for one execution.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shapes<'s> {
    /// The package whose scripts run, whose name says nothing in them; empty where none do.
    pub(super) package: &'s str,
}

impl Shapes<'_> {
    /// Hands the shape of `text` to `out`, in pieces.
    pub(super) fn write(self, text: &str, out: impl FnMut(&str)) {
        self.split(text, out, |text, out| {
            // Nothing in lower case alone is taken for random, and most words are.
            if text.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
                write_at(Place::Anywhere, text, out);
            } else {
                out(text);
            }
        });
    }

    /// As [`write`](Self::write), for names in folders for temporary files, where a guess may be bolder.
    pub(super) fn write_temporary(self, text: &str, out: impl FnMut(&str)) {
        self.split(text, out, |text, out| write_at(Place::Temporary, text, out));
    }

    /// Hands what is between the package's names on, and a mark for each of them.
    fn split<F: FnMut(&str)>(self, text: &str, mut out: F, write: impl Fn(&str, &mut F)) {
        let mut rest = text;
        if !self.package.is_empty() {
            let mut from = 0;
            while let Some(found) = rest[from..].find(self.package) {
                let start = from + found;
                let end = start + self.package.len();
                let is_whole = !rest[..start].bytes().next_back().is_some_and(is_component)
                    && !rest[end..].bytes().next().is_some_and(is_component);
                if is_whole {
                    write(&rest[..start], &mut out);
                    out(package::NAME);
                    rest = &rest[end..];
                    from = 0;
                } else {
                    from = end;
                }
            }
        }
        write(rest, &mut out);
    }
}

/// Where a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// In a folder for temporary files.
    Temporary,
}

fn write_at(place: Place, text: &str, out: &mut impl FnMut(&str)) {
    let bytes = text.as_bytes();
    // What is before `copied` has been handed out; a separator after a mark waits for what follows it.
    let mut copied = 0;
    let mut at = 0;
    let mut marked_until = usize::MAX;
    while at < bytes.len() {
        let start = at;
        if !is_component(bytes[at]) {
            at += 1;
            continue;
        }
        if random::is_uuid(&bytes[at..]) {
            at += random::UUID_BYTES;
        } else if place == Place::Temporary && random::is_python_temporary(&bytes[at..]) {
            at += random::PYTHON_TEMPORARY_BYTES;
        } else {
            while at < bytes.len() && is_component(bytes[at]) {
                at += 1;
            }
            if random::is_known(&bytes[start..at]) {
                continue;
            }
            let component = &bytes[start..at];
            let is_suffix = start > 0 && bytes[start - 1] == b'.';
            let is_made_up = random::is_random(component)
                || (place == Place::Temporary
                    && (random::is_temporary(component) || (is_suffix && random::is_drawn(component))));
            if !is_made_up {
                copied = numbers(text, copied, start, at, out);
                continue;
            }
        }
        let joined = marked_until != usize::MAX && start - marked_until == 1;
        if !joined {
            if copied < start {
                out(&text[copied..start]);
            }
            out(MARK);
        }
        copied = at;
        marked_until = at;
    }
    if copied < bytes.len() {
        out(&text[copied..]);
    }
}

/// Replaces the long numbers in the component `start..end` and what follows a single letter. Returns what was copied up to.
fn numbers(text: &str, mut copied: usize, start: usize, end: usize, out: &mut impl FnMut(&str)) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < end {
        let run = at;
        while at < end && bytes[at].is_ascii_digit() {
            at += 1;
        }
        // `v2` is a version; one letter before several digits is a number with a kind (`k157`, `-j16`, `i686`).
        let one_letter = run == start + 1 && at == end;
        let is_version = one_letter && matches!(bytes[start], b'v' | b'V');
        if at - run >= LONG_NUMBER || (at > run && is_version) || (at > run + 1 && one_letter) {
            out(&text[copied..run]);
            out(MARK);
            copied = at;
        }
        at += usize::from(at == run);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let mut shape = String::new();
        Shapes::default().write(text, |piece| shape.push_str(piece));
        shape
    }

    fn temporary(text: &str) -> String {
        let mut shape = String::new();
        Shapes::default().write_temporary(text, |piece| shape.push_str(piece));
        shape
    }

    #[test]
    fn what_is_made_up_anew_becomes_a_mark() {
        for (text, expected) in [
            ("runner-12345", "runner-#"),
            ("1234", "#"),
            ("2026-11-21", "#"),
            ("20261121T101010Z", "#"),
            ("x86_64-linux-gnu", "x#_#-linux-gnu"),
            ("proc-macro2-1.0.107", "proc-macro2-#"),
            ("php-fpm8.2", "php-fpm8.#"),
            ("index.v12.php", "index.v#.php"),
            ("9e24b667ea67c490", "#"),
            ("svc-b41ce86a5de5a7ea", "svc-#"),
            ("e83c516", "#"),
            ("abcdef1", "#"),
            ("DEADBEEF01", "#"),
            ("exp_6b00e15bcef51.csv", "exp_#.csv"),
            ("6b00e15b-4f3a-11ee-be56-0242ac120002", "#"),
            ("id-6b00e15b-4f3a-11ee-be56-0242ac120002.json", "id-#.json"),
            ("rustcAbC9xZ", "#"),
            ("rustcWP6qS1", "#"),
            ("ccOljG8o.res", "#.res"),
            ("pip-build-env-x7k2m9qw", "pip-build-env-#"),
            ("job6711", "job#"),
            ("svc.1on2k13pqpt4lpnqy8yfuj7no.1rltgwp2x.rcgu.o", "svc.#.rcgu.o"),
            ("1.2.3.4", "#"),
            ("1--2", "#--#"),
            ("64k", "#"),
            ("5s", "#"),
            ("96mb", "#"),
            ("k157", "k#"),
            ("-j16", "-j#"),
            ("rustcGAGdZw", "#"),
            ("200x200", "#"),
            ("2026-11-21T10:11:12Z", "#"),
            ("٣٤", "٣٤"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn names_stay() {
        for text in [
            "",
            "nginx",
            "sha256sum",
            "utf8mb4",
            "id_ed25519",
            "JavaScript",
            "getElementById",
            "md5",
            "liblto_plugin.so",
            "mp4",
            "7z",
            "2to3",
            "32bit",
            "amd64",
            "T-shirt",
            "-O2",
            "base64",
            "Base64Url",
            "élan",
            "b2sum",
            "---",
        ] {
            assert_eq!(shape(text), text);
        }
    }

    #[test]
    fn temporary_folders_allow_bolder_guesses() {
        for (text, expected) in [
            ("phpfc0gzh.png", "#.png"),
            ("phpabcdef", "#"),
            ("upllBnaBV.pdf", "#.pdf"),
            ("tmp.xYzAbCdEfG", "tmp.#"),
            ("tmpab12cdzf", "#"),
            ("atomic.log", "atomic.log"),
            ("runner-80911636", "runner-#"),
            ("hsperfdata", "hsperfdata"),
            ("backup.VSVHPe", "backup.#"),
            ("backup.Fjceoh.tar", "backup.#.tar"),
            ("tmpapj_1sn4", "#"),
            ("tmp_4gpc__2.py", "#.py"),
            ("tmp_4gpc__2x.py", "tmp_4gpc__2x.py"),
        ] {
            assert_eq!(temporary(text), expected, "{text}");
        }
    }

    #[test]
    fn a_package_is_not_named_in_its_own_scripts() {
        let shapes = Shapes { package: "nginx-core" };
        for (text, expected) in [
            ("nginx-core.service", "<package>.service"),
            ("/usr/share/nginx-core/x1234.conf", "/usr/share/<package>/x#.conf"),
            ("nginx-core", "<package>"),
            ("nginx-core2 my-nginx-core nginx-cores", "nginx-core2 my-<package> nginx-cores"),
            ("nginx", "nginx"),
        ] {
            let mut shape = String::new();
            shapes.write(text, |piece| shape.push_str(piece));
            assert_eq!(shape, expected);
        }
    }
}
