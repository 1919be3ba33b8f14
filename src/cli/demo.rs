//! `cutover demo`: a real cutover on this machine, with nothing installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cockpit::{Act, Begin, Measured, Opening, Screen};
use super::exit::{Exit, Failure};
use super::run::page;
use super::{open, print};
use crate::demo::actions::{ACTIONS, Action, perform};
use crate::demo::summary::summary;
use crate::demo::{WorldError, hold, world};
use crate::engine::event::{Ending, Mode as RunMode};
use crate::journal::{Lock, LockState, RunFolder};
use crate::panes::{Extra, Seat};
use crate::plan::{Environment, Loaded, Overrides, load};
use crate::process::detach;
use crate::session::runs::{self, Standing};
use crate::ui::format;
use crate::ui::mode::Mode;

/// The plan, as it stands in the repository.
const PLAN: &str = include_str!("../../sample-plans/demo.toml");
/// The name of its operator in the plan.
const OPERATOR: &str = "you";
const KILL_ENGINE: &str = "kill-engine";
const UP_WITHIN: Duration = Duration::from_secs(30);
const DOWN_WITHIN: Duration = Duration::from_secs(10);

/// Moves a small shop from one database to another while its customers order: about five minutes.
///
/// The shop stands in a folder of its own; going there again goes on with the same.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the shop stands; a new folder below the state folder when left out.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Signs of plain ASCII only.
    #[arg(long)]
    ascii: bool,
    /// A quieter, quicker shop, for tests.
    #[arg(long, hide = true)]
    fast: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let dir = folder(args.dir.as_deref())?;
    let screen = Screen::enter(Mode::Live, "Orders to the cloud", args.ascii)?;
    let held = hold(&dir)?;
    let door = open_shop(&dir, args.fast)?;
    // A run of this shop that is not over goes on; there is one plan and one shop.
    let begin = match open_run(&dir)? {
        Some(run) => Begin::Drive(open::raise(run)),
        None => begin(&dir, door)?,
    };
    let exit = screen.show(Opening {
        seat: Seat::Operator(OPERATOR.to_owned()),
        begin,
        extras: extras(),
        act: Some(act(&dir)),
        measured: Some(measured(&dir)),
        again: Some(match &args.dir {
            Some(dir) => format!("cutover demo --dir {}", dir.display()),
            None => "cutover demo".to_owned(),
        }),
    });
    drop(held);
    if matches!(exit, Ok(Exit::Done | Exit::Different | Exit::Aborted))
        && open_run(&dir)?.is_none()
        && let Err(error) = world::end(&dir, DOWN_WITHIN)
    {
        print::error(&format!("the shop in {} was not closed: {error}", dir.display()));
    }
    exit
}

/// The start page of a new run.
fn begin(dir: &Path, door: u16) -> Result<Begin, Failure> {
    let (loaded, set) = plan(dir, door)?;
    let start = page(&loaded, &dir.join("plan.toml").display().to_string(), OPERATOR)?;
    let shop = dir.to_owned();
    let made = move |run: &Path| remember(&shop, run);
    let maker = open::maker(open::place(None)?, loaded, set, RunMode::Live, OPERATOR.to_owned(), made);
    Ok(Begin::Start(Box::new(start), maker))
}

fn folder(said: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match said {
        Some(dir) => {
            std::path::absolute(dir).map_err(|e| Failure::usage(format!("{}: {e}", dir.display())))?
        }
        None => open::place(None)?.with_file_name("demo"),
    };
    crate::session::folder::private_folder(&dir)?;
    if said.is_some()
        && let Some(over) = over(&dir)?
    {
        return Err(Failure::usage(over));
    }
    if said.is_none() && open_run(&dir)?.is_none() && dir.join("source.db").exists() {
        // The last shop has moved: a new one begins where it began.
        std::fs::remove_dir_all(&dir)
            .map_err(|e| Failure::new(Exit::NotProved, format!("{}: {e}", dir.display())))?;
        crate::session::folder::private_folder(&dir)?;
    }
    Ok(dir)
}

