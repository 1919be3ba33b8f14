//! What one round has to do, and what it has proved so far.

use std::collections::BTreeMap;

use super::again;
use super::ledger::{Book, Entry, Ledger};
use super::locate::Found;
use super::look::{Both, Look};
use super::pairing::{Pair, by_name};
use super::pass::{Piece, Wanted};
use super::settle::OpenTable;
use super::{Again, Board, Equality, Stage, TableOutcome};
use crate::clock::Timestamp;
use crate::databases::snapshot::{Selection, Within};
use crate::databases::trail::{Stretch, Written};
use crate::databases::{Error, Table, Value};

/// So many rows are asked for by their keys at a time: each question costs a planning, and the slower side's time.
const ROWS_A_QUESTION: usize = 10_000;

/// A round's work.
pub(super) struct Work<'a> {
    pairs: &'a [Pair],
    /// What is proved: the book's, and then this round's.
    pub(super) ledger: Ledger,
    /// When the round began, for people.
    now: Timestamp,
    /// What has to be looked at again, by the table's place.
    again: Vec<(usize, Vec<Within>)>,
    /// Tables with rows that differ.
    pub(super) open: Vec<OpenTable>,
}

impl<'a> Work<'a> {
    /// Takes out of the ledger what holds no longer, and notes what is to be looked at again.
    pub(super) fn of(
        pairs: &'a [Pair],
        mut ledger: Ledger,
        told: Option<&(Stretch, Stretch)>,
        now: Timestamp,
    ) -> Work<'a> {
        let mut again = Vec::new();
        for (at, pair) in pairs.iter().enumerate() {
            let Some(both) = &pair.both else { continue };
            if ledger.tables.get(&pair.name).is_some_and(|entry| entry.shape != pair.shape) {
                ledger.tables.remove(&pair.name);
            }
            let written = told.map(|(source, target)| {
                [source.tables.get(&both.source.table), target.tables.get(&both.target.table)]
            });
            let written: Vec<&Written> = written.into_iter().flatten().flatten().collect();
            let unnamed = !both.has_names() && !written.is_empty();
            if unnamed || written.iter().any(|it| matches!(it, Written::All { .. })) {
                ledger.tables.remove(&pair.name);
            }
            let Some(entry) = ledger.tables.get_mut(&pair.name) else { continue };
            let mut withins = entry.open.clone();
            let keys: Vec<&Vec<Value>> = written
                .iter()
                .filter_map(|it| match it {
                    Written::Rows(keys) => Some(keys),
                    Written::All { .. } => None,
                })
                .flatten()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            entry.again += keys.len() as u64;
            let questions = keys.chunks(ROWS_A_QUESTION);
            withins
                .extend(questions.map(|keys| Within::Rows(keys.iter().map(|key| (*key).clone()).collect())));
            if !withins.is_empty() {
                again.push((at, withins));
            }
        }
        Work { pairs, ledger, now, again, open: Vec::new() }
    }

    /// Looks at what was written since, and at what differed when it was last looked at.
    pub(super) async fn look_again(&mut self, look: &mut Look, board: &Board) -> Result<(), Error> {
        for (at, withins) in std::mem::take(&mut self.again) {
            let Some((pair, both)) = self.pairs.get(at).and_then(|pair| Some((pair, pair.both.as_ref()?)))
            else {
                continue;
            };
            board.update(|progress, _| {
                progress.stage = Stage::LookingAgain;
                progress.table = Some(pair.name.clone());
            });
            let mut found = Found::default();
            for within in withins {
                again::look_again(look, both, within, &mut found).await?;
            }
            self.found(at, found, board);
        }
        Ok(())
    }

    /// The tables that are not read yet, with what is known of them; says of the others what was known before.
    pub(super) async fn wanted(&self, look: &mut Look, board: &Board) -> Result<Vec<Wanted>, Error> {
        let (mut wanted, mut expected) = (Vec::new(), 0);
        for (at, pair) in self.pairs.iter().enumerate() {
            let Some(both) = &pair.both else {
                // How much is missing, or too much.
                let rows = look.count(pair.on_source.as_deref(), pair.on_target.as_deref()).await?;
                board.update(|progress, outcome| {
                    progress.tables_done += 1;
                    if let Some(table) = outcome.tables.get_mut(at) {
                        (table.rows_source, table.rows_target) = rows;
                    }
                });
                continue;
            };
            let entry = self.ledger.tables.get(&pair.name);
            if let Some(entry) = entry.filter(|entry| entry.complete) {
                Work::known(at, entry, board);
                continue;
            }
            board.update(|progress, _| progress.table = Some(pair.name.clone()));
            let outlines = look.outlines(both).await?;
            let done = entry.map(|entry| entry.done.clone()).unwrap_or_default();
            let read = entry.map_or(0, |entry| entry.rows.0 + entry.rows.1);
            let of = (outlines.0.rows + outlines.1.rows).max(read);
            expected += of - read;
            board.update(|_, outcome| {
                if let Some(table) = outcome.tables.get_mut(at) {
                    table.read = (read, of);
                }
            });
            wanted.push(Wanted { at, both: both.clone(), integer_key: pair.integer_key, outlines, done });
        }
        board.update(|progress, _| {
            progress.stage = Stage::Digesting;
            progress.rows_expected = Some(board.meter.rows() + expected);
        });
        Ok(wanted)
    }

    /// A table that was read whole before.
    fn known(at: usize, entry: &Entry, board: &Board) {
        let again = Again { read_at: entry.at, rows: entry.again };
        board.update(|progress, outcome| {
            progress.tables_done += 1;
            if let Some(table) = outcome.tables.get_mut(at) {
                table.rows_source = Some(entry.rows.0);
                table.rows_target = Some(entry.rows.1);
                table.read = (entry.rows.0 + entry.rows.1, entry.rows.0 + entry.rows.1);
                table.looked_at = true;
                table.again = Some(again);
                table.in_flight += entry.too_many.unwrap_or(0);
            }
        });
    }

    /// Takes in a piece that was read.
    pub(super) fn take(&mut self, piece: Piece, board: &Board) {
        let Some(pair) = self.pairs.get(piece.at) else { return };
        let entry = self.ledger.tables.entry(pair.name.clone());
        let entry = entry.or_insert_with(|| Entry::new(&pair.shape, self.now));
        entry.rows.0 += piece.rows.0;
        entry.rows.1 += piece.rows.1;
        entry.at = self.now;
        if let Some(keys) = piece.keys {
            entry.read(keys);
        }
        entry.open.extend(piece.found.groups.iter().map(|group| group.within.clone()));
        if piece.last.is_some() {
            entry.complete = true;
            entry.done.clear();
        }
        let rows = entry.rows;
        self.found(piece.at, piece.found, board);
        board.update(|progress, outcome| {
            let Some(table) = outcome.tables.get_mut(piece.at) else { return };
            let read = rows.0 + rows.1;
            table.read = (read, table.read.1.max(read));
            if let Some(took) = piece.last {
                progress.tables_done += 1;
                table.read = (read, read);
                table.rows_source = Some(rows.0);
                table.rows_target = Some(rows.1);
                table.looked_at = true;
                table.took = took;
            }
        });
    }

    /// Enters what was found to differ in a table.
    fn found(&mut self, at: usize, found: Found, board: &Board) {
        let rows = found.total.rows();
        if rows == 0 {
            return;
        }
        let Some(both) = self.pairs.get(at).and_then(|pair| pair.both.as_ref()) else { return };
        match self.open.iter_mut().find(|table| table.at == at) {
            Some(table) => table.found.merge(found),
            None => self.open.push(OpenTable { at, both: both.clone(), found, stood: Vec::new() }),
        }
        board.update(|progress, outcome| {
            progress.suspects += rows;
            if let Some(table) = outcome.tables.get_mut(at) {
                table.in_flight += rows;
            }
        });
    }

    /// Takes back what was found of tables of a side (`of` it has one) that are not now what they were when the round began.
    pub(super) fn take_back(
        &mut self,
        (side, of): (&str, fn(&Both) -> &Selection),
        before: &[Table],
        now: &[Table],
        board: &Board,
    ) {
        let (before, now) = (by_name(before), by_name(now));
        for (at, pair) in self.pairs.iter().enumerate() {
            let Some(table) = pair.both.as_ref().map(|both| of(both).table.as_str()) else { continue };
            let was = before.get(table);
            if was.is_none_or(|was| now.get(table).is_some_and(|is| is.is_still(was))) {
                continue;
            }
            self.ledger.tables.remove(&pair.name);
            self.open.retain(|table| table.at != at);
            board.update(|_, outcome| {
                if let Some(table) = outcome.tables.get_mut(at) {
                    let why = format!("it was altered at the {side} while it was read");
                    *table = TableOutcome { equality: Equality::NotCompared { why }, ..pair.outcome() };
                }
            });
        }
    }

    /// Every table that can be read was.
    pub(super) fn is_whole(&self) -> bool {
        let read = |pair: &Pair| self.ledger.tables.get(&pair.name).is_some_and(|entry| entry.complete);
        self.pairs.iter().filter(|pair| pair.both.is_some()).all(read)
    }

    /// Enters into the ledger where to look again another time: what differs still, and nothing else.
    pub(super) fn close(&mut self) {
        let names: BTreeMap<usize, &str> =
            self.pairs.iter().enumerate().map(|(at, pair)| (at, pair.name.as_str())).collect();
        for pair in self.pairs {
            if let Some(entry) = self.ledger.tables.get_mut(&pair.name) {
                entry.open.clear();
            }
        }
        for table in &self.open {
            let entry = names.get(&table.at).and_then(|name| self.ledger.tables.get_mut(*name));
            let Some(entry) = entry else { continue };
            entry.open = table.again();
            if !table.found.complete() {
                entry.too_many = Some(table.found.total.rows());
            }
        }
    }

    /// Keeps the ledger as it is now.
    pub(super) fn keep(&self, book: &mut Book<'_>) -> Result<(), Error> {
        (book.keep)(&self.ledger).map_err(|why| {
            Error::broken("the comparison", why, "make room, or mend the folder of the run")
        })?;
        book.ledger = self.ledger.clone();
        Ok(())
    }
}
