//! `${name}`, `${env:NAME}` and `${file:PATH}` in the texts of a plan.
//!
//! Replaces variables by their values; leaves references to the environment and to files as references
//! ([`Template`]), since a plan may be shown, hashed and stored and their values may not. `$${` is a literal
//! `${`. Refuses to know where a reference may stand: `shape` does, key by key.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Findings};
use super::grammar::{self, Kind, Names};
use super::names;
use super::references::{self, Piece, has_reference, pieces};
use super::secret::{Part, Template};
use super::source::{Place, Sources};
use super::tree::{Node, Table, Value};

/// Variables that stand in variables, at most so deep.
const DEEPEST: usize = 16;

/// All replaced texts together: beyond it a plan multiplies itself.
const LARGEST: usize = 16 * 1024 * 1024;

/// Programs that take a text as a script after `-c`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "fish"];

/// A reference that has to be there when the plan runs, and where it stands first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) part: Part,
    pub(super) at: Place,
}

struct Variables<'s> {
    values: HashMap<String, Variable>,
    sources: &'s Sources,
    used: Vec<Used>,
    seen: std::collections::HashSet<String>,
    written: usize,
    overflowed: bool,
    /// What is looked at may hold something of the environment or a file.
    secret: bool,
}

struct Variable {
    raw: String,
    at: Place,
    state: State,
}

enum State {
    Raw,
    Busy,
    Done(Vec<Part>),
    Failed,
}

/// Replaces every reference of a tree. `sets` are `--set` options, each with its place.
pub(super) fn resolve(
    root: &mut Table,
    sets: &[(String, String, Place)],
    sources: &Sources,
    findings: &mut Findings,
) -> Vec<Used> {
    let mut values = HashMap::new();
    if let Some(table) = root.get("vars").and_then(Node::table) {
        for entry in &table.entries {
            if let Some(text) = entry.node.text() {
                values.insert(
                    entry.key.clone(),
                    Variable { raw: text.to_owned(), at: entry.node.at, state: State::Raw },
                );
            }
        }
    }
    for (name, value, at) in sets {
        if let Some(variable) = values.get_mut(name) {
            *variable = Variable { raw: value.clone(), at: *at, state: State::Raw };
        } else {
            findings.push(
                Diagnostic::error("unknown-variable", *at, format!("the plan has no variable `{name}`"))
                    .label("nothing to set")
                    .help(names::suggest(name, "variable", values.keys().map(String::as_str))),
            );
        }
    }
    let mut variables = Variables {
        values,
        sources,
        used: Vec::new(),
        seen: std::collections::HashSet::new(),
        written: 0,
        overflowed: false,
        secret: true,
    };
    for entry in &mut root.entries {
        if entry.key == "vars" {
            variables.own(&mut entry.node, findings);
        } else {
            let kind = grammar::PLAN.key(&entry.key).map(|key| key.kind);
            variables.node(&mut entry.node, kind, findings);
        }
    }
    variables.used
}

