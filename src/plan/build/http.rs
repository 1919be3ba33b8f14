//! Exchanges over HTTP, and what the requests of a flow carry on to those after them.

use super::super::diagnostic::Diagnostic;
use super::super::grammar::Names;
use super::super::names;
use super::super::source::Place;
use super::super::tree::{Node, Value};
use super::{Builder, View};
use crate::plan::model::{Body, Expect, HttpProbe, HttpRequest, Keep};
use crate::plan::secret::{Part, Template};

const METHODS: [(&str, &str); 6] = [
    ("GET", "get"),
    ("HEAD", "head"),
    ("POST", "post"),
    ("PUT", "put"),
    ("PATCH", "patch"),
    ("DELETE", "delete"),
];

impl<'t> Builder<'t, '_> {
    /// One exchange, or a flow of several.
    pub(super) fn http(&mut self, view: View<'t>) -> Option<HttpProbe> {
        let ca = view.text("ca");
        if !view.has("flow") {
            return Some(HttpProbe::of(self.request(view)?, ca));
        }
        let views = view.views("flow");
        let requests: Vec<Option<HttpRequest>> = views.iter().map(|request| self.request(*request)).collect();
        self.carried(&views);
        let requests = requests.into_iter().collect::<Option<Vec<_>>>()?;
        for (host, at) in view.texts("hosts") {
            if host.contains(['/', '@', '?']) {
                self.findings.push(
                    Diagnostic::error("wrong-value", at, format!("`{host}` is more than a host"))
                        .label("not a host")
                        .help("write its name alone, as in login.example.net or login.example.net:8443"),
                );
            }
        }
        (!requests.is_empty()).then_some(HttpProbe { requests, ca, hosts: view.strings("hosts") })
    }

    fn request(&mut self, view: View<'t>) -> Option<HttpRequest> {
        let expect = view.view("expect").map_or_else(Expect::default, |e| self.expect(e));
        let timeout = self.positive(view, "timeout");
        if let (Some(within), Some(timeout)) = (expect.within, timeout)
            && within >= timeout
            && let Some(asked) = view.view("expect")
        {
            self.findings.push(
                Diagnostic::error(
                    "impossible-time",
                    asked.at("within"),
                    "what is too late is never waited for",
                )
                .label("not shorter than `timeout`")
                .related(view.at("timeout"), "given up after this")
                .help("make `timeout` longer, or take it out"),
            );
        }
        let headers = view.view("headers").map(|h| h.table.entries.as_slice()).unwrap_or_default();
        for header in headers {
            self.header_name(&header.key, header.key_at);
        }
        let body = self.body(view);
        let keep = self.keep(view);
        let (method, key) = METHODS.into_iter().find(|(_, key)| view.has(key))?;
        Some(HttpRequest {
            method: method.to_owned(),
            url: self.address(view, key)?,
            headers: view.secrets("headers"),
            body,
            timeout,
            expect,
            keep,
        })
    }

    fn body(&mut self, view: View<'t>) -> Option<Body> {
        let mut there = ["body", "form", "json"].into_iter().filter(|key| view.has(key));
        let first = there.next()?;
        for second in there {
            self.findings.push(
                Diagnostic::error(
                    "two-kinds",
                    view.key_at(second),
                    "a request cannot send two things at once",
                )
                .label(format!("`{second}` too"))
                .related(view.key_at(first), format!("`{first}` already"))
                .help("take one of the two out"),
            );
        }
        match first {
            "body" => view.secret("body").map(Body::Text),
            "form" => Some(Body::Form(view.secrets("form"))),
            _ => view.document("json").map(Body::Json),
        }
    }

    fn keep(&mut self, view: View<'t>) -> Vec<(String, Keep)> {
        let named = view.named("keep");
        named.into_iter().filter_map(|(name, _, kept)| Some((name.to_owned(), self.kept(kept)?))).collect()
    }

    fn kept(&mut self, view: View<'t>) -> Option<Keep> {
        if let Some(pointer) = view.text("json") {
            self.pointer(&pointer, view.at("json"));
            return Some(Keep::Json(pointer));
        }
        if let Some(name) = view.text("header") {
            self.header_name(&name, view.at("header"));
            return Some(Keep::Header(name));
        }
        if let Some(name) = view.text("cookie") {
            return Some(Keep::Cookie(name));
        }
        let pattern = view.text("match")?;
        if let Some(read) = self.pattern(&pattern, view.at("match"))
            && read.captures_len() != 2
        {
            self.findings.push(
                Diagnostic::error("wrong-value", view.at("match"), "what is kept is what one group matches")
                    .label(if read.captures_len() == 1 { "no group" } else { "more than one group" })
                    .help("put ( ) around what is to be kept, and (?: ) around what only belongs together"),
            );
        }
        Some(Keep::Match(pattern))
    }

    /// What is used was kept before, and what is kept is used after.
    fn carried(&mut self, requests: &[View<'t>]) {
        let mut there: Vec<Carried<'t>> = Vec::new();
        for request in requests {
            let mut used = Vec::new();
            let sent = request.table.entries.iter().filter(|e| e.key != "keep");
            sent.for_each(|entry| taken(&entry.node, &mut used));
            for (name, at) in used {
                match there.iter_mut().rev().find(|kept| kept.name == name) {
                    Some(kept) => kept.used = true,
                    None => self.nothing_kept(name, at, &there),
                }
            }
            let named = request.named("keep").into_iter();
            there.extend(named.map(|(name, at, _)| Carried { name, at, used: false }));
        }
        let unused = |kept: &&Carried<'_>| !kept.used && Names::Variables.fits(kept.name);
        for Carried { name, at, .. } in there.iter().filter(unused) {
            self.findings.push(
                Diagnostic::error(
                    "never-used",
                    *at,
                    format!("`{name}` is kept, and no later request uses it"),
                )
                .label("kept for nothing")
                .help(format!("write ${{kept:{name}}} in a request after this one, or take it out")),
            );
        }
    }

    fn nothing_kept(&mut self, name: &str, at: Place, there: &[Carried<'_>]) {
        let near = names::nearest(name, there.iter().map(|kept| kept.name));
        let help = near.map_or_else(
            || format!("add keep = {{ {name} = {{ json = \"/…\" }} }} to a request before this one"),
            |near| format!("did you mean `{near}`?"),
        );
        self.findings.push(
            Diagnostic::error("not-kept", at, format!("no request before this one keeps `{name}`"))
                .label("nothing there yet")
                .help(help),
        );
    }

    /// A web address.
    pub(super) fn address(&mut self, view: View<'t>, key: &str) -> Option<Template> {
        let url = view.secret(key)?;
        let written = url.to_string();
        let starts_open = written.starts_with("${");
        if !starts_open && !written.starts_with("http://") && !written.starts_with("https://") {
            self.findings.push(
                Diagnostic::error("wrong-value", view.at(key), format!("`{written}` is no web address"))
                    .label("not a URL")
                    .help("write https://host/path"),
            );
        }
        if url.kept().next().is_some() && url.parts().len() > 1 && !has_host(&url) {
            self.findings.push(
                Diagnostic::error("wrong-value", view.at(key), "the host of an address is not taken from an answer")
                    .label("kept before its path begins")
                    .help("write the host out, as in https://host/${kept:name}; a whole link that was kept stands alone"),
            );
        }
        Some(url)
    }
}

/// What one request keeps, and whether another has used it.
struct Carried<'t> {
    name: &'t str,
    at: Place,
    used: bool,
}

/// What is taken from earlier requests anywhere in a value.
fn taken<'t>(node: &'t Node, out: &mut Vec<(&'t str, Place)>) {
    match &node.value {
        Value::Tainted(template) => {
            for name in template.kept() {
                if !out.contains(&(name, node.at)) {
                    out.push((name, node.at));
                }
            }
        }
        Value::List(list) => list.iter().for_each(|item| taken(item, out)),
        Value::Table(table) => table.entries.iter().for_each(|entry| taken(&entry.node, out)),
        Value::Text(_) | Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Time(_) => {}
    }
}

/// Whether the path of an address has begun before something that was kept stands in it.
fn has_host(url: &Template) -> bool {
    let before: String = url
        .parts()
        .iter()
        .take_while(|part| !matches!(part, Part::Kept(_)))
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect();
    let rest = before.split_once("://").map_or(before.as_str(), |(_, rest)| rest);
    rest.contains('/')
}
