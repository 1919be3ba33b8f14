//! `cutover status`: how a run stands, in a line or as a document.

use super::exit::{Exit, Failure};
use super::{open, print};
use crate::report::status::Run;
use crate::session::feed::Feed;

/// Says how a run stands, in one line.
///
/// `--json` prints a document whose keys are added to and never renamed: `{"run", "plan", "mode", "rehearsal",
/// "standing", "record", "now_ms", "started_ms", "operator", "hold", "halted", "phase", "gate", "steps", "alarms",
/// "read_only_ms", "read_only_budget_ms", "window_left_ms", "finish", "way_back"}`. Times are milliseconds since
/// 1970, UTC, by the run's own clock; what is not known is null. Ends with 0 whatever the run's state is, and
/// with 4 when its record is damaged.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its id, the beginning of it, its folder; the only open one when left out.
    run: Option<String>,
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let path = open::run(args.run.as_deref())?;
    let mut feed = Feed::open(&path)?;
    feed.poll();
    let seen = feed.snapshot();
    let id = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let run = Run {
        id: &id,
        plan: &seen.plan,
        state: &seen.state,
        readings: &seen.readings,
        now: seen.clock.now(),
        engine: seen.engine,
    };
    if args.json {
        print::json(&run.document())?;
    } else {
        print::out(&run.line().replace('\n', " "))?;
    }
    match seen.damage {
        Some(damage) => Err(Failure::new(Exit::Journal, damage)),
        None => Ok(Exit::Done),
    }
}
