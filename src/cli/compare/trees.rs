//! `cutover compare` of two trees of files: how far it is, and the two forms of the answer.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use super::super::exit::Failure;
use super::super::print;
use super::teller::Teller;
use super::{Args, verdict_words};
use crate::compare::Pace;
use crate::compare::tables::Verdict;
use crate::compare::trees::{
    Aspect, Attributes, Difference, Held, Moment, Outcome, Progress, Request, Stage, compare, is_address,
};
use crate::counts::counted;
use crate::ui::{format, safe};

/// What of files can be left out of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Ignored {
    /// When they were last modified.
    Time,
    /// Who may do what with them.
    Mode,
}

/// Whether an address means a tree of files.
pub(super) fn is_tree(address: &str) -> bool {
    is_address(address, &here())
}

/// The folder that addresses are relative to.
pub(in crate::cli) fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// Compares, and prints the answer.
pub(super) fn main(args: &Args) -> Result<Verdict, Failure> {
    let mut request = Request::new(&args.source, &args.target);
    request.only.clone_from(&args.only);
    request.except.clone_from(&args.except);
    request.times = !args.ignore.contains(&Ignored::Time);
    request.modes = !args.ignore.contains(&Ignored::Mode);
    request.owners = args.owners;
    request.full = args.full;
    request.quick = args.quick;
    if args.full {
        request.listed = usize::MAX;
    }
    let mut teller = Teller::new();
    let mut pace = Pace::default();
    let outcome = compare(&request, &here(), &mut |progress| {
        let rate = pace.of(Instant::now(), progress.bytes_done, progress.stage != Stage::Walking);
        teller.tell(|begun| line(progress, begun, rate));
        ControlFlow::Continue(())
    });
    teller.end();
    if args.json {
        print::json(&document(&outcome))?;
    } else {
        print::out(&words(&outcome, args))?;
    }
    Ok(outcome.verdict())
}

/// How far it is.
fn line(progress: &Progress, begun: Instant, rate: Option<u64>) -> String {
    let mut parts = match progress.stage {
        Stage::Walking => {
            let entries = counted(progress.entries, "entry", "entries");
            vec![format!("listing, {entries}, {}", format::span(begun.elapsed()))]
        }
        Stage::LookingAgain => {
            vec!["looking again at files that were changed while they were read".to_owned()]
        }
        Stage::Reading => {
            let done = progress.bytes_done.min(progress.bytes);
            let mut parts = vec![
                format!("{} %", (done * 100).checked_div(progress.bytes).unwrap_or(100)),
                format!("{} of {} files", format::count(progress.files_done), format::count(progress.files)),
                format!("{} of {}", format::bytes(done), format::bytes(progress.bytes)),
            ];
            if let Some(rate) = rate {
                parts.push(format!("{}/s", format::bytes(rate)));
                let left = Duration::from_secs((progress.bytes - done) / rate);
                parts.extend((!left.is_zero()).then(|| format!("about {} left", format::span(left))));
            }
            parts
        }
    };
    parts.extend((progress.differing > 0).then(|| format!("{} differ", format::count(progress.differing))));
    parts.join(", ")
}

/// The answer for a person: what differs by path, what was not proved, the verdict last, where it is seen.
fn words(outcome: &Outcome, args: &Args) -> String {
    let mut lines: Vec<String> = outcome.differences.iter().map(difference).collect();
    let more = outcome.different().saturating_sub(outcome.differences.len() as u64);
    if more > 0 {
        lines.push(format!("… and {} more (--full names all)", format::count(more)));
    }
    lines.extend(
        outcome.unproved_named.iter().map(|(path, why)| format!("{}: not proved, {why}", shown(path))),
    );
    let more = outcome.unproved.saturating_sub(outcome.unproved_named.len() as u64);
    if more > 0 {
        lines.push(format!("… and {} more that are not proved", format::count(more)));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(outcome.not_looked_at.iter().map(|what| format!("not looked at: {what}")));
    if outcome.left_out > 0 {
        lines.push(format!("left out: {}", counted(outcome.left_out, "entry", "entries")));
    }
    lines.push(verdict(outcome));
    if args.quick && outcome.different() == 0 {
        lines.push("without --quick the contents are compared too".to_owned());
    }
    lines.join("\n")
}

fn verdict(outcome: &Outcome) -> String {
    let took = format::span(outcome.took);
    let of = |held: &Held| {
        let files = counted(held.files, "file", "files");
        // A manifest knows no sizes.
        if held.bytes == 0 { files } else { format!("{files}, {}", format::bytes(held.bytes)) }
    };
    let compared = match (of(&outcome.source), of(&outcome.target)) {
        (source, target) if source == target => format!("{source} on each side"),
        (source, target) => format!("{source} and {target}"),
    };
    let said = match outcome.verdict() {
        Verdict::Same => format!("same: {compared}, {}", outcome.ways),
        Verdict::Different => format!("different: {}; {compared}", outcome.differing_words()),
        Verdict::NotProved { why } => format!("not proved: {why}"),
    };
    match (&outcome.unfinished, outcome.verdict()) {
        (Some(why), Verdict::Different) => format!("{said}, {took}; it did not come to its end: {why}"),
        _ => format!("{said}, {took}"),
    }
}

/// A path as it can be shown on one line: what is no text as the bytes that it is.
pub(in crate::cli) fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if text.is_empty() { ".".to_owned() } else { safe::line(&text).into_owned() }
}

