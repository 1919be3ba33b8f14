//! What the tasks keep in the run folder, beside the record: baselines and last outputs.
//!
//! A baseline is on disk before its digest is reported, since the record pins it; a last output is only for people and may
//! be lost.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::files::put;
use crate::plan::ProbeId;
use crate::probes::{Baseline, Looked};

/// The baseline of a monitor.
fn baseline_path(run: &Path, probe: &ProbeId) -> PathBuf {
    run.join("baselines").join(format!("{probe}.json"))
}

/// Where the last output of a probe is kept: what was asked in the first line, then what came back.
pub fn last_path(run: &Path, probe: &ProbeId) -> PathBuf {
    run.join("last").join(probe.as_str())
}

/// The baseline that the record knows, or one that was kept and not yet recorded.
///
/// # Errors
/// In words: it is gone, damaged, or not the one whose digest is on record.
pub(super) fn load_baseline(
    run: &Path,
    probe: &ProbeId,
    recorded: Option<&str>,
) -> Result<Option<Baseline>, String> {
    let path = baseline_path(run, probe);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => {
            return match recorded {
                None => Ok(None),
                Some(_) => Err(format!("its baseline {} is gone: nothing can be compared", path.display())),
            };
        }
        Err(why) => return Err(format!("its baseline {} cannot be read: {why}", path.display())),
    };
    let baseline: Baseline = serde_json::from_slice(&text)
        .map_err(|why| format!("its baseline {} is damaged: {why}", path.display()))?;
    match recorded {
        Some(digest) if digest != baseline.digest() => {
            Err(format!("its baseline {} is not the one on record: nothing can be compared", path.display()))
        }
        Some(_) | None => Ok(Some(baseline)),
    }
}

/// Keeps a baseline durably.
pub(super) fn keep_baseline(run: &Path, probe: &ProbeId, baseline: &Baseline) -> Result<(), String> {
    let path = baseline_path(run, probe);
    serde_json::to_vec(baseline)
        .map_err(io::Error::from)
        .and_then(|text| put(&path, &text, true))
        .map_err(|why| format!("its baseline cannot be kept in {}: {why}", path.display()))
}

/// Keeps what the last look left behind.
pub(super) fn keep_last(run: &Path, probe: &ProbeId, looked: &Looked) -> io::Result<()> {
    put(&last_path(run, probe), format!("{}\n\n{}", looked.query, looked.raw).as_bytes(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::baseline::Object;

    fn baseline(digest: &str) -> Baseline {
        let objects = [("table a".to_owned(), Object::of(digest))].into();
        Baseline { objects, ..Baseline::default() }
    }

    #[test]
    fn a_baseline_comes_back_as_it_was_kept_and_only_if_it_is_the_one_on_record() {
        use std::os::unix::fs::PermissionsExt as _;
        let run = tempfile::tempdir().unwrap();
        let id = ProbeId::from("schema");
        assert_eq!(load_baseline(run.path(), &id, None), Ok(None));
        keep_baseline(run.path(), &id, &baseline("1")).unwrap();
        let path = baseline_path(run.path(), &id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_baseline(run.path(), &id, None), Ok(Some(baseline("1"))));
        assert_eq!(load_baseline(run.path(), &id, Some(&baseline("1").digest())), Ok(Some(baseline("1"))));
        let other = load_baseline(run.path(), &id, Some(&baseline("2").digest())).unwrap_err();
        assert!(other.contains("not the one on record"), "{other}");
        fs::write(&path, "{").unwrap();
        assert!(load_baseline(run.path(), &id, None).unwrap_err().contains("damaged"));
        fs::remove_file(&path).unwrap();
        assert!(load_baseline(run.path(), &id, Some("x")).unwrap_err().contains("is gone"));
    }

    #[test]
    fn a_link_laid_in_the_way_is_not_followed() {
        let run = tempfile::tempdir().unwrap();
        let victim = run.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        fs::create_dir(run.path().join("baselines")).unwrap();
        std::os::unix::fs::symlink(&victim, run.path().join("baselines/.schema.json")).unwrap();
        assert!(keep_baseline(run.path(), &ProbeId::from("schema"), &baseline("1")).is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    }
}
