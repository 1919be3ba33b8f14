//! `cutover run`: the cockpit, live.

use std::path::PathBuf;
use std::sync::Arc;

use super::cockpit::{Begin, Make, Opening, Screen};
use super::exit::{Exit, Failure};
use super::plans::PlanArgs;
use super::{doctor, open, print, seat, who};
use crate::engine::event::{Grade, Mode as RunMode};
use crate::panes::{Rehearsed, Seat, StartPage};
use crate::plan::{Environment, Level, Loaded, load};
use crate::session::feed::Feed;
use crate::session::runs;
use crate::ui::mode::Mode;

/// Runs a plan live, or goes on with a run that was interrupted or left held.
///
/// Nothing is made before the target's word has been typed on the start page. Ends with 0 when everything is done, 1
/// when it was rolled back, 6 when it was left held, 7 when it was aborted.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The plan.
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    plan: Option<PathBuf>,
    /// A value for a variable of the plan.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::plans::name_and_value)]
    set: Vec<(String, String)>,
    /// A plan whose values replace those of the first.
    #[arg(long, value_name = "FILE")]
    overlay: Vec<PathBuf>,
    /// Goes on with this run: its id, the beginning of it, its folder; the only open one when left out.
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    /// Who drives; it goes on the record.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Signs of plain ASCII only.
    #[arg(long)]
    ascii: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    if let Some(which) = &args.resume {
        return resume(Some(which.as_str()).filter(|w| !w.is_empty()), args);
    }
    let Some(plan) = &args.plan else { return Err(Failure::usage("which plan? cutover run PLAN")) };
    let plan = PlanArgs { plan: plan.clone(), set: args.set.clone(), overlay: args.overlay.clone() };
    let name = who::drives(args.name.as_deref())?;
    let screen = Screen::enter(Mode::Live, &plan.plan.display().to_string(), args.ascii)?;
    let (loaded, page) = match prepared(&plan, &name) {
        Ok(prepared) => prepared,
        Err((failure, drawn)) => {
            // The diagnostics are for the shell's screen, not for ours.
            drop(screen);
            print::drawn_error(&drawn);
            return Err(failure);
        }
    };
    let begin = Begin::Start(Box::new(page), maker(loaded, plan.set, &name)?);
    let seat = Seat::Operator(name);
    screen.show(Opening { seat, account: who::account(), begin, extras: Vec::new(), act: None, measured: None })
}

/// Makes the run and starts its engine.
pub(super) fn maker(loaded: Loaded, set: Vec<(String, String)>, name: &str) -> Result<Make, Failure> {
    let (place, name) = (open::place(None)?, name.to_owned());
    Ok(Box::new(move || {
        let run = open::create(&place, &loaded, &set, RunMode::Live, &name)?;
        seat::launch(&run)?;
        Ok(run)
    }))
}

fn prepared(plan: &PlanArgs, name: &str) -> Result<(Loaded, StartPage), (Failure, String)> {
    let loaded = load(&plan.plan, &plan.overrides(), &Environment::of_process())
        .map_err(|wrong| (Failure::new(Exit::Usage, ""), wrong.render(print::style())))?;
    let page = page(&loaded, &plan.plan.display().to_string(), name)
        .map_err(|failure| (failure, String::new()))?;
    Ok((loaded, page))
}

/// What the start page says of a plan before anybody was asked.
pub(super) fn page(loaded: &Loaded, path: &str, name: &str) -> Result<StartPage, Failure> {
    let plan = &loaded.plan;
    let place = open::place(None)?;
    let (_, last) = runs::rehearsals(&place, &plan.name, &plan.pins)
        .map_err(|error| Failure::new(Exit::Journal, format!("{} cannot be read: {error}", place.display())))?;
    let notes = loaded.notes.list.iter().filter(|note| note.level == Level::Warning);
    let mut cautions: Vec<String> = notes.map(|note| note.message.clone()).collect();
    cautions.extend(doctor::logout_caution());
    Ok(StartPage {
        endpoints: plan.endpoints.iter().map(|e| (e.id.clone(), None)).collect(),
        plan: Arc::new(plan.clone()),
        path: path.to_owned(),
        operator: name.to_owned(),
        account: who::account(),
        rehearsed: last.map(|it| Rehearsed {
            number: it.number,
            grade: match Grade::Simulated {
                Grade::Simulated => "simulated".to_owned(),
            },
            at: it.at,
            changed: it.changed,
        }),
        cautions,
        blocks: loaded.missing.iter().map(ToString::to_string).collect(),
    })
}

fn resume(which: Option<&str>, args: &Args) -> Result<Exit, Failure> {
    let run = open::run(which)?;
    let mut feed = Feed::open(&run)?;
    feed.poll();
    let seen = feed.snapshot();
    if let Some(damage) = seen.damage {
        return Err(Failure::new(Exit::Journal, damage));
    }
    let name = match (&args.name, &seen.state.run) {
        (None, Some(before)) => before.operator.clone(),
        (said, _) => who::drives(said.as_deref())?,
    };
    let mode = if seen.state.is_live() || seen.state.run.is_none() { Mode::Live } else { Mode::Rehearsal };
    let screen = Screen::enter(mode, &seen.plan.name, args.ascii)?;
    if !seen.engine && !seen.state.is_over() {
        seat::launch(&run)?;
    }
    let seat = if seen.state.is_over() { Seat::Watcher } else { Seat::Operator(name) };
    screen.show(Opening {
        seat,
        account: who::account(),
        begin: Begin::Run(run),
        extras: Vec::new(),
        act: None,
        measured: None,
    })
}
