//! What stands in no journal: the last answer of a probe, the output of a step.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::panes::{Output, Source};
use crate::plan::ProbeId;
use crate::probes::kept;
use crate::process::step::output;
use crate::tasks::{last_path, step_folder};

/// So much of an output is looked at, in bytes.
const MOST: u64 = 256 * 1024;

/// Looks it up in a run's folder.
pub(super) fn find(run: &Path, source: &Source) -> Output {
    let found = match source {
        Source::Probe(probe) => answer(&last_path(run, probe)),
        Source::Table(probe, table) => part(run, probe, |text| kept::of_table(text, table)),
        Source::Row { probe, table, key, kind, nth } => {
            part(run, probe, |text| kept::of_difference(text, table, key, kind, *nth))
        }
        Source::Step(step, attempt) => {
            let folder = step_folder(run, step, *attempt);
            output::tail(&folder, MOST)
                .map(|(tail, all)| Output {
                    asked: None,
                    cut: all.saturating_sub(tail.len() as u64),
                    tail,
                    missing: None,
                })
                .map_err(|error| error.to_string())
        }
    };
    found.unwrap_or_else(|missing| Output { missing: Some(missing), ..Output::default() })
}

/// A part of a probe's last answer.
fn part(run: &Path, probe: &ProbeId, of: impl Fn(&str) -> Vec<&str>) -> Result<Output, String> {
    let whole = answer(&last_path(run, probe))?;
    let text = String::from_utf8_lossy(&whole.tail);
    let tail = of(&text).join("\n").into_bytes();
    if tail.is_empty() {
        return Err(
            "the last answer does not say it any more: it was compared again, or there was too much to keep"
                .to_owned(),
        );
    }
    Ok(Output { tail, asked: None, ..whole })
}

/// What was asked stands in the first line, what was answered after an empty one.
fn answer(path: &Path) -> Result<Output, String> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("nothing is kept of it yet".to_owned());
        }
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    }
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (asked, tail) = end.and_then(|at| bytes.split_at_checked(at)).unwrap_or((&bytes, &[]));
    Ok(Output {
        asked: Some(String::from_utf8_lossy(asked).into_owned()),
        tail: tail.strip_prefix(b"\n\n").unwrap_or_default().to_vec(),
        cut: 0,
        missing: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probes_answer_is_taken_apart_and_absence_is_said() {
        let run = tempfile::tempdir().unwrap();
        let source = Source::Probe("door".into());
        assert!(find(run.path(), &source).missing.is_some());
        std::fs::create_dir(run.path().join("last")).unwrap();
        std::fs::write(run.path().join("last/door"), "GET /health\n\n200\n\nok").unwrap();
        let found = find(run.path(), &source);
        assert_eq!(found.asked.as_deref(), Some("GET /health"));
        assert_eq!(found.tail, b"200\n\nok");
        assert_eq!(find(run.path(), &Source::Step("s1".into(), 1)), Output::default());
    }
}
