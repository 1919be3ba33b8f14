//! A quiet side: rows that replication did not write. Any is a breach.
//!
//! What is held still is the log from the position of the first look on.

use super::baseline::{Baseline, told};
use super::endpoint::{Lane, key, unmeasured};
use super::look::Look;
use super::words::counted;
use crate::databases::{Change, Op, Position};
use crate::engine::reading::{Facts, Finding, Measure, Still, Unmeasured};
use crate::plan::EndpointId;

/// Reads what was written since the baseline.
pub(super) async fn look(look: &mut Look<'_>, endpoint: &EndpointId) -> Result<Measure, Unmeasured> {
    look.ask(format!("what was written to {endpoint}, replication and markers left out"));
    let database = look.database(endpoint)?;
    let _turn = look.turn(Lane::Gauges, endpoint).await;
    let mut now = Baseline::default();
    if look.is_first() {
        database.note_writes().await.map_err(unmeasured)?;
        now.position = Some(database.position().await.map_err(unmeasured)?.0);
    }
    let baseline = look.against(&now);
    let Some(since) = baseline.position.clone() else {
        return super::look::failed("its baseline holds no position: it is not one of this kind of monitor");
    };
    let writes = database.writes_since(&Position(since)).await.map_err(unmeasured)?;
    let findings: Vec<Finding> = writes.first.iter().map(named).collect();
    for (table, rows) in &writes.tables {
        look.keep(&format!("{table}: {}", counted(*rows, "row")));
    }
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    let text = match findings.first() {
        None if look.is_first() => "noted, looked at from here on".to_owned(),
        None => "quiet, only replication writes".to_owned(),
        Some(first) => format!("{} written: {}", counted(writes.total, "row"), told(first)),
    };
    let facts = Facts::Still(Still { baseline: baseline.digest(), objects: 0, findings });
    Ok(Measure { pass: writes.total == 0, text, facts })
}

fn named(change: &Change) -> Finding {
    Finding {
        what: format!("{} {}", change.table, key(&change.key)),
        change: word(change.op).to_owned(),
        when: Some(change.at),
        who: change.by.clone(),
    }
}

/// What was done to a row, in a word.
pub(super) fn word(op: Op) -> &'static str {
    match op {
        Op::Insert => "insert",
        Op::Update => "update",
        Op::Delete => "delete",
    }
}
