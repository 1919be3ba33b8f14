//! Which rows were written, as the triggers note it that the convention puts on every table.
//!
//! They note every write, also a replicator's. What they do not see is a row that another one replaces (`insert or replace`)
//! for having the same value under a unique index; so a table that has one is read whole again.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::convention::{self, at, changes};
use super::{Problem, Sqlite, look};
use crate::databases::trail::{Mark, Seen, Stretch, Trail};
use crate::databases::{Answer, Error, Position, Value};

/// Whether a table has a unique index beside its primary key.
const UNIQUE: &str =
    "select exists (select 1 from pragma_index_list(?1) where \"unique\" and origin <> 'pk')";

/// What is noted from `since` on, or from its end.
pub(super) fn take_up(of: &Sqlite, since: Option<&Mark>) -> Answer<'static, Box<dyn Trail>> {
    let (here, since) = (of.clone(), since.cloned());
    let name = of.name.clone();
    let asked = of.ask_convention("beginning a trail", move |conn| {
        let end = changes(&convention::noted(conn)?)?;
        match since {
            None => Ok(end),
            Some(mark) => {
                let stood = changes(&Position(mark.0))?;
                if stood <= end {
                    return Ok(stood);
                }
                let why = format!("its notes end at write {end}, before the one that was read last");
                Err(Problem::Said(Error::broken(name, why, "the next comparison reads everything again")))
            }
        }
    });
    Box::pin(async move { Ok(Box::new(Log { of: here, stands: asked.await? }) as Box<dyn Trail>) })
}

/// Nobody takes anything out of the log, so nothing has to be kept for us.
#[derive(Debug)]
struct Log {
    of: Sqlite,
    /// The last write that was told.
    stands: u64,
}

impl Trail for Log {
    fn how(&self) -> &'static str {
        "its notes of what is written"
    }

    fn mark(&self) -> Mark {
        Mark(at(self.stands).0)
    }

    fn read(&mut self, seen: &Seen) -> Answer<'_, Stretch> {
        let (after, until) = (self.stands, Mark(seen.0.clone()));
        self.of.ask_convention("reading which rows were written", move |conn| read(conn, after, until))
    }

    fn confirm(&mut self, until: &Mark) -> Answer<'_, ()> {
        let until = Position(until.0.clone());
        Box::pin(async move {
            self.stands = changes(&until)?;
            Ok(())
        })
    }
}

fn read(conn: &mut Connection, after: u64, until: Mark) -> Result<Stretch, Problem> {
    let snapshot = conn.transaction()?;
    let mut stretch = Stretch::empty(until);
    let followed: BTreeSet<String> = {
        let mut triggers = snapshot.prepare("select name from sqlite_schema where type = 'trigger'")?;
        triggers.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    let mut replaced = BTreeSet::new();
    for table in look::tables(&snapshot)?.tables {
        if !convention::note_triggers_of(&table.name).all(|trigger| followed.contains(&trigger)) {
            stretch.all(&table.name, "nothing notes what is written to it");
        }
        if snapshot.query_row(UNIQUE, [&table.name], |row| row.get(0))? {
            replaced.insert(table.name);
        }
    }
    let mut log = snapshot.prepare("select tbl, key from cutover_written where seq > ?1")?;
    let mut rows = log.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let (table, key): (String, String) = (row.get(0)?, row.get(1)?);
        match convention::key_values(&key) {
            _ if replaced.contains(&table) => {
                stretch.all(&table, "a row can take another one's place under its unique index");
            }
            Some(key) => stretch.row(&table, key.into_iter().map(value).collect()),
            None => stretch.all(&table, "its notes have a key that cannot be read"),
        }
    }
    Ok(stretch)
}

fn value(value: Sql) -> Value {
    match value {
        Sql::Null => Value::Null,
        Sql::Integer(n) => Value::Integer(n),
        Sql::Real(r) => Value::Real(r),
        Sql::Text(text) => Value::Text(text.into_bytes()),
        Sql::Blob(bytes) => Value::Blob(bytes),
    }
}
