//! The shape of a name: what stays of it when everything that is made up anew at every run is taken out.
//!
//! Process ids, commits, temporary names, dates and versions tell runs apart, not behaviour. A name is read component
//! by component (letters and digits between punctuation); a component that somebody counted up or drew at random
//! becomes `#`, and several in a row become one: `runner-12345` and `runner-777` are both `runner-#`, `2026-11-21` and
//! `1.0.3` are both `#`. One mark for all of them, because a random hexadecimal name is all digits once in a while.

use crate::hashed::package;

/// What stands for a counted or random component.
pub(super) const MARK: &str = "#";

/// Words that look random and are not.
const KNOWN: [&[u8]; 3] = [b"ed25519", b"utf8mb4", b"utf8mb3"];

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
        if is_uuid(&bytes[at..]) {
            at += UUID_BYTES;
        } else if place == Place::Temporary && is_python_temporary(&bytes[at..]) {
            at += PYTHON_TEMPORARY_BYTES;
        } else {
            while at < bytes.len() && is_component(bytes[at]) {
                at += 1;
            }
            if KNOWN.contains(&&bytes[start..at]) {
                continue;
            }
            let component = &bytes[start..at];
            let is_suffix = start > 0 && bytes[start - 1] == b'.';
            let is_made_up = is_random(component)
                || (place == Place::Temporary
                    && (is_temporary(component) || (is_suffix && is_drawn(component))));
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

/// Letters, digits and everything beyond ASCII.
fn is_component(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

const UUID_BYTES: usize = 36;

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= UUID_BYTES
        && bytes[8] == b'-'
        && bytes[..UUID_BYTES].iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && bytes.get(UUID_BYTES).is_none_or(|&byte| !is_component(byte))
}

/// What a component is made of.
#[derive(Default)]
struct Count {
    digits: usize,
    lower: usize,
    upper: usize,
    other: usize,
    /// Letters from g on, which hexadecimal does not have.
    beyond_hex: usize,
    /// Neighbours of which one is a letter and one a digit.
    digit_changes: usize,
    /// Neighbours of different kind, not counting the one after the capital that begins a word.
    changes: usize,
}

impl Count {
    fn of(component: &[u8]) -> Self {
        let mut count = Self::default();
        let mut previous = b' ';
        for &byte in component {
            match byte {
                b'0'..=b'9' => count.digits += 1,
                b'a'..=b'z' => count.lower += 1,
                b'A'..=b'Z' => count.upper += 1,
                _ => count.other += 1,
            }
            count.beyond_hex += usize::from(!byte.is_ascii_hexdigit());
            if previous != b' ' {
                let digit_change = byte.is_ascii_digit() != previous.is_ascii_digit();
                count.digit_changes += usize::from(digit_change);
                count.changes +=
                    usize::from(digit_change || (previous.is_ascii_lowercase() && byte.is_ascii_uppercase()));
            }
            previous = byte;
        }
        count
    }
}

/// Whether a component was counted up or drawn at random.
pub(super) fn is_random(component: &[u8]) -> bool {
    if component.iter().all(u8::is_ascii_digit) || is_measure(component) {
        return true;
    }
    if component.len() < 6 || component.is_ascii() && component.iter().all(u8::is_ascii_lowercase) {
        return false;
    }
    if component.starts_with(b"rustc") && component.len() == b"rustc".len() + 6 {
        return true;
    }
    let count = Count::of(component);
    if count.digits == 0 || count.other > 0 {
        return false;
    }
    let hex = count.beyond_hex == 0 && (count.lower == 0 || count.upper == 0);
    let mixed = count.lower > 0 && count.upper > 0;
    (hex && (component.len() >= 7 || count.digit_changes >= 2))
        || (component.len() >= 7 && count.digit_changes >= 3)
        || (mixed && count.changes >= 3)
}

/// Whether a component is a number with a unit, a size or part of a time: `5s`, `64mb`, `200x200`, `21T10`.
fn is_measure(component: &[u8]) -> bool {
    const UNITS: [&[u8]; 20] = [
        b"b", b"k", b"m", b"g", b"t", b"kb", b"mb", b"gb", b"tb", b"kib", b"mib", b"gib", b"ns", b"us",
        b"ms", b"s", b"h", b"d", b"sec", b"min",
    ];
    let digits = component.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 && UNITS.iter().any(|unit| component[digits..].eq_ignore_ascii_case(unit)) {
        return true;
    }
    // Where the letter is no unit, one digit in front is too little (`7z`).
    let mut letters = 0;
    component.first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_digit))
        && component.iter().all(|byte| {
            letters = if byte.is_ascii_digit() { 0 } else { letters + 1 };
            letters <= 1 && byte.is_ascii_alphanumeric()
        })
}

