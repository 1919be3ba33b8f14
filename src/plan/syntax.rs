//! Text to TOML, with every syntax error at once.
//!
//! The parser goes on after an error; but a bracket that is never closed swallows the rest of the file, and
//! with it every other error. So a missing bracket is put in where its line ends, and the text is read again.
//! Owns where positions of the mended text stand in the text as it was written.

use std::collections::HashSet;
use std::ops::Range;

use toml::de::{DeTable, Error};

use super::diagnostic::{Diagnostic, Findings};
use super::source::{FileId, Place};

/// So many brackets are put in; a text that lacks more is mended from the top.
const MOST_MENDED: usize = 20;

/// Reading again costs time: a larger text is read once.
const LARGEST_MENDED: usize = 512 * 1024;

/// A text that reads as far as it can be made to.
pub(super) struct Mended {
    /// The text with its brackets.
    pub(super) text: String,
    /// Where brackets were put in, as positions of the text as it was written, in order.
    pub(super) put_in: PutIn,
}

/// Positions of the text as it was written, in order, one for each byte that was put in there.
#[derive(Default)]
pub(super) struct PutIn(Vec<usize>);

impl PutIn {
    /// Where a span of the mended text stands in the text as it was written.
    pub(super) fn span(&self, span: Range<usize>) -> Range<usize> {
        self.back(span.start)..self.back(span.end)
    }

    fn back(&self, at: usize) -> usize {
        at - self.0.iter().enumerate().take_while(|&(i, &p)| p + i < at).count()
    }

    fn add(&mut self, written: usize, bytes: usize) {
        let slot = self.0.partition_point(|&p| p <= written);
        self.0.splice(slot..slot, std::iter::repeat_n(written, bytes));
    }
}

/// Mends a text that has errors, and reports them.
pub(super) fn mend(file: FileId, text: &str, mut errors: Vec<Error>, findings: &mut Findings) -> Mended {
    let mut mended = Mended { text: text.to_owned(), put_in: PutIn::default() };
    while text.len() <= LARGEST_MENDED && mended.put_in.0.len() < MOST_MENDED {
        let Some((at, bracket)) = missing_bracket(&mended.text, &errors) else { break };
        let mut tried = mended.text.clone();
        tried.insert_str(at, bracket);
        let left = DeTable::parse_recoverable(&tried).1;
        if damage(&left) >= damage(&errors) {
            break;
        }
        let written = mended.put_in.back(at);
        report_bracket(file, text, written, bracket, findings);
        mended.put_in.add(written, bracket.len());
        mended.text = tried;
        errors = left;
    }
    // What follows in the same line mostly follows from the first.
    let mut lines = HashSet::new();
    for error in errors {
        let found = mended.put_in.span(error.span().unwrap_or(0..0));
        let nothing = found.is_empty() && error.message().contains("must be quoted");
        let message = if nothing { "a value is missing" } else { error.message() };
        let span = visible(text, found);
        let line = text.get(..span.start).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        if lines.insert(line) {
            report(file, text, message, span, findings);
        }
    }
    mended
}

/// What is never closed counts before all else: with one thing closed, more errors may come to light.
fn damage(errors: &[Error]) -> (usize, usize) {
    (errors.iter().filter(|e| e.message().starts_with("unclosed")).count(), errors.len())
}

/// Where a bracket is missing, and which, if that is what the first of these errors come from.
fn missing_bracket(text: &str, errors: &[Error]) -> Option<(usize, &'static str)> {
    let headers = [
        ("unclosed array table, expected `]]`", "]]"),
        ("unclosed array table", "]"),
        ("unclosed table", "]"),
    ];
    for (message, bracket) in headers {
        if let Some(error) = errors.iter().find(|e| e.message().starts_with(message)) {
            return Some((super::source::floor(text, error.span()?.start), bracket));
        }
    }
    if !errors.iter().any(|e| {
        e.message().starts_with("unclosed inline table") || e.message().starts_with("unclosed array")
    }) {
        return None;
    }
    let inside =
        |e: &&Error| ["array", "inline table", "key-value pairs"].iter().any(|w| e.message().contains(w));
    let (first, error) =
        errors.iter().filter(inside).filter_map(|e| Some((e.span()?.start, e))).min_by_key(|&(at, _)| at)?;
    let bracket = if error.message().contains("array") { "]" } else { "}" };
    let line = text.get(..first)?.rfind('\n').map_or(0, |n| n + 1);
    let before = text.get(line..first)?.trim();
    // In a list the key of the next line still passes for a value; its `=` does not.
    let is_key = error.message().contains("`=`")
        && before.chars().all(|c| c.is_alphanumeric() || "_-.\"'".contains(c));
    if !before.is_empty() && !is_key {
        return Some((first, bracket));
    }
    // The error is met at the start of a line: the bracket is missing at the end of what stands above.
    let mut end = line;
    while end > 0 {
        let above = text.get(..end - 1)?.rfind('\n').map_or(0, |n| n + 1);
        let code = code(text.get(above..end)?);
        if !code.is_empty() {
            return Some((above + code.len(), bracket));
        }
        end = above;
    }
    None
}

/// A line without its comment and what is empty at its end.
fn code(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    let mut end = line.len();
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => {
                end = i;
                break;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(q), c) if q == c && !escaped => quote = None,
            _ => {}
        }
        escaped = false;
    }
    line.get(..end).unwrap_or(line).trim_end()
}

