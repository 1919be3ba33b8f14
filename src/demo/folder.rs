//! Makes the world's folder: two databases and a password, whole or not at all.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Dir, Side, WorldError, files, tables};
use crate::clock::Clock;

/// Makes the two databases and the password in this folder, or ends what an earlier try left unfinished.
/// A folder that has them already stays as it is.
///
/// # Errors
/// When the folder is somebody else's, open to others, or holds half of another world.
pub fn make(dir: &Path) -> Result<(), WorldError> {
    let now = Clock::system().now().wall;
    let dir = Dir::new(dir);
    prepare(dir.path())?;
    if files::read(&dir.password())?.is_none() {
        files::replace(&dir.password(), files::random_word()?.as_bytes())?;
    }
    let (source, target) = (dir.database(Side::Source), dir.database(Side::Target));
    if source.exists() {
        return Ok(());
    }
    let not_ours = |why: &str| WorldError::NotAWorld { dir: dir.path().to_owned(), why: why.to_owned() };
    if dir.client_log().exists() {
        return Err(not_ours("source.db is gone, but the log of its orders is there"));
    }
    let drafts = [source.with_extension("draft"), target.with_extension("draft")];
    let [source_draft, target_draft] = &drafts;
    // The target is named first and the source last: source.db is there when all is.
    if target.exists() {
        if !source_draft.exists() {
            return Err(not_ours("it has a target.db and no source.db"));
        }
    } else {
        for draft in &drafts {
            remove(draft)?;
        }
        tables::make(source_draft, Side::Source, now)?;
        tables::make(target_draft, Side::Target, now)?;
        std::fs::rename(target_draft, &target).map_err(WorldError::file("name", target_draft))?;
    }
    std::fs::rename(source_draft, &source).map_err(WorldError::file("name", source_draft))
}

pub(super) fn remove(path: &Path) -> Result<(), WorldError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(WorldError::file("remove", path)(e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The folder is there, ours, and nobody else's business.
pub(super) fn prepare(path: &Path) -> Result<(), WorldError> {
    files::private_folder(path)?;
    let facts = std::fs::metadata(path).map_err(WorldError::file("look at", path))?;
    let refuse = |why: String| Err(WorldError::NotAWorld { dir: path.to_owned(), why });
    if facts.uid() != rustix::process::geteuid().as_raw() {
        return refuse("it belongs to another account".to_owned());
    }
    let open_to_others = facts.mode() & 0o077 != 0;
    if !open_to_others {
        return Ok(());
    }
    let empty = std::fs::read_dir(path).map_err(WorldError::file("list", path))?.next().is_none();
    if !empty {
        return refuse(format!("other accounts can enter it (chmod 700 {})", path.display()));
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
        .map_err(WorldError::file("close to others", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::sqlite::convention;

    fn private_tempdir() -> tempfile::TempDir {
        let private = std::fs::Permissions::from_mode(0o700);
        tempfile::Builder::new().permissions(private).tempdir().unwrap()
    }

    #[test]
    fn a_folder_made_twice_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        let dir = Dir::new(folder.path());
        let password = files::read(&dir.password()).unwrap();
        let db = convention::open(&dir.database(Side::Source)).unwrap();
        db.execute("delete from customers where id = 1", []).unwrap();
        make(folder.path()).unwrap();
        let customers: i64 = db.query_row("select count(*) from customers", [], |r| r.get(0)).unwrap();
        assert_eq!(customers, 499);
        assert_eq!(files::read(&dir.password()).unwrap(), password);
    }

    #[test]
    fn a_folder_left_half_made_is_finished() {
        let folder = private_tempdir();
        let dir = Dir::new(folder.path());
        std::fs::write(folder.path().join("source.draft"), b"half").unwrap();
        make(folder.path()).unwrap();
        let (source, target) = (dir.database(Side::Source), dir.database(Side::Target));
        assert!(source.exists() && target.exists());
        // Killed between the two names.
        std::fs::rename(&source, source.with_extension("draft")).unwrap();
        make(folder.path()).unwrap();
        assert!(source.exists() && !source.with_extension("draft").exists());
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left_alone() {
        let folder = private_tempdir();
        std::fs::write(folder.path().join("target.db"), b"mine").unwrap();
        let refused = make(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("no source.db"), "{refused}");
        assert_eq!(std::fs::read(folder.path().join("target.db")).unwrap(), b"mine");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = make(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }

    #[test]
    fn the_files_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        make(&path).unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for file in std::fs::read_dir(&path).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}
