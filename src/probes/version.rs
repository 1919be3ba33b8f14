//! The version of a release that runs, as it says itself: any other is a breach, named with what it was and is.
//!
//! What does not say it (another status, a page of markup, nothing at the pointer) is no measure: the version is
//! not known then, and not the same.

use std::collections::BTreeMap;

use reqwest::header::{DATE, HeaderName, LAST_MODIFIED};
use serde_json::Value;

use super::baseline::{Baseline, Change, Object, sha256, short, still};
use super::expect;
use super::flow::exchange;
use super::http::Answered;
use super::look::{Look, failed};
use super::words::line;
use crate::clock::Timestamp;
use crate::engine::reading::{Finding, Measure, Unmeasured};
use crate::plan::model::VersionProbe;

/// Longer values are told by their digests.
const SHOWN: usize = 40;
/// What is named where no pointer leads to it.
const WHOLE: &str = "the answer";

/// Asks for the version and compares it with the baseline.
pub(super) async fn look(look: &mut Look<'_>, probe: &VersionProbe) -> Result<Measure, Unmeasured> {
    let of = probe.pointer.as_ref().map_or_else(String::new, |pointer| format!(", {pointer} of it"));
    let asked: Vec<String> = probe.http.requests.iter().map(|r| format!("GET {}{of}", r.url)).collect();
    look.ask(asked.concat());
    let answered = exchange(look, &probe.http).await?;
    if !answered.status.is_success() {
        return failed(format!("{}, expected 2xx: the version is not known", answered.said()));
    }
    // What is kept of it may hold no secret of the plan either.
    let body = look.scrub.text(answered.body().map_err(|why| Unmeasured::Failed(why.to_owned()))?.to_owned());
    let values = values(&body, probe.pointer.as_deref())?;
    let objects = values.iter().map(|(name, value)| (name.clone(), Object::of(sha256(value.as_bytes()))));
    let text = serde_json::to_string(&values).map_err(|why| Unmeasured::Failed(why.to_string()))?;
    let seen = Baseline { objects: objects.collect(), text: Some(text), ..Baseline::default() };
    let baseline = look.against(&seen);
    let was: BTreeMap<String, String> = serde_json::from_str(baseline.text.as_deref().unwrap_or_default())
        .map_err(|_| {
            Unmeasured::Failed(
                "its baseline holds no version: it is not one of this kind of monitor".to_owned(),
            )
        })?;
    let when = modified(&answered);
    let named = |(name, change): (&str, Change<'_>)| Finding {
        what: name.to_owned(),
        change: words(&change, was.get(name), values.get(name)),
        when,
        who: None,
    };
    let findings: Vec<Finding> = baseline.changes(&seen).into_iter().map(named).collect();
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    let mut measure = still(&baseline, look.is_first(), "value", findings);
    let mut all = values.values();
    if let (true, Some(only), None) = (measure.pass, all.next().and_then(|value| shown(value)), all.next()) {
        measure.text = format!("{only}, {}", if look.is_first() { "noted" } else { "unchanged" });
    }
    Ok(measure)
}

/// Every single value at and below the pointer, by its own pointer.
fn values(body: &str, pointer: Option<&str>) -> Result<BTreeMap<String, String>, Unmeasured> {
    let mut all = BTreeMap::new();
    match pointer {
        None if body.trim().is_empty() => return failed("the answer is empty: it says no version"),
        None => drop(all.insert(WHOLE.to_owned(), body.trim().to_owned())),
        Some(pointer) => {
            let json = expect::parsed(body)?;
            let Some(at) = json.pointer(pointer) else {
                return failed(format!("{pointer} is not in the answer: the version is not known"));
            };
            leaves(pointer.to_owned(), at, &mut all);
            if all.is_empty() {
                return failed(format!("{pointer} is empty: it says no version"));
            }
        }
    }
    Ok(all)
}

fn leaves(name: String, value: &Value, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(format!("{name}/{}", key.replace('~', "~0").replace('/', "~1")), value, all);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                leaves(format!("{name}/{at}"), value, all);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(all.insert(name, text.clone())),
        Value::Bool(_) | Value::Number(_) => drop(all.insert(name, value.to_string())),
    }
}

fn words(change: &Change<'_>, was: Option<&String>, is: Option<&String>) -> String {
    let said = |value: Option<&String>, object: &Object| {
        value.and_then(|v| shown(v)).unwrap_or_else(|| short(&object.digest)).to_owned()
    };
    match change {
        Change::Added(object) => format!("added, {}", said(is, object)),
        Change::Removed(object) => format!("removed, was {}", said(was, object)),
        Change::Altered { was: before, is: now } => {
            format!("{} became {}", said(was, before), said(is, now))
        }
    }
}

/// A value that says itself in a few characters.
fn shown(value: &str) -> Option<&str> {
    (!value.is_empty() && line(value, SHOWN) == value).then_some(value)
}

/// Since when it is as it is, where the server says so. A server that gives the time of the answer itself says
/// nothing of that.
fn modified(answered: &Answered) -> Option<Timestamp> {
    let time = |name: HeaderName| {
        let text = answered.headers.get(name)?.to_str().ok()?;
        Some(Timestamp(chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis()))
    };
    time(LAST_MODIFIED).filter(|modified| time(DATE).is_none_or(|date| *modified < date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_below_a_pointer_has_its_own() {
        let body = r#"{"build": {"version": "1.4.2", "of": ["a", 7], "a/b": true, "none": null}}"#;
        let all: Vec<(String, String)> = values(body, Some("/build")).unwrap().into_iter().collect();
        let all: Vec<(&str, &str)> = all.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            all,
            [
                ("/build/a~1b", "true"),
                ("/build/of/0", "a"),
                ("/build/of/1", "7"),
                ("/build/version", "1.4.2")
            ]
        );
    }

    #[test]
    fn what_says_no_version_is_no_version() {
        for (body, pointer) in [
            ("", None),
            (" \n", None),
            ("{}", Some("/version")),
            (r#"{"v": null}"#, Some("/v")),
            ("<p>", Some("/v")),
        ] {
            assert!(values(body, pointer).is_err(), "{body}");
        }
    }
}