/// Whether a name in a folder for temporary files is one that `mktemp` and its kin make.
fn is_temporary(component: &[u8]) -> bool {
    /// Prefixes of well-known makers with the length of what they append.
    const MAKERS: [(&[u8], usize); 3] = [(b"php", 6), (b"tmp", 8), (b"cc", 6)];
    let made = |(prefix, drawn): &(&[u8], usize)| {
        component.len() == prefix.len() + drawn && component.starts_with(prefix)
    };
    if component.len() < 6 || MAKERS.iter().any(made) {
        return component.len() >= 6;
    }
    let count = Count::of(component);
    count.other == 0 && count.changes > 0
}

/// Whether a suffix in a folder for temporary files was drawn (`backup.VSVHPe`): extensions are in lower case.
pub(super) fn is_drawn(suffix: &[u8]) -> bool {
    (6..=12).contains(&suffix.len())
        && suffix.iter().all(u8::is_ascii_alphanumeric)
        && suffix.iter().any(|byte| !byte.is_ascii_lowercase())
}

/// `tmp` and eight of an alphabet that has `_` in it, so that they may be several components.
const PYTHON_TEMPORARY_BYTES: usize = 11;

fn is_python_temporary(bytes: &[u8]) -> bool {
    let is_drawn = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    bytes.starts_with(b"tmp")
        && bytes.get(..PYTHON_TEMPORARY_BYTES).is_some_and(|name| name.iter().all(is_drawn))
        && bytes.get(PYTHON_TEMPORARY_BYTES).is_none_or(|byte| !is_component(*byte) && *byte != b'_')
}

/// Whether a whole argument is a long stretch of base64 (or of its URL-safe variant): data, not a name.
pub(super) fn is_base64(text: &str) -> bool {
    const SHORTEST: usize = 24;
    let bytes = text.trim_end_matches('=').as_bytes();
    if bytes.len() < SHORTEST || matches!(bytes[0], b'/' | b'-') {
        return false;
    }
    let mut changes = 0;
    let mut kinds = [false; 3];
    let mut previous = None;
    for &byte in bytes {
        let kind = match byte {
            b'0'..=b'9' => 0,
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            b'+' | b'/' | b'_' | b'-' => continue,
            _ => return false,
        };
        kinds[kind] = true;
        changes += usize::from(previous.is_some_and(|previous| previous != kind));
        previous = Some(kind);
    }
    // Of random characters more than half differ in kind from the one before; of written text one in ten.
    kinds.iter().filter(|&&seen| seen).count() == 3 && changes * 3 >= bytes.len()
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

    #[test]
    fn base64_is_data() {
        assert!(is_base64("IyEvYmluL2Jhc2gKYmFzaCAtaSA+JiAvZGV2L3RjcC8xMC4wLjAuMS80NDQ0IDA+JjEK"));
        assert!(is_base64("YmFzaCAtaSA+JiAvZGV2L3RjcC8x=="));
        for text in [
            "short",
            "/usr/lib/gcc/x86_64-linux-gnu/12/LTO",
            "a-very-long-Package-name-with-2-numbers",
            "build/OutputFile/ReleaseBinary2",
            "proc_macro_span_file_and_location",
        ] {
            assert!(!is_base64(text), "{text}");
        }
    }
}
