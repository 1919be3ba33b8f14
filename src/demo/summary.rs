//! What was measured: what the client was told, set against what the databases hold.
//!
//! Nothing here is remembered by the world itself. The client's log says which orders were acknowledged
//! and when they were refused; the side that the front door points at has to have each of them once; the
//! source's own log of changes says what was written behind the fence.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde::Serialize;

use super::client_log::{Line, Way};
use super::{Dir, Side, WorldError, door};
use crate::clock::Timestamp;
use crate::databases::sqlite::convention;

/// How many orders of a kind are named.
const NAMED: usize = 10;

/// What became of the shop's orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Where the front door points: the side that has to have every order.
    pub side: Side,
    /// Orders of which the client was told that they stand.
    pub accepted: u64,
    /// Of these, orders that the source took.
    pub accepted_by_source: u64,
    /// Of these, orders that the target took.
    pub accepted_by_target: u64,
    /// Orders through the front door that were refused.
    pub refused: u64,
    /// Orders of which the client was never told anything clear.
    pub unsettled: u64,
    /// Accepted orders that the side does not have, or not whole.
    pub missing: u64,
    /// The first of them.
    pub missing_ids: Vec<String>,
    /// Orders that the side has more than once: they were paid for twice.
    pub duplicated: u64,
    /// The first of them.
    pub duplicated_ids: Vec<String>,
    /// When the front door refused orders.
    pub outages: Vec<Outage>,
    /// How long it did in all, in milliseconds, as far as it is over.
    pub outage_ms: u64,
    /// Which side took orders, one after the other. Two sides that take them at once show as many
    /// short stretches.
    pub stretches: Vec<Stretch>,
    /// Rows that were changed on the source after its fence refused every new session: what a script
    /// that trusts such a probe leaves behind. `None` when the source was never fenced.
    pub lost_by_a_script_that_trusts_the_probe: Option<u64>,
}

/// A time in which the front door refused orders: from the first refusal to the first order that was
/// taken again, each at the moment the client was told. An order that was sent before the first refusal
/// and taken ends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The first refusal.
    pub from: Timestamp,
    /// The first order taken again, `None` while there is none.
    pub to: Option<Timestamp>,
}

/// A run of accepted orders that one side took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Which side.
    pub side: Side,
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// How many.
    pub orders: u64,
}

/// Reads the client's log and both databases. The world may run on meanwhile: the log is read first, so
/// that every order in it has to be in the database that is read afterwards.
///
/// # Errors
/// When one of them cannot be read: then nothing is claimed.
pub fn summary(dir: &Path) -> Result<Summary, WorldError> {
    let dir = Dir::new(dir);
    let told = read_log(&dir.client_log())?;
    let side = door::pointing(&dir)?;
    let path = dir.database(side);
    let held = Held::read(&convention::open(&path)?, told.accepted)
        .map_err(WorldError::database("count the orders in", path))?;
    let path = dir.database(Side::Source);
    let lost = rows_behind_the_fence(&convention::open(&path)?)
        .map_err(WorldError::database("read the log of changes of", path))?;
    let whole = |outage: &Outage| outage.to.map_or(Duration::ZERO, |to| to.since(outage.from));
    let outage: Duration = told.outages.iter().map(whole).sum();
    Ok(Summary {
        side,
        accepted: told.by_source + told.by_target,
        accepted_by_source: told.by_source,
        accepted_by_target: told.by_target,
        refused: told.refused,
        unsettled: told.unclear.len() as u64,
        missing: held.missing.len() as u64,
        missing_ids: first(held.missing),
        duplicated: held.duplicated.len() as u64,
        duplicated_ids: first(held.duplicated),
        outage_ms: u64::try_from(outage.as_millis()).unwrap_or(u64::MAX),
        outages: told.outages,
        stretches: told.stretches,
        lost_by_a_script_that_trusts_the_probe: lost,
    })
}

fn first(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids.truncate(NAMED);
    ids
}

