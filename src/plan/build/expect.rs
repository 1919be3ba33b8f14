//! What an answer must look like, whoever gives it.

use regex::Regex;

use super::super::diagnostic::Diagnostic;
use super::super::source::Place;
use super::super::units;
use super::{Builder, View};
use crate::plan::model::Expect;

impl<'t> Builder<'t, '_> {
    /// What an answer must look like.
    pub(super) fn expect(&mut self, view: View<'t>) -> Expect {
        let expect = Expect {
            exit: view.whole("exit"),
            status: view.statuses("status"),
            within: self.positive(view, "within"),
            headers: self.expected_headers(view),
            text: view.text("text"),
            matches: view.text("matches"),
            has: view.strings("has"),
            json: view.json("json"),
            is: view.text("is"),
            at_most: view.number("at_most"),
            at_least: view.number("at_least"),
            number: view.text("number"),
            rows: view.count("rows"),
        };
        if expect == Expect::default() {
            self.findings.push(
                Diagnostic::error("missing-kind", view.at, "an `expect` that expects nothing")
                    .label("empty")
                    .help("say what the answer must look like, or take it out"),
            );
        }
        if let (Some(least), Some(most)) = (expect.at_least, expect.at_most)
            && least > most
        {
            self.findings.push(
                Diagnostic::error(
                    "wrong-value",
                    view.at("at_least"),
                    "no number is at least this and at most that",
                )
                .label("above `at_most`")
                .related(view.at("at_most"), "at most this")
                .help("swap the two"),
            );
        }
        let table = view.view("json").map(|j| j.table.entries.as_slice()).unwrap_or_default();
        let pointers = table.iter().map(|e| (e.key.as_str(), e.key_at));
        let number = expect.number.as_deref().map(|n| (n, view.at("number")));
        for (pointer, at) in pointers.chain(number).chain(view.texts("has")) {
            self.pointer(pointer, at);
        }
        if let Some(pattern) = &expect.matches {
            self.pattern(pattern, view.at("matches"));
        }
        if let Some(beside) = expect.rows.and_then(|_| view.table.entries.iter().find(|e| e.key != "rows")) {
            self.findings.push(
                Diagnostic::error("two-kinds", beside.key_at, "rows are counted, or one value is looked at")
                    .label(format!("`{}` looks at one value", beside.key))
                    .related(view.key_at("rows"), "`rows` counts them")
                    .help("take one of the two out"),
            );
        }
        expect
    }

    fn expected_headers(&mut self, view: View<'t>) -> Vec<(String, String)> {
        let entries = view.view("headers").map(|h| h.table.entries.as_slice()).unwrap_or_default();
        for entry in entries {
            self.header_name(&entry.key, entry.key_at);
        }
        entries.iter().filter_map(|e| Some((e.key.clone(), e.node.text()?.to_owned()))).collect()
    }

    /// What HTTP would never send by this name.
    pub(super) fn header_name(&mut self, name: &str, at: Place) {
        if !is_token(name) {
            self.findings.push(
                Diagnostic::error("wrong-value", at, format!("`{name}` is no name of a header"))
                    .label("not a name")
                    .help("write letters, digits and `-`, as in content-type"),
            );
        }
    }

    /// What leads to a value in JSON starts with a slash.
    pub(super) fn pointer(&mut self, pointer: &str, at: Place) {
        if !pointer.starts_with('/') {
            self.findings.push(
                Diagnostic::error("wrong-value", at, format!("`{pointer}` is no JSON pointer"))
                    .label("does not start with `/`")
                    .help(format!("write \"{}\"", units::pointer(pointer))),
            );
        }
    }

    /// A regular expression that can be read.
    pub(super) fn pattern(&mut self, pattern: &str, at: Place) -> Option<Regex> {
        let read = Regex::new(pattern);
        if let Err(why) = &read {
            let why = match why {
                regex::Error::Syntax(text) => {
                    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
                }
                other => other.to_string(),
            };
            self.findings.push(
                Diagnostic::error("wrong-value", at, format!("`{pattern}` is no regular expression"))
                    .label(why)
                    .help(
                        "write it in single quotes, and a sign that stands for itself with a `\\` before it",
                    ),
            );
        }
        read.ok()
    }
}

/// What a name of HTTP is made of.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
