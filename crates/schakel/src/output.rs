//! The only place that prints: lines and tables for people, JSON for programs.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::Failure;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON for programs.
    Json,
}

/// Writes results to standard output, everything else to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Writes lines for people.
    pub(crate) const fn text() -> Self {
        Self { format: Format::Text }
    }

    /// Writes JSON for programs.
    pub(crate) const fn json() -> Self {
        Self { format: Format::Json }
    }

    /// Tells whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Writes one line of a result for people; nothing when results are JSON.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        if self.format == Format::Text {
            out(&clean(text.as_ref()));
        }
    }

    /// Writes a result as one JSON value on one line; nothing when results are lines.
    pub(crate) fn value(self, value: &impl Serialize) {
        if self.format == Format::Json {
            let text = serde_json::to_string(value).expect("results hold texts, numbers and lists only");
            out(&text);
        }
    }

    /// Writes a text byte by byte, for files that are passed on.
    pub(crate) fn raw(self, text: &str) {
        // A reader that went away is no failure of ours.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes a table for people, columns aligned; nothing when results are JSON, and nothing without rows.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) {
        if self.format == Format::Text && !rows.is_empty() {
            out(&table(head, rows));
        }
    }

    /// Writes a remark to standard error.
    pub(crate) fn warning(self, text: &str) {
        err(&format!("warning: {}", clean(text)));
    }

    /// Writes a failure to standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        match self.format {
            Format::Text => err(&format!("error: {}", clean(&failure.lines().join("\n")))),
            Format::Json => err(&failure.json().to_string()),
        }
    }

    /// Starts a progress bar of `total` steps; invisible unless standard error is a terminal and results are lines.
    pub(crate) fn progress(self, total: u64, what: &str) -> ProgressBar {
        let is_shown = self.format == Format::Text && std::io::stderr().is_terminal();
        let target = if is_shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(total), target)
            .with_style(style)
            .with_message(what.to_owned())
    }
}

/// Lines that are shown again and again: drawn over on a terminal, and written below each other when they changed
/// anywhere else.
pub(crate) struct Screen {
    output: Output,
    shown: Vec<String>,
}

impl Screen {
    /// Starts with nothing shown.
    pub(crate) const fn new(output: Output) -> Self {
        Self {
            output,
            shown: Vec::new(),
        }
    }

    /// Shows `lines`, or `value` when results are JSON; nothing when they are the same as before.
    pub(crate) fn show(&mut self, lines: &[String], value: &impl Serialize) {
        if self.shown == lines {
            return;
        }
        self.output.value(value);
        if self.output.format == Format::Text {
            let mut stdout = std::io::stdout().lock();
            if stdout.is_terminal() && !self.shown.is_empty() {
                // Up to the first line, and away with everything below.
                let _ = write!(stdout, "\u{1b}[{}A\u{1b}[J", self.shown.len());
            }
            drop(stdout);
            lines.iter().for_each(|line| self.output.line(line));
        }
        self.shown = lines.to_vec();
    }
}

/// Says a length of time for people.
pub(crate) fn time_in_words(us: i64) -> String {
    let seconds = us.max(0) / 1_000_000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{}.{} days", seconds / 86_400, seconds % 86_400 * 10 / 86_400),
    }
}

fn out(text: &str) {
    // A reader that went away (`schakel status | head -1`) is no failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn err(text: &str) {
    // There is nowhere left to say that this did not work.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Takes out what could steer a terminal or turn text around (reliability.md §11.4); newlines stay.
fn clean(text: &str) -> String {
    let is_direction =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|&c| c == '\n' || !(c.is_control() || is_direction(c)))
        .collect()
}

/// Aligns columns: numbers to the right, everything else to the left, two blanks between.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| clean(cell).replace('\n', " ")).collect())
        .collect();
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| cell(row, column).chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let is_number = |column: usize| {
        let mut cells = rows
            .iter()
            .map(|row| cell(row, column))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek().is_some() && cells.all(|cell| cell.parse::<f64>().is_ok())
    };
    let shapes: Vec<(usize, bool)> = (0..head.len())
        .map(|column| (width(column), is_number(column)))
        .collect();
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (column, (width, is_right)) in shapes.iter().enumerate() {
            let cell = cell(row, column);
            let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (left, right) = if *is_right {
                (fill, String::new())
            } else {
                (String::new(), fill)
            };
            let gap = if column == 0 { "" } else { "  " };
            let _ = write!(line, "{gap}{left}{cell}{right}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_they_hold() {
        let rows = vec![
            vec!["orders".to_owned(), "12".to_owned()],
            vec!["a\u{1b}[31mb".to_owned(), "1030".to_owned()],
        ];
        assert_eq!(
            table(&["kind", "count"], &rows),
            "kind    count\norders     12\na[31mb   1030"
        );
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(clean("a\u{7}\u{202e}b\nc\u{1b}[2J"), "ab\nc[2J");
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let seconds = |s: i64| time_in_words(s * 1_000_000);
        assert_eq!(seconds(-4), "0 s");
        assert_eq!(seconds(119), "119 s");
        assert_eq!(seconds(120), "2 min");
        assert_eq!(seconds(7_300), "2 h");
        assert_eq!(seconds(30 * 86_400 + 43_200), "30.5 days");
    }
}
