//! `cutover watch`: the same cockpit from another terminal, read only.

use super::cockpit::{Begin, Opening, Screen};
use super::exit::{Exit, Failure};
use super::open;
use crate::panes::Seat;
use crate::ui::mode::Mode;

/// Shows a run as its operator sees it, who notices nothing of it.
///
/// Read only: nothing can be asked for from here. Whoever is to drive uses `cutover run --resume RUN`, which says who
/// has the helm and whose palette takes it, typed and recorded.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its id, the beginning of it, its folder; the only open one when left out.
    run: Option<String>,
    /// Signs of plain ASCII only.
    #[arg(long)]
    ascii: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let run = open::run(args.run.as_deref())?;
    let title = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy().into_owned();
    let screen = Screen::enter(Mode::Watch, &title, args.ascii)?;
    screen.show(Opening::on(Seat::Watcher, Begin::Watch(run)))
}
