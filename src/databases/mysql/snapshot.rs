//! One consistent look at a server: a transaction of its own, begun with its snapshot.
//!
//! Tables without transactions (MyISAM, Aria, MEMORY) have no snapshot: nothing is proved of them (`listing`). A table whose
//! definition changed after the look began is refused by the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Row as SentRow, Value as Sent};

use super::connection::{Problem, Server, Work};
use super::forms::{Form, HASHING, hash};
use super::gtid::File;
use super::look::quoted_table;
use super::reader::{Reader, place};
use super::session::Session;
use super::sql::{literal, quoted};
use super::{listing, look, selftest};
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{
    Buckets, HashedRow, Meter, Outline, Part, Row, Selection, Stamp, Tables, Within,
};
use crate::databases::trail::Seen;
use crate::databases::{Answer, Error, Snapshot};

/// So many keys are looked for in the server; more are picked out here.
const KEYS_IN_SQL: usize = 2_000;

/// Begins a look.
pub(super) fn begin(server: Arc<Server>, limit: Duration) -> Answer<'static, Box<dyn Snapshot>> {
    Box::pin(async move {
        let doing = "beginning a snapshot";
        let deadline = tokio::time::Instant::now() + limit;
        let mut session = server.connect(deadline, limit).await?;
        session.leash.busy();
        let begun = tokio::time::timeout_at(deadline, start(&mut session)).await.map_err(|_| {
            Error::TimedOut { what: server.address.name.clone(), doing: doing.to_owned(), after: limit }
        })?;
        let (stamp, seen) = begun.map_err(|why| why.explained(&server.address.name, doing, limit))?;
        session.leash.done();
        Ok(Box::new(Look { server, limit, session: Some(session), stamp, seen, types: HashMap::new() })
            as Box<dyn Snapshot>)
    })
}

/// What is applied is read before it begins, and the end of the log after: the look has all of the one, and nothing past the
/// other. Also what it has seen for certain. MariaDB says that itself: a transaction stands in its log before others see it,
/// long before where a commit waits for a replica. MySQL's GTIDs count as executed when others see them; a log without them says
/// nothing of that, and keeps no trail.
async fn start(session: &mut Session) -> Result<(Stamp, Option<Seen>), Problem> {
    let applied = said(look::applied(session).await)?.filter(|position| !position.0.is_empty());
    // A comparison takes as long as it takes; only a lock is not waited for any longer.
    let endless = if session.hello.mariadb { "max_statement_time" } else { "max_execution_time" };
    let patience = format!("set session {endless} = 0, net_write_timeout = 600");
    // Merged, the hash of a row would be reckoned anew for each of its sums.
    let unmerged = "set session optimizer_switch = 'derived_merge=off'";
    let isolated = "set session transaction isolation level repeatable read";
    session.several([&patience, unmerged, isolated]).await?;
    let executed = said(look::position(session).await)?.map(|position| Seen(position.0));
    session.run("start transaction with consistent snapshot, read only").await?;
    let seen = if session.hello.mariadb { place_of_snapshot(session).await? } else { executed };
    Ok((Stamp { position: said(look::position(session).await)?, applied }, seen))
}

/// Source: MariaDB's "START TRANSACTION WITH CONSISTENT SNAPSHOT" and its status variables `Binlog_snapshot_*`.
async fn place_of_snapshot(session: &mut Session) -> Result<Option<Seen>, Problem> {
    let mut of = HashMap::new();
    for row in session.rows("show session status like 'binlog\\_snapshot\\_%'").await? {
        of.insert(row.text("variable_name"), row.text("value"));
    }
    let place = of.get("Binlog_snapshot_file").zip(of.get("Binlog_snapshot_position"));
    Ok(place.map(|(file, at)| format!("{file}:{at}")).filter(|it| File::read(it).is_some()).map(Seen))
}

/// A server that has no log, or is no replica, has no such position.
fn said<T>(answer: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match answer {
        Ok(said) => Ok(Some(said)),
        Err(Problem::Broken(..)) => Ok(None),
        Err(why) => Err(why),
    }
}

#[derive(Debug)]
struct Look {
    server: Arc<Server>,
    limit: Duration,
    /// Away while a question is asked; lost when the asker leaves in the middle.
    session: Option<Session>,
    stamp: Stamp,
    /// `None` without a log.
    seen: Option<Seen>,
    /// The columns of tables that were looked at: type and character set.
    types: HashMap<String, HashMap<String, (String, String)>>,
}

