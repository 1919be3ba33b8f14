//! `cutover rehearse`: the same engine, journal and screens, with nothing real changed.

use std::path::PathBuf;

use super::cockpit::{Begin, Make, Opening, Screen};
use super::exit::{Exit, Failure};
use super::plans::PlanArgs;
use super::{auto, open, print, who};
use crate::engine::event::{Grade, Mode};
use crate::panes::Seat;
use crate::plan::Loaded;
use crate::session::runs;
use crate::ui;

/// Goes through a plan with nothing real changed.
///
/// Effects and probes are made up: steps take their estimates, lag falls to zero, checks turn good. The record, the
/// gates and the screens are the same as live. With `--auto` nobody has to be there: every gate is answered, and
/// one line is printed an event.
///
/// Ends with 0 when the plan was gone through, 1 when it was rolled back, 6 when it is left held, 7 when it was
/// given up.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plan: PlanArgs,
    /// Virtual seconds in a real one.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = speed)]
    speed: f64,
    /// Answers gates and questions by itself: GO everywhere, or NO-GO at the first gate, which ends the run.
    #[arg(long, value_name = "ANSWER")]
    auto: Option<auto::Answers>,
    /// Who drives.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Signs of plain ASCII only.
    #[arg(long)]
    ascii: bool,
    /// Keeps the run's folder below DIR.
    #[arg(long = "in", value_name = "DIR")]
    place: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=100_000.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err("give a number from 0.1 to 100000".to_owned()),
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    if let Some(answers) = args.auto {
        let name = who::drives(args.name.as_deref().or(Some("auto")), &args.plan)?;
        let make = maker(args, args.plan.load()?, &name)?;
        return auto::drive(make()?, &name, answers);
    }
    let name = who::drives(args.name.as_deref(), &args.plan)?;
    let title = args.plan.plan.display().to_string();
    args.plan.told()?;
    let screen = Screen::enter(ui::mode::Mode::Rehearsal, &title, args.ascii)?;
    let loaded = args.plan.read().map_err(|(failure, drawn)| (failure, Some(drawn)));
    match loaded.and_then(|loaded| maker(args, loaded, &name).map_err(|failure| (failure, None))) {
        Ok(make) => screen.show(Opening::on(Seat::Operator(name), Begin::Drive(make))),
        Err((failure, drawn)) => {
            // The diagnostics are for the shell's screen, not for ours.
            drop(screen);
            if let Some(drawn) = drawn {
                print::drawn_error(&drawn);
            }
            Err(failure)
        }
    }
}

/// What makes the next rehearsal of a plan.
fn maker(args: &Args, loaded: Loaded, name: &str) -> Result<Make, Failure> {
    let place = open::place(args.place.as_ref())?;
    let (number, _) =
        runs::rehearsals(&place, &loaded.plan.name, &loaded.plan.pins).map_err(open::unreadable(&place))?;
    let mode = Mode::Rehearsal { number, speed: args.speed, grade: Grade::Simulated };
    Ok(open::maker(place, loaded, args.plan.set.clone(), mode, name.to_owned(), |_| Ok(())))
}
