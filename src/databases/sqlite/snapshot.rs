//! One consistent look at an SQLite database: one connection, one read transaction.
//!
//! SQLite is a library: its rows are in this process as soon as they are read. Hashing them as they
//! stream by is what "inside the database" means here; no aggregate function and no `group by` (which
//! would sort the table) is needed for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row as SqlRow, params_from_iter};

use super::connection::quoted;
use super::{Problem, REPORT, Sqlite, Stop, convention, limit, look};
use crate::databases::digest::{Hasher, RowHash, SHA256_TYPED, SetDigest};
use crate::databases::snapshot::{
    Buckets, HashedRow, Meter, Outline, Part, Row, Selection, Stamp, Tables, Within, bucket_of,
};
use crate::databases::trail::Seen;
use crate::databases::{Answer, Error, Snapshot, Value};

/// How many rows are read between two reports to the meter.
const REPORT_EVERY: u64 = 1_024;

pub(super) fn begin(of: &Sqlite) -> Answer<'static, Box<dyn Snapshot>> {
    let (here, stop) = (of.clone(), Stop::default());
    let begun = of.ask("beginning a snapshot", {
        let (here, stop) = (here.clone(), stop.clone());
        move |_| {
            let mut conn = here.open()?;
            // A comparison may take as long as it takes; only a lock is not waited for any longer.
            limit(&mut conn, &stop, None, here.timeout)?;
            conn.execute_batch("begin")?;
            // A transaction begins with its first read.
            look::first_question(&mut conn)?;
            Ok(conn)
        }
    });
    Box::pin(async move {
        let conn = begun.await?;
        Ok(Box::new(Look { of: here, conn: Some(conn), stop }) as Box<dyn Snapshot>)
    })
}

#[derive(Debug)]
struct Look {
    of: Sqlite,
    /// Away while a question is asked; lost when the asker leaves in the middle.
    conn: Option<Connection>,
    stop: Stop,
}

impl Look {
    fn ask<T, W>(&mut self, doing: &'static str, work: W) -> Answer<'_, T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    {
        Box::pin(async move {
            let what = self.of.name.clone();
            let Some(conn) = self.conn.take() else {
                return Err(Error::Cancelled {
                    what,
                    doing: "an earlier question to the snapshot".to_owned(),
                });
            };
            let dropped = self.stop.when_dropped();
            let asked = tokio::task::spawn_blocking(move || {
                let outcome = work(&conn);
                (conn, outcome)
            });
            let (conn, outcome) =
                asked.await.map_err(|panicked| Error::broken(&what, panicked.to_string(), REPORT))?;
            dropped.answered();
            self.conn = Some(conn);
            outcome.map_err(|problem| problem.explained(&what, doing, self.of.timeout))
        })
    }
}

impl Snapshot for Look {
    fn hashing(&self) -> &'static str {
        SHA256_TYPED
    }

    fn stamp(&mut self) -> Answer<'_, Stamp> {
        self.ask("reading the snapshot's position", |conn| {
            if !convention::installed(conn)? {
                return Ok(Stamp::default());
            }
            let (position, applied) = (convention::position(conn)?, convention::applied(conn)?);
            Ok(Stamp { position: Some(position), applied: Some(applied) })
        })
    }

    fn seen(&mut self) -> Answer<'_, Seen> {
        self.ask("reading what the snapshot sees", |conn| Ok(Seen(convention::noted(conn)?.0)))
    }

    fn tables(&mut self) -> Answer<'_, Tables> {
        self.ask("listing the tables", |conn| Ok(look::tables(conn)?))
    }

    fn count(&mut self, table: &str) -> Answer<'_, u64> {
        let table = table.to_owned();
        self.ask("counting rows", move |conn| Ok(look::count(conn, &table)?))
    }

    fn outline(&mut self, of: &Selection) -> Answer<'_, Outline> {
        let table = of.table.clone();
        // There are no statistics, and counting is little beside hashing.
        self.ask("counting rows", move |conn| {
            Ok(Outline { rows: look::count(conn, &table)?, by_key: true, in_order: true, blocks: None })
        })
    }

    fn key_span(&mut self, of: &Selection) -> Answer<'_, Option<RangeInclusive<i64>>> {
        let of = of.clone();
        self.ask("reading the span of keys", move |conn| {
            let (key, table) = (names(&of.key), quoted(&of.table));
            // Two look-ups in the index; one query with both aggregates would read the whole table.
            let sql = format!("select (select min({key}) from {table}), (select max({key}) from {table})");
            let span: (Option<i64>, Option<i64>) =
                conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(span.0.zip(span.1).map(|(first, last)| first..=last))
        })
    }

    fn digests(
        &mut self,
        of: &Selection,
        by: Buckets,
        part: &Part,
        meter: &Meter,
    ) -> Answer<'_, BTreeMap<i64, SetDigest>> {
        let (reader, meter) = (Reader::new(of), meter.clone());
        let within = match (&by, part) {
            (_, Part::Rows(keys)) => Within::Rows(keys.clone()),
            (Buckets::Keys { keys, .. }, _) => Within::Keys(keys.clone()),
            (Buckets::Hashes { .. }, _) => Within::everything(),
        };
        self.ask("digesting rows", move |conn| {
            let mut hasher = Hasher::default();
            let mut digests: HashMap<i64, SetDigest> = HashMap::new();
            match by {
                Buckets::Keys { shift, .. } => {
                    let at = reader.key_at.first().copied().unwrap_or(0);
                    reader.scan(conn, &within, &meter, |row| {
                        let bucket = row.get::<_, i64>(at)? >> shift;
                        digests.entry(bucket).or_default().add(reader.row(&mut hasher, row)?);
                        Ok(())
                    })?;
                }
                Buckets::Hashes { bits } => reader.scan(conn, &within, &meter, |row| {
                    let bucket = bucket_of(reader.key(&mut hasher, row)?, bits);
                    digests.entry(bucket).or_default().add(reader.row(&mut hasher, row)?);
                    Ok(())
                })?,
            }
            Ok(digests.into_iter().collect())
        })
    }

    fn hashes(&mut self, of: &Selection, within: &Within, meter: &Meter) -> Answer<'_, Vec<HashedRow>> {
        let (reader, within, meter) = (Reader::new(of), within.clone(), meter.clone());
        self.ask("hashing rows", move |conn| {
            let (mut hasher, mut found) = (Hasher::default(), Vec::new());
            reader.scan(conn, &within, &meter, |row| {
                let key = reader.key(&mut hasher, row)?;
                if within.may_have(key) {
                    found.push(HashedRow { key, row: reader.row(&mut hasher, row)? });
                }
                Ok(())
            })?;
            Ok(found)
        })
    }

    fn rows(&mut self, of: &Selection, within: &Within, keys: &BTreeSet<RowHash>) -> Answer<'_, Vec<Row>> {
        let (reader, within, keys) = (Reader::new(of), within.clone(), keys.clone());
        self.ask("fetching rows", move |conn| {
            let (mut sha, mut rows) = (Hasher::default(), Vec::new());
            reader.scan(conn, &within, &Meter::default(), |row| {
                let key = reader.key(&mut sha, row)?;
                if keys.contains(&key) {
                    let hashed = HashedRow { key, row: reader.row(&mut sha, row)? };
                    let values = (0..reader.width).map(|i| row.get_ref(i).map(look::value));
                    rows.push(Row { hashes: hashed, values: values.collect::<rusqlite::Result<_>>()? });
                }
                Ok(())
            })?;
            Ok(rows)
        })
    }
}

