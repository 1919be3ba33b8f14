//! The files of a server that has never run: made once for all tests, and copied for each.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Where the files of this name lie. Where there are none yet, `make` puts them where it is told.
pub(crate) fn template(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !place.exists() {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let data = dir.path().join("data");
        make(&data);
        // Whoever comes second throws its own away.
        let moved = std::fs::rename(&data, &place);
        assert!(moved.is_ok() || place.exists(), "{moved:?}");
    }
    place
}

/// Copies them, with whose they are.
pub(crate) fn copy(from: &Path, to: &Path) {
    let ran = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(ran.success(), "cp -a {} {}", from.display(), to.display());
}
