//! What is offered for a table as it stands: keys that fit what is there already.
//!
//! Owns one promise: followed to the letter, what is offered leads on. So no key is offered that would be refused
//! beside what stands there. `examples` knows a key by itself; this knows its table.

use std::time::Duration;

use toml::value::Datetime;

use super::examples;
use super::grammar::{Key, Kind, Spec};
use super::names;
use super::tree::{Node, Table, Value};
use super::units;

/// Words that are written for a key of the same meaning.
const SYNONYMS: &[(&str, &str)] = &[("exclude", "except")];

/// Keys of a step that mean nothing on the way back.
const NOT_IN_ROLLBACK: &[&str] = &["gate", "undo", "switch", "point_of_no_return", "holds_until"];

/// How long a window is that somebody has yet to think about.
const WINDOW: Duration = Duration::from_secs(4 * 3600);

/// Keys that a table could still take.
pub(super) fn unused(path: &[String], table: &Table, spec: &Spec) -> Vec<&'static str> {
    let known = spec.keys.iter().filter(|k| !matches!(k.kind, Kind::Needs(..)));
    known.map(|k| k.name).filter(|k| table.get(k).is_none() && fits(path, k)).collect()
}

fn fits(path: &[String], key: &str) -> bool {
    path.first().is_none_or(|first| first != "rollback") || !NOT_IN_ROLLBACK.contains(&key)
}

/// The key that was meant by an unknown one.
pub(super) fn meant(key: &str, unused: &[&'static str]) -> Option<&'static str> {
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == key).map(|(_, meant)| *meant);
    let synonym = synonym.filter(|meant| unused.contains(meant));
    // `budget` is a whole word of `outage_budget`, and of nothing else.
    let part = || {
        let mut holders = unused.iter().copied().filter(|known| known.split('_').any(|word| word == key));
        holders.next().filter(|_| holders.next().is_none())
    };
    synonym.or_else(|| names::nearest(key, unused.iter().copied())).or_else(part)
}

/// What to do about an unknown key that is another spelling of one that stands there already.
pub(super) fn again(key: &str, meant: Option<&str>, spec: &Spec, unused: &[&'static str]) -> Option<String> {
    let there = spec.keys.iter().map(|k| k.name).filter(|name| !unused.contains(name));
    let same = names::nearest(key, there).filter(|_| meant.is_none())?;
    Some(format!("`{same}` is there already: take this line out"))
}

/// What to do about an unknown key.
pub(super) fn unknown(key: &str, meant: Option<&str>, spec: &Spec, unused: &[&'static str]) -> String {
    match (meant, spec.expected_of(key)) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Some(of)) => format!("`{key}` belongs to the `expect` of `{of}`: take it out"),
        (None, None) => names::listed(unused.to_vec(), 12).map_or_else(
            || "take it out: there is no other key here".to_owned(),
            |all| format!("take it out, or write one of: {all}"),
        ),
    }
}

/// What to add where a key is missing.
pub(super) fn missing(path: &[String], key: &Key, table: &Table, spec: &Spec) -> String {
    let line = match key.kind {
        Kind::TimeOrStart => opens(table),
        Kind::Tables(inner) if path.len() < 2 => Some(with_all(path, key, inner, spec)),
        _ => None,
    };
    format!("add {}", line.unwrap_or_else(|| examples::line(path, key.name, key.kind)))
}

/// A list of tables with all that one of them needs.
fn with_all(path: &[String], key: &Key, inner: &Spec, of: &Spec) -> String {
    let mut path = path.to_vec();
    let header = examples::line(&path, key.name, key.kind);
    path.push(key.name.to_owned());
    let required = inner.keys.iter().filter(|k| k.required);
    let mut needs: Vec<String> = required
        .map(|k| match k.kind {
            Kind::Tables(_) => examples::line(&path, k.name, k.kind),
            _ => format!("`{}`", k.name),
        })
        .collect();
    let first = inner.one_of.first().and_then(|k| inner.key(k));
    needs.extend(first.map(|k| match k.kind {
        // The question to a person: no text that would pass for one that was forgotten.
        Kind::Text => format!("{} = \"Is it done?\"", k.name),
        kind => examples::line(&path, k.name, kind),
    }));
    let last = needs.pop().unwrap_or_default();
    let out = match path.len() {
        1 => String::new(),
        _ => format!(", or take {} out", of.name.replacen("a ", "the ", 1)),
    };
    format!("{header} with {} and {last}{out}", needs.join(", "))
}

/// What to add where a table does not say what it is.
pub(super) fn kind(path: &[String], table: &Table, spec: &Spec) -> String {
    match (kinds(path, spec).as_slice(), window(table)) {
        (_, Some(Window::Start)) if is_window(spec) => "add length = \"4h\"".to_owned(),
        (_, Some(Window::Opens(opens))) if is_window(spec) => format!("add closes = {}", after(&opens)),
        ([one], _) => {
            let line = spec.key(one).map(|k| examples::line(path, k.name, k.kind));
            format!("add {}", line.unwrap_or_default())
        }
        (all, _) => format!("add exactly one of {}", list(all)),
    }
}

/// What a table may say it is.
pub(super) fn kinds(path: &[String], spec: &Spec) -> Vec<&'static str> {
    spec.one_of.iter().copied().filter(|kind| fits(path, kind)).collect()
}

