//! One consistent look: a transaction of its own that sees one moment, and hashes inside the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_core::Stream as _;
use tokio_postgres::{Client, Row as Found, RowStream};

use super::Postgres;
use super::asking::Asking as _;
use super::connection::{Problem, Session};
use super::listing::Listing;
use super::reader::{Parameter, Reader, both_halves, digest, halves, hashed, references, whole};
use super::wal;
use super::{forms, outline, selftest};
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{
    Buckets, HashedRow, Meter, Outline, Part, Row, Selection, Stamp, Tables, Within,
};
use crate::databases::trail::Seen;
use crate::databases::{Answer, Error, Snapshot, Value};

/// What makes hashes of two snapshots comparable.
const HASHING: &str = "hashes of 128 bits over values as PostgreSQL writes them";
/// A comparison takes as long as it takes; rows that would be hidden are an error; and its groups fit into memory, since
/// sorting them on disk costs more than hashing the rows. Compiling a question costs more than these are worth.
const SETTINGS: &str =
    "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set work_mem = '64MB';
    set jit = off; set row_security = off; begin isolation level repeatable read read only;";

/// Begins a transaction that sees one moment, for as long as the comparison takes.
pub(super) async fn begin(of: &Postgres) -> Result<Box<dyn Snapshot>, Error> {
    Ok(Box::new(transaction(of, "select 1").await?))
}

/// A transaction whose first statement takes the snapshot.
async fn transaction(of: &Postgres, first: &str) -> Result<Look, Error> {
    let deadline = tokio::time::Instant::now() + of.timeout;
    let mut session = of.server.lend(deadline).await?;
    let settings = format!("{} {SETTINGS} {first}", forms::SETTINGS);
    let begun =
        tokio::time::timeout_at(deadline, session.run(async |client| client.batch_execute(&settings).await));
    let doing = "beginning a snapshot";
    match begun.await {
        Ok(Ok(())) => Ok(Look { of: of.clone(), session: Some(session), listing: None }),
        Ok(Err(why)) => Err(Problem::from(why).explained(&of.server.name, doing, of.timeout)),
        Err(_) => {
            Err(Error::TimedOut { what: of.server.name.clone(), doing: doing.to_owned(), after: of.timeout })
        }
    }
}

struct Look {
    of: Postgres,
    /// Away while a question is asked; lost when the asker leaves in the middle.
    session: Option<Session>,
    /// Read with the first question about a table.
    listing: Option<Arc<Listing>>,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a snapshot of {}", self.of.server.name)
    }
}

impl Look {
    async fn ask<T>(
        &mut self,
        doing: &str,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        let what = &self.of.server.name;
        let Some(mut session) = self.session.take() else {
            let doing = "an earlier question to the snapshot".to_owned();
            return Err(Error::Cancelled { what: what.clone(), doing });
        };
        let answer = session.run(work).await;
        self.session = Some(session);
        answer.map_err(|problem| problem.explained(what, doing, self.of.timeout))
    }

    async fn listing(&mut self) -> Result<Arc<Listing>, Error> {
        if let Some(listing) = &self.listing {
            return Ok(Arc::clone(listing));
        }
        let read = self.ask("listing the tables", async |client| Listing::read(client).await).await?;
        Ok(Arc::clone(self.listing.insert(Arc::new(read))))
    }

    /// How the rows of a selection are hashed and found.
    async fn reader(&mut self, of: &Selection) -> Result<Reader, Error> {
        let listing = self.listing().await?;
        Reader::new(&self.of.server.name, of, &listing)
    }
}