/// Starts the world where it does not run yet, and gives the front door's port.
fn open_shop(dir: &Path, fast: bool) -> Result<u16, Failure> {
    if let Some(running) = world::find(dir)? {
        return Ok(running.door);
    }
    let mut words = vec!["__world".into(), "--dir".into(), dir.as_os_str().to_owned()];
    if fast {
        words.push("--fast".into());
    }
    let log = dir.join("world.log");
    let mut child = detach(&open::exe(), &words, Some(&log))
        .map_err(|error| Failure::new(Exit::NotProved, format!("the shop cannot be opened: {error}")))?;
    let began = Instant::now();
    loop {
        if let Some(running) = world::find(dir)? {
            return Ok(running.door);
        }
        let ended = child.ended().ok().flatten();
        if ended.is_some() || began.elapsed() > UP_WITHIN {
            let what = format!("the shop in {} does not open; see {}", dir.display(), log.display());
            return Err(Failure::new(Exit::NotProved, what));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The plan with this shop's places in it; a copy stands in the shop's folder, to be read beside the cockpit.
fn plan(dir: &Path, door: u16) -> Result<(Loaded, Vec<(String, String)>), Failure> {
    let file = dir.join("plan.toml");
    std::fs::write(&file, PLAN)
        .map_err(|e| Failure::new(Exit::NotProved, format!("{} cannot be written: {e}", file.display())))?;
    let exe = std::env::current_exe().unwrap_or_else(|_| open::exe());
    let set = vec![
        ("cutover".to_owned(), exe.display().to_string()),
        ("world".to_owned(), dir.display().to_string()),
        ("door".to_owned(), format!("http://127.0.0.1:{door}")),
    ];
    let overrides = Overrides { set: set.clone(), ..Overrides::default() };
    let loaded = load(&file, &overrides, &Environment::of_process())
        .map_err(|wrong| Failure::new(Exit::Usage, wrong.render(print::style())))?;
    Ok((loaded, set))
}

fn remember(dir: &Path, run: &Path) -> Result<(), Failure> {
    let file = dir.join("run");
    std::fs::write(&file, run.display().to_string())
        .map_err(|e| Failure::new(Exit::NotProved, format!("{} cannot be written: {e}", file.display())))
}

/// What is said of a shop that has had its run: a shop is moved once.
fn over(dir: &Path) -> Result<Option<String>, Failure> {
    let Some(run) = run_of(dir)? else { return Ok(None) };
    let seen = run.exists().then(|| runs::summary(&run));
    if seen.as_ref().is_some_and(runs::Summary::is_open) {
        return Ok(None);
    }
    let how = seen.map_or_else(|| "gone".to_owned(), |seen| how_it_ended(seen.standing()));
    let dir = dir.display();
    Ok(Some(format!(
        "the run of the shop in {dir} is {how}; to begin anew, remove that folder or name another"
    )))
}

fn how_it_ended(standing: Standing) -> String {
    let after = match standing {
        Standing::Over(Ending::Done) => ", and customers are on the cloud",
        Standing::Over(Ending::RolledBack) => ", and customers are on the source again",
        Standing::Over(Ending::Aborted) => ", and customers stayed on the source",
        Standing::Damaged => return "damaged".to_owned(),
        Standing::Running | Standing::Held | Standing::Interrupted => "",
    };
    format!("over: {}{after}", standing.word())
}

/// The run of this shop, where it has one that is not over.
fn open_run(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    Ok(run_of(dir)?.filter(|run| run.exists() && runs::summary(run).is_open()))
}

/// The folder of the run that this shop has, or had.
fn run_of(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    match std::fs::read_to_string(dir.join("run")) {
        Ok(path) => Ok(Some(PathBuf::from(path))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            Err(Failure::new(Exit::NotProved, format!("{} cannot be read: {e}", dir.join("run").display())))
        }
    }
}

fn extras() -> Vec<Extra> {
    let mut all: Vec<Extra> = ACTIONS
        .iter()
        .map(|action| Extra {
            id: action.id.to_owned(),
            title: format!("demo: {}", action.title),
            help: action.explains.to_owned(),
        })
        .collect();
    all.push(Extra {
        id: KILL_ENGINE.to_owned(),
        title: "demo: Kill the engine".to_owned(),
        help: "kill -9, in the middle of whatever it does; one key takes the run up again.".to_owned(),
    });
    all
}

fn act(dir: &Path) -> Act {
    let dir = dir.to_owned();
    Arc::new(move |id| {
        if id == KILL_ENGINE {
            return kill_engine(&dir);
        }
        let action = Action::find(id).ok_or_else(|| format!("there is no action {id}"))?;
        perform(&dir, action.what)
            .map(|said| format!("demo: {}: {said}", action.title))
            .map_err(|error| error.to_string())
    })
}

/// Whoever holds the run's lock is its engine.
fn kill_engine(dir: &Path) -> Result<String, String> {
    let run = open_run(dir).map_err(|f| f.message)?.ok_or("there is no run whose engine could be killed")?;
    let folder = RunFolder::open(&run).map_err(|error| error.to_string())?;
    let LockState::Held(Some(holder)) = Lock::state(&folder).map_err(|error| error.to_string())? else {
        return Err("the run has no engine now".to_owned());
    };
    let pid =
        i32::try_from(holder.pid).ok().and_then(rustix::process::Pid::from_raw).ok_or("no such process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).map_err(|e| e.to_string())?;
    Ok("demo: the engine was killed".to_owned())
}

fn measured(dir: &Path) -> Measured {
    let dir = dir.to_owned();
    Arc::new(move || match summary(&dir) {
        Err(error) => vec![("orders".to_owned(), error.to_string())],
        Ok(it) => {
            let taken = format!(
                "{}, by the source {}",
                format::count(it.accepted_by_target),
                format::count(it.accepted_by_source)
            );
            let mut lines = vec![
                ("orders accepted".to_owned(), format::count(it.accepted)),
                ("accepted by the cloud".to_owned(), taken),
                ("orders missing".to_owned(), format::count(it.missing)),
                ("orders twice".to_owned(), format::count(it.duplicated)),
                ("orders refused".to_owned(), format::count(it.refused)),
                (
                    "as customers saw it".to_owned(),
                    format!("{} without ordering", format::span(Duration::from_millis(it.outage_ms))),
                ),
            ];
            if let Some(rows) = it.lost_by_a_script_that_trusts_the_probe {
                let what = format!(
                    "{}: a script that trusts the probe would have left them behind",
                    format::counted(rows, "row", "rows")
                );
                lines.push(("written past the fence".to_owned(), what));
            }
            lines
        }
    })
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Failure {
        let exit = match &error {
            WorldError::NotAWorld { .. } => Exit::Usage,
            _ => Exit::NotProved,
        };
        Failure::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_that_has_had_its_run_says_how_that_ended() {
        let said =
            [Ending::Done, Ending::RolledBack, Ending::Aborted].map(|e| how_it_ended(Standing::Over(e)));
        assert_eq!(said[0], "over: done, and customers are on the cloud");
        assert_eq!(said[1], "over: rolled back, and customers are on the source again");
        assert_eq!(said[2], "over: aborted, and customers stayed on the source");
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(over(dir.path()).unwrap(), None, "a new shop");
        std::fs::write(dir.path().join("run"), dir.path().join("none").display().to_string()).unwrap();
        let told = over(dir.path()).unwrap().unwrap();
        assert!(told.contains("is gone; to begin anew, remove that folder or name another"), "{told}");
    }
}