/// What to do where a table says that it is two things.
pub(super) fn two_kinds(table: &Table, spec: &Spec) -> String {
    match window(table) {
        Some(Window::Start) if is_window(spec) => {
            "take `closes` out: the window opens when the run starts".to_owned()
        }
        Some(Window::Opens(_)) if is_window(spec) => {
            "take `length` out: the window opens at a fixed time".to_owned()
        }
        _ if spec.key("id").is_some() => {
            format!("keep one of the two, or write {} for each", spec.name)
        }
        _ => "take one of the two out".to_owned(),
    }
}

/// What to do instead of what is not in this version.
pub(super) fn instead(path: &[String], text: &str) -> String {
    text.replace("NAME", path.last().map_or("NAME", String::as_str))
}

/// A table as people know it: its id where it has one.
pub(super) fn called(spec: &Spec, table: &Table) -> String {
    match table.get("id").and_then(Node::text) {
        Some(id) => {
            let kind = spec.name.trim_start_matches("an ").trim_start_matches("a ");
            format!("{kind} `{id}`")
        }
        None => spec.name.to_owned(),
    }
}

/// When a window opens.
enum Window {
    Start,
    Opens(Datetime),
}

fn is_window(spec: &Spec) -> bool {
    spec.key("opens").is_some()
}

fn window(table: &Table) -> Option<Window> {
    match &table.get("opens")?.value {
        Value::Time(time) => Some(Window::Opens(*time)),
        Value::Text(text) if text == "start" => Some(Window::Start),
        _ => None,
    }
}

/// When a window could open, by how it ends.
fn opens(table: &Table) -> Option<String> {
    if table.get("length").is_some() {
        return Some("opens = \"start\"".to_owned());
    }
    let Value::Time(closes) = &table.get("closes")?.value else { return None };
    let (at, offset) = units::time(closes).ok()?;
    Some(format!("opens = {}", units::write_time(at.minus(WINDOW), offset)))
}

/// When a window could close that opens then.
pub(super) fn after(opens: &Datetime) -> String {
    let (at, offset) = units::meant(opens, "22:00:00");
    units::write_time(at.plus(WINDOW), offset)
}

/// A time as it was meant where only the day was written; the end of a window comes after its beginning.
pub(super) fn day(written: &Datetime, opens: Option<&Datetime>) -> String {
    let Some(opens) = opens else {
        let (at, offset) = units::meant(written, "22:00:00");
        return units::write_time(at, offset);
    };
    let (begins, offset) = units::meant(opens, "22:00:00");
    let (ends, _) = units::meant(&Datetime { offset: opens.offset, ..*written }, "02:00:00");
    if ends > begins { units::write_time(ends, offset) } else { after(opens) }
}

pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [init @ .., last] => format!("{} or `{last}`", list(init)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_becomes_a_time_of_that_day_and_an_end_comes_after_its_beginning() {
        let time = |text: &str| text.parse::<Datetime>().unwrap();
        assert_eq!(day(&time("2026-12-06"), None), "2026-12-06T22:00:00+01:00");
        let opens = time("2026-12-05T22:00:00-05:00");
        assert_eq!(day(&time("2026-12-06"), Some(&opens)), "2026-12-06T02:00:00-05:00");
        assert_eq!(day(&time("2026-12-05"), Some(&opens)), "2026-12-06T02:00:00-05:00");
        assert_eq!(day(&time("2026-12-05"), Some(&time("2026-12-05"))), "2026-12-06T02:00:00+01:00");
    }
}
