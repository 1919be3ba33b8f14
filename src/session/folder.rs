//! A run's folder and what stands in it before the journal does.
//!
//! ```text
//! L-20261205T2100Z-orders-7k3m/     R- for rehearsals
//!   start.json      who starts what, and from where; read once, by the engine that begins the run
//!   plan/           the plan as it was written, and `resolved.toml`: what the run executes
//!   journal head lock reserve large/       the record (module `journal`)
//!   control         the socket of whoever has the keys
//!   samples samples.1                      what was measured
//!   steps/ baselines/ last/                what the tasks keep
//!   engine.log
//! ```
//!
//! Owns names and permissions (folders 0700, files 0600). Which runs there are is the part of `runs`.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::event::{Mode, RunStarted};
use crate::journal::{FolderError, RunFolder, RunId};
use crate::plan::Loaded;
use crate::plan::model::Pins;

const RANDOM: &str = "/dev/urandom";
const START: &str = "start.json";
const PLAN: &str = "plan";
/// The plan's first file, as it was written.
const BASE: &str = "plan.toml";
/// What the run executes: overlays and `--set` applied, secrets left as references.
const RESOLVED: &str = "resolved.toml";
/// Letters of a run's last word: no look-alikes, since people read it over the phone.
const LETTERS: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// Who starts what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The run's id.
    pub run: RunId,
    /// Live or not.
    pub mode: Mode,
    /// When, on the wall.
    pub at: Timestamp,
    /// Who drives, as they say.
    pub operator: String,
    /// … and as the machine says.
    pub account: String,
    /// The plan's name.
    pub plan: String,
    /// What this very plan is.
    pub pins: Pins,
    /// The folder of the plan's own file: commands run in it and relative paths start there.
    pub root: PathBuf,
    /// What was given by `--set`, in order; it is in `resolved.toml` too.
    pub set: Vec<(String, String)>,
}

impl Start {
    /// The run's first record, as the engine writes it that begins it on this host, in this boot.
    pub fn begun(&self, host: String, boot_id: String) -> RunStarted {
        RunStarted {
            run: self.run.to_string(),
            mode: self.mode,
            plan: self.plan.clone(),
            pins: self.pins.clone(),
            operator: self.operator.clone(),
            account: self.account.clone(),
            host,
            boot_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A plan as it is copied into a run: exactly what was read, not what stands in the files by now.
#[derive(Clone, Debug)]
struct PlanCopy<'a> {
    /// The text of its first file.
    base: &'a str,
    /// The texts of its overlays, in order.
    overlays: Vec<&'a str>,
    /// What they resolve to.
    resolved: &'a str,
}

impl<'a> PlanCopy<'a> {
    fn of(loaded: &'a Loaded) -> PlanCopy<'a> {
        let mut files = loaded.notes.sources.iter().filter(|source| source.path.is_some());
        PlanCopy {
            base: files.next().map_or("", |source| source.text.as_str()),
            overlays: files.map(|source| source.text.as_str()).collect(),
            resolved: &loaded.resolved,
        }
    }
}

/// Why a run's folder could not be made or used.
#[derive(Debug)]
pub enum RunError {
    /// The folder, or a file of the record, is not as it must be.
    Folder(FolderError),
    /// A file in it could not be written or read.
    File {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// With what answer.
        error: io::Error,
    },
    /// There is no `start.json`, or it is not one.
    NotARun {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Folder(error) => error.fmt(f),
            RunError::File { doing, path, error } => {
                write!(f, "could not {doing} {}: {error}", path.display())
            }
            RunError::NotARun { path, why } => write!(
                f,
                "{} is not the folder of a run ({why}): `cutover runs` lists those that there are",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Folder(error) => Some(error),
            RunError::File { error, .. } => Some(error),
            RunError::NotARun { .. } => None,
        }
    }
}

impl From<FolderError> for RunError {
    fn from(error: FolderError) -> RunError {
        RunError::Folder(error)
    }
}

/// Makes the folder of a new run of a plan below `runs`, not begun: who starts it (`operator` as they say, `account`
/// as the machine says), with what was given by `--set`.
pub fn make(
    runs: &Path,
    loaded: &Loaded,
    set: &[(String, String)],
    mode: Mode,
    at: Timestamp,
    (operator, account): (&str, &str),
) -> Result<PathBuf, RunError> {
    let run = new_id(&mode, at, &loaded.plan.name).map_err(|error| RunError::File {
        doing: "name a run with",
        path: RANDOM.into(),
        error,
    })?;
    let start = Start {
        run,
        mode,
        at,
        operator: operator.to_owned(),
        account: account.to_owned(),
        plan: loaded.plan.name.clone(),
        pins: loaded.plan.pins.clone(),
        root: loaded.root.clone(),
        set: set.to_vec(),
    };
    create(runs, &start, &PlanCopy::of(loaded))
}

/// A name for a new run: its mode, when it starts, what it is about, and four letters.
fn new_id(mode: &Mode, at: Timestamp, plan: &str) -> io::Result<RunId> {
    let letter = match mode {
        Mode::Live => 'L',
        Mode::Rehearsal { .. } => 'R',
    };
    let mut random = [0; 4];
    File::open(RANDOM)?.read_exact(&mut random)?;
    let tail: String =
        random.iter().filter_map(|b| LETTERS.get(usize::from(b % 31))).map(|b| char::from(*b)).collect();
    format!("{letter}-{}-{}-{tail}", at.compact(), slug(plan)).parse().map_err(io::Error::other)
}

/// The words of a plan's name as they may stand in a file name; at most 24 letters.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 24 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "plan".to_owned() } else { slug.to_owned() }
}

/// Makes the folder of a new run below `runs`, with its start and its copy of the plan, all synced.
fn create(runs: &Path, start: &Start, plan: &PlanCopy<'_>) -> Result<PathBuf, RunError> {
    private_folder(runs)?;
    let path = runs.join(start.run.as_str());
    RunFolder::create(&path)?;
    let copy = path.join(PLAN);
    private_folder(&copy)?;
    write_private(&copy.join(BASE), plan.base.as_bytes())?;
    for (number, text) in (1..).zip(&plan.overlays) {
        write_private(&copy.join(format!("overlay-{number}.toml")), text.as_bytes())?;
    }
    write_private(&copy.join(RESOLVED), plan.resolved.as_bytes())?;
    sync(&copy)?;
    let json = serde_json::to_vec_pretty(start).map_err(|why| RunError::File {
        doing: "write",
        path: path.join(START),
        error: why.into(),
    })?;
    write_private(&path.join(START), &json)?;
    sync(&path)?;
    Ok(path)
}

/// What a run executes.
pub fn resolved_path(run: &Path) -> PathBuf {
    run.join(PLAN).join(RESOLVED)
}

/// How a run was started.
pub fn read_start(run: &Path) -> Result<Start, RunError> {
    let not = |why: String| RunError::NotARun { path: run.to_owned(), why };
    let bytes = std::fs::read(run.join(START)).map_err(|e| not(format!("{START}: {e}")))?;
    serde_json::from_slice(&bytes).map_err(|e| not(format!("{START}: {e}")))
}

/// Makes a folder that only this account can enter, parents too; one that is there is left as it is.
pub fn private_folder(path: &Path) -> Result<(), RunError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| RunError::File {
        doing: "create",
        path: path.to_owned(),
        error,
    })
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let write = || {
        let mut file = File::options().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| RunError::File { doing: "write", path: path.to_owned(), error })
}

