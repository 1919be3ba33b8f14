//! A side's database as the parts of the world share it: there, or taken away.
//!
//! Who opens the database takes a [`Lease`] first and drops both together. Taking the database away ends
//! the leases and waits for them, so that no part goes on writing to a file that nobody can find. Other
//! processes are kept off by SQLite's own lock: a file that is renamed beside its write-ahead log under
//! somebody's hands can be damaged, so the log is folded in first and the file moves alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{Dir, Side, WorldError, files};
use crate::databases::sqlite::convention;

/// How long whoever has a database open gets to let go of it. A comparison waits ten seconds for rows on their way.
const LET_GO: Duration = Duration::from_secs(12);
/// How long one try for the lock waits before the next.
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Store {
    side: Side,
    dir: Dir,
    /// Held while files move, so that two of these never interleave.
    lease: Mutex<Option<Arc<AtomicBool>>>,
}

/// The right to have the database open, until [`Lease::ended`].
#[derive(Debug)]
pub(super) struct Lease(Arc<AtomicBool>);

impl Lease {
    /// Whether the holder must close what it opened, soon.
    pub(super) fn ended(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Store {
    /// Finds out whether the database is here or away, and ends a move that was cut off.
    pub(super) fn find(dir: &Dir, side: Side) -> Result<Store, WorldError> {
        let store = Store { side, dir: dir.clone(), lease: Mutex::new(None) };
        if !store.away().exists() {
            set_journal(&store.path(), "wal")?;
            *store.lock() = Some(Arc::default());
        }
        Ok(store)
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.database(self.side)
    }

    /// Leave to open the database, `None` while it is taken away.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.lock().as_ref().map(|ended| Lease(Arc::clone(ended)))
    }

    pub(super) fn is_here(&self) -> bool {
        self.lock().is_some()
    }

    /// Moves the database where nobody looks for it. It is whole, and its content stays as it is.
    pub(super) fn take_away(&self) -> Result<(), WorldError> {
        let mut lease = self.lock();
        let Some(ended) = lease.as_ref() else {
            return Err(WorldError::Refused(format!("the {} is away already", self.side)));
        };
        ended.store(true, Ordering::Release);
        let moved = self.wait_for_leases(ended).and_then(|()| self.move_away());
        match moved {
            Ok(()) => *lease = None,
            // Who gave its lease back gets another and goes on.
            Err(_) => *lease = Some(Arc::default()),
        }
        moved
    }

    fn wait_for_leases(&self, ended: &Arc<AtomicBool>) -> Result<(), WorldError> {
        let began = Instant::now();
        while Arc::strong_count(ended) > 1 {
            if began.elapsed() > LET_GO {
                return Err(in_use(&self.path()));
            }
            thread::sleep(AGAIN);
        }
        Ok(())
    }

    fn move_away(&self) -> Result<(), WorldError> {
        let path = self.path();
        let alone = set_journal(&path, "delete")?;
        let failed = || WorldError::database("lock", &path);
        alone.busy_timeout(LET_GO).map_err(failed())?;
        alone.execute_batch("begin exclusive").map_err(failed())?;
        files::private_folder(&self.dir.away())?;
        // The lock goes with the connection, at the end.
        rename(&path, &self.away())
    }

    /// Moves the database back.
    pub(super) fn bring_back(&self) -> Result<(), WorldError> {
        let mut lease = self.lock();
        if lease.is_some() {
            return Err(WorldError::Refused(format!("the {} is here already", self.side)));
        }
        if self.path().exists() {
            return Err(WorldError::Refused(format!(
                "another file stands at {}; remove it first",
                self.path().display()
            )));
        }
        rename(&self.away(), &self.path())?;
        *lease = Some(Arc::default());
        set_journal(&self.path(), "wal").map(drop)
    }

    fn away(&self) -> PathBuf {
        self.dir.away().join(format!("{}.db", self.side))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<AtomicBool>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a side takes the shop's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// It does, from sessions of this epoch on.
    Open(i64),
    /// It is fenced or sealed.
    Shut,
}

/// How the fence of this side stands now, or for this transaction.
pub(super) fn fence(db: &Connection) -> rusqlite::Result<Fence> {
    db.query_row("select epoch, fence = 'open' from cutover_state", [], |row| {
        Ok(if row.get(1)? { Fence::Open(row.get(0)?) } else { Fence::Shut })
    })
}

fn rename(from: &Path, to: &Path) -> Result<(), WorldError> {
    std::fs::rename(from, to).map_err(WorldError::file("move", from))
}

/// Opens the database and puts it into this journal mode, which takes a moment in which nobody else has
/// it open. SQLite does not wait for that moment by itself.
fn set_journal(path: &Path, mode: &str) -> Result<Connection, WorldError> {
    let db = convention::open(path)?;
    let began = Instant::now();
    loop {
        let set: rusqlite::Result<String> =
            db.query_row(&format!("pragma journal_mode = {mode}"), [], |row| row.get(0));
        match set {
            Ok(now) if now == mode => return Ok(db),
            Err(e) if e.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
                return Err(WorldError::database("set the journal of", path)(e));
            }
            Ok(_) | Err(_) if began.elapsed() > LET_GO => {
                return Err(in_use(path));
            }
            Ok(_) | Err(_) => thread::sleep(AGAIN),
        }
    }
}

fn in_use(path: &Path) -> WorldError {
    WorldError::Refused(format!(
        "{} is still in use after {} s; try again when what reads it is done",
        path.display(),
        LET_GO.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world_with_target() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(folder.path());
        let db = Connection::open(dir.database(Side::Target)).unwrap();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        db.execute_batch("create table t (x); insert into t values (1)").unwrap();
        (folder, dir)
    }

    #[test]
    fn a_database_taken_away_is_not_found_and_comes_back_as_it_was() {
        let (_folder, dir) = world_with_target();
        let store = Store::find(&dir, Side::Target).unwrap();
        store.take_away().unwrap();
        assert!(!dir.database(Side::Target).exists());
        assert!(store.lease().is_none());
        assert!(store.take_away().unwrap_err().to_string().contains("away already"));
        store.bring_back().unwrap();
        let db = Connection::open(dir.database(Side::Target)).unwrap();
        assert_eq!(db.query_row("select x from t", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
    }

    #[test]
    fn it_is_taken_away_only_when_the_last_lease_is_given_back() {
        let (_folder, dir) = world_with_target();
        let store = Arc::new(Store::find(&dir, Side::Target).unwrap());
        let lease = store.lease().unwrap();
        let taker = thread::spawn({
            let store = Arc::clone(&store);
            move || store.take_away()
        });
        let began = Instant::now();
        while !lease.ended() {
            assert!(began.elapsed() < Duration::from_secs(5), "the holder was never told");
            thread::yield_now();
        }
        assert!(dir.database(Side::Target).exists(), "it moved under a holder");
        drop(lease);
        taker.join().unwrap().unwrap();
        assert!(!dir.database(Side::Target).exists());
    }

    #[test]
    fn it_moves_alone_and_with_all_its_rows() {
        let (_folder, dir) = world_with_target();
        let store = Store::find(&dir, Side::Target).unwrap();
        let reader = Connection::open(dir.database(Side::Target)).unwrap();
        reader.execute("insert into t values (2)", []).unwrap();
        // Open elsewhere, so its rows may still be in the log beside it: it stays until that one is done.
        let taker = thread::spawn({
            let store = Store::find(&dir, Side::Target).unwrap();
            move || store.take_away()
        });
        assert!(dir.database(Side::Target).exists());
        drop(reader);
        taker.join().unwrap().unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.away()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(names, ["target.db"]);
        drop(store);
        let store = Store::find(&dir, Side::Target).unwrap();
        assert!(!store.is_here());
        store.bring_back().unwrap();
        let db = Connection::open(dir.database(Side::Target)).unwrap();
        assert_eq!(db.query_row("select count(*) from t", [], |r| r.get::<_, i64>(0)).unwrap(), 2);
    }

    #[test]
    fn a_move_that_was_cut_off_leaves_a_database_as_it_was() {
        let (_folder, dir) = world_with_target();
        drop(set_journal(&dir.database(Side::Target), "delete").unwrap());
        let store = Store::find(&dir, Side::Target).unwrap();
        assert!(store.is_here());
        let db = Connection::open(dir.database(Side::Target)).unwrap();
        let mode: String = db.query_row("pragma journal_mode", [], |r| r.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn it_is_not_brought_back_over_another_file() {
        let (_folder, dir) = world_with_target();
        let store = Store::find(&dir, Side::Target).unwrap();
        store.take_away().unwrap();
        std::fs::write(dir.database(Side::Target), b"something else").unwrap();
        assert!(store.bring_back().unwrap_err().to_string().contains("another file"));
        std::fs::remove_file(dir.database(Side::Target)).unwrap();
        store.bring_back().unwrap();
    }
}
