//! `cutover run`: the cockpit, live.

use std::path::PathBuf;
use std::sync::Arc;

use super::check::not_live;
use super::cockpit::{Begin, Opening, Screen};
use super::exit::{Exit, Failure};
use super::plans::PlanArgs;
use super::{doctor, open, print, who};
use crate::engine::event::{Grade, Mode as RunMode};
use crate::panes::{Rehearsed, Seat, StartPage};
use crate::plan::{Level, Loaded, Plan};
use crate::session::feed::plan_of;
use crate::session::runs::Summary;
use crate::session::{folder, runs};
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
    let name = who::drives(args.name.as_deref(), &plan)?;
    plan.told()?;
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
    let make = open::maker(open::place(None)?, loaded, plan.set, RunMode::Live, name.clone(), |_| Ok(()));
    screen.show(Opening::on(Seat::Operator(name), Begin::Start(Box::new(page), make)))
}

fn prepared(plan: &PlanArgs, name: &str) -> Result<(Loaded, StartPage), (Failure, String)> {
    let loaded = plan.read()?;
    let mut page =
        page(&loaded, &plan.plan.display().to_string(), name).map_err(|failure| (failure, String::new()))?;
    let open = open_runs(&loaded.plan).map_err(|failure| (failure, String::new()))?;
    page.blocks.extend(open);
    Ok((loaded, page))
}

/// Live runs of a plan of this name that are not over: two of them would work on the same systems.
fn open_runs(plan: &Plan) -> Result<Vec<String>, Failure> {
    let place = open::place(None)?;
    let same = |run: &Summary| {
        run.started.as_ref().is_some_and(|it| it.plan == plan.name && it.mode == RunMode::Live)
    };
    let all = runs::list(&place).map_err(open::unreadable(&place))?;
    let open = all.iter().filter(|run| run.is_open() && same(run)).map(|run| {
        format!(
            "{} of a plan of this name is {}: go on with it (cutover run --resume {0}), or give it up there",
            run.id,
            run.standing().word()
        )
    });
    Ok(open.collect())
}

/// What the start page says of a plan before anybody was asked.
pub(super) fn page(loaded: &Loaded, path: &str, name: &str) -> Result<StartPage, Failure> {
    let plan = &loaded.plan;
    let place = open::place(None)?;
    let (_, last) = runs::rehearsals(&place, &plan.name, &plan.pins).map_err(open::unreadable(&place))?;
    let blocks = not_live(loaded);
    let notes = loaded.notes.list.iter().filter(|note| note.level == Level::Warning);
    let mut cautions: Vec<String> = notes.map(|note| note.message.clone()).collect();
    cautions.extend(doctor::against_a_night(&place));
    Ok(StartPage {
        endpoints: plan.endpoints.iter().map(|e| (e.id.clone(), None)).collect(),
        plan: Arc::new(plan.clone()),
        path: path.to_owned(),
        operator: name.to_owned(),
        account: who::account(),
        rehearsed: last.map(|it| Rehearsed {
            number: it.number,
            grade: match it.grade {
                Grade::Simulated => "simulated".to_owned(),
            },
            at: it.at,
            changed: it.changed,
        }),
        cautions,
        blocks,
    })
}

fn resume(which: Option<&str>, args: &Args) -> Result<Exit, Failure> {
    let run = open::run(which)?;
    let start = folder::read_start(&run)?;
    let seen = runs::summary(&run);
    if seen.verdict.is_damaged() {
        return Err(Failure::new(Exit::Journal, seen.verdict.to_string()));
    }
    if seen.ending.is_some() {
        return Err(Failure::usage(format!("{} is over: `cutover watch {0}` shows it", start.run)));
    }
    if start.mode == RunMode::Live && !seen.engine {
        let (_, missing) = plan_of(&run, &start)?;
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return Err(Failure::usage(missing.join("\n")));
        }
    }
    if let Some((who, since)) = seen.operator.filter(|_| seen.engine && !print::is_terminal()) {
        let since = since.rfc3339();
        let what =
            format!("{who} has had the keys of {} since {since}: watch it, or take the helm", start.run);
        return Err(Failure::new(Exit::Held, what));
    }
    let name = match &args.name {
        Some(name) => who::said(name)?,
        None => start.operator,
    };
    let mode = if start.mode == RunMode::Live { Mode::Live } else { Mode::Rehearsal };
    let screen = Screen::enter(mode, &start.plan, args.ascii)?;
    screen.show(Opening::on(Seat::Operator(name), Begin::Drive(open::raise(run))))
}
