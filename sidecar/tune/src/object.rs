//! What an alert is about, in words that many alerts have in common, and one of them as an example.
//!
//! A person reads groups, not alerts. What changes from one to the next without meaning anything (numbers in paths and
//! command lines, the port that the kernel chose for a connection) is left out of a group's words and stays in its
//! example.

use anomaly_vectorizer::MAX_NAME_BYTES;
use anomaly_vectorizer::scrub::Scrubber;

use crate::alert::{About, Alert, Fields};
use crate::bounds::TEXT;

/// How many bytes of a text are looked at: alerts may have long ones, and only the beginning is shown.
const LOOKED_AT: usize = 2 * TEXT;

/// Who did it: `parent > program`.
pub(crate) fn program(fields: &Fields) -> String {
    let name = fields.text("proc.name").or_else(|| fields.text("anomaly.proc_name")).unwrap_or("?");
    match fields.text("proc.pname").or_else(|| fields.text("anomaly.proc_parent")) {
        Some(parent) => format!("{} > {}", short(parent), short(name)),
        None => short(name).to_owned(),
    }
}

/// A program's name; the kernel keeps 15 bytes of it.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// To what, without secrets and without what changes from one alert to the next.
pub(crate) fn object(alert: &Alert, scrubber: &Scrubber) -> String {
    let fields = &alert.fields;
    let words = |text: &str| folded(&scrubber.text(cut(text)));
    if alert.about == About::Execution {
        return words(command(fields).unwrap_or_default());
    }
    let event = fields.text("evt.type").unwrap_or("?");
    let object = match fields.text("fd.name") {
        // client:port->server:port: the port that the kernel chose says nothing.
        Some(name) => match cut(name).rsplit_once("->") {
            Some((_, server)) => server.to_owned(),
            None => words(name),
        },
        None => TARGETS.iter().find_map(|name| fields.text(name)).map(words).unwrap_or_default(),
    };
    if object.is_empty() { event.to_owned() } else { format!("{event} {object}") }
}

/// Arguments of events without a descriptor that say what they are about.
const TARGETS: [&str; 7] = [
    "evt.arg.target",
    "evt.arg.newpath",
    "evt.arg.linkpath",
    "evt.arg.oldpath",
    "evt.arg.path",
    "evt.arg.name",
    "evt.arg.request",
];

fn command(fields: &Fields) -> Option<&str> {
    fields.text("proc.cmdline").or_else(|| fields.text("anomaly.proc_cmdline"))
}

/// One alert as an example, without secrets.
pub(crate) fn example(alert: &Alert, scrubber: &Scrubber) -> String {
    let fields = &alert.fields;
    let text = match (command(fields), fields.text("fd.name")) {
        (Some(command), Some(file)) if alert.about != About::Execution => {
            format!("{} ({})", cut(file), cut(command))
        }
        (Some(command), _) => cut(command).to_owned(),
        (None, Some(file)) => cut(file).to_owned(),
        (None, None) => cut(&alert.output).to_owned(),
    };
    scrubbed(&text, scrubber)
}

/// Text without secrets, not longer than what is kept.
pub(crate) fn scrubbed(text: &str, scrubber: &Scrubber) -> String {
    let scrubbed = scrubber.text(text);
    scrubbed[..scrubbed.floor_char_boundary(TEXT)].to_owned()
}

/// The beginning that is looked at.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

/// Runs of digits as one `#`, with the letters of a hexadecimal number among them.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let is_word = |character: char| character.is_ascii_alphanumeric();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            first if is_word(first) => rest.find(|character| !is_word(character)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if word.len() >= 8 && digits >= 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            out.push('#');
        } else if digits > 0 {
            let mut before = false;
            for character in word.chars() {
                let digit = character.is_ascii_digit();
                if !digit {
                    out.push(character);
                } else if !before {
                    out.push('#');
                }
                before = digit;
            }
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fold_and_words_stay() {
        for (text, words) in [
            ("/proc/4711/environ", "/proc/#/environ"),
            ("sh -c check --id 17 --at 10:03:59", "sh -c check --id # --at #:#:#"),
            ("/var/lib/docker/overlay2/0f3a9c1d2e/merged", "/var/lib/docker/overlay#/#/merged"),
            ("feedbeef cafe", "feedbeef cafe"),
            ("python3.11 x86_64", "python#.# x#_#"),
            ("é☃ 7", "é☃ #"),
            ("", ""),
        ] {
            assert_eq!(folded(text), words);
        }
    }
}