/// What the client was told.
#[derive(Debug, Default)]
struct Told {
    accepted: HashSet<String>,
    unclear: HashSet<String>,
    by_source: u64,
    by_target: u64,
    refused: u64,
    outages: Vec<Outage>,
    stretches: Vec<Stretch>,
}

fn read_log(path: &Path) -> Result<Told, WorldError> {
    let mut told = Told::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(told),
        Err(e) => return Err(WorldError::file("read", path)(e)),
    };
    let mut lines = BufReader::new(file);
    let mut text = String::new();
    loop {
        text.clear();
        lines.read_line(&mut text).map_err(WorldError::file("read", path))?;
        // A last line without its end is still being written: that order is not acknowledged yet.
        let Some(whole) = text.strip_suffix('\n') else { return Ok(told) };
        let line = Line::parse(whole).ok_or_else(|| WorldError::NotAWorld {
            dir: path.to_owned(),
            why: format!("the client's log has a line that is none: {whole:?}"),
        })?;
        told.take(line);
    }
}

impl Told {
    fn take(&mut self, line: Line) {
        if line.way == Way::Door {
            self.take_outage(&line);
        }
        if line.accepted() {
            self.take_stretch(&line);
            self.unclear.remove(&line.id);
            if self.accepted.insert(line.id) {
                match line.side {
                    Some(Side::Target) => self.by_target += 1,
                    Some(Side::Source) | None => self.by_source += 1,
                }
            }
        } else if line.unclear() {
            if !self.accepted.contains(&line.id) {
                self.unclear.insert(line.id);
            }
        } else {
            self.unclear.remove(&line.id);
            if line.way == Way::Door {
                self.refused += 1;
            }
        }
    }

    fn take_outage(&mut self, line: &Line) {
        let last = self.outages.last_mut();
        if line.accepted() {
            if let Some(Outage { from, to: to @ None }) = last
                && line.sent > *from
            {
                *to = Some(line.answered);
            }
        } else if !line.unclear() {
            // One that was on its way when the last outage ended belongs to that one.
            let on_its_way = last.is_some_and(|outage| outage.to.is_none_or(|to| line.sent <= to));
            if !on_its_way {
                self.outages.push(Outage { from: line.answered, to: None });
            }
        }
    }

    fn take_stretch(&mut self, line: &Line) {
        let Some(side) = line.side else { return };
        match self.stretches.last_mut() {
            Some(stretch) if stretch.side == side => {
                stretch.to = stretch.to.max(line.answered);
                stretch.orders += 1;
            }
            _ => self.stretches.push(Stretch { side, from: line.answered, to: line.answered, orders: 1 }),
        }
    }
}

/// What a side holds of the accepted orders.
#[derive(Debug)]
struct Held {
    missing: Vec<String>,
    duplicated: Vec<String>,
}

impl Held {
    fn read(db: &Connection, mut accepted: HashSet<String>) -> rusqlite::Result<Held> {
        let mut duplicated = Vec::new();
        let mut query = db.prepare(
            "select id,
               (select count(*) from payments where order_id = o.id),
               exists (select 1 from order_lines where order_id = o.id)
             from orders o",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (payments, lines): (u64, bool) = (row.get(1)?, row.get(2)?);
            let id: String = row.get(0)?;
            if payments > 1 {
                duplicated.push(id.clone());
            }
            if payments > 0 && lines {
                accepted.remove(&id);
            }
        }
        Ok(Held { missing: accepted.into_iter().collect(), duplicated })
    }
}