impl Look {
    async fn ask<T>(
        &mut self,
        doing: &str,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        let what = self.server.address.name.clone();
        let Some(mut session) = self.session.take() else {
            return Err(Error::Cancelled { what, doing: "an earlier question to the snapshot".to_owned() });
        };
        session.leash.busy();
        let answer = work(&mut session).await;
        if !matches!(&answer, Err(Problem::Server(why)) if why.is_fatal()) {
            session.leash.done();
            self.session = Some(session);
        }
        answer.map_err(|why| why.explained(&what, doing, self.limit))
    }

    fn database(&self) -> Option<&str> {
        self.server.address.database.as_deref()
    }

    async fn reader(&mut self, of: &Selection) -> Result<Reader, Error> {
        if !self.types.contains_key(&of.table) {
            let (database, table) = place(&of.table, self.database());
            let sql = format!(
                "select column_name as c, data_type as ty, character_set_name as cs from information_schema.columns
                 where table_schema = {} and table_name = {}",
                literal(&database),
                literal(&table)
            );
            let rows = self
                .ask("reading a table's columns", |s| Box::pin(async move { s.rows(&sql).await }))
                .await?;
            let types = rows.iter().map(|row| (row.text("c"), (row.text("ty"), row.text("cs")))).collect();
            self.types.insert(of.table.clone(), types);
        }
        let types = self.types.get(&of.table);
        let form = |name: &String| {
            let (ty, character_set) = types.and_then(|types| types.get(name)).ok_or_else(|| {
                Error::broken(
                    &self.server.address.name,
                    format!("table {} has no column {name}", of.table),
                    "look at the schema's differences first",
                )
            })?;
            if let Some(to) = of.cast.get(name) {
                return Ok(Form::cast(name, to));
            }
            let form = Form::of(name, ty, character_set);
            Ok::<_, Error>(if of.as_text.contains(name) { form.into_text() } else { form })
        };
        let forms = of.columns.iter().map(form).collect::<Result<Vec<_>, _>>()?;
        let keys = of.key.iter().map(form).collect::<Result<Vec<_>, _>>()?;
        Ok(Reader {
            table: quoted_table(&of.table, self.database()),
            place: place(&of.table, self.database()),
            first_key: of.key.first().map(|key| quoted(key)).unwrap_or_default(),
            key: of.key.iter().map(|key| quoted(key)).collect(),
            key_hash: hash(keys.iter()),
            row_hash: hash(forms.iter()),
            forms,
        })
    }
}

fn unhashed() -> Problem {
    Problem::broken(
        "a row could not be hashed: it does not fit into the server's max_allowed_packet",
        "raise max_allowed_packet on this server",
    )
}

/// The value in a column of an answer in text.
fn taken(row: &mut SentRow, at: usize) -> Option<Vec<u8>> {
    match row.take::<Sent, usize>(at)? {
        Sent::NULL => None,
        Sent::Bytes(bytes) => Some(bytes),
        other => Some(other.as_sql(true).into_bytes()),
    }
}

fn number<T: std::str::FromStr>(row: &mut SentRow, at: usize) -> Result<T, Problem> {
    let text = taken(row, at).and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::broken("a digest is no number", "ask again"))
}

fn row_hash(row: &mut SentRow, at: usize) -> Result<RowHash, Problem> {
    let text = taken(row, at).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(unhashed)?;
    u128::from_str_radix(&text, 16).map(RowHash).map_err(|_| unhashed())
}

fn digest(row: &mut SentRow) -> Result<(i64, SetDigest), Problem> {
    let (rows, hashed): (u64, u64) = (number(row, 1)?, number(row, 2)?);
    if rows != hashed {
        return Err(unhashed());
    }
    Ok((number(row, 0)?, SetDigest::of(rows, number(row, 3)?, 0)))
}

