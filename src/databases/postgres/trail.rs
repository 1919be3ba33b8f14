//! Which rows were written, as a logical slot of our own tells it.
//!
//! The slot decodes with `test_decoding`, which is part of every PostgreSQL and of the clouds' too, and needs no publication: a
//! table that replication forgot is seen as well. Only keys are kept of what it says. While the slot is there the server keeps
//! its log; it is read often, and let go when the run ends.
//!
//! Sources: "Logical Decoding Examples" and `contrib/test_decoding/test_decoding.c` for its words.

use std::collections::HashMap;
use std::pin::pin;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Postgres;
use super::asking::Asking as _;
use super::connection::Problem;
use super::forms;
use super::known::{self, Known};
use super::snapshot::next;
use super::test_decoding::{Words, plain};
use super::visible::Visible;
use super::wal::{self, Lsn};
use crate::databases::trail::{Mark, Seen, Stretch, Trail};
use crate::databases::{Answer, Error};

/// What is done about a server that says what is not known here.
const REPORT: &str = "report it, with the server's version";

/// So many changes are read at a time; a transaction is always read whole.
const CHANGES: i32 = 200_000;
/// So many bytes of its log a server may keep for us although they were read.
const KEPT: i64 = 4 << 20;

/// Takes up the trail of this name where it stood, or begins one.
///
/// # Errors
/// Also [`Error::Broken`] where the server keeps no trail, and what it would take; or when the trail is gone that stood at `since`.
pub(super) async fn take_up(
    of: &Postgres,
    name: &str,
    since: Option<&Mark>,
) -> Result<Box<dyn Trail>, Error> {
    let slot = slot(name);
    let mark = of
        .server
        .lending("beginning a trail", of.timeout, async |client| begin(client, &slot, since).await)
        .await?;
    Ok(Box::new(Slot { of: of.clone(), name: slot, mark, tables: HashMap::new() }))
}

/// Lets a trail go. Nothing happens where there is none.
pub(super) async fn let_go(of: &Postgres, name: &str) -> Result<(), Error> {
    let slot = slot(name);
    let sql = "select pg_drop_replication_slot(slot_name) from pg_replication_slots
               where slot_name = $1 and plugin = 'test_decoding'";
    of.server
        .lending("letting a trail go", of.timeout, async |client| {
            client.execute(sql, &[&slot]).await?;
            Ok(())
        })
        .await
}

/// A name as slots have them: small letters, digits and underscores, at most 63.
fn slot(name: &str) -> String {
    let plain = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    // The end tells trails of one run apart.
    let end = plain.char_indices().rev().nth(54).map_or(0, |(at, _)| at);
    format!("cutover_{}", plain.get(end..).unwrap_or(&plain))
}

async fn begin(client: &Client, slot: &str, since: Option<&Mark>) -> Result<Mark, Problem> {
    let known = client
        .row_if_any(
            "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1",
            &[&slot],
        )
        .await?;
    if let Some(row) = known {
        let stands: Option<String> = row.try_get(0)?;
        let stands = stands.ok_or_else(|| broken(format!("the slot {slot} is no logical one")))?;
        return match since {
            Some(mark) if wal::lsn(&stands)? > wal::lsn(&mark.0)? => {
                Err(broken(format!("the slot {slot} was moved on by somebody else, to {stands}")))
            }
            Some(mark) => Ok(mark.clone()),
            None => Ok(Mark(stands)),
        };
    }
    if since.is_some() {
        return Err(broken(format!("the slot {slot} is gone, and what was written since with it")));
    }
    let about = client
        .row(
            "select current_setting('wal_level'), pg_is_in_recovery(), current_setting('server_version_num')::int,
               exists (select 1 from pg_roles where rolname = current_user and (rolreplication or rolsuper))",
            &[],
        )
        .await?;
    let (level, standby, version, may): (String, bool, i32, bool) =
        (about.try_get(0)?, about.try_get(1)?, about.try_get(2)?, about.try_get(3)?);
    if level != "logical" {
        return Err(Problem::broken(
            format!("its log does not tell which rows are written (wal_level = {level})"),
            "set wal_level = logical and restart the server, or let the window pay for a whole comparison",
        ));
    }
    if standby && version < 160_000 {
        return Err(Problem::broken(
            "a standby before PostgreSQL 16 does not tell which rows are written",
            "let the window pay for a whole comparison",
        ));
    }
    if !may {
        return Err(Problem::broken(
            "its account may not read which rows are written",
            "give it the attribute REPLICATION, or let the window pay for a whole comparison",
        ));
    }
    let row = client
        .row("select lsn::text from pg_create_logical_replication_slot($1, 'test_decoding')", &[&slot])
        .await?;
    Ok(Mark(row.try_get(0)?))
}

