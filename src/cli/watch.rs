//! `cutover watch`: the same cockpit, read only.

use super::exit::{Exit, Failure};
use super::open;
use super::run::needs_terminal;
use super::sitting::{self, Sit, To};
use crate::session::folder;
use crate::ui::mode::Mode;

/// Shows a run, read only, as it goes on.
///
/// It reads the run's files and asks nothing of its engine, so it costs the operator nothing.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its id, the beginning of it, its folder; the only open one when left out.
    run: Option<String>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let run = open::run(args.run.as_deref())?;
    let start = folder::read_start(&run)?;
    needs_terminal()?;
    let sit =
        Sit { name: String::new(), mode: Mode::Watch, title: start.plan, to: To::Watch(run), extras: None };
    sitting::sit(sit).map(|left| left.exit)
}
