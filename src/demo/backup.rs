//! A backup of one side, taken while it is in use, and read again before it counts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::StepResult;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::{Dir, Side, WorldError, files};
use crate::clock::Clock;
use crate::databases::sqlite::convention;

/// How often a copy that met a lock is tried again, and how long it waits in between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// A backup that was made and found whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Where it lies.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// How many orders are in it.
    pub orders: u64,
}

/// Copies a side's database as it is at one instant and checks every page of the copy. Needs no world
/// that runs. A copy that fails its check is not left under a backup's name.
pub fn backup(dir: &Dir, side: Side) -> Result<Backup, WorldError> {
    files::private_folder(&dir.backups())?;
    let stamp = Clock::system().now().wall;
    let path = dir.backups().join(format!("{side}-{}.db", stamp.0));
    let draft = path.with_extension("draft");
    let from = convention::open(&dir.database(side))?;
    drop(files::private_file(&draft)?);
    let made = copy(&from, &draft).and_then(|()| check(&draft)).and_then(|orders| {
        let bytes = keep(&draft, &path).map_err(WorldError::file("keep the backup", &path))?;
        Ok(Backup { path, bytes, orders })
    });
    if made.is_err() {
        std::fs::remove_file(&draft).map_err(WorldError::file("remove the unfinished backup", &draft))?;
    }
    made
}

/// Makes the copy durable, then gives it its name. Returns its size in bytes.
fn keep(draft: &Path, path: &Path) -> std::io::Result<u64> {
    let file = File::open(draft)?;
    file.sync_all()?;
    std::fs::rename(draft, path)?;
    Ok(file.metadata()?.len())
}

fn copy(from: &Connection, draft: &Path) -> Result<(), WorldError> {
    let failed = || WorldError::database("back up to", draft);
    let mut to = Connection::open(draft).map_err(failed())?;
    let backup = rusqlite::backup::Backup::new(from, &mut to).map_err(failed())?;
    for _try in 0..TRIES {
        // All pages in one step: one snapshot, which writers cannot make it begin again.
        match backup.step(-1).map_err(failed())? {
            StepResult::Done => return Ok(()),
            _ => std::thread::sleep(PAUSE),
        }
    }
    Err(WorldError::Refused(format!("the database was locked {TRIES} times; try the backup again")))
}

fn check(draft: &Path) -> Result<u64, WorldError> {
    let failed = || WorldError::database("check the backup", draft);
    let copy = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed())?;
    // A single file, without a log beside it, is what can be put somewhere safe.
    copy.pragma_update(None, "journal_mode", "delete").map_err(failed())?;
    let verdict: String = copy.query_row("pragma integrity_check", [], |row| row.get(0)).map_err(failed())?;
    if verdict != "ok" {
        return Err(WorldError::Refused(format!("the backup {} is damaged: {verdict}", draft.display())));
    }
    copy.query_row("select count(*) from orders", [], |row| row.get(0)).map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::demo::tables;

    #[test]
    fn a_backup_is_one_whole_file_with_the_rows_of_one_instant() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(folder.path());
        tables::make(&dir.database(Side::Source), Side::Source, Timestamp(0)).unwrap();
        // In the log beside the database, and open while the copy is made.
        let open = Connection::open(dir.database(Side::Source)).unwrap();
        open.execute("insert into orders values ('late', 1, 0, 100)", []).unwrap();
        let backup = backup(&dir, Side::Source).unwrap();
        assert_eq!(backup.orders, 1501);
        let names: Vec<_> =
            std::fs::read_dir(dir.backups()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(names, [backup.path.file_name().unwrap()]);
        let copy = Connection::open(&backup.path).unwrap();
        let late: i64 =
            copy.query_row("select count(*) from orders where id = 'late'", [], |r| r.get(0)).unwrap();
        assert_eq!(late, 1);
    }

    #[test]
    fn nothing_is_backed_up_from_a_database_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = backup(&Dir::new(folder.path()), Side::Target).unwrap_err();
        assert!(error.to_string().contains("not reachable"), "{error}");
        assert!(!folder.path().join("target.db").exists());
    }
}