impl Variables<'_> {
    /// The table of variables: it shows what each has become.
    fn own(&mut self, node: &mut Node, findings: &mut Findings) {
        let Value::Table(table) = &mut node.value else { return };
        for entry in &mut table.entries {
            if entry.node.text().is_some()
                && let Some(parts) = self.value(&entry.key, entry.node.at, 0, findings)
            {
                entry.node.value = whole(parts);
            }
        }
    }

    /// Replaces what stands in a value of this kind, as far as the grammar knows it.
    fn node(&mut self, node: &mut Node, kind: Option<Kind>, findings: &mut Findings) {
        match &mut node.value {
            Value::Text(text) => {
                self.secret = kind.is_none_or(|kind| matches!(kind, Kind::Secret | Kind::Body));
                if text.contains("${") {
                    let raw = std::mem::take(text);
                    node.value = match self.parts(&raw, node.at, 0, findings) {
                        Some(parts) => {
                            self.note_used(&parts, node.at);
                            whole(parts)
                        }
                        // What else stands there is looked at all the same.
                        None => match references::from_outside(&raw) {
                            parts if parts.is_empty() => Value::Text(raw),
                            parts => whole(parts),
                        },
                    };
                }
            }
            Value::List(list) => {
                self.shell(list, findings);
                for item in list {
                    self.node(item, kind, findings);
                }
            }
            Value::Table(table) => {
                // In a document or a form it is a name like others.
                let names = !matches!(kind, Some(Kind::Body | Kind::Json | Kind::Map(..)));
                for entry in &mut table.entries {
                    if names && entry.key == "id" && entry.node.text().is_some_and(has_reference) {
                        findings.push(
                            Diagnostic::error("wrong-value", entry.node.at, "an id stands for itself")
                                .label("holds a reference")
                                .help("write the id out: overlays and the record find things by it"),
                        );
                    } else {
                        let kind = kind.and_then(|kind| kind.of(&entry.key));
                        self.node(&mut entry.node, kind, findings);
                    }
                }
            }
            Value::Tainted(_) | Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Time(_) => {}
        }
    }

    /// A script for a shell is written, never put together.
    fn shell(&self, argv: &[Node], findings: &mut Findings) {
        let program = argv.first().and_then(Node::text).and_then(|p| p.rsplit('/').next());
        if !program.is_some_and(|p| SHELLS.contains(&p)) {
            return;
        }
        let is_c = |n: &Node| {
            n.text().is_some_and(|t| t.starts_with('-') && !t.starts_with("--") && t.ends_with('c'))
        };
        let Some(script) = argv.iter().position(is_c).and_then(|at| argv.get(at + 1)) else { return };
        if script.text().is_some_and(has_reference) {
            findings.push(
                Diagnostic::error(
                    "spliced-shell",
                    self.inside(script.at, "${"),
                    "no value is put into a text that a shell reads",
                )
                .label("would be read as shell")
                .help(
                    "write env = { NAME = \"${name}\" } beside it and the script in single quotes, with \"$NAME\" in it; `$${` is a literal `${`",
                ),
            );
        }
    }

    fn note_used(&mut self, parts: &[Part], at: Place) {
        for part in parts {
            let name = match part {
                // A flow has its own within itself.
                Part::Text(_) | Part::Kept(_) => continue,
                Part::Env(name) => format!("env:{name}"),
                Part::File(path) => format!("file:{}", path.display()),
            };
            if self.seen.insert(name) {
                self.used.push(Used { part: part.clone(), at });
            }
        }
    }

    /// The value of a variable, `None` where it has been reported why there is none.
    fn value(&mut self, name: &str, from: Place, depth: usize, findings: &mut Findings) -> Option<Vec<Part>> {
        let Some(variable) = self.values.get_mut(name) else {
            let known = self.values.keys().map(String::as_str);
            let help = references::unknown(name, known, self.secret);
            findings.push(
                Diagnostic::error(
                    "unknown-variable",
                    self.inside(from, &format!("${{{name}}}")),
                    format!("there is no variable `{name}` in [vars]"),
                )
                .label("unknown variable")
                .help(help),
            );
            return None;
        };
        match &variable.state {
            State::Done(parts) => return Some(parts.clone()),
            State::Failed => return None,
            State::Busy => {
                findings.push(
                    Diagnostic::error(
                        "cycle",
                        variable.at,
                        format!("the variable `{name}` stands in its own value"),
                    )
                    .label("leads back to itself")
                    .help(format!("write out what `{name}` is, without another variable")),
                );
                return None;
            }
            State::Raw => {}
        }
        let (raw, at) = (variable.raw.clone(), variable.at);
        variable.state = State::Busy;
        let parts = self.parts(&raw, at, depth + 1, findings);
        if let Some(variable) = self.values.get_mut(name) {
            variable.state = parts.clone().map_or(State::Failed, State::Done);
        }
        parts
    }

    fn parts(&mut self, raw: &str, at: Place, depth: usize, findings: &mut Findings) -> Option<Vec<Part>> {
        if depth > DEEPEST {
            findings.push(
                Diagnostic::error(
                    "wrong-value",
                    at,
                    format!("variables stand in each other more than {DEEPEST} deep"),
                )
                .label("too deep")
                .help("write some of them out"),
            );
            return None;
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut whole = true;
        for piece in pieces(raw) {
            let found = match piece {
                Piece::Text(text) => Some(vec![Part::Text(text.to_owned())]),
                Piece::Open => {
                    findings.push(
                        Diagnostic::error("wrong-value", self.last(at, "${"), "a `${` that is never closed")
                            .label("no `}` follows")
                            .help("close it, or write `$${` for a literal `${`"),
                    );
                    None
                }
                Piece::Reference(name) => self.reference(name, at, depth, findings),
            };
            match found {
                Some(found) => parts.extend(found),
                None => whole = false,
            }
        }
        self.written += parts.iter().map(|p| if let Part::Text(t) = p { t.len() } else { 8 }).sum::<usize>();
        if self.written > LARGEST {
            if !std::mem::replace(&mut self.overflowed, true) {
                findings.push(
                    Diagnostic::error(
                        "too-large",
                        at,
                        "the values of its variables make this plan larger than 16 MiB",
                    )
                    .label("here it is too much")
                    .help("variables that stand in each other multiply: write some of them out"),
                );
            }
            return None;
        }
        whole.then(|| join(parts))
    }

    fn reference(
        &mut self,
        name: &str,
        at: Place,
        depth: usize,
        findings: &mut Findings,
    ) -> Option<Vec<Part>> {
        let name = name.trim();
        let secret = self.secret;
        let wrong = |why: String, help: &str| {
            let help = if secret {
                help
            } else {
                "take it out, or write a ${name} of [vars]; `$${` is a literal `${`"
            };
            Diagnostic::error("wrong-value", self.inside(at, &format!("${{{name}")), why)
                .label("not a reference")
                .help(help)
        };
        if let Some(env) = name.strip_prefix("env:") {
            if Names::Environment.fits(env) {
                return Some(vec![Part::Env(env.to_owned())]);
            }
            findings.push(wrong(format!("`{env}` is no name of the environment"), "write ${env:NAME}"));
            return None;
        }
        if let Some(path) = name.strip_prefix("file:") {
            if !path.is_empty() {
                return Some(vec![Part::File(path.into())]);
            }
            findings
                .push(wrong("a file reference without a path".to_owned(), "write ${file:/run/secrets/name}"));
            return None;
        }
        if let Some(kept) = name.strip_prefix("kept:") {
            if Names::Variables.fits(kept) {
                return Some(vec![Part::Kept(kept.to_owned())]);
            }
            findings.push(wrong(format!("`{kept}` is no name for what is kept"), "write ${kept:name}"));
            return None;
        }
        if self.values.contains_key(name) || Names::Variables.fits(name) || Names::Environment.fits(name) {
            return self.value(name, at, depth, findings);
        }
        findings.push(wrong(
            format!("`${{{name}}}` is no reference"),
            "write ${name}, ${env:NAME} or ${file:PATH}; `$${` is a literal `${`",
        ));
        None
    }

    /// The part of a place at which a text stands, the whole place where it is written otherwise.
    fn inside(&self, at: Place, text: &str) -> Place {
        within(at, self.sources.text(at).find(text), text.len())
    }

    /// The same for the last of several.
    fn last(&self, at: Place, text: &str) -> Place {
        within(at, self.sources.text(at).rfind(text), text.len())
    }
}

