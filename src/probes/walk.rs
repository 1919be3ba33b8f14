//! Walks folders for the probes that look at files, and can be called off at every step.
//!
//! Links are never followed below the path that was asked for: a tree ends where its own files end.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::reading::Unmeasured;

/// Set when nobody waits for the work any more.
pub(super) struct Off(Arc<AtomicBool>);

impl Off {
    /// Fails once the look was given up.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

struct CallOff(Arc<AtomicBool>);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs work on files away from the async threads; it is called off when the look is.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce(&Off) -> Result<T, Unmeasured> + Send + 'static,
) -> Result<T, Unmeasured> {
    let flag = CallOff(Arc::default());
    let off = Off(Arc::clone(&flag.0));
    match tokio::task::spawn_blocking(move || work(&off)).await {
        Ok(result) => result,
        Err(why) => Err(Unmeasured::Failed(format!("looking at the files broke off: {why}"))),
    }
}

/// Everything at and below a path that is not a folder, in the order of the folders; `each` gets its path
/// and what the file system says of it. A file that goes away meanwhile is not there.
pub(super) fn walk(
    path: &Path,
    off: &Off,
    each: &mut dyn FnMut(&Path, &Metadata) -> Result<(), Unmeasured>,
) -> Result<(), Unmeasured> {
    let top = fs::metadata(path).map_err(|why| unreadable(path, &why))?;
    if !top.is_dir() {
        return each(path, &top);
    }
    let mut folders: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(why) if why.kind() == ErrorKind::NotFound && folder != path => continue,
            Err(why) => return Err(unreadable(&folder, &why)),
            Ok(entries) => entries,
        };
        for entry in entries {
            off.check().map_err(|why| unreadable(&folder, &why))?;
            let at = entry.map_err(|why| unreadable(&folder, &why))?.path();
            match fs::symlink_metadata(&at) {
                Err(why) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => return Err(unreadable(&at, &why)),
                Ok(meta) if meta.is_dir() => folders.push(at),
                Ok(meta) => each(&at, &meta)?,
            }
        }
    }
    Ok(())
}

/// A path that cannot be looked at.
pub(super) fn unreadable(path: &Path, why: &io::Error) -> Unmeasured {
    let path = path.display();
    Unmeasured::Failed(match why.kind() {
        ErrorKind::NotFound => format!("{path} is not there"),
        ErrorKind::PermissionDenied => format!("{path} may not be read by this account"),
        _ => format!("{path} cannot be read: {why}"),
    })
}