fn report_bracket(file: FileId, text: &str, at: usize, bracket: &str, findings: &mut Findings) {
    let start = text.get(..at).and_then(|t| t.char_indices().next_back()).map_or(0, |(i, _)| i);
    let line = text.get(..at).map_or("", |t| t.rsplit('\n').next().unwrap_or(t));
    let what = match bracket {
        "}" => "an inline table",
        "]" if !line.trim_start().starts_with('[') => "a list",
        _ => "a table's header",
    };
    findings.push(
        Diagnostic::error("syntax", Place::new(file, start..at), format!("{what} that is never closed"))
            .label(format!("`{bracket}` is missing after this"))
            .help(format!("add `{bracket}`")),
    );
}

fn report(file: FileId, text: &str, message: &str, span: Range<usize>, findings: &mut Findings) {
    let mended;
    let (message, help) = match message {
        m if m.contains("must be quoted") => match quoted(text, span.start) {
            Some(line) => {
                mended = line;
                ("a text that stands in no quotes", mended.as_str())
            }
            None => (m, general(m)),
        },
        m if m.contains("basic string") => match quoted(text, span.start) {
            Some(line) => {
                mended = line;
                ("a text that is never closed", mended.as_str())
            }
            None => (m, general(m)),
        },
        m if m.starts_with("unexpected key or value, expected newline") => {
            ("a second value stands on this line", "take it out, or put it on a line of its own")
        }
        m => (m, general(m)),
    };
    findings.push(
        Diagnostic::error("syntax", Place::new(file, span), message.to_owned()).label("here").help(help),
    );
}

/// The line with its value in quotes, where it is `key = value` in whole.
fn quoted(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |n| n + 1);
    let line = text.get(start..)?.lines().next()?;
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), code(value).trim().trim_matches(['"', '\'']));
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    let is_plain = !value.is_empty() && !value.contains(['"', '\'', '\\', '{', '}', '[', ']', ',', '#']);
    (is_key && is_plain).then(|| format!("write {key} = \"{value}\""))
}

fn general(message: &str) -> &'static str {
    match message {
        m if m.contains("duplicate key") => "a key stands once in a table: take one of the two out",
        m if m.contains("recursion limit") || m.contains("recurse") => {
            "nothing in a plan is nested deeper than six levels"
        }
        m if m.contains("unquoted key") => {
            "a key of other signs than letters, digits, `-` and `_` stands in double quotes: \"/a/b\" = 1"
        }
        m if m.contains("string") || m.contains("quote") => {
            "texts stand in double quotes; a quote inside is written \\\""
        }
        m if m.contains("array") => "a list stands in brackets, its values divided by commas: [\"a\", \"b\"]",
        m if m.contains("inline table") => "an inline table is { key = \"value\", other = 1 }",
        m if m.contains("value is missing") => "write the value behind the `=`, or take the line out",
        _ => "a line is `key = value`, `[table]` or `[[list.of.tables]]`; texts stand in double quotes",
    }
}

/// A span that a caret can stand under: within one line, and at least one character.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let start = super::source::floor(text, span.start);
    let line_end = text.get(start..).and_then(|t| t.find('\n')).map_or(text.len(), |n| start + n);
    if line_end > start {
        let next = text.get(start..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
        return start..span.end.clamp(start + next, line_end);
    }
    // At the end of a line something is missing: it is missed after the last thing there is.
    let before = text.get(..start).and_then(|t| t.char_indices().next_back());
    before.filter(|&(_, c)| c != '\n').map_or(start..start, |(i, _)| i..start)
}

#[cfg(test)]
mod tests {
    use super::super::source::Sources;
    use super::*;

    fn errors(text: &str) -> Vec<(usize, String)> {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, text.to_owned());
        let mut findings = Findings::default();
        mend(file, text, DeTable::parse_recoverable(text).1, &mut findings);
        findings.finish().into_iter().map(|d| (sources.line_column(d.place).line, d.message)).collect()
    }

    #[test]
    fn a_bracket_that_is_missing_hides_no_other_error() {
        let found = errors("a = { b = 1 # } no\n\nc = 2\nd = [1, 2\ne = 3\nf = = 4\n[g]\nh = 'x\n");
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 4, 6, 8], "{found:?}");
        let found = errors("[a\nb = 1\n[[c]\nd = =\n[[e\nf =\n");
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6], "{found:?}");
    }

    #[test]
    fn positions_after_a_mend_are_those_of_the_text_as_written() {
        let text = "a = [1, 2\nb = { c = 1\nd = 7\n";
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, text.to_owned());
        let mended = mend(file, text, DeTable::parse_recoverable(text).1, &mut Findings::default());
        let table = DeTable::parse_recoverable(&mended.text).0;
        let (key, value) = table.get_ref().iter().find(|(k, _)| k.get_ref() == "d").unwrap();
        assert_eq!(text.get(mended.put_in.span(key.span())), Some("d"));
        assert_eq!(text.get(mended.put_in.span(value.span())), Some("7"));
    }

    #[test]
    fn text_without_an_end_is_read_once() {
        assert!(!errors(&"[".repeat(100_000)).is_empty());
        assert!(!errors("a = \"\"\"\n{[").is_empty());
        assert!(!errors("a = {").is_empty() && !errors("a = [").is_empty());
    }
}
