//! The hidden commands by which plans, the cockpit and tests reach the world.
//!
//! | command | what it does |
//! |---|---|
//! | `__world --dir DIR [--fast] [--orders-per-second N] [--linger SECONDS]` | runs the world |
//! | `__world-point DIR source\|target` | sends users to that side |
//! | `__world-do DIR VERB` | `backup`, `replicate-forward`, `replicate-both`, `status`, `summary`, `end`, or an id of [`ACTIONS`] |

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::actions::{ACTIONS, Action, perform};
use super::control::{self, Request};
use super::world::{self, Settings};
use super::{Direction, Side, WorldError, backup, summary};

const END_WITHIN: Duration = Duration::from_secs(10);
const OTHER_VERBS: &str = "backup, replicate-forward, replicate-both, status, summary, end";

/// Runs the hidden command that these words name, program's name left out; `None` when they name none.
pub fn main(words: &[OsString]) -> Option<ExitCode> {
    let (command, rest) = words.split_first()?;
    let done = match command.to_str()? {
        "__world" => run(rest).map(|()| String::new()),
        "__world-point" => point(rest),
        "__world-do" => act(rest),
        _ => return None,
    };
    Some(finish(done))
}

fn run(words: &[OsString]) -> Result<(), WorldError> {
    let (dir, settings) = settings(words)?;
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    world::main(&dir, &settings)
}

fn settings(words: &[OsString]) -> Result<(PathBuf, Settings), WorldError> {
    let mut settings = Settings::default();
    let mut dir = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|v| v.to_str()).and_then(|v| v.parse::<u32>().ok());
            value.ok_or_else(|| usage(&format!("{} wants a whole number", word.to_string_lossy())))
        };
        match word.to_str() {
            Some("--fast") => settings = Settings::fast(),
            Some("--orders-per-second") => settings.orders_per_second = number()?,
            Some("--linger") => settings.linger = Duration::from_secs(number()?.into()),
            Some("--dir") => dir = words.next().map(PathBuf::from),
            _ => return Err(usage(&format!("{} is not known", word.to_string_lossy()))),
        }
    }
    Ok((dir.ok_or_else(|| usage("--dir DIR is missing"))?, settings))
}

fn point(words: &[OsString]) -> Result<String, WorldError> {
    let [dir, side] = words else { return Err(usage("__world-point DIR source|target")) };
    let to = side.to_str().and_then(Side::parse).ok_or_else(|| usage("a side is source or target"))?;
    control::tell(Path::new(dir), &Request::Point { to })
}

fn act(words: &[OsString]) -> Result<String, WorldError> {
    let [dir, verb] = words else { return Err(usage("__world-do DIR VERB")) };
    let dir = Path::new(dir);
    let replicate = |direction| control::tell(dir, &Request::Replicate { direction });
    match verb.to_str().unwrap_or_default() {
        "backup" => json(&backup(&super::Dir::new(dir), Side::Source)?),
        "replicate-forward" => replicate(Direction::Forward),
        "replicate-both" => replicate(Direction::Both),
        "status" => json(&control::status(dir)?),
        "summary" => json(&summary::summary(dir)?),
        "end" => world::end(dir, END_WITHIN).map(|()| "the world has ended".to_owned()),
        other => {
            let action = Action::find(other).ok_or_else(|| {
                let ids: Vec<&str> = ACTIONS.iter().map(|action| action.id).collect();
                usage(&format!("{other} is not known; try {OTHER_VERBS}, {}", ids.join(", ")))
            })?;
            perform(dir, action.what)
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, WorldError> {
    serde_json::to_string(value).map_err(|e| WorldError::Refused(e.to_string()))
}

fn usage(what: &str) -> WorldError {
    WorldError::Usage(format!("usage: {what}"))
}

/// Says what was done, or why not, and ends as every command of the program does.
fn finish(done: Result<String, WorldError>) -> ExitCode {
    match done {
        Ok(said) => {
            // Somebody who closed the pipe does not want to know.
            let _closed = if said.is_empty() { Ok(()) } else { writeln!(std::io::stdout(), "{said}") };
            ExitCode::SUCCESS
        }
        Err(e) => {
            let _closed = writeln!(std::io::stderr(), "cutover: {e}");
            ExitCode::from(match e {
                WorldError::Usage(_) | WorldError::NotAWorld { .. } => 2,
                WorldError::Held { .. } => 5,
                WorldError::File { .. }
                | WorldError::Database { .. }
                | WorldError::Side(_)
                | WorldError::PortTaken { .. }
                | WorldError::NotRunning { .. }
                | WorldError::Refused(_)
                | WorldError::PartEnded(_) => 3,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn other_commands_are_not_ours() {
        assert!(main(&words(&["run", "plan.toml"])).is_none());
        assert!(main(&[]).is_none());
    }

    #[test]
    fn settings_are_read_and_a_slip_is_named() {
        let (dir, read) =
            settings(&words(&["--dir", "d", "--orders-per-second", "7", "--linger", "2"])).unwrap();
        assert_eq!(
            (dir, read.orders_per_second, read.linger),
            (PathBuf::from("d"), 7, Duration::from_secs(2))
        );
        for (slip, named) in [
            (&["--dir", "d", "--slow"][..], "--slow"),
            (&["--fast"][..], "--dir"),
            (&["--dir", "d", "--linger", "soon"][..], "--linger"),
        ] {
            let error = settings(&words(slip)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn an_unknown_verb_is_answered_with_the_known_ones() {
        let error = act(&words(&["/nowhere", "dance"])).unwrap_err().to_string();
        assert!(error.contains("take-target-away") && error.contains("backup"), "{error}");
    }
}
