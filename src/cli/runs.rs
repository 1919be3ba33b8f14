//! `cutover runs`: what is open, held, finished.

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::{open, print};
use crate::clock::local_offset;
use crate::engine::event::Mode;
use crate::session::runs::{Summary, list};

/// Lists the runs of this account, newest first.
///
/// `--json` prints `[{"run", "path", "standing", "mode", "rehearsal", "plan", "operator", "started_ms", "last_ms",
/// "hold", "halted", "engine", "records"}]`; `standing` is `running`, `held`, `interrupted`, `done`, `rolled
/// back`, `aborted` or `damaged`, times are milliseconds since 1970, UTC.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
    /// Looks below DIR.
    #[arg(long = "in", value_name = "DIR")]
    place: Option<std::path::PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let place = open::place(args.place.as_ref())?;
    let all = list(&place).map_err(open::unreadable(&place))?;
    if args.json {
        print::json(&all.iter().map(document).collect())?;
    } else if all.is_empty() {
        print::out(&format!("no runs in {}", place.display()))?;
    } else {
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        print::raw(&print::columns(&rows))?;
    }
    Ok(Exit::Done)
}

fn row(run: &Summary) -> Vec<String> {
    let when = run.at.map_or_else(String::new, |at| {
        at.at(local_offset(at)).map_or_else(String::new, |t| t.format("%Y-%m-%d %H:%M").to_string())
    });
    let started = run.started.as_ref();
    vec![
        run.id.clone(),
        run.standing().word().to_owned(),
        when,
        started.map_or_else(String::new, |s| s.plan.clone()),
        run.operator.as_ref().map_or_else(String::new, |(name, _)| name.clone()),
        why(run),
    ]
}

fn why(run: &Summary) -> String {
    if run.verdict.is_damaged() {
        return run.verdict.to_string();
    }
    match (&run.halted, &run.hold) {
        _ if run.ending.is_some() => String::new(),
        (Some(cause), _) => cause.clone(),
        (None, Some((_, reason))) => reason.clone(),
        (None, None) => String::new(),
    }
}

pub(super) fn document(run: &Summary) -> Value {
    let started = run.started.as_ref();
    let rehearsal = started.and_then(|s| match s.mode {
        Mode::Rehearsal { number, .. } => Some(number),
        Mode::Live => None,
    });
    json!({
        "run": run.id,
        "path": run.path,
        "standing": run.standing().word(),
        "mode": started.map(|_| if rehearsal.is_some() { "rehearsal" } else { "live" }),
        "rehearsal": rehearsal,
        "plan": started.map(|s| &s.plan),
        "operator": run.operator.as_ref().map(|(name, _)| name),
        "started_ms": run.at,
        "last_ms": run.last,
        "hold": run.hold.as_ref().map(|(_, reason)| reason),
        "halted": run.halted,
        "engine": run.engine,
        "records": run.verdict.proved,
    })
}
