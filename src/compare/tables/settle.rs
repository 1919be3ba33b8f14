//! Whether a row that differs is different, or only on its way.
//!
//! While replication runs, the two snapshots are of two moments, and whatever lies between them differs
//! without being wrong. Such a row is looked at again: with a link, once the target has applied all that
//! the source had at the look before; without one, after a pause. A row that stood still on both sides
//! meanwhile and still differs is different. One that keeps moving is not proved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::locate::{Found, Group, Suspect, Total, suspects};
use super::look::{Both, Look};
use super::{Board, Difference, Request, Sides, Stage, naming};
use crate::databases::digest::RowHash;
use crate::databases::snapshot::Within;
use crate::databases::{Error, Position};

/// How long to wait until replication is asked again how far it is.
const PAUSE: Duration = Duration::from_millis(250);

/// How long both sides must have stood still where no link can be asked.
const STILL: Duration = Duration::from_secs(2);

/// A table with rows that differ.
pub(super) struct OpenTable {
    /// Its place in the outcome.
    pub(super) at: usize,
    pub(super) both: Both,
    /// What differs and is not settled.
    pub(super) found: Found,
    /// Where rows are that differ for certain.
    pub(super) stood: Vec<Within>,
}

impl OpenTable {
    /// Where to look again another time.
    pub(super) fn again(&self) -> Vec<Within> {
        let moving = self.found.groups.iter().map(|group| group.within.clone());
        self.stood.iter().cloned().chain(moving).collect()
    }
}

/// Settles every suspect that can be settled, and enters what is different into the outcome.
pub(super) async fn settle(
    sides: &Sides,
    request: &Request,
    mut look: Look,
    open: &mut [OpenTable],
    board: &Board,
) -> Result<(), Error> {
    if look.at_rest() {
        for table in open {
            let total = table.found.total;
            let certain = std::mem::take(&mut table.found.groups);
            enter(&mut look, request, table, &certain, total, 0, board).await?;
            table.stood.extend(certain.into_iter().map(|group| group.within));
        }
        look.end().await;
        return Ok(());
    }
    board.update(|progress, _| progress.stage = Stage::LookingAgain);
    let deadline = Instant::now() + request.patience;
    // Too many to follow one by one stay in flight in the outcome.
    let unsettled = |table: &&mut OpenTable| table.found.complete() && !table.found.groups.is_empty();
    while open.iter_mut().any(|table| unsettled(&table))
        && reached(sides, (look.source_stamp.position.as_ref(), look.begun), deadline).await?
    {
        // Two read transactions less while the next two begin.
        look.end().await;
        look = Look::begin(sides).await?;
        board.update(|_, outcome| outcome.looks += 1);
        for table in open.iter_mut().filter(unsettled) {
            board.update(|progress, _| progress.table = Some(table.both.source.table.clone()));
            look_again(&mut look, request, table, board).await?;
        }
    }
    look.end().await;
    Ok(())
}

/// Waits until another look can tell more than one that stands there; `false` when there is no time left for it.
async fn reached(
    sides: &Sides,
    (position, begun): (Option<&Position>, Instant),
    deadline: Instant,
) -> Result<bool, Error> {
    let (Some(link), Some(position)) = (&sides.link, position) else {
        // Reading a large table has taken that long already.
        let rest = STILL.saturating_sub(begun.elapsed());
        let there = Instant::now() + rest < deadline;
        if there {
            tokio::time::sleep(rest).await;
        }
        return Ok(there);
    };
    while Instant::now() + PAUSE < deadline {
        tokio::time::sleep(PAUSE).await;
        if link.reached(position).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One more look at a table's suspects: each is the same now, or different for certain, or still moving.
async fn look_again(
    look: &mut Look,
    request: &Request,
    table: &mut OpenTable,
    board: &Board,
) -> Result<(), Error> {
    let (mut certain, mut moving) = (Vec::new(), Vec::new());
    let (mut total, mut left) = (Total::default(), 0);
    for group in std::mem::take(&mut table.found.groups) {
        let now: BTreeMap<RowHash, Suspect> = suspects(look, &table.both, &group.within)
            .await?
            .into_iter()
            .map(|suspect| (suspect.key, suspect))
            .collect();
        let (mut stood, mut moved) = (Vec::new(), Vec::new());
        for before in &group.suspects {
            match now.get(&before.key) {
                None => {}
                // The target may have been ahead of its position, so that both sides must be as they were.
                Some(suspect) if suspect == before => {
                    total.add(suspect);
                    stood.push(*suspect);
                }
                Some(suspect) => {
                    let mut rows = Total::default();
                    rows.add(suspect);
                    left += rows.rows();
                    moved.push(*suspect);
                }
            }
        }
        if !stood.is_empty() {
            table.stood.push(group.within.clone());
            certain.push(Group { within: group.within.clone(), suspects: stood });
        }
        if !moved.is_empty() {
            moving.push(Group { within: group.within, suspects: moved });
        }
    }
    enter(look, request, table, &certain, total, left, board).await?;
    table.found.groups = moving;
    Ok(())
}

/// Enters rows that are different for certain: all of them counted, the first ones named.
async fn enter(
    look: &mut Look,
    request: &Request,
    table: &OpenTable,
    certain: &[Group],
    total: Total,
    in_flight: u64,
    board: &Board,
) -> Result<(), Error> {
    let listed = board.update(|_, outcome| outcome.tables.get(table.at).map_or(0, |t| t.differences.len()));
    let mut room = request.listed.saturating_sub(listed);
    let mut named: Vec<Difference> = Vec::new();
    for group in certain {
        let keys: BTreeSet<RowHash> = group.suspects.iter().take(room).map(|s| s.key).collect();
        if !keys.is_empty() {
            room -= keys.len();
            named.extend(naming::name(look, &table.both, &group.within, &keys).await?);
        }
    }
    board.update(|_, outcome| {
        if let Some(entry) = outcome.tables.get_mut(table.at) {
            entry.missing += total.missing;
            entry.extra += total.extra;
            entry.changed += total.changed;
            entry.in_flight = in_flight;
            entry.differences.extend(named);
            entry.differences.sort_by(|a, b| a.key.cmp(&b.key));
            // One key without uniqueness can have many rows.
            entry.differences.truncate(request.listed);
        }
    });
    Ok(())
}
