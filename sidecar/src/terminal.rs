//! What standard output and standard error are: how wide, and whether colours and redrawn lines make sense there.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use anstream::{AutoStream, ColorChoice};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The narrowest that text is laid out for; below it, lines break where the terminal breaks them.
const MIN_WIDTH: usize = 40;

/// The width of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// How wide the terminal behind a stream is now, in columns; `None` where it is none.
pub(crate) fn width(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { USUAL_WIDTH } else { columns.max(MIN_WIDTH) })
}

/// Whether standard output takes colours: a capable terminal without `NO_COLOR`, or whatever `CLICOLOR_FORCE` says.
pub(crate) fn stdout_has_colours() -> bool {
    // Where `CI` is set, a terminal that calls itself dumb would get colours too.
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    AutoStream::choice(&io::stdout()) != ColorChoice::Never && (forced || !dumb)
}

/// Whether a line on standard error can be drawn over.
pub(crate) fn stderr_redraws() -> bool {
    io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty())
}

/// How many columns a text takes. Only for text that is printable.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The longest beginning of `text` that takes at most `width` columns.
pub(crate) fn prefix(text: &str, width: usize) -> &str {
    let mut room = width;
    for (at, character) in text.char_indices() {
        match room.checked_sub(character.width().unwrap_or(0)) {
            Some(left) => room = left,
            None => return &text[..at],
        }
    }
    text
}

/// The longest beginning of `text` that fits `width` columns, marked with `...` where something was left out.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let dots = width.min(3);
    format!("{}{}", prefix(text, width - dots), &"..."[..dots])
}

/// Breaks text at spaces into lines of at most `first` and then `rest` columns; a word that is longer than a line is
/// broken within. No text, no line.
pub(crate) fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let width = if lines.is_empty() { first } else { rest };
            let gap = usize::from(!line.is_empty());
            if columns(&line) + gap + columns(word) <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(word);
                break;
            }
            if line.is_empty() {
                // At least one character a line, however narrow: the text must end.
                let kept = match prefix(word, width) {
                    "" => &word[..word.ceil_char_boundary(1)],
                    kept => kept,
                };
                word = &word[kept.len()..];
                lines.push(kept.to_owned());
            } else {
                lines.push(std::mem::take(&mut line));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_by_columns_not_bytes() {
        assert_eq!(fit("nginx", 5), "nginx");
        assert_eq!(fit("nginx.service", 8), "nginx...");
        assert_eq!(fit("ééééé", 5), "ééééé");
        assert_eq!(fit("日本語です", 8), "日本...");
        assert_eq!(fit("nginx", 2), "..");
    }

    #[test]
    fn words_longer_than_a_line_are_broken() {
        assert_eq!(wrap("ab cdefghij k", 4, 3), ["ab", "cde", "fgh", "ij", "k"]);
        assert_eq!(wrap("日本語", 1, 1), ["日", "本", "語"]);
        assert_eq!(wrap("", 10, 10), Vec::<String>::new());
    }
}