fn sync(folder: &Path) -> Result<(), RunError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|error| RunError::File {
        doing: "sync",
        path: folder.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Grade;
    use std::os::unix::fs::PermissionsExt;

    fn start(mode: Mode) -> Start {
        Start {
            run: new_id(&mode, Timestamp(1_764_975_791_000), "Orders to Azure").unwrap(),
            mode,
            at: Timestamp(1_764_975_791_000),
            operator: "maria".into(),
            account: "ops".into(),
            root: "/srv/plans".into(),
            plan: "Orders to Azure".into(),
            pins: Pins::default(),
            set: vec![("region".into(), "west".into())],
        }
    }

    #[test]
    fn a_run_is_named_by_mode_time_and_plan() {
        let live = start(Mode::Live).run;
        assert!(live.as_str().starts_with("L-20251205T2303Z-orders-to-azure-"), "{live}");
        let rehearsal = Mode::Rehearsal { number: 3, speed: 60.0, grade: Grade::Simulated };
        assert!(start(rehearsal).run.as_str().starts_with("R-"));
        assert_ne!(start(Mode::Live).run, start(Mode::Live).run);
    }

    #[test]
    fn any_plan_name_gives_a_file_name() {
        assert_eq!(slug("  Größe & Co. / ../etc"), "gr-e-co-etc");
        assert_eq!(slug("日本"), "plan");
        assert_eq!(slug(&"long name ".repeat(9)).len(), 24);
    }

    #[test]
    fn a_new_run_holds_its_start_and_its_plan_and_is_private() {
        let tmp = tempfile::tempdir().unwrap();
        let start = start(Mode::Live);
        let plan = PlanCopy { base: "[plan]\n", overlays: vec!["# over\n"], resolved: "[plan]\nname = 1\n" };
        let run = create(&tmp.path().join("a/runs"), &start, &plan).unwrap();
        assert_eq!(read_start(&run).unwrap(), start);
        assert_eq!(std::fs::read_to_string(run.join("plan/plan.toml")).unwrap(), plan.base);
        assert_eq!(std::fs::read_to_string(run.join("plan/overlay-1.toml")).unwrap(), plan.overlays[0]);
        assert_eq!(std::fs::read_to_string(resolved_path(&run)).unwrap(), plan.resolved);
        for (path, mode) in [(run.clone(), 0o700), (run.join("plan"), 0o700), (run.join(START), 0o600)] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
        assert!(matches!(create(&tmp.path().join("a/runs"), &start, &plan), Err(RunError::Folder(_))));
    }

    #[test]
    fn a_folder_that_is_no_run_says_so() {
        let tmp = tempfile::tempdir().unwrap();
        let error = read_start(tmp.path()).unwrap_err().to_string();
        assert!(error.contains("cutover runs"), "{error}");
    }
}
