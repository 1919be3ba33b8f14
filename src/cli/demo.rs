//! `cutover demo`: a real cutover on this machine, with nothing installed.

use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exit::{Exit, Failure};
use super::run::{left, needs_terminal};
use super::sitting::{self, Begin, Begun, Extras, Sit, To};
use super::{open, print, run, start};
use crate::clock::Clock;
use crate::demo::actions::{ACTIONS, Action, perform};
use crate::demo::summary::{Summary, summary};
use crate::demo::{WorldError, control, hold, world};
use crate::engine::event::Mode;
use crate::panes::Extra;
use crate::plan::{Environment, Loaded, Overrides, Style, load};
use crate::process::detach;
use crate::session::{launch, runs};
use crate::ui::{format, mode};

/// The plan of the demo, and its schema for whoever opens it in an editor.
const PLAN: &str = include_str!("../../sample-plans/demo.toml");
/// A world that is not up by then is not coming.
const UP_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Moves a small shop from one database to another while its customers order.
///
/// Everything is real: two databases, an order application on each, a front door, a replicator; only the world is
/// small enough to fit on this machine. It listens on loopback only and ends with the run.
///
/// The world lives in DIR, by default in a new folder of its own; `cutover demo --dir DIR` again goes on with the same.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the world lives.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Who drives.
    #[arg(long = "as", value_name = "NAME", default_value = "you")]
    name: String,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    needs_terminal()?;
    let dir = match &args.dir {
        Some(dir) => std::path::absolute(dir).map_err(|error| no_folder(dir, &error))?,
        None => {
            let place = open::place(None)?.with_file_name("demo");
            place.join(Clock::system().now().wall.compact())
        }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| no_folder(&dir, &error))?;
    let place = dir.join("runs");
    let known = runs::list(&place).map_err(|error| no_folder(&place, &error))?;
    if let Some(over) = known.iter().find(|run| matches!(run.standing(), runs::Standing::Over(_))) {
        return Err(Failure::usage(format!(
            "the world in {} has been moved ({} is over): give another --dir, or none",
            dir.display(),
            over.id
        )));
    }
    let door = world_up(&dir)?;
    let _held = hold(&dir).map_err(|error| world_failed(&error))?;
    let loaded = plan(&dir, door)?;
    let open_run = known.into_iter().find(runs::Summary::is_open);
    let (to, title) = (to(&dir, &place, loaded, open_run, &args.name)?, "Orders to the cloud".to_owned());
    let sat = sitting::sit(Sit {
        name: args.name.clone(),
        mode: mode::Mode::Live,
        title,
        to,
        extras: Some(extras(&dir)),
    })?;
    if sat.exit == Exit::LeftHeld {
        print::out(&format!(
            "The shop goes on for ten minutes without you. Go on with it: cutover demo --dir {}",
            dir.display()
        ))?;
        return Ok(Exit::LeftHeld);
    }
    match summary(&dir) {
        Ok(measured) => print::out(&sentences(&measured))?,
        Err(error) => print::error(&error.to_string()),
    }
    if let Err(error) = control::tell(&dir, &control::Request::End) {
        print::error(&format!("the world goes on by itself for ten minutes: {error}"));
    }
    left(sat)
}

fn no_folder(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be used: {error}", dir.display()))
}

fn world_failed(error: &WorldError) -> Failure {
    let exit = match error {
        WorldError::Held { .. } => Exit::Held,
        WorldError::Usage(_) | WorldError::NotAWorld { .. } => Exit::Usage,
        _ => Exit::NotProved,
    };
    Failure::new(exit, error.to_string())
}

