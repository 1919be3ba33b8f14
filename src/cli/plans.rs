//! Reading the plan that the command line names, the same way for every subcommand.

use std::fs::File;
use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::print;
use crate::plan::{Environment, Loaded, Overrides, load};

/// A plan and what is changed in it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The plan: a TOML file.
    pub plan: PathBuf,
    /// Sets a variable of the plan; may be given several times, the last of a name holds.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub set: Vec<(String, String)>,
    /// Lays another file over the plan: values of what is there, matched by id.
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("give a name, =, and a value".to_owned()),
    }
}

impl PlanArgs {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), overlays: self.overlay.clone() }
    }

    /// The plan; everything that is wrong with it is drawn on standard error.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        self.read().map_err(|(failure, drawn)| {
            print::drawn_error(&drawn);
            failure
        })
    }

    /// Tells what is wrong with the plan where that is to be told before a cockpit opens: where there is no terminal
    /// for one, and where a glance at its files shows that there is nothing to read. In a terminal the bones stand
    /// before a long plan is read.
    pub(super) fn told(&self) -> Result<(), Failure> {
        let opens =
            |path: &PathBuf| std::fs::metadata(path).is_ok_and(|it| it.is_file()) && File::open(path).is_ok();
        if print::is_terminal() && opens(&self.plan) && self.overlay.iter().all(opens) {
            return Ok(());
        }
        self.load().map(drop)
    }

    /// The plan, or everything that is wrong with it, drawn, for a caller whose screen has to go first. The failure
    /// has nothing left to say after that.
    pub(super) fn read(&self) -> Result<Loaded, (Failure, String)> {
        load(&self.plan, &self.overrides(), &Environment::of_process())
            .map_err(|wrong| (Failure::new(Exit::Usage, ""), wrong.render(print::style())))
    }
}
