//! Every file of two trees, by the validation engine.
//!
//! Owns how its outcome is told: figures and names here, what either side has only in what stays in the run folder.
//! *Not proved* is no measure.

use std::ops::ControlFlow;
use std::pin::pin;

use tokio::sync::watch;

use super::course::Teller;
use super::look::{Look, failed};
use super::walk::aside;
use super::words::{count, counted, line, size};
use crate::compare::tables::Verdict;
use crate::compare::trees::{Aspect, Attributes, Difference, Outcome, Progress, Request, compare};
use crate::engine::reading::{Compared, DifferenceSeen, Facts, Measure, Unmeasured};
use crate::plan::model::TreesProbe;

/// So many entries that differ are carried along by name.
const NAMED: usize = 50;
/// So many are kept with what either side has, of each aspect.
const LISTED: usize = 100;

/// Compares, and says what differs.
pub(super) async fn look(look: &mut Look<'_>, probe: &TreesProbe) -> Result<Measure, Unmeasured> {
    look.ask(asked(probe));
    let request = Request {
        only: probe.include.clone(),
        except: probe.except.clone(),
        times: probe.times,
        modes: probe.modes,
        owners: probe.owners,
        full: probe.full,
        listed: LISTED,
        ssh: look.ctx.ssh.clone(),
        ..Request::new(&probe.from, &probe.to)
    };
    let root = look.ctx.root.clone();
    let (tell, mut told) = watch::channel(Progress::default());
    let mut work = pin!(aside(move |off| {
        Ok(compare(&request, &root, &mut |progress| {
            tell.send_replace(*progress);
            match off.check() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        }))
    }));
    let mut teller = look
        .probe
        .zip(look.ctx.ledgers.as_ref())
        .map(|(id, ledgers)| Teller::new(ledgers.tell(), (id, None), &look.ctx.clock, look.began.wall));
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome?,
            Ok(()) = told.changed() => {
                if let Some(teller) = &mut teller {
                    teller.tell_files(&told.borrow_and_update());
                }
            }
        }
    };
    drop(teller);
    for difference in &outcome.differences {
        look.keep(&kept(difference));
    }
    for (path, why) in &outcome.unproved_named {
        look.keep(&format!("{}: not proved, {why}", shown(path)));
    }
    for what in &outcome.not_looked_at {
        look.keep(&format!("not looked at: {what}"));
    }
    judge(&outcome)
}

fn asked(probe: &TreesProbe) -> String {
    let part = |word: &str, paths: &[String]| match paths {
        [] => String::new(),
        some => format!(", {word} {}", some.join(", ")),
    };
    let (only, without) = (part("only", &probe.include), part("without", &probe.except));
    format!("every file of {} and {}{only}{without}", probe.from, probe.to)
}

fn judge(outcome: &Outcome) -> Result<Measure, Unmeasured> {
    let named: Vec<DifferenceSeen> = outcome.differences.iter().take(NAMED).map(seen).collect();
    let (pass, text) = match outcome.verdict() {
        Verdict::NotProved { why } => return failed(format!("not proved: {why}")),
        Verdict::Same => {
            let files = counted(outcome.source.files, "file");
            (true, format!("{files} the same, {}", size(outcome.source.bytes)))
        }
        Verdict::Different => {
            let first =
                named.first().map_or_else(String::new, |d| format!(": {}/{} {}", d.table, d.key, d.kind));
            (false, line(&format!("{}{first}", outcome.differing_words()), 160))
        }
    };
    let entries = outcome.source.entries();
    let facts = Facts::Compared(Compared {
        trees: true,
        tables: entries,
        same: entries.saturating_sub(outcome.different() - outcome.differing(Aspect::Extra)),
        rows: outcome.source.files,
        differences: outcome.different(),
        named,
        equality: format!("files {}", outcome.ways),
        positions: (String::new(), String::new()),
        in_flight: false,
        before: None,
    });
    Ok(Measure { pass, text, facts })
}

/// A path of any bytes as text.
fn shown(path: &[u8]) -> String {
    line(&String::from_utf8_lossy(path), 200)
}

fn seen(difference: &Difference) -> DifferenceSeen {
    let path = shown(&difference.path);
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", &path));
    let columns: Vec<String> = difference.aspects.iter().map(|aspect| aspect.word().to_owned()).collect();
    let kind = match difference.gravest() {
        Aspect::Missing => "missing",
        Aspect::Extra => "extra",
        _ => "changed",
    };
    let columns = if kind == "changed" { columns } else { Vec::new() };
    DifferenceSeen { table: folder.to_owned(), key: name.to_owned(), kind: kind.to_owned(), columns }
}

/// For the screen only: with what either side has.
fn kept(difference: &Difference) -> String {
    let words: Vec<&str> = difference.aspects.iter().map(Aspect::word).collect();
    let side = |seen: &Option<Attributes>| match seen {
        None => "nothing".to_owned(),
        Some(seen) => {
            let parts = [
                seen.size.map(|size| format!("{} bytes", count(size))),
                seen.mode.map(|mode| format!("mode {mode:o}")),
                seen.modified.map(|at| format!("of {}.{:09}", at.secs, at.nanos)),
                seen.link.as_deref().map(|to| format!("to {}", shown(to))),
                seen.digest.as_ref().map(|digest| format!("{} {digest}", digest.algorithm())),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("{} {}", seen.kind, parts.join(" "))
        }
    };
    let (source, target) = (side(&difference.source), side(&difference.target));
    format!("{}: {}; {source} and {target}", shown(&difference.path), words.join(", "))
}