/// Brings the world up, unless it is; gives its front door's port.
fn world_up(dir: &Path) -> Result<u16, Failure> {
    if let Some(running) = world::find(dir).map_err(|error| world_failed(&error))? {
        return Ok(running.door);
    }
    let log = dir.join("world.log");
    let words = [Path::new("__world"), Path::new("--dir"), dir];
    let mut process = detach(&open::exe(), words, Some(&log))
        .map_err(|error| Failure::new(Exit::NotProved, format!("the world could not be started: {error}")))?;
    let deadline = Instant::now() + UP_WITHIN;
    loop {
        if let Some(running) = world::find(dir).map_err(|error| world_failed(&error))? {
            return Ok(running.door);
        }
        let ended = matches!(process.ended(), Ok(Some(_)));
        if ended || Instant::now() > deadline {
            let why = format!("the world did not come up; its log is {}", log.display());
            return Err(Failure::new(Exit::NotProved, why));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The demo's plan beside its world, for this very world.
fn plan(dir: &Path, door: u16) -> Result<Loaded, Failure> {
    let path = dir.join("demo.toml");
    let exe = std::env::current_exe().map_err(|error| no_folder(&path, &error))?;
    let mut file = std::fs::File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| no_folder(&path, &error))?;
    file.write_all(PLAN.as_bytes()).map_err(|error| no_folder(&path, &error))?;
    let set = [
        ("cutover", exe.display().to_string()),
        ("world", dir.display().to_string()),
        ("door", format!("http://127.0.0.1:{door}")),
    ];
    let overrides =
        Overrides { set: set.map(|(name, value)| (name.to_owned(), value)).to_vec(), overlays: Vec::new() };
    load(&path, &overrides, &Environment::of_process()).map_err(|wrong| {
        Failure::usage(format!("the demo's plan is wrong:\n{}", wrong.render(Style::default())))
    })
}

/// The start page of a new run, or the run that is open.
fn to(
    dir: &Path,
    place: &Path,
    loaded: Loaded,
    open_run: Option<runs::Summary>,
    name: &str,
) -> Result<To, Failure> {
    if let Some(open) = open_run {
        return Ok(To::Drive(run::brought_up(open.path)));
    }
    let page = start::page(&dir.join("demo.toml"), &loaded, place, name)?;
    let identities = start::identities(&loaded);
    let (place, operator) = (place.to_owned(), name.to_owned());
    let begin: Begin = Arc::new(move || {
        let run = open::create(&place, &loaded, &[], Mode::Live, &operator)?;
        let engine = launch::engine(&open::exe(), &run)?;
        Ok(Begun { run, engine: Some(engine) })
    });
    Ok(To::Start(Box::new(page), identities, begin))
}

/// What the palette offers beside its own, and what was measured in the end.
fn extras(dir: &Path) -> Extras {
    let list = ACTIONS.iter().map(|action| Extra {
        id: action.id.to_owned(),
        title: format!("demo: {}", action.title),
        help: action.explains.to_owned(),
    });
    let (here, there) = (dir.to_owned(), dir.to_owned());
    Extras {
        list: list.collect(),
        perform: Box::new(move |id| match Action::find(id).map(|action| perform(&here, action.what)) {
            Some(Ok(done)) => done,
            Some(Err(error)) => error.to_string(),
            None => format!("there is no {id} in this world"),
        }),
        ending: Box::new(move || match summary(&there) {
            Ok(measured) => lines(&measured),
            Err(error) => vec![("The shop".to_owned(), error.to_string())],
        }),
    }
}

/// What was measured, line by line.
fn lines(measured: &Summary) -> Vec<(String, String)> {
    let count = format::count;
    let mut lines = vec![
        ("Orders accepted".to_owned(), count(measured.accepted)),
        ("Orders missing".to_owned(), count(measured.missing)),
        ("Orders twice".to_owned(), count(measured.duplicated)),
        ("Customers could not order for".to_owned(), format::span(Duration::from_millis(measured.outage_ms))),
    ];
    if let Some(lost) = measured.lost_by_a_script_that_trusts_the_probe {
        let text = format!("{} that were written behind the fence", format::counted(lost, "row", "rows"));
        lines.push(("A script that trusts the probe loses".to_owned(), text));
    }
    lines
}

fn sentences(measured: &Summary) -> String {
    lines(measured).iter().map(|(what, how)| format!("{what}: {how}")).collect::<Vec<_>>().join("\n")
}