fn broken(why: String) -> Problem {
    Problem::broken(why, "the next comparison reads everything again")
}

#[derive(Debug)]
struct Slot {
    of: Postgres,
    name: String,
    mark: Mark,
    /// As they were when the trail was read last.
    tables: HashMap<String, Known>,
}

impl Trail for Slot {
    fn how(&self) -> &'static str {
        "a logical slot"
    }

    fn mark(&self) -> Mark {
        self.mark.clone()
    }

    fn read(&mut self, seen: &Seen) -> Answer<'_, Stretch> {
        let seen = seen.clone();
        Box::pin(async move {
            let (of, slot) = (self.of.clone(), self.name.clone());
            let before = std::mem::take(&mut self.tables);
            let mark = self.mark.clone();
            let (stretch, tables) = of
                .server
                .lending("reading which rows were written", of.timeout, async |client| {
                    read(client, &slot, &mark, &seen, before).await
                })
                .await?;
            self.tables = tables;
            Ok(stretch)
        })
    }

    fn confirm(&mut self, until: &Mark) -> Answer<'_, ()> {
        let until = until.clone();
        Box::pin(async move {
            let (of, slot) = (self.of.clone(), self.name.clone());
            // It is never moved back, and never past what has been written to disk. Moving it decodes the log once more: that
            // is worth it only for a part of the log that is worth letting go.
            let sql = "select pg_replication_slot_advance($1, least($2::text::pg_lsn,
                         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end))
                       from pg_replication_slots
                       where slot_name = $1 and pg_wal_lsn_diff($2::text::pg_lsn, confirmed_flush_lsn) > $3::bigint";
            of.server
                .lending("moving a trail on", of.timeout, async |client| {
                    client.execute(sql, &[&slot, &until.0, &KEPT]).await?;
                    Ok(())
                })
                .await?;
            self.mark = until;
            Ok(())
        })
    }
}

async fn read(
    client: &Client,
    slot: &str,
    mark: &Mark,
    seen: &Seen,
    before: HashMap<String, Known>,
) -> Result<(Stretch, HashMap<String, Known>), Problem> {
    let seen = Visible::read(seen)?;
    // A comparison asks for keys as they are written here.
    client.batch_execute(forms::SETTINGS).await?;
    let end = wal::end(client).await?;
    flushed(client, end).await?;
    let tables = known::tables(client).await?;
    let unlogged = known::unlogged(client).await?;
    let since = wal::lsn(&mark.0)?;
    let mut reader = Reader {
        // No mark goes back, wherever the log is said to end.
        stretch: Stretch::empty(Mark(end.max(since).position().0)),
        tables,
        before,
        changes: 0,
        since,
        seen,
        transaction: Stretch::empty(mark.clone()),
        committed: None,
        unseen_after: None,
    };
    for table in unlogged {
        reader.stretch.all(&table, "it is unlogged: nothing tells what is written to it");
    }
    let sql = "select lsn::text, data from pg_logical_slot_peek_changes($1, null, $2, 'include-xids', '1', 'skip-empty-xacts', '1')";
    let mut rows = pin!(client.query_raw(sql, slot_and_most(&slot)).await.map_err(gone)?);
    while let Some(row) = next(&mut rows).await.map_err(gone)? {
        reader.take(row.try_get(0)?, row.try_get(1)?)?;
    }
    if reader.changes >= u64::from(CHANGES.unsigned_abs())
        && let Some(committed) = reader.committed.take()
        && wal::lsn(&committed)? < end
    {
        reader.stretch.until =
            if wal::lsn(&committed)? > reader.since { Mark(committed) } else { mark.clone() };
        reader.stretch.more = true;
    }
    // What ended before the first that is not seen is told and seen; no mark ever goes back.
    if let Some(at) = reader.unseen_after {
        reader.stretch.until = if wal::lsn(&at)? > reader.since { Mark(at) } else { mark.clone() };
    }
    Ok((reader.stretch, reader.tables))
}

fn slot_and_most<'a>(slot: &'a &str) -> [&'a (dyn tokio_postgres::types::ToSql + Sync); 2] {
    [slot, &CHANGES]
}

/// Sees to it that everything before a place is on the disk: only that is decoded, and a snapshot sees more, such as what was
/// committed without waiting for the disk. A commit of ours brings all before it there; it changes nothing.
async fn flushed(client: &Client, end: Lsn) -> Result<(), Problem> {
    let stands = async || {
        let sql = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                               else pg_current_wal_flush_lsn() end::text";
        let text: Option<String> = client.row(sql, &[]).await?.try_get(0)?;
        wal::lsn(text.as_deref().unwrap_or("0/0"))
    };
    if stands().await? >= end {
        return Ok(());
    }
    client
        .batch_execute(
            "begin read write; set local synchronous_commit = local;
             select pg_logical_emit_message(true, 'cutover', ''); commit",
        )
        .await?;
    if stands().await? >= end {
        return Ok(());
    }
    Err(Problem::broken("its log is not on the disk, so what was written cannot be told", "ask again"))
}

