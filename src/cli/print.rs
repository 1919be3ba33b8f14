//! Output that cannot harm a terminal: everything goes through `ui::safe`, and a closed pipe ends the program well.

use std::io::{self, IsTerminal, Write};

use super::exit::{Exit, Failure};
use crate::plan::Style;
use crate::ui::safe;

/// Prints lines that may hold foreign text.
pub(super) fn out(text: &str) -> Result<(), Failure> {
    raw(&safe::lines(text))
}

/// Prints a document, or a drawing that has made foreign text visible itself.
pub(super) fn raw(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        // Whoever read it has seen enough.
        io::ErrorKind::BrokenPipe => Failure::new(Exit::Done, ""),
        _ => Failure::new(Exit::NotProved, format!("could not write the output: {error}")),
    })
}

/// Prints a document of stable form, for scripts.
pub(super) fn json(document: &serde_json::Value) -> Result<(), Failure> {
    raw(&format!("{document:#}"))
}

/// Says what went wrong.
pub(super) fn error(text: &str) {
    // Nobody is left to tell when this fails.
    let _closed = writeln!(io::stderr().lock(), "cutover: {}", safe::lines(text));
}

/// Says what went wrong, in a drawing that has made foreign text visible itself.
pub(super) fn drawn_error(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Whether somebody sits at both ends of this process.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// How findings are drawn on this output.
pub(super) fn style() -> Style {
    let out = io::stdout();
    let terminal = out.is_terminal();
    let width = if terminal {
        rustix::termios::tcgetwinsize(&out).map_or(100, |size| usize::from(size.ws_col))
    } else {
        120
    };
    Style {
        ascii: !terminal,
        colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        width: width.max(60),
    }
}

/// Text in columns: as wide as their widest cell, two spaces between.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    use unicode_width::UnicodeWidthStr;
    let clean: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| safe::line(cell).into_owned()).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &clean {
        for (column, cell) in row.iter().enumerate() {
            match widths.get_mut(column) {
                Some(width) => *width = (*width).max(cell.width()),
                None => widths.push(cell.width()),
            }
        }
    }
    let lines: Vec<String> = clean
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_places_whatever_stands_in_them() {
        let rows = [["a", "long cell"], ["日本", "\u{1b}[31mred"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "a     long cell\n日本  ␛[31mred");
    }
}
