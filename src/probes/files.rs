//! Files that are there: how many, how large, how old the youngest is.

use std::time::{Duration, UNIX_EPOCH};

use super::look::{Look, fail};
use super::walk::{aside, walk};
use super::words::{counted, size, span};
use crate::clock::Timestamp;
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::model::FilesProbe;

#[derive(Default)]
struct Sum {
    files: u64,
    bytes: u64,
    youngest: Option<Timestamp>,
}

/// Counts what is there; nothing at all is an answer, a folder that may not be read is none.
pub(super) async fn look(look: &mut Look<'_>, probe: &FilesProbe) -> Result<Measure, Unmeasured> {
    let path = look.ctx.root.join(&probe.path);
    look.ask(format!("the files at {}", path.display()));
    if matches!(tokio::fs::symlink_metadata(&path).await, Err(why) if why.kind() == std::io::ErrorKind::NotFound)
    {
        return Ok(fail("nothing is there"));
    }
    let sum = aside(move |off| {
        let mut sum = Sum::default();
        walk(&path, off, &mut |_, meta| {
            if meta.is_file() {
                sum.files += 1;
                sum.bytes += meta.len();
                let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
                sum.youngest = sum.youngest.max(modified.map(|d| Timestamp(0).plus(d)));
            }
            Ok(())
        })?;
        Ok(sum)
    })
    .await?;
    let measure = judge(&sum, probe, look.began.wall);
    look.keep(&measure.text);
    Ok(measure)
}

fn judge(sum: &Sum, probe: &FilesProbe, now: Timestamp) -> Measure {
    let age: Option<Duration> = sum.youngest.map(|youngest| now.since(youngest));
    let youngest = age.map_or_else(String::new, |age| format!(", the youngest {} old", span(age)));
    let mut text = format!("{}, {}{youngest}", counted(sum.files, "file"), size(sum.bytes));
    let missing = if sum.files < probe.at_least {
        Some(format!("at least {} asked for", counted(probe.at_least, "file")))
    } else if let Some(least) = probe.bytes_at_least.filter(|&least| sum.bytes < least) {
        Some(format!("at least {} asked for", size(least)))
    } else {
        probe
            .younger_than
            .filter(|&most| age.is_none_or(|age| age > most))
            .map(|most| format!("at most {} asked for", span(most)))
    };
    if let Some(missing) = &missing {
        text = format!("{text}: {missing}");
    }
    #[expect(clippy::cast_precision_loss, reason = "nobody keeps 2^52 files")]
    let facts = Facts::Number { value: sum.files as f64 };
    Measure { pass: missing.is_none(), text, facts }
}
