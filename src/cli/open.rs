//! Beginning a run from the command line, and finding the one that is meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cockpit::{Launched, Make};
use super::exit::{Exit, Failure};
use super::who;
use crate::clock::Clock;
use crate::engine::event::Mode;
use crate::plan::Loaded;
use crate::session::folder;
use crate::session::launch::{self, LaunchError};
use crate::session::runs;

/// Where runs are kept: as said, else where they always are.
pub(super) fn place(said: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    match said {
        Some(place) => Ok(place.clone()),
        None => Ok(runs::place(|name| std::env::var(name).ok())?),
    }
}

/// The folder of the run that is meant.
pub(super) fn run(asked: Option<&str>) -> Result<PathBuf, Failure> {
    if let Some(path) = asked.filter(|asked| asked.contains('/')) {
        return Ok(runs::resolve(path.as_ref(), asked)?);
    }
    Ok(runs::resolve(&place(None)?, asked)?)
}

/// Makes the folder of a new run.
pub(super) fn create(
    place: &Path,
    loaded: &Loaded,
    set: &[(String, String)],
    mode: Mode,
    operator: &str,
) -> Result<PathBuf, Failure> {
    let at = Clock::system().now().wall;
    Ok(folder::make(place, loaded, set, mode, at, (operator, &who::account()))?)
}

/// What is said of a place of runs that cannot be read.
pub(super) fn unreadable(place: &Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::new(Exit::Journal, format!("{} cannot be read: {error}", place.display()))
}

/// This very program, wherever its file is by now.
pub(super) fn exe() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Brings up the engine of a run: the one that is alive, or a new one.
pub(super) fn raise(run: PathBuf) -> Make {
    Arc::new(move || {
        let engine = match launch::engine(&exe(), &run) {
            Ok(engine) => Some(engine),
            Err(LaunchError::Held(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Launched { run: run.clone(), engine })
    })
}

/// Makes a run, tells of its folder, and starts its engine.
pub(super) fn maker(
    place: PathBuf,
    loaded: Loaded,
    set: Vec<(String, String)>,
    mode: Mode,
    operator: String,
    tell: impl Fn(&Path) -> Result<(), Failure> + Send + Sync + 'static,
) -> Make {
    Arc::new(move || {
        let run = create(&place, &loaded, &set, mode, &operator)?;
        tell(&run)?;
        raise(run)()
    })
}
