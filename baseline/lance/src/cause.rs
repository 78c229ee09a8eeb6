//! Errors as one line for a person, and what kind of failure they are.
//!
//! LanceDB's errors are chains of five or more with source locations in their texts. What matters to us is the
//! operating system's answer at the bottom, if there is one, and whether trying again can help.

use std::{error::Error, io};

/// The most that is shown of somebody else's message, in bytes.
const MAX_BYTES: usize = 240;

/// What a failure means for what we do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Another writer was faster: try again.
    Conflict,
    /// The disk or the quota is full.
    Full,
    /// The circumstances (permissions, descriptors, memory), not the files: trying later may help.
    Circumstance,
    /// Anything else. When reading: the files are damaged.
    Other,
}

/// Classifies an error by what its chain holds.
pub(crate) fn kind(error: &(dyn Error + 'static)) -> Kind {
    for link in chain(error) {
        if let Some(error) = link.downcast_ref::<lance::Error>() {
            use lance::Error::{CommitConflict, RetryableCommitConflict, TooMuchWriteContention};
            if matches!(
                error,
                CommitConflict { .. } | RetryableCommitConflict { .. } | TooMuchWriteContention { .. }
            ) {
                return Kind::Conflict;
            }
        }
    }
    let Some(error) = system_error(error) else { return Kind::Other };
    // ENFILE, EMFILE, ELOOP, which have no kind of their own in stable Rust.
    const OTHERS: [i32; 3] = [23, 24, 40];
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::OutOfMemory
        | io::ErrorKind::Interrupted => Kind::Circumstance,
        _ if error.raw_os_error().is_some_and(|code| OTHERS.contains(&code)) => Kind::Circumstance,
        _ => Kind::Other,
    }
}

/// One line: the operating system's own words where they are in the chain, else the outermost message, without
/// source locations and control characters.
pub(crate) fn sentence(error: &(dyn Error + 'static)) -> String {
    if kind(error) == Kind::Full {
        return "the disk is full; free some space, nothing that was saved is lost".into();
    }
    one_line(&system_error(error).map_or_else(|| error.to_string(), |system| system.to_string()))
}

/// The operating system's answer at the bottom of a chain. Some layers keep its text alone.
fn system_error(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let in_chain = chain(error).filter_map(|link| link.downcast_ref::<io::Error>()?.raw_os_error()).last();
    let in_text = || {
        let text = error.to_string();
        let (_, rest) = text.split_once("(os error ")?;
        rest.split_once(')')?.0.parse().ok()
    };
    in_chain.or_else(in_text).map(io::Error::from_raw_os_error)
}

/// A text without control characters and source locations, at most [`MAX_BYTES`] long.
pub(crate) fn one_line(text: &str) -> String {
    // `lance error: LanceError(IO): ...`
    let text = text.strip_prefix("lance error: ").unwrap_or(text);
    let text = text
        .strip_prefix("LanceError(")
        .and_then(|rest| rest.split_once("): "))
        .map_or(text, |(_, rest)| rest);
    // `..., /home/somebody/.cargo/registry/src/.../lance-14.0.2/src/dataset.rs:123:45` and backtraces below.
    let first = text.lines().next().unwrap_or_default();
    let kept = first.find(", /").filter(|&at| first[at..].contains(".rs:")).map_or(first, |at| &first[..at]);
    let mut line: String = kept.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() > MAX_BYTES {
        line.truncate(line.floor_char_boundary(MAX_BYTES));
        line.push_str("...");
    }
    line
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    // A chain that leads back to itself must not hang us.
    std::iter::successors(Some(error), |&error| error.source()).take(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("LanceError(IO): outer, /home/x/.cargo/registry/src/y/lance-14.0.2/src/dataset.rs:1:2")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_operating_systems_words_win() {
        let denied = Outer(io::Error::from_raw_os_error(13));
        assert_eq!(sentence(&denied), "Permission denied (os error 13)");
        assert_eq!(kind(&denied), Kind::Circumstance);
        let full = Outer(io::Error::from_raw_os_error(28));
        assert_eq!(kind(&full), Kind::Full);
        assert!(sentence(&full).starts_with("the disk is full;"));
        let damaged = Outer(io::Error::new(io::ErrorKind::UnexpectedEof, "short"));
        assert_eq!(kind(&damaged), Kind::Other);
        assert_eq!(sentence(&damaged), "outer");
        let in_text = io::Error::other("Operation not permitted (os error 1) at path \"/x\"");
        assert_eq!(
            (kind(&in_text), sentence(&in_text)),
            (Kind::Circumstance, "Operation not permitted (os error 1)".into())
        );
        assert_eq!(kind(&Outer(io::Error::from_raw_os_error(24))), Kind::Circumstance);
    }

    #[test]
    fn a_message_is_one_line_without_control_characters() {
        assert_eq!(one_line("a\u{1b}[31m b\nsecond"), "a [31m b");
        assert_eq!(one_line(&"é".repeat(500)).len(), MAX_BYTES + 3);
        assert_eq!(one_line("not found, /data/t.lance"), "not found, /data/t.lance");
    }
}
