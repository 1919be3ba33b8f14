//! Lines that can be copied into a plan: what is written behind a key that is missing or wrong, and what such a
//! value is called.
//!
//! Owns one promise, which a test keeps for every key of the grammar: what is shown reads as TOML, and passes.

use super::grammar::{Kind, Names, Spec};
use super::{units, written};

/// What can be written for a key of the table to which `path` leads: a line, a header, or two lines to choose from.
pub(super) fn line(path: &[String], key: &str, kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => {
            words.iter().map(|w| format!("{key} = \"{w}\"")).collect::<Vec<_>>().join(" or ")
        }
        Kind::TimeOrStart => format!("{key} = {}, or {key} = \"start\"", value(key, kind)),
        Kind::Count => format!("{key} = 1000, or {key} = \"64MiB\""),
        Kind::Table(spec) if spec.name.starts_with('[') => spec.name.to_owned(),
        // Deeper down a header is harder to read than a table in the line.
        Kind::Tables(_) if path.len() < 2 => {
            let names: Vec<&str> = path.iter().map(String::as_str).chain([key]).collect();
            format!("[[{}]]", names.join("."))
        }
        Kind::Json => format!("{} = {}", bare(&units::pointer(key)), value(key, kind)),
        _ => format!("{} = {}", bare(key), value(key, kind)),
    }
}

/// What a kind is called.
pub(super) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "a text",
        Kind::Word | Kind::Choice(_) => "a word",
        Kind::Id | Kind::Ref(_) => "an id",
        Kind::Refs(_) | Kind::RefsOrNone(_) => "an id or a list of ids",
        Kind::Texts => "a text or a list of texts",
        Kind::Argv => "a list of a program and its arguments",
        Kind::Duration => "a duration",
        Kind::Count => "a count or a size",
        Kind::Offset => "an offset from UTC",
        Kind::Time => "a time with its offset",
        Kind::TimeOrStart => "a time or \"start\"",
        Kind::Flag => "true or false",
        Kind::Whole(..) => "a whole number",
        Kind::Number => "a number",
        Kind::Json | Kind::Body => "a value that JSON can hold",
        Kind::Status => "a status or a list of them",
        Kind::Address => "a host and port",
        Kind::SshHost => "a host",
        Kind::Table(_) | Kind::Map(..) => "a table",
        Kind::Tables(_) => "a list of at least one table",
        Kind::ArgvOr(_) => "a list of a program and its arguments, or a table",
        Kind::Needs(..) => "not in this version",
    }
}

fn bare(key: &str) -> String {
    let mut out = String::new();
    written::key(&mut out, key);
    out
}

fn value(key: &str, kind: Kind) -> String {
    let fixed = match kind {
        Kind::Text | Kind::Secret | Kind::Json | Kind::Body => "\"…\"",
        Kind::Status => "200",
        // The two sides are told apart by their words.
        Kind::Word if key == "source" => "\"dc1\"",
        Kind::Word => "\"azure\"",
        Kind::Id => "\"some-name\"",
        Kind::Ref(_) => "\"the-id\"",
        Kind::Refs(_) | Kind::RefsOrNone(_) => "[\"the-id\"]",
        Kind::Texts => "[\"…\"]",
        Kind::Argv | Kind::ArgvOr(_) => "[\"./program\", \"argument\"]",
        Kind::Duration => "\"5m30s\"",
        Kind::Count => "1000",
        Kind::Offset => "\"+01:00\"",
        Kind::Time if key == "closes" => "2026-12-06T02:00:00+01:00",
        Kind::Time | Kind::TimeOrStart => "2026-12-05T22:00:00+01:00",
        Kind::Flag => "true",
        Kind::Number => "3",
        Kind::Address => "\"10.0.0.5:5432\"",
        Kind::SshHost => "\"ops@host\"",
        Kind::Choice(words) => return format!("\"{}\"", words.first().unwrap_or(&"…")),
        Kind::Whole(least, most) => return 3.clamp(least, most).to_string(),
        Kind::Table(spec) => return table(spec),
        Kind::Tables(spec) => return format!("[{}]", table(spec)),
        Kind::Map(inner, names) => {
            let name = match names {
                Names::Environment => "NAME",
                Names::Ids | Names::Variables | Names::Free => "name",
            };
            return format!("{{ {} }}", line(&[], name, *inner));
        }
        Kind::Needs(..) => "…",
    };
    fixed.to_owned()
}

/// A table in a line, with all that it needs.
fn table(spec: &Spec) -> String {
    let one = spec.one_of.first().and_then(|k| spec.key(k));
    let keys = spec.keys.iter().filter(|k| k.required).chain(one);
    let pairs: Vec<String> = keys.map(|k| format!("{} = {}", k.name, value(k.name, k.kind))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Findings;
    use super::super::grammar::PLAN;
    use super::super::shape::{self, Rigour};
    use super::super::source::{Place, Sources};
    use super::super::tree;
    use super::*;

    /// Every table of the grammar.
    fn specs(spec: &'static Spec, out: &mut Vec<&'static Spec>) {
        if out.iter().any(|known| std::ptr::eq(*known, spec)) {
            return;
        }
        out.push(spec);
        for key in spec.keys {
            let mut kind = key.kind;
            while let Kind::Map(inner, _) = kind {
                kind = *inner;
            }
            if let Kind::Table(inner) | Kind::Tables(inner) | Kind::ArgvOr(inner) = kind {
                specs(inner, out);
            }
        }
    }

    /// What is wrong with a text, held against a table.
    fn wrong(text: &str, spec: &'static Spec) -> Vec<String> {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, text.to_owned());
        let mut findings = Findings::default();
        let root = tree::parse(file, &sources, &mut findings);
        shape::check(&root, Place::new(file, 0..0), spec, Rigour::Present, &mut findings);
        let about = |code: &str| ["syntax", "wrong-type", "wrong-value"].contains(&code);
        findings.finish().into_iter().filter(|d| about(d.code)).map(|d| d.message).collect()
    }

    #[test]
    fn every_example_can_be_copied() {
        let mut all = Vec::new();
        specs(&PLAN, &mut all);
        assert!(all.len() > 40, "{}", all.len());
        for spec in all {
            for key in spec.keys.iter().filter(|k| !matches!(k.kind, Kind::Needs(..))) {
                let nested = ["a".to_owned(), "b".to_owned()];
                for shown in line(&nested, key.name, key.kind).split(", or ").flat_map(|l| l.split(" or ")) {
                    assert_eq!(wrong(shown, spec), Vec::<String>::new(), "{}: {shown}", spec.name);
                }
            }
        }
    }

    #[test]
    fn an_example_says_where_it_goes() {
        let steps = PLAN.key("phase").map(|k| k.kind).unwrap();
        assert_eq!(line(&[], "phase", steps), "[[phase]]");
        assert_eq!(line(&["phase".to_owned()], "step", steps), "[[phase.step]]");
        let Some(Kind::Table(plan)) = PLAN.key("plan").map(|k| k.kind) else { panic!("no [plan]") };
        let of = |key: &str| line(&["plan".to_owned()], key, plan.key(key).unwrap().kind);
        assert_ne!(of("source").replace("source", ""), of("target").replace("target", ""));
        assert_eq!(
            of("window"),
            "window = { opens = 2026-12-05T22:00:00+01:00, closes = 2026-12-06T02:00:00+01:00 }"
        );
    }
}
