//! How a file of ours comes into place: whole, or not at all.
//!
//! Below every layer, so that whatever is kept beside the record is kept in one way. Refuses to know what stands in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Writes a file beside its place, then renames it there: 0600, in a folder of 0700 that is made where it is missing.
/// Durably, it outlives the machine.
///
/// # Errors
/// As the file system says; what was there before is there still.
pub fn put(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(ErrorKind::InvalidInput)?);
    let beside = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(&beside)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(&beside, path)?;
    if durable {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
