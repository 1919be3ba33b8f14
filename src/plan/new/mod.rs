//! A plan to start from: commented, checked, and rehearsable as it stands.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::model::Strategy;
use super::schema;

/// The name of the plan's file.
const PLAN: &str = "plan.toml";

/// Why no plan was written. Nothing that was there has been changed.
#[derive(Debug)]
pub enum Refused {
    /// A file of that name is there already.
    Exists(PathBuf),
    /// The folder or file cannot be written.
    Unwritable(PathBuf, std::io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Exists(path) => {
                write!(f, "{} is there already: name another folder, or move it away", path.display())
            }
            Refused::Unwritable(path, why) => {
                write!(f, "{} cannot be written: {why}; check the folder and its rights", path.display())
            }
        }
    }
}

impl std::error::Error for Refused {}

/// Writes a plan and its schema into a folder, which is made if need be; gives the plan's path.
pub fn write(folder: &Path, strategy: Strategy) -> Result<PathBuf, Refused> {
    fs::create_dir_all(folder).map_err(|why| Refused::Unwritable(folder.to_owned(), why))?;
    let plan = folder.join(PLAN);
    create(&plan, text(strategy))?;
    let beside = folder.join(schema::FILE);
    match create(&beside, &schema::text()) {
        // The schema is the same for every plan of this version: an older one may stay.
        Ok(()) | Err(Refused::Exists(_)) => Ok(plan),
        Err(why) => Err(why),
    }
}

/// The plan that [`write`] writes.
pub fn text(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::NearZeroDowntime => include_str!("near-zero-downtime.toml"),
        Strategy::PlannedDowntime => include_str!("planned-downtime.toml"),
    }
}

fn create(path: &Path, text: &str) -> Result<(), Refused> {
    let unwritable = |why: std::io::Error| match why.kind() {
        std::io::ErrorKind::AlreadyExists => Refused::Exists(path.to_owned()),
        _ => Refused::Unwritable(path.to_owned(), why),
    };
    let mut file = File::create_new(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Environment, Level, Overrides, Style, guide, load};

    fn written(strategy: Strategy) -> crate::plan::Loaded {
        let dir = tempfile::tempdir().unwrap();
        let path = write(&dir.path().join("new"), strategy).unwrap();
        load(&path, &Overrides::default(), &Environment::default())
            .unwrap_or_else(|d| panic!("{}", d.render(Style::default())))
    }

    #[test]
    fn what_is_written_passes_without_errors_or_warnings() {
        for strategy in [Strategy::NearZeroDowntime, Strategy::PlannedDowntime] {
            let loaded = written(strategy);
            assert_eq!(loaded.plan.strategy, strategy);
            assert_eq!(loaded.notes.count(Level::Warning), 0, "{}", loaded.notes.render(Style::default()));
            assert!(loaded.missing.is_empty());
        }
    }

    #[test]
    fn what_is_written_leaves_nothing_of_the_guide_uncovered() {
        for strategy in [Strategy::NearZeroDowntime, Strategy::PlannedDowntime] {
            let left: Vec<_> = guide::uncovered(&written(strategy).plan).iter().map(|r| r.words).collect();
            assert!(left.is_empty(), "{strategy:?}: {left:#?}");
        }
    }

    #[test]
    fn nothing_that_is_there_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), Strategy::PlannedDowntime).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(matches!(write(dir.path(), Strategy::PlannedDowntime), Err(Refused::Exists(p)) if p == path));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let under = path.join("x");
        assert!(matches!(write(&under, Strategy::PlannedDowntime), Err(Refused::Unwritable(..))));
    }
}