/// Rows of the shop that were changed after the fence was last set, and before it was lifted if it was.
fn rows_behind_the_fence(source: &Connection) -> rusqlite::Result<Option<u64>> {
    let fenced_ever: bool = source.query_row("select epoch > 0 from cutover_state", [], |row| row.get(0))?;
    if !fenced_ever {
        return Ok(None);
    }
    let sql = "select count(*) from (
                 select distinct tbl, key from cutover_change, cutover_state
                 where seq > fence_seq and tbl <> ?1 and (fence <> 'open' or at_ms < since_ms))";
    source.query_row(sql, [convention::MARKERS], |row| row.get(0)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Told {
        let mut told = Told::default();
        for line in lines {
            told.take(Line::parse(line).unwrap());
        }
        told
    }

    #[test]
    fn an_outage_runs_from_the_first_refusal_to_the_first_order_taken_again() {
        let told = told(&[
            "1000 1004 order o-1 source 201",
            "1010 1014 order o-3 source 503",
            // Sent before the fence and answered late: it ends nothing.
            "1008 1016 order o-2 source 201",
            "2000 2004 order o-4 target 503",
            "3000 3005 order o-6 target 201",
            // On its way when writes were taken again: no second outage.
            "2999 3007 order o-5 target 503",
            "3010 3015 order o-7 target 201",
        ]);
        assert_eq!(told.outages, [Outage { from: Timestamp(1014), to: Some(Timestamp(3005)) }]);
        assert_eq!(told.refused, 3);
        assert_eq!((told.by_source, told.by_target), (2, 2));
    }

    #[test]
    fn an_outage_that_is_not_over_has_no_end() {
        let told = told(&["1000 1004 order o-1 source 503"]);
        assert_eq!(told.outages, [Outage { from: Timestamp(1004), to: None }]);
    }

    #[test]
    fn a_direct_try_that_is_refused_is_no_outage_and_one_that_is_taken_is_an_order() {
        let told = told(&[
            "1000 1004 direct o-1 target 503",
            "1000 1004 direct o-2 source 201",
            "1001 1005 order o-3 source 201",
        ]);
        assert_eq!(told.outages, []);
        assert_eq!(told.refused, 0);
        assert_eq!(told.by_source, 2);
    }

    #[test]
    fn an_order_asked_for_again_counts_once_however_it_ended() {
        let told = told(&[
            "1000 1004 order o-1 - 0",
            "1100 1104 order o-1 source 201",
            "1000 1004 order o-2 - 0",
            "1100 1104 order o-2 source 503",
            "1000 1004 order o-3 source 500",
        ]);
        assert_eq!(told.accepted.len(), 1);
        assert_eq!(told.by_source, 1);
        assert_eq!(told.unclear.into_iter().collect::<Vec<_>>(), ["o-3"]);
    }

    #[test]
    fn two_sides_that_take_orders_at_once_show_as_many_stretches() {
        let told = told(&[
            "1000 1004 order o-1 source 201",
            "1010 1014 direct o-2 target 201",
            "1020 1024 order o-3 source 201",
        ]);
        let sides: Vec<Side> = told.stretches.iter().map(|s| s.side).collect();
        assert_eq!(sides, [Side::Source, Side::Target, Side::Source]);
    }

    #[test]
    fn a_line_that_is_still_being_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.log");
        std::fs::write(&path, "1000 1004 order o-1 source 201\n1010 1014 order o-2 source 20").unwrap();
        let told = read_log(&path).unwrap();
        assert_eq!(told.accepted.into_iter().collect::<Vec<_>>(), ["o-1"]);
        assert_eq!(told.refused, 0);
        std::fs::write(&path, "1000 1004 order o-1 source 201\nsomething else\n").unwrap();
        assert!(read_log(&path).unwrap_err().to_string().contains("something else"));
    }

    #[test]
    fn an_order_without_its_lines_is_missing_and_one_paid_twice_is_doubled() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "create table orders (id text); create table order_lines (order_id text);
             create table payments (id text, order_id text);
             insert into orders values ('whole'), ('bare'), ('twice');
             insert into order_lines values ('whole'), ('twice');
             insert into payments values ('1', 'whole'), ('2', 'bare'), ('3', 'twice'), ('4', 'twice');",
        )
        .unwrap();
        let accepted = ["whole", "bare", "twice", "gone"].map(str::to_owned).into();
        let held = Held::read(&db, accepted).unwrap();
        assert_eq!(first(held.missing), ["bare", "gone"]);
        assert_eq!(held.duplicated, ["twice"]);
    }
}
