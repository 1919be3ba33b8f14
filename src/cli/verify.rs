//! `cutover verify`: whether a run's record is whole, and where it is not.

use serde_json::json;

use super::exit::{Exit, Failure};
use super::{open, print};
use crate::journal::{Class, Expected, Verdict, record, replay};

/// Checks every record of a run against the chain, and the chain against what was acknowledged.
///
/// Ends with 0 when the record is whole (an incomplete last record that nobody was told of is no damage: it is mended
/// when the run is resumed), with 4 when it is damaged.
///
/// `--json` prints `{"run", "path", "class", "seq", "offset", "records", "acknowledged", "damaged", "words"}`.
/// `class` is `whole`, `torn`, `truncated`, `corrupt`, `missing`, `replayed`, `rewritten`, `headless`, `newer`,
/// `foreign` or `unreadable`; `seq` and `offset` say which record and at which byte.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its id, the beginning of it, its folder; the only open one when left out.
    run: Option<String>,
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let path = open::run(args.run.as_deref())?;
    let mut beside = None;
    let verdict = replay(&path, &Expected::default(), |raw| {
        // Events that stand beside the record are part of it.
        if let Err(error) = record::decode(&path, &raw)
            && beside.is_none()
        {
            beside = Some((raw.seq, raw.offset, error.to_string()));
        }
    });
    let (class, seq, offset, words) = match beside {
        Some((seq, offset, words)) if !verdict.is_damaged() => ("corrupt", seq, offset, words),
        Some(_) | None => (verdict.class.word(), verdict.seq, verdict.offset, verdict.to_string()),
    };
    let damaged = !matches!(class, "whole" | "torn");
    if args.json {
        print::json(&document(&path, &verdict, class, (seq, offset), damaged, &words))?;
    } else {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        print::out(&format!("{name}: {words}"))?;
    }
    Ok(if damaged { Exit::Journal } else { Exit::Done })
}

fn document(
    path: &std::path::Path,
    verdict: &Verdict,
    class: &str,
    (seq, offset): (u64, u64),
    damaged: bool,
    words: &str,
) -> serde_json::Value {
    json!({
        "run": verdict.run.as_ref().map(ToString::to_string),
        "path": path,
        "class": class,
        "seq": seq,
        "offset": offset,
        "records": verdict.proved,
        "acknowledged": verdict.acknowledged,
        "torn_bytes": match verdict.class { Class::Torn { bytes } => bytes, _ => 0 },
        "damaged": damaged,
        "words": words,
    })
}
