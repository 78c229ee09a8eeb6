//! Reports as one page that needs nothing but itself: no script, no font, no image, no network.
//!
//! Command lines in a report come from attackers. Every text goes through [`Html::text`], which leaves no character that
//! means something to HTML or fools a reader; and the page's own policy forbids all but the one style sheet whose digest
//! it names, so that a mistake of ours could still load nothing and run nothing.

pub mod chart;

use std::fmt::{self, Write};

use anomaly_baseline::text::printable;

/// The style sheet, as it stands in the page.
const STYLE: &str = include_str!("style.css");

/// Its SHA-256, which is all that the page's policy allows; a test compares them.
const STYLE_DIGEST: &str = "9LvghVqHjAA0hp7Okikrwx3U2KvSyqRLRbYM1niLbEw=";

/// The longest text that is shown, in bytes.
const MAX_TEXT: usize = 1_000;

/// A page with this title. `content` writes what stands in it.
pub fn page(title: &str, content: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw(format_args!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; \
         base-uri 'none'; form-action 'none'\">\n"
    ));
    html.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>").text(title).raw("</title>\n");
    html.raw(format_args!("<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"));
    content(&mut html);
    html.raw("</main>\n</body>\n</html>\n");
    html.0
}

/// HTML being written.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Markup and numbers of ours.
    pub fn raw(&mut self, markup: impl fmt::Display) -> &mut Self {
        // Writing into a string cannot fail.
        let _ = write!(self.0, "{markup}");
        self
    }

    /// Text, wherever it came from.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in printable(text, MAX_TEXT).chars() {
            match character {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                character => self.0.push(character),
            }
        }
        self
    }

    /// Facts at a glance: terms and what they are.
    pub fn facts<'t>(&mut self, facts: impl IntoIterator<Item = (&'t str, String)>) {
        self.raw("<dl class=\"facts\">\n");
        for (term, value) in facts {
            self.raw("<div><dt>").text(term).raw("</dt><dd>").text(&value).raw("</dd></div>\n");
        }
        self.raw("</dl>\n");
    }

    /// A table: its caption, its columns, and rows of cells. A column whose title ends in a blank holds text, the others
    /// numbers.
    pub fn table(&mut self, caption: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.raw("<div class=\"wide\"><table><caption>").text(caption).raw("</caption>\n<thead><tr>");
        let class = |column: &str| if column.ends_with(' ') { " class=\"text\"" } else { "" };
        for column in columns {
            self.raw(format_args!("<th scope=\"col\"{}>", class(column)))
                .text(column.trim_end())
                .raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for (cell, column) in row.iter().zip(columns) {
                self.raw(format_args!("<td{}>", class(column))).text(cell).raw("</td>");
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }
}

/// A share in per cent.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_text() {
        let mut html = Html::default();
        html.text("<script>alert(\"1\" + '2')</script>&amp;\u{202e}\x1b[2J\0");
        assert_eq!(
            html.0,
            "&lt;script&gt;alert(&quot;1&quot; + &#39;2&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\x1b[2J\\x00"
        );
        html.table("<b>", &["a ", "\"b"], [vec!["<i>".into(), "'".into()]]);
        assert!(!html.0.contains("<b>") && !html.0.contains("<i>"), "{}", html.0);
    }
}
