//! What is derived from the command line's own table: completions and manual pages.

use std::path::PathBuf;

use clap::CommandFactory;

use super::exit::{Exit, Failure};
use super::{Cli, print};

/// Prints the completions of a shell.
///
/// For bash: `cutover completions bash > ~/.local/share/bash-completion/completions/cutover`.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// Which shell.
    shell: clap_complete::Shell,
}

/// Prints the manual page, or writes one for each subcommand.
#[derive(clap::Args)]
pub(super) struct Man {
    /// Writes all pages into DIR.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cutover", &mut text);
    print::raw(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Exit::Done)
}

pub(super) fn man(args: &Man) -> Result<Exit, Failure> {
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(Cli::command(), dir).map_err(|error| {
            Failure::new(Exit::NotProved, format!("could not write to {}: {error}", dir.display()))
        })?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Failure::new(Exit::NotProved, format!("could not draw the page: {error}")))?;
    print::raw(String::from_utf8_lossy(&page).trim_end())?;
    Ok(Exit::Done)
}