impl Snapshot for Look {
    fn hashing(&self) -> &'static str {
        HASHING
    }

    fn self_test(&mut self) -> Answer<'_, RowHash> {
        Box::pin(async {
            let (forms, from) = selftest::row(self.listing().await?.encoding());
            let sql = format!("select {} from {from}", both_halves(&forms).join(", "));
            self.ask("hashing a known row", async |client| {
                let row = client.row(&sql, &[]).await?;
                Ok(whole(row.try_get(0)?, row.try_get(1)?))
            })
            .await
        })
    }

    fn stamp(&mut self) -> Answer<'_, Stamp> {
        Box::pin(self.ask("reading the snapshot's position", async |client| {
            // The log's end is later than the snapshot, so whatever the snapshot sees lies before it.
            Ok(Stamp { position: Some(wal::end(client).await?.position()), applied: None })
        }))
    }

    fn seen(&mut self) -> Answer<'_, Seen> {
        Box::pin(self.ask("reading what the snapshot sees", async |client| {
            // A standby does not say which transactions run: those count that nobody can have missed.
            let sql = "select case when pg_is_in_recovery() then format('%s:%s:', pg_snapshot_xmin(s), pg_snapshot_xmin(s))
                                   else s::text end from pg_current_snapshot() s";
            Ok(Seen(client.row(sql, &[]).await?.try_get(0)?))
        }))
    }

    fn tables(&mut self) -> Answer<'_, Tables> {
        Box::pin(async { Ok(self.listing().await?.tables.clone()) })
    }

    fn sibling(&mut self) -> Answer<'_, Option<Box<dyn Snapshot>>> {
        Box::pin(async move {
            let doing = "sharing the snapshot";
            let exported: String = self
                .ask(doing, async |client| {
                    Ok(client.row("select pg_export_snapshot()", &[]).await?.try_get(0)?)
                })
                .await?;
            let mut sibling =
                transaction(&self.of, &format!("set transaction snapshot '{exported}'; select 1")).await?;
            sibling.listing.clone_from(&self.listing);
            Ok(Some(Box::new(sibling) as Box<dyn Snapshot>))
        })
    }

    fn end(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if let Some(session) = self.session {
                self.of.server.give_back(session).await;
            }
        })
    }

    fn count(&mut self, table: &str) -> Answer<'_, u64> {
        let table = table.to_owned();
        Box::pin(async move {
            let listing = self.listing().await?;
            let sql = format!("select count(*) from {}", listing.from(&self.of.server.name, &table)?);
            self.ask("counting rows", async |client| {
                let counted: i64 = client.row(&sql, &[]).await?.try_get(0)?;
                Ok(counted.unsigned_abs())
            })
            .await
        })
    }

    fn outline(&mut self, of: &Selection) -> Answer<'_, Outline> {
        let of = of.clone();
        Box::pin(async move {
            self.ask("reading statistics", async |client| outline::read(client, &of).await).await
        })
    }

    fn key_span(&mut self, of: &Selection) -> Answer<'_, Option<RangeInclusive<i64>>> {
        let of = of.clone();
        Box::pin(async move {
            let Reader { table, first: key, .. } = self.reader(&of).await?;
            let sql = format!("select min({key})::bigint, max({key})::bigint from {table}");
            self.ask("reading the span of keys", async |client| {
                let row = client.row(&sql, &[]).await?;
                let span: (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
                Ok(span.0.zip(span.1).map(|(first, last)| first..=last))
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
            let reader = self.reader(&of).await?;
            let rows = reader.digests(&by, &part);
            self.ask("digesting rows", async |client| {
                plan(client, matches!(part, Part::Rows(_) | Part::InOrder)).await?;
                let mut digests = BTreeMap::new();
                // One after another: an answer of a hundred thousand buckets held whole takes ten times what is kept of it.
                let mut found = pin!(client.query_raw(&rows.sql, references(&rows.values)).await?);
                while let Some(row) = next(&mut found).await? {
                    let digest = digest(&row)?;
                    meter.add(digest.rows);
                    digests.insert(row.try_get(0)?, digest);
                }
                Ok(digests)
            })
            .await
        })
    }

    fn hashes(&mut self, of: &Selection, within: &Within, meter: &Meter) -> Answer<'_, Vec<HashedRow>> {
        let (of, within, meter) = (of.clone(), within.clone(), meter.clone());
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let hashes = [reader.key(), reader.row()].concat().join(", ");
            let from = reader.within(&within);
            let sql = format!("select {hashes} {}", from.sql);
            self.ask("hashing rows", async |client| {
                plan(client, matches!(within, Within::Rows(_))).await?;
                let mut found = Vec::new();
                let mut rows = pin!(client.query_raw(&sql, references(&from.values)).await?);
                while let Some(row) = next(&mut rows).await? {
                    found.push(hashed(&row)?);
                }
                meter.add(found.len() as u64);
                Ok(found)
            })
            .await
        })
    }

    fn rows(&mut self, of: &Selection, within: &Within, keys: &BTreeSet<RowHash>) -> Answer<'_, Vec<Row>> {
        let (of, within, keys) = (of.clone(), within.clone(), keys.clone());
        Box::pin(async move {
            let reader = self.reader(&of).await?;
            let hashes = [reader.key(), reader.row()].concat().join(", ");
            let mut from = reader.within(&within);
            let columns: Vec<&str> = reader.columns.iter().map(|form| form.shown.as_str()).collect();
            from.values.push(Parameter::Many(keys.iter().map(|key| halves(*key).1).collect()));
            from.and(&format!("{} = any(${})", reader.key()[1], from.values.len()));
            let sql = format!("select {hashes}, array[{}]::bytea[] {}", columns.join(", "), from.sql);
            self.ask("fetching rows", async |client| {
                plan(client, matches!(within, Within::Rows(_))).await?;
                let mut rows = Vec::new();
                let mut found = pin!(client.query_raw(&sql, references(&from.values)).await?);
                while let Some(row) = next(&mut found).await? {
                    let hashes = hashed(&row)?;
                    // Half a hash was asked for.
                    if !keys.contains(&hashes.key) {
                        continue;
                    }
                    let texts: Vec<Option<Vec<u8>>> = row.try_get(4)?;
                    let values = texts.into_iter().map(|text| text.map_or(Value::Null, Value::Text));
                    rows.push(Row { hashes, values: values.collect() });
                }
                Ok(rows)
            })
            .await
        })
    }
}

/// The next row of an answer, as it comes.
pub(super) async fn next(rows: &mut Pin<&mut RowStream>) -> Result<Option<Found>, tokio_postgres::Error> {
    poll_fn(|cx| rows.as_mut().poll_next(cx)).await.transpose()
}

/// Rows that are named one by one, and buckets of a table in order, are looked up one by one: by its reckoning the server would
/// sooner read a whole table than ten thousand rows of it, and the time of a window would grow with the table.
async fn plan(client: &Client, by_index: bool) -> Result<(), Problem> {
    let other = if by_index { "off" } else { "on" };
    let set = format!(
        "set enable_seqscan = {other}; set enable_hashjoin = {other}; set enable_mergejoin = {other};
         set enable_bitmapscan = {other}; set enable_indexscan = on"
    );
    Ok(client.batch_execute(&set).await?)
}