fn within(at: Place, offset: Option<usize>, length: usize) -> Place {
    offset.map_or(at, |offset| {
        let start = at.start as usize + offset;
        Place::new(at.file, start..start + length)
    })
}

/// Neighbouring texts as one, empty ones left out.
fn join(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        match (out.last_mut(), part) {
            (_, Part::Text(text)) if text.is_empty() => {}
            (Some(Part::Text(last)), Part::Text(text)) => last.push_str(&text),
            (_, part) => out.push(part),
        }
    }
    out
}

fn whole(parts: Vec<Part>) -> Value {
    let template = Template::new(parts);
    match template.as_plain() {
        Some(text) => Value::Text(text),
        None => Value::Tainted(template),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn resolved(text: &str, sets: &[(&str, &str)]) -> Result<Table, Vec<String>> {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, text.to_owned());
        let mut findings = Findings::default();
        let mut root = tree::parse(file, &sources, &mut findings);
        let sets: Vec<_> =
            sets.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned(), Place::new(file, 0..1))).collect();
        resolve(&mut root, &sets, &sources, &mut findings);
        let found = findings.finish();
        if found.is_empty() { Ok(root) } else { Err(found.into_iter().map(|d| d.message).collect()) }
    }

    fn text(table: &Table, key: &str) -> String {
        match &table.get(key).unwrap().value {
            Value::Text(text) => format!("plain {text}"),
            Value::Tainted(template) => format!("tainted {template}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn variables_stand_in_texts_and_in_each_other() {
        let root = resolved(
            "a = 'http://${host}:${port}/'\nb = '$${HOME} ${env:X}'\n[vars]\nhost = 'db.${zone}'\nzone = 'eu'\nport = '1'\n",
            &[("port", "81")],
        )
        .unwrap();
        assert_eq!(text(&root, "a"), "plain http://db.eu:81/");
        assert_eq!(text(&root, "b"), "tainted ${HOME} ${env:X}");
    }

    #[test]
    fn a_wrong_reference_hides_no_other() {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, "a = 'x ${env:X} ${nam}'\n".to_owned());
        let mut findings = Findings::default();
        let mut root = tree::parse(file, &sources, &mut findings);
        resolve(&mut root, &[], &sources, &mut findings);
        assert_eq!(text(&root, "a"), "tainted ${env:X}");
    }

    #[test]
    fn taint_travels_through_variables() {
        let root = resolved("a = 'x${pw}'\n[vars]\npw = '${file:secret}'\n", &[]).unwrap();
        assert_eq!(text(&root, "a"), "tainted x${file:secret}");
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        let wrong = |text: &str| resolved(text, &[]).unwrap_err().join("; ");
        assert!(wrong("a = '${nam}'\n[vars]\nname = 'x'\n").contains("no variable `nam`"));
        assert!(wrong("a = '${x'\n").contains("never closed"));
        assert!(wrong("a = '${}'\n").contains("no reference"));
        assert!(wrong("[vars]\na = '${b}'\nb = '${a}'\n").contains("its own value"));
        assert!(
            wrong("id = '${a}'\n[x]\nid = '${a}'\n[vars]\na = 'x'\n").contains("an id stands for itself")
        );
        assert!(wrong("a = ['/bin/sh', '-ec', 'rm ${x}']\n[vars]\nx = 'y'\n").contains("a shell reads"));
        assert!(resolved("a = ['sh', '-c', 'echo $${X}']\n", &[]).is_ok());
        assert_eq!(
            resolved("[vars]\nport = '1'\n", &[("prot", "2")]).unwrap_err(),
            ["the plan has no variable `prot`"]
        );
    }

    #[test]
    #[expect(clippy::format_push_string, reason = "a test's text, not a hot path")]
    fn variables_that_multiply_end_in_an_error() {
        let mut text = String::from("[vars]\nv0 = '0123456789'\n");
        for i in 1..15 {
            text += &format!("v{i} = '{}'\n", format!("${{v{}}}", i - 1).repeat(10));
        }
        assert!(resolved(&text, &[]).unwrap_err().iter().any(|m| m.contains("larger than 16 MiB")));
        let mut text = String::from("[vars]\nv0 = '0'\n");
        for i in 1..5000 {
            text += &format!("v{i} = '${{v{}}}'\n", i - 1);
        }
        text.insert_str(0, "a = '${v4999}'\n");
        assert!(resolved(&text, &[]).unwrap_err().iter().any(|m| m.contains("more than 16 deep")));
    }
}
