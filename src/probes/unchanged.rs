//! A command whose output may not change; any change is a breach.
//!
//! The output itself stays in the run folder: what is said of a change are lines and their number.

use std::collections::HashMap;

use super::baseline::{Baseline, Object, finding, sha256, still};
use super::command::{run, typed};
use super::look::{Look, failed};
use super::words::counted;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::CommandLine;

/// So much output is held still; more of it is no state but a log.
const MOST: usize = 256 << 10;

/// Runs the command and compares its output with the baseline.
pub(super) async fn look(look: &mut Look<'_>, command: &CommandLine) -> Result<Measure, Unmeasured> {
    look.ask(typed(&command.argv));
    let ran = run(look, command).await?;
    if ran.code != 0 {
        return failed(ran.said());
    }
    let output = ran.output().map_err(|why| Unmeasured::Failed(why.to_owned()))?;
    if output.len() > MOST {
        return failed("the output is longer than 256 KiB: have the command say less");
    }
    let lines = output.lines().enumerate();
    let objects =
        lines.map(|(n, l)| (format!("line {:06}", n + 1), Object::of(sha256(l.as_bytes())))).collect();
    let seen = Baseline { objects, text: Some(output.clone()), ..Baseline::default() };
    let baseline = look.against(&seen);
    let was = baseline.text.clone().unwrap_or_default();
    if was == output {
        return Ok(still(&baseline, look.is_first(), "line", Vec::new()));
    }
    let (gone, come) = (missing(&was, &output), missing(&output, &was));
    for line in &gone {
        look.keep(&format!("- {line}"));
    }
    for line in &come {
        look.keep(&format!("+ {line}"));
    }
    let change = match (gone.len() as u64, come.len() as u64) {
        (0, 0) => "has its lines in another order".to_owned(),
        (0, come) => format!("has {} more", counted(come, "line")),
        (gone, 0) => format!("has lost {}", counted(gone, "line")),
        (gone, come) => format!("has lost {} and has {} new", counted(gone, "line"), counted(come, "line")),
    };
    // The digest makes every change a finding of its own: a waiver covers one and not the next.
    let digest = sha256(output.as_bytes());
    Ok(still(
        &baseline,
        false,
        "line",
        vec![finding("the output", format!("{change} ({})", super::baseline::short(&digest)))],
    ))
}

/// The lines of `of` that are not in `from`, as often as they are missing.
fn missing<'a>(of: &'a str, from: &str) -> Vec<&'a str> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for line in from.lines() {
        *left.entry(line).or_default() += 1;
    }
    of.lines()
        .filter(|line| match left.get_mut(line) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            Some(_) | None => true,
        })
        .collect()
}