fn difference(of: &Difference) -> String {
    let each: Vec<String> = of.aspects.iter().map(|aspect| said(aspect, of)).collect();
    let twin = of
        .twin
        .as_ref()
        .map_or_else(String::new, |twin| format!("; it has {}, which differs by case only", shown(twin)));
    format!("{}: {}{twin}", shown(&of.path), each.join("; "))
}

fn said(aspect: Aspect, of: &Difference) -> String {
    let change = |what: &str, each: &dyn Fn(&Attributes) -> Option<String>| {
        let side = |seen: &Option<Attributes>| seen.as_ref().and_then(each).unwrap_or_else(|| "?".to_owned());
        format!("{what} {} became {}", side(&of.source), side(&of.target))
    };
    match aspect {
        Aspect::Missing => "missing at the target".to_owned(),
        Aspect::Extra => "only at the target".to_owned(),
        Aspect::Kind => change("", &|seen| Some(seen.kind.to_string())).trim_start().to_owned(),
        Aspect::Size => change("size", &|seen| seen.size.map(format::count)),
        Aspect::Content => match (of.parts_at, of.source.as_ref().and_then(|seen| seen.digest.as_ref())) {
            (Some(at), _) => format!("other contents from byte {} on", format::count(at)),
            (None, Some(digest)) => change(&format!("{}", digest.algorithm()), &|seen| {
                seen.digest.as_ref().map(|digest| digest.to_string().chars().take(12).collect())
            }),
            (None, None) => "other contents".to_owned(),
        },
        Aspect::Link => change("link to", &|seen| seen.link.as_deref().map(shown)),
        Aspect::Mode => change("mode", &|seen| seen.mode.map(|mode| format!("{mode:o}"))),
        Aspect::Owner => change("owner", &|seen| seen.owner.map(|(user, group)| format!("{user}:{group}"))),
        Aspect::Time => change("time", &|seen| seen.modified.and_then(time)),
    }
}

fn time(of: Moment) -> Option<String> {
    Some(DateTime::<Utc>::from_timestamp(of.secs, of.nanos)?.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn document(outcome: &Outcome) -> Json {
    let (verdict, why) = verdict_words(&outcome.verdict());
    let unproved: Vec<Json> =
        outcome.unproved_named.iter().map(|(path, why)| json!({ "path": name(path), "why": why })).collect();
    let counts: serde_json::Map<String, Json> = Aspect::ALL
        .iter()
        .map(|aspect| (aspect.word().to_owned(), json!(outcome.differing(*aspect))))
        .collect();
    json!({
        "verdict": verdict,
        "why": why.or_else(|| outcome.unfinished.clone()),
        "source": held(&outcome.source),
        "target": held(&outcome.target),
        "contents": {
            "byte_by_byte": outcome.ways.bytes,
            "by_reading": outcome.ways.read,
            "by_published_digest": outcome.ways.published,
            "empty": outcome.ways.empty,
            "not_compared": outcome.unread,
        },
        "not_looked_at": outcome.not_looked_at,
        "left_out": outcome.left_out,
        "differ": outcome.different(),
        "counts": counts,
        "differences": outcome.differences.iter().map(differing).collect::<Vec<_>>(),
        "not_proved": outcome.unproved,
        "not_proved_named": unproved,
        "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn held(of: &Held) -> Json {
    json!({
        "files": of.files,
        "bytes": of.bytes,
        "folders": of.folders,
        "links": of.links,
        "others": of.others,
    })
}

fn differing(of: &Difference) -> Json {
    json!({
        "path": name(&of.path),
        "kind": of.gravest().word(),
        "columns": of.aspects.iter().map(Aspect::word).collect::<Vec<_>>(),
        "source": of.source.as_ref().map(seen),
        "target": of.target.as_ref().map(seen),
        "parts_at": of.parts_at,
        "by_case_only": of.twin.as_deref().map(name),
    })
}

fn seen(of: &Attributes) -> Json {
    json!({
        "kind": of.kind.to_string(),
        "size": of.size,
        "modified": of.modified.and_then(time),
        "mode": of.mode.map(|mode| format!("{mode:o}")),
        "owner": of.owner.map(|(user, group)| format!("{user}:{group}")),
        "link": of.link.as_deref().map(name),
        "digest": of.digest.as_ref().map(|digest| format!("{} {digest}", digest.algorithm())),
    })
}

/// A path as JSON has it: text, or bytes as hex under their own name.
fn name(path: &[u8]) -> Json {
    match std::str::from_utf8(path) {
        Ok(text) => json!(text),
        Err(_) => json!({ "bytes": crate::databases::value::hex(path) }),
    }
}