/// A slot that is not there any more, or has lost the log that it needs, is a broken trail.
fn gone(why: tokio_postgres::Error) -> Problem {
    match why.code() {
        Some(code)
            if [SqlState::UNDEFINED_OBJECT, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE].contains(code) =>
        {
            let said = why.as_db_error().map_or_else(String::new, |said| format!(": {}", said.message()));
            broken(format!("its slot cannot be read{said}"))
        }
        _ => why.into(),
    }
}

struct Reader {
    stretch: Stretch,
    tables: HashMap<String, Known>,
    before: HashMap<String, Known>,
    changes: u64,
    /// What was committed up to here was told before.
    since: Lsn,
    /// What the snapshot sees of it.
    seen: Visible,
    /// What the transaction has written that is being read.
    transaction: Stretch,
    /// Where the last transaction ended.
    committed: Option<String>,
    /// Where the transaction ended that came before the first which the snapshot does not see; `None` where it sees all.
    unseen_after: Option<String>,
}

impl Reader {
    fn take(&mut self, at: String, data: &str) -> Result<(), Problem> {
        self.changes += 1;
        if let Some(xid) = data.strip_prefix("COMMIT ") {
            let xid: u32 = xid.parse().map_err(|_| unreadable(data))?;
            let written = std::mem::take(&mut self.transaction.tables);
            if wal::lsn(&at)? > self.since {
                self.stretch.merge(written);
            }
            if self.unseen_after.is_none() && !self.seen.has(xid) {
                let before = self.committed.as_ref().unwrap_or(&self.transaction.until.0);
                self.unseen_after = Some(before.clone());
            }
            self.committed = Some(at);
            return Ok(());
        }
        let Some(change) = data.strip_prefix("table ") else { return Ok(()) };
        let mut words = Words(change);
        let mut named = Vec::new();
        loop {
            named.push(words.table().ok_or_else(|| unreadable(data))?);
            if !words.skip(", ") {
                break;
            }
        }
        if !words.skip(": ") {
            return Err(unreadable(data));
        }
        if words.0.starts_with("TRUNCATE") {
            for table in &named {
                let of = self.tables.get(table).map_or_else(|| plain(table), |known| known.of.clone());
                self.transaction.all(&of, "it was emptied at once");
            }
            return Ok(());
        }
        let Some(table) = named.first() else { return Ok(()) };
        self.row(table, words);
        Ok(())
    }

    fn row(&mut self, table: &str, mut words: Words<'_>) {
        let Some(known) = self.tables.get(table) else {
            // It is ours, or it is gone: then its rows are too.
            if !table.starts_with("cutover.") {
                self.transaction.all(&plain(table), "it was made or dropped meanwhile");
            }
            return;
        };
        if self.before.get(table).is_some_and(|before| before != known) {
            self.transaction.all(&known.of, "its key was changed meanwhile");
            return;
        }
        if known.key.is_empty() {
            self.transaction.all(&known.of, "it has no primary key");
            return;
        }
        if !known.by_key {
            self.transaction.all(&known.of, "its replica identity is not its primary key");
            return;
        }
        match words.keys(&known.key) {
            Some(keys) => keys.into_iter().for_each(|key| self.transaction.row(&known.of, key)),
            None => self.transaction.all(&known.of, "the log does not have a row's key"),
        }
    }
}

