//! `cutover run`: the cockpit, live.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::plans::PlanArgs;
use super::sitting::{self, Begin, Begun, Left, Sit, To};
use super::{open, print, start, who};
use crate::engine::event::Mode;
use crate::session::feed::{FeedError, plan_of};
use crate::session::launch::{self, LaunchError};
use crate::session::{folder, runs};
use crate::ui::mode;

/// Opens the cockpit, live: on a plan, or on a run that was left or interrupted.
///
/// Nothing is touched before the target's name has been typed. Leaving holds the run; any terminal may come back to
/// it with `--resume`.
///
/// Ends with 0 when the run is done, 1 when it was rolled back, 6 when it is left held, 7 when it was given up.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(flatten)]
    plan: Option<PlanArgs>,
    /// Goes on with a run: its id, the beginning of it, its folder; the only open one when left out.
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with_all = ["plan", "set", "overlay", "place"])]
    resume: Option<Option<String>>,
    /// Who drives.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Keeps the run's folder below DIR.
    #[arg(long = "in", value_name = "DIR")]
    place: Option<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    if let Some(asked) = &args.resume {
        return resume(&open::run(asked.as_deref())?, args.name.as_deref());
    }
    let Some(plan) = &args.plan else {
        return Err(Failure::usage("which plan? Give its file, or --resume to go on with a run"));
    };
    let loaded = plan.load()?;
    let place = open::place(args.place.as_ref())?;
    needs_terminal()?;
    let name = who::drives(args.name.as_deref())?;
    let page = start::page(&plan.plan, &loaded, &place, &name)?;
    let identities = start::identities(&loaded);
    let title = loaded.plan.name.clone();
    let set = plan.set.clone();
    let operator = name.clone();
    let begin: Begin = Arc::new(move || {
        let run = open::create(&place, &loaded, &set, Mode::Live, &operator)?;
        let engine = launch::engine(&open::exe(), &run)?;
        Ok(Begun { run, engine: Some(engine) })
    });
    let to = To::Start(Box::new(page), identities, begin);
    left(sitting::sit(Sit { name, mode: mode::Mode::Live, title, to, extras: None })?)
}

/// Goes on with a run.
pub(super) fn resume(run: &Path, said: Option<&str>) -> Result<Exit, Failure> {
    let start = folder::read_start(run)?;
    let summary = runs::summary(run);
    if let runs::Standing::Over(_) = summary.standing() {
        return Err(Failure::usage(format!("{} is over: `cutover watch {0}` shows it", start.run)));
    }
    if summary.verdict.is_damaged() {
        return Err(Failure::new(Exit::Journal, summary.verdict.to_string()));
    }
    if let Err(failure) = needs_terminal() {
        // A script learns the better reason first.
        return Err(match summary.operator.filter(|_| summary.engine) {
            Some((who, since)) => Failure::new(
                Exit::Held,
                format!(
                    "{who} has had the keys of {} since {}: watch it, or take the helm in the cockpit",
                    start.run,
                    since.rfc3339()
                ),
            ),
            None => failure,
        });
    }
    let (_, missing) = plan_of(run, &start).map_err(|error: FeedError| Failure::from(error))?;
    if start.mode == Mode::Live && !missing.is_empty() && !summary.engine {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(missing.join("\n")));
    }
    let name = who::drives(said)?;
    let mode = match start.mode {
        Mode::Live => mode::Mode::Live,
        Mode::Rehearsal { .. } => mode::Mode::Rehearsal,
    };
    let to = To::Drive(brought_up(run.to_owned()));
    left(sitting::sit(Sit { name, mode, title: start.plan, to, extras: None })?)
}

/// A run's engine: the one that is alive, or a new one.
pub(super) fn brought_up(run: PathBuf) -> Begin {
    Arc::new(move || {
        let engine = match launch::engine(&open::exe(), &run) {
            Ok(engine) => Some(engine),
            Err(LaunchError::Held(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Begun { run: run.clone(), engine })
    })
}

/// The cockpit is for hands and eyes.
pub(super) fn needs_terminal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(
        "the cockpit needs a terminal: give one (ssh -t), or use `cutover status` and `cutover rehearse --auto`",
    ))
}

/// What is said when somebody has left.
pub(super) fn left(left: Left) -> Result<Exit, Failure> {
    if let (Some(run), Exit::LeftHeld) = (&left.run, left.exit) {
        let id = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
        print::out(&format!("{id} is held. Go on with it: cutover run --resume {id}"))?;
    }
    Ok(left.exit)
}
