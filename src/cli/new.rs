//! `cutover new`: a plan to start from.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::print;
use crate::plan::model;
use crate::plan::new;

/// Writes a commented plan to start from, and the schema for editors beside it.
///
/// The plan passes `cutover check` and can be rehearsed as it stands.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to write into; made where it is not there. Nothing in it is overwritten.
    dir: PathBuf,
    /// How writes are treated while data moves.
    #[arg(long, value_name = "STRATEGY")]
    strategy: Strategy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Strategy {
    /// Replication carries changes; users lose writes for minutes.
    NearZeroDowntime,
    /// Writes stop, everything is copied, then users come back.
    PlannedDowntime,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let strategy = match args.strategy {
        Strategy::NearZeroDowntime => model::Strategy::NearZeroDowntime,
        Strategy::PlannedDowntime => model::Strategy::PlannedDowntime,
    };
    let plan = new::write(&args.dir, strategy).map_err(|refused| Failure::usage(refused.to_string()))?;
    let plan = plan.display();
    print::out(&format!("wrote {plan}\nnext: cutover check {plan}\n      cutover rehearse {plan}"))?;
    Ok(Exit::Done)
}
