//! The lock of a run's folder: at most one process appends to its journal.
//!
//! A `flock` on the file `lock`, opened once and held until the process ends, however it ends. What is
//! written inside is for the message that a second process prints, and proves nothing.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::folder::{FolderError, RunFolder};
use crate::clock::{Now, Timestamp};

const LOCK: &str = "lock";
/// A holder that has died lets go of the lock when its last thread, and any child between fork and exec, has closed
/// its descriptors. Looked for so often, with a pause between: two seconds in all.
const LOOKS_AT_THE_DEAD: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// The right to append, given back when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds a lock, as far as the file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// When it took the lock.
    pub since: Timestamp,
    /// The boot in which it did.
    pub boot_id: String,
}

/// Whether a run's lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// Nobody has it: no engine is alive.
    Free,
    /// Somebody has it; who, if the file says.
    Held(Option<Holder>),
}

/// Why a run cannot be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Held {
        /// The run's folder.
        run: PathBuf,
        /// Who; `None` when the file does not say (yet).
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    Folder(FolderError),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Held { run, holder } => {
                write!(f, "the run in {} is held by ", run.display())?;
                match holder {
                    Some(Holder { pid, since, .. }) => {
                        write!(f, "process {pid} since {}", since.rfc3339())?;
                    }
                    None => f.write_str("another process")?,
                }
                f.write_str(": watch it, or end that process first")
            }
            LockError::Folder(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LockError::Held { .. } => None,
            LockError::Folder(error) => Some(error),
        }
    }
}

impl From<FolderError> for LockError {
    fn from(error: FolderError) -> LockError {
        LockError::Folder(error)
    }
}

impl Holder {
    /// Whether it runs no more: what is left of its hold ends by itself.
    fn is_gone(&self) -> bool {
        // Its state follows its name, which stands in parentheses and may hold anything.
        let state = |stat: &str| stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        match std::fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(stat) => matches!(state(&stat), Some('Z' | 'X')),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

impl Lock {
    /// Takes the lock, or says who has it: at once, unless they have just died.
    pub fn take(folder: &RunFolder, now: Now) -> Result<Lock, LockError> {
        let file = folder.open_ours(LOCK, OFlags::RDWR | OFlags::CREATE)?;
        Lock::settled(folder)?;
        if !try_lock(folder, &file, FlockOperation::NonBlockingLockExclusive)? {
            let run = folder.path().to_owned();
            return Err(LockError::Held { run, holder: read_holder(&file) });
        }
        write_holder(&file, now).map_err(|error| FolderError::io("write", &folder.join(LOCK), error))?;
        Ok(Lock { _file: file })
    }

    /// Whether anybody holds a run's lock now. Creates nothing.
    pub fn state(folder: &RunFolder) -> Result<LockState, FolderError> {
        let file = match folder.read_file(LOCK) {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(LockState::Free),
            Err(error) => return Err(error),
        };
        // Shared, so that two who ask at once do not take each other for the holder.
        let free = try_lock(folder, &file, FlockOperation::NonBlockingLockShared)?;
        Ok(if free { LockState::Free } else { LockState::Held(read_holder(&file)) })
    }

    /// The same, once a holder that has died has let go.
    pub fn settled(folder: &RunFolder) -> Result<LockState, FolderError> {
        for _ in 0..LOOKS_AT_THE_DEAD {
            match Lock::state(folder)? {
                LockState::Held(Some(holder)) if holder.is_gone() => thread::sleep(PAUSE),
                state => return Ok(state),
            }
        }
        Lock::state(folder)
    }
}

/// Tries a few times: somebody may be asking just now, which takes the lock for a moment.
fn try_lock(folder: &RunFolder, file: &File, how: FlockOperation) -> Result<bool, FolderError> {
    for attempt in 0..3 {
        if attempt > 0 {
            thread::sleep(Duration::from_millis(2));
        }
        match flock(file, how) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(FolderError::io("lock", &folder.join(LOCK), error)),
        }
    }
    Ok(false)
}

fn write_holder(file: &File, now: Now) -> io::Result<()> {
    let boot_id = crate::clock::boot_id()?;
    let line = format!("{} {} {boot_id}\n", std::process::id(), now.wall.0);
    file.set_len(0)?;
    file.write_all_at(line.as_bytes(), 0)
}

fn read_holder(file: &File) -> Option<Holder> {
    let mut bytes = [0; 128];
    let read = file.read_at(&mut bytes, 0).ok()?;
    let line = std::str::from_utf8(bytes.get(..read)?).ok()?.strip_suffix('\n')?;
    let mut words = line.split(' ');
    let pid = words.next()?.parse().ok()?;
    let since = Timestamp(words.next()?.parse().ok()?);
    Some(Holder { pid, since, boot_id: words.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let tmp = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&tmp.path().join("run")).unwrap();
        (tmp, folder)
    }

    #[test]
    fn a_second_taker_learns_who_has_it_and_gets_it_when_it_is_given_back() {
        let (_tmp, folder) = folder();
        let now = Clock::system().now();
        assert_eq!(Lock::state(&folder).unwrap(), LockState::Free);
        let lock = Lock::take(&folder, now).unwrap();
        let error = Lock::take(&folder, now).unwrap_err();
        let LockError::Held { holder: Some(holder), .. } = &error else { panic!("{error}") };
        assert_eq!((holder.pid, holder.since), (std::process::id(), now.wall));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        assert_eq!(Lock::state(&folder).unwrap(), LockState::Held(Some(holder.clone())));
        drop(lock);
        assert_eq!(Lock::state(&folder).unwrap(), LockState::Free);
        Lock::take(&folder, now).unwrap();
    }

    #[test]
    fn a_holder_that_has_died_is_waited_for_while_what_it_left_is_closed() {
        let (_tmp, folder) = folder();
        let now = Clock::system().now();
        // The descriptor of a dead process, still open in a child of it that has not got further yet.
        let mut died = std::process::Command::new("true").spawn().unwrap();
        let left = folder.open_ours(LOCK, OFlags::RDWR | OFlags::CREATE).unwrap();
        flock(&left, FlockOperation::NonBlockingLockExclusive).unwrap();
        died.wait().unwrap();
        left.write_all_at(format!("{} 1 boot\n", died.id()).as_bytes(), 0).unwrap();
        assert!(matches!(Lock::state(&folder), Ok(LockState::Held(Some(_)))));
        let closes = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(left);
        });
        assert_eq!(Lock::settled(&folder).unwrap(), LockState::Free);
        Lock::take(&folder, now).unwrap();
        closes.join().unwrap();
    }

    #[test]
    fn of_many_who_try_at_once_exactly_one_wins_every_time() {
        let (_tmp, folder) = folder();
        let rounds = if std::env::var_os("CUTOVER_LONG").is_some() { 1_000 } else { 100 };
        for _ in 0..rounds {
            let (start, end, won) = (Barrier::new(16), Barrier::new(16), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| {
                        start.wait();
                        let lock = Lock::take(&folder, Clock::system().now());
                        won.fetch_add(usize::from(lock.is_ok()), Ordering::SeqCst);
                        end.wait();
                    });
                }
            });
            assert_eq!(won.into_inner(), 1);
        }
    }
}