/// Reads the rows of a selection.
struct Reader {
    sql: String,
    key: Vec<String>,
    width: usize,
    /// Where the key's columns stand among the selected ones.
    key_at: Vec<usize>,
}

impl Reader {
    fn new(of: &Selection) -> Reader {
        let at = |name: &String| of.columns.iter().position(|c| c == name);
        Reader {
            sql: format!("select {} from {}", values(of), quoted(&of.table)),
            key: of.key.iter().map(|name| quoted(name)).collect(),
            width: of.columns.len(),
            key_at: of.key.iter().filter_map(at).collect(),
        }
    }

    fn key(&self, hasher: &mut Hasher, row: &SqlRow<'_>) -> rusqlite::Result<RowHash> {
        hasher.row(self.key_at.iter().map(|i| row.get_ref(*i).map(look::borrowed)))
    }

    fn row(&self, hasher: &mut Hasher, row: &SqlRow<'_>) -> rusqlite::Result<RowHash> {
        hasher.row((0..self.width).map(|i| row.get_ref(i).map(look::borrowed)))
    }

    /// Calls `visit` with every row within, in no order that matters; for hash buckets with every row
    /// of the table, since no index knows them.
    fn scan(
        &self,
        conn: &Connection,
        within: &Within,
        meter: &Meter,
        mut visit: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut unreported = 0;
        let mut read = |sql: &str, bounds: &[Bound<'_>]| {
            let mut statement = conn.prepare_cached(sql)?;
            let mut rows = statement.query(params_from_iter(bounds))?;
            while let Some(row) = rows.next()? {
                unreported += 1;
                if unreported == REPORT_EVERY {
                    meter.add(unreported);
                    unreported = 0;
                }
                visit(row)?;
            }
            Ok::<(), rusqlite::Error>(())
        };
        match within {
            Within::Keys(ranges) => {
                let key = self.key.first().map_or("rowid", String::as_str);
                let sql = format!("{} where {key} between ?1 and ?2", self.sql);
                for range in ranges {
                    let ends = [Value::Integer(*range.start()), Value::Integer(*range.end())];
                    read(&sql, &ends.each_ref().map(Bound))?;
                }
            }
            Within::Rows(keys) => {
                let equal: Vec<String> = self.key.iter().map(|column| format!("{column} is ?")).collect();
                let sql = format!("{} where {}", self.sql, equal.join(" and "));
                for key in keys {
                    read(&sql, &key.iter().map(Bound).collect::<Vec<_>>())?;
                }
            }
            Within::Hashes { .. } => read(&self.sql, &[])?,
        }
        meter.add(unreported);
        Ok(())
    }
}

/// A value that a statement is given.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(bytes) => ValueRef::Text(bytes),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The columns as they are compared.
fn values(of: &Selection) -> String {
    let value = |name: &String| match of.cast.get(name) {
        Some(to) => format!("cast({} as {to})", quoted(name)),
        None => quoted(name),
    };
    of.columns.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn names(columns: &[String]) -> String {
    columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ")
}
