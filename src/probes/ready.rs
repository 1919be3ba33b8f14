//! Readiness: whether one trap lies at either end of a link.
//!
//! What is found is said in full, each with its harm and its mend; what a waiver covers are the objects, so that figures
//! which go on moving (the age of a transaction, the log that a slot holds) make no new finding of it.

use super::endpoint::{silent, stream};
use super::look::{Look, pass};
use super::words::{count, line};
use crate::databases::{Asked, Found};
use crate::engine::reading::{Facts, Measure, TrapSeen, Unmeasured};
use crate::plan::model::ReadyProbe;

/// So long is what is said in one line.
const LINE: usize = 190;
/// So much of it is the mend: a harm that is cut is still understood, a mend that is cut helps nobody.
const MEND: usize = 110;
/// So many are carried along; their exact number stands in the text.
const NAMED: usize = 100;

/// Looks for the trap.
pub(super) async fn look(look: &mut Look<'_>, probe: &ReadyProbe) -> Result<Measure, Unmeasured> {
    let ReadyProbe { trap, link, carried, back } = probe;
    look.ask(format!("{} at {} and {}", trap.title(), link.from, link.to));
    let [source, target] = look.sides(link)?;
    let asked =
        Asked { except: link.except.clone(), carried: *carried, back: back.clone(), ..Asked::default() };
    let found = stream(link, &source, &target)?.trap(*trap, &asked).await.map_err(silent)?;
    for found in &found {
        look.keep(&told(found));
    }
    let Some(first) = found.first() else { return Ok(pass(trap.none())) };
    let more = found.len().saturating_sub(1) as u64;
    let more = if more == 0 { String::new() } else { format!(", and {} more", count(more)) };
    let mend = line(&first.mend, MEND);
    let left = LINE.saturating_sub(mend.chars().count() + "; ".len() + more.len());
    let text = format!("{}; {mend}{more}", line(&format!("{} {}", first.object, first.harm), left));
    let seen = |found: Found| TrapSeen { object: found.object, harm: found.harm, mend: found.mend };
    let found = found.into_iter().take(NAMED).map(seen).collect();
    Ok(Measure { pass: false, text, facts: Facts::Traps { found } })
}

fn told(found: &Found) -> String {
    format!("{} {}; {}", found.object, found.harm, found.mend)
}