impl Snapshot for Look {
    fn hashing(&self) -> &'static str {
        HASHING
    }

    fn self_test(&mut self) -> Answer<'_, RowHash> {
        Box::pin(async {
            self.ask("hashing a known row", |s| {
                Box::pin(async move {
                    let row: Option<SentRow> = s.conn.query_first(selftest::question()).await?;
                    row_hash(&mut row.ok_or_else(unhashed)?, 0)
                })
            })
            .await
        })
    }

    fn stamp(&mut self) -> Answer<'_, Stamp> {
        let stamp = self.stamp.clone();
        Box::pin(async move { Ok(stamp) })
    }

    fn seen(&mut self) -> Answer<'_, Seen> {
        let doing = "reading what the snapshot sees";
        let seen = self
            .seen
            .clone()
            .ok_or_else(|| look::no_log().explained(&self.server.address.name, doing, self.limit));
        Box::pin(async move { seen })
    }

    fn tables(&mut self) -> Answer<'_, Tables> {
        Box::pin(async move {
            let database = self.database().map(str::to_owned);
            self.ask("listing the tables", |s| {
                Box::pin(async move { listing::read(s, database.as_deref()).await })
            })
            .await
        })
    }

    fn count(&mut self, table: &str) -> Answer<'_, u64> {
        let table = table.to_owned();
        Box::pin(async move {
            let database = self.database().map(str::to_owned);
            self.ask("counting rows", |s| {
                Box::pin(async move { look::count(s, &table, database.as_deref()).await })
            })
            .await
        })
    }

    fn outline(&mut self, of: &Selection) -> Answer<'_, Outline> {
        let of = of.clone();
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let sql = format!(
                "select table_rows as n from information_schema.tables where table_schema = {} and table_name = {}",
                literal(&reader.place.0),
                literal(&reader.place.1)
            );
            // Rows lie in the order of the primary key.
            self.ask("reading statistics", |s| {
                Box::pin(async move {
                    Ok(Outline {
                        rows: s.row(&sql).await?.number("n"),
                        by_key: true,
                        in_order: true,
                        blocks: None,
                    })
                })
            })
            .await
        })
    }

    fn key_span(&mut self, of: &Selection) -> Answer<'_, Option<RangeInclusive<i64>>> {
        let of = of.clone();
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let sql = format!("select min({0}) as a, max({0}) as z from {1}", reader.first_key, reader.table);
            self.ask("reading the span of keys", |s| {
                Box::pin(async move {
                    let row = s.row(&sql).await?;
                    let end = |name: &str| row.get(name).and_then(|n| n.parse::<i64>().ok());
                    Ok(end("a").zip(end("z")).map(|(first, last)| first..=last))
                })
            })
            .await
        })
    }

    fn digests(
        &mut self,
        of: &Selection,
        by: Buckets,
        part: &Part,
        meter: &Meter,
    ) -> Answer<'_, BTreeMap<i64, SetDigest>> {
        let (of, part, meter) = (of.clone(), part.clone(), meter.clone());
        Box::pin(async move {
            let sql = self.reader(&of).await?.digests(&by, &part);
            self.ask("digesting rows", |s| {
                Box::pin(async move {
                    let mut digests = BTreeMap::new();
                    let mut result = s.conn.query_iter(sql).await?;
                    while let Some(mut row) = result.next().await? {
                        let (bucket, set) = digest(&mut row)?;
                        meter.add(set.rows);
                        digests.insert(bucket, set);
                    }
                    Ok(digests)
                })
            })
            .await
        })
    }

    fn hashes(&mut self, of: &Selection, within: &Within, meter: &Meter) -> Answer<'_, Vec<HashedRow>> {
        let (of, within, meter) = (of.clone(), within.clone(), meter.clone());
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let sql = format!(
                "select {}, {} from {} where {}",
                reader.key_hash,
                reader.row_hash,
                reader.table,
                reader.within(&within)
            );
            self.ask("hashing rows", |s| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    let mut result = s.conn.query_iter(sql).await?;
                    while let Some(mut row) = result.next().await? {
                        meter.add(1);
                        found.push(HashedRow { key: row_hash(&mut row, 0)?, row: row_hash(&mut row, 1)? });
                    }
                    Ok(found)
                })
            })
            .await
        })
    }

    fn rows(&mut self, of: &Selection, within: &Within, keys: &BTreeSet<RowHash>) -> Answer<'_, Vec<Row>> {
        let (of, within, keys) = (of.clone(), within.clone(), keys.clone());
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let mut sql = format!("select {}, {}", reader.key_hash, reader.row_hash);
            for form in &reader.forms {
                // Writing to a String cannot fail.
                let _ = write!(sql, ", {}", form.value);
            }
            let _ = write!(sql, " from {} where {}", reader.table, reader.within(&within));
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            if keys.len() <= KEYS_IN_SQL {
                let list: Vec<String> = keys.iter().map(|key| format!("'{:032x}'", key.0)).collect();
                let _ = write!(sql, " and {} in ({})", reader.key_hash, list.join(", "));
            }
            let forms = reader.forms;
            self.ask("fetching rows", |s| {
                Box::pin(async move {
                    let mut rows = Vec::new();
                    let mut result = s.conn.query_iter(sql).await?;
                    while let Some(mut row) = result.next().await? {
                        let hashes = HashedRow { key: row_hash(&mut row, 0)?, row: row_hash(&mut row, 1)? };
                        if !keys.contains(&hashes.key) {
                            continue;
                        }
                        let value = |(i, form): (usize, &Form)| form.read(taken(&mut row, i + 2));
                        let values = forms.iter().enumerate().map(value).collect::<Result<_, _>>()?;
                        rows.push(Row { hashes, values });
                    }
                    Ok(rows)
                })
            })
            .await
        })
    }
}
