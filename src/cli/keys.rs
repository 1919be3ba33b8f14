//! `cutover keys`: every key, as it is on this machine.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::print;
use crate::ui::config::{self, Settings};

/// Lists every key of the cockpit, with the changes of this account's settings.
///
/// The first column is what a key is called under `[keys]` in `$XDG_CONFIG_HOME/cutover/config.toml`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn main() -> Result<Exit, Failure> {
    let (settings, wrong) = settings();
    let rows: Vec<Vec<String>> = settings
        .keymap
        .all()
        .map(|(binding, keys)| vec![binding.id.to_owned(), keys, binding.help.to_owned()])
        .collect();
    print::raw(&print::columns(&rows))?;
    if wrong.is_empty() { Ok(Exit::Done) } else { Err(Failure::usage(wrong.join("\n"))) }
}

/// This account's settings, and what is wrong with them.
pub(super) fn settings() -> (Settings, Vec<String>) {
    match config::home(|name| std::env::var_os(name).map(PathBuf::from)) {
        Some(home) => {
            let (settings, wrong) = Settings::load(&home);
            (settings, wrong.iter().map(ToString::to_string).collect())
        }
        None => (Settings::default(), Vec::new()),
    }
}