fn unreadable(data: &str) -> Problem {
    // The rest is somebody's row.
    let head: String = data.chars().take(20).collect();
    Problem::broken(format!("its slot says something that cannot be read here: {head:?}"), REPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(tables: &[(&str, &str, &[&str], bool)]) -> Reader {
        let tables = tables.iter().map(|(name, of, key, by_key)| {
            let key = key.iter().map(|k| (*k).to_owned()).collect();
            ((*name).to_owned(), Known { of: (*of).to_owned(), key, by_key: *by_key })
        });
        Reader {
            stretch: Stretch::empty(Mark("0/0".to_owned())),
            tables: tables.collect(),
            before: HashMap::new(),
            changes: 0,
            since: wal::lsn("0/8").unwrap(),
            seen: Visible::read(&Seen("90:100:95,97".to_owned())).unwrap(),
            transaction: Stretch::empty(Mark("0/8".to_owned())),
            committed: None,
            unseen_after: None,
        }
    }

    fn told(reader: &Reader) -> Vec<String> {
        use crate::databases::trail::Written;
        let mut all = Vec::new();
        for (table, written) in &reader.stretch.tables {
            match written {
                Written::All { why } => all.push(format!("{table}: {why}")),
                Written::Rows(keys) => {
                    for key in keys {
                        let key: Vec<String> = key.iter().map(ToString::to_string).collect();
                        all.push(format!("{table} {}", key.join(" ")));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn keys_are_read_whatever_stands_beside_them() {
        let mut reader = reader(&[
            ("public.orders", "public.orders", &["id"], true),
            ("\"Odd one\".\"a: INSERT\"", "Odd one.a: INSERT", &["a]:b", "day"], true),
            ("public.part_1", "public.parted", &["id"], true),
            ("public.bare", "public.bare", &[], true),
            ("public.other", "public.other", &["id"], false),
        ]);
        for line in [
            "BEGIN 80",
            "table public.orders: INSERT: id[bigint]:5 note[text]:'it''s 3 [x]: id[bigint]:9' tags[text[]]:'{a,b}'",
            "table public.orders: UPDATE: old-key: id[bigint]:-6 new-tuple: id[bigint]:7 note[text]:unchanged-toast-datum",
            "table public.orders: UPDATE: id[bigint]:8 note[character varying]:null",
            "table public.orders: DELETE: id[bigint]:10",
            "table \"Odd one\".\"a: INSERT\": INSERT: \"a]:b\"[\"x\"\"]:y\".z]:'v' day[timestamp without time zone]:'2026-01-01 00:00:00'",
            "table public.part_1: INSERT: id[integer]:1 b[bit(3)]:B'101'",
            "table public.bare: INSERT: a[integer]:1",
            "table public.other: UPDATE: id[integer]:1",
            "table cutover.marker: INSERT: id[text]:'m'",
            "COMMIT 80",
        ] {
            reader.take("0/10".to_owned(), line).unwrap();
        }
        assert_eq!(
            told(&reader),
            [
                "Odd one.a: INSERT 'v' '2026-01-01 00:00:00'",
                "public.bare: it has no primary key",
                "public.orders '-6'",
                "public.orders '10'",
                "public.orders '5'",
                "public.orders '7'",
                "public.orders '8'",
                "public.other: its replica identity is not its primary key",
                "public.parted '1'",
            ]
        );
    }

    #[test]
    fn what_cannot_be_told_row_by_row_is_the_whole_table() {
        for (line, why) in [
            ("table public.orders: DELETE: (no-tuple-data)", "the log does not have a row's key"),
            (
                "table public.orders: UPDATE: id[bigint]:unchanged-toast-datum",
                "the log does not have a row's key",
            ),
            ("table public.orders: INSERT: other[text]:'x'", "the log does not have a row's key"),
            ("table public.orders, public.lines: TRUNCATE: (no-flags)", "it was emptied at once"),
        ] {
            let mut reader = reader(&[("public.orders", "public.orders", &["id"], true)]);
            reader.take("0/10".to_owned(), line).unwrap();
            reader.take("0/10".to_owned(), "COMMIT 80").unwrap();
            assert!(told(&reader).contains(&format!("public.orders: {why}")), "{line}: {:?}", told(&reader));
        }
        let mut told_before = reader(&[("public.orders", "public.orders", &["id"], true)]);
        told_before.take("0/4".to_owned(), "table public.orders: INSERT: id[bigint]:1").unwrap();
        told_before.take("0/8".to_owned(), "COMMIT 80").unwrap();
        assert_eq!(told(&told_before), Vec::<String>::new());
        let mut reader = reader(&[]);
        assert!(reader.take("0/10".to_owned(), "table what is this").is_err());
    }

    #[test]
    fn a_transaction_that_the_snapshot_does_not_see_is_told_once_more() {
        let mut reader = reader(&[("public.orders", "public.orders", &["id"], true)]);
        for (at, xid, id) in
            [("0/10", 80, 1), ("0/20", 96, 2), ("0/30", 97, 3), ("0/40", 98, 4), ("0/50", 101, 5)]
        {
            let row = format!("table public.orders: INSERT: id[bigint]:{id}");
            reader.take(at.to_owned(), &row).unwrap();
            reader.take(at.to_owned(), &format!("COMMIT {xid}")).unwrap();
        }
        assert_eq!(told(&reader).len(), 5);
        assert_eq!(reader.unseen_after, Some("0/20".to_owned()), "the third still ran");
    }

    #[test]
    fn a_slot_has_a_name_that_a_server_takes() {
        assert_eq!(slot("L-20261205T2100Z-orders-7k3m/rows"), "cutover_l_20261205t2100z_orders_7k3m_rows");
        let long = slot(&format!("{}-é-end", "x".repeat(90)));
        assert_eq!((long.len(), long.ends_with("_end")), (63, true), "{long}");
    }
}
