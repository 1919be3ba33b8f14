//! The few writes that are made here: markers, a plan's statements, and the one that is rolled back.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::asking::Asking as _;
use super::connection::{Problem, known, writing};
use super::look;
use crate::clock::Timestamp;
use crate::databases::{Done, ProbeWrite, Sequence};

/// Moves a marker on, and waits until that is on disk.
///
/// The row is taken away and put in again: a change of a row that is not there yet on the other side (replication may have
/// begun after the last marker) would be passed over there, and a row put in twice would stop what applies it.
pub(super) async fn marker(client: &mut Client, id: &str) -> Result<Timestamp, Problem> {
    let moved = move_marker(client, id).await;
    if moved.is_err() {
        // Where that fails too the connection is gone, and the first error says why.
        drop(client.batch_execute("rollback").await);
    }
    moved
}

/// In two waits for the server: what needs no answer is sent with what follows it.
async fn move_marker(client: &Client, id: &str) -> Result<Timestamp, Problem> {
    let (begun, old) = tokio::join!(biased;
        client.batch_execute("begin read write; set local synchronous_commit = local"),
        async { client.row_if_any("delete from cutover.marker where id = $1 returning made", &[&id]).await }
    );
    begun?;
    let old: Option<std::time::SystemTime> = old.map_err(known)?.map(|row| row.try_get(0)).transpose()?;
    let sql = "insert into cutover.marker (id, made)
                 values ($1, greatest(clock_timestamp(), $2::timestamptz + interval '1 ms'))
               returning (extract(epoch from made) * 1000)::bigint";
    // Of a transaction that has failed `commit` makes a rollback, without a word; that the row is there says that it has not.
    let (made, committed) =
        tokio::join!(biased; async { client.row(sql, &[&id, &old]).await }, client.batch_execute("commit"));
    let made: i64 = made?.try_get(0)?;
    committed?;
    Ok(Timestamp(made))
}

/// Tries one statement in a session like any application's, and rolls it back. Nothing is set on the session: a pooler
/// may give it to somebody else next.
///
/// Where it has to reach a certain system, by its place, another one is left alone.
pub(super) async fn probe(
    client: &mut Client,
    sql: &str,
    place: Option<&str>,
) -> Result<ProbeWrite, Problem> {
    client.batch_execute("begin").await?;
    if let Some(place) = place {
        let here = client.row_if_any(look::PLACE, &[]).await?;
        let here: Option<String> = here.map(|row| row.try_get(0)).transpose()?;
        if here.as_deref() != Some(place) {
            client.batch_execute("rollback").await?;
            return Ok(ProbeWrite::Elsewhere);
        }
        // What was asked has fixed what the transaction may do; the write has to come first in its own.
        client.batch_execute("rollback; begin").await?;
    }
    // Unnamed: a prepared statement would be left behind in a pooler. One only: the server refuses more of them.
    let tried = client.rows(sql, &[]).await;
    // A statement that wrote has given its transaction a number.
    let wrote = match &tried {
        Ok(_) => client.rows("select pg_current_xact_id_if_assigned()::text", &[]).await?,
        Err(_) => Vec::new(),
    };
    client.batch_execute("rollback").await?;
    match tried {
        Ok(_) => {
            let number: Option<String> = wrote.first().map(|row| row.try_get(0)).transpose()?.flatten();
            match number {
                Some(_) => Ok(ProbeWrite::Succeeded),
                None => Err(Problem::broken(
                    "the probe's statement writes nothing, so it proves nothing",
                    "give it an insert, update or delete of a table that the application writes",
                )),
            }
        }
        Err(why) => {
            let Some(said) = why.as_db_error() else { return Err(why.into()) };
            let code = said.code();
            // The server is going away, or did not get to it: that says nothing about a fence.
            if code.code().starts_with("57") || code.code().starts_with("08") {
                return Err(why.into());
            }
            Ok(ProbeWrite::Refused {
                by_fence: *code == SqlState::READ_ONLY_SQL_TRANSACTION,
                code: code.code().to_owned(),
                message: said.message().to_owned(),
            })
        }
    }
}

/// Moves sequences on. What is cached in sessions lies before the last value of its sequence, so the margin is for what
/// people keep in mind, not for the server.
pub(super) async fn move_on(client: &mut Client, beyond: &[Sequence], margin: u64) -> Result<u64, Problem> {
    let tx = writing(client).await?;
    let own = look::sequences(tx.client()).await?;
    let mut moved = 0;
    for sequence in beyond {
        let Some(given) = sequence.last else { continue };
        let Some(here) = own.iter().find(|own| own.name == sequence.name) else {
            return Err(Problem::broken(
                format!("it has no sequence {}", sequence.name),
                "make it as it is on the other side",
            ));
        };
        let far = i64::try_from(margin).unwrap_or(i64::MAX).saturating_mul(sequence.step);
        let wanted = Sequence { last: Some(given.saturating_add(far)), ..sequence.clone() };
        if here.is_beyond(&wanted) {
            continue;
        }
        // Within the bounds that the sequence has here: a margin is no reason to fail.
        let sql = "select setval(format('%I.%I', schemaname, sequencename)::regclass,
                     least(greatest($2, min_value), max_value))
                   from pg_sequences where format('%s.%s', schemaname, sequencename) = $1";
        let set: i64 = tx.row(sql, &[&sequence.name, &wanted.last]).await?.try_get(0)?;
        moved += u64::from(here.last != Some(set));
    }
    tx.commit().await?;
    Ok(moved)
}

/// A setting that lives as long as the transaction does.
const WITHIN: &str = "cutover.within";

/// Runs statements in one transaction, and counts the rows that it wrote as the server does.
///
/// Nothing is asked before them, so that they may begin with `set transaction read write` to pass a fence.
pub(super) async fn statement(client: &mut Client, sql: &str) -> Result<Done, Problem> {
    client.batch_execute(&format!("begin; set local {WITHIN} = 'yes'")).await?;
    match within(client, sql).await {
        Ok(done) => {
            client.batch_execute("commit").await?;
            Ok(done)
        }
        Err(why) => {
            // What went wrong is told; that rolling back fails as well ends the connection.
            let _rolled_back = client.batch_execute("rollback").await;
            Err(why)
        }
    }
}

async fn within(client: &Client, sql: &str) -> Result<Done, Problem> {
    client.batch_execute(sql).await?;
    let asked = format!(
        "select coalesce(current_setting('{WITHIN}', true), ''),
           (select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_stat_xact_user_tables)"
    );
    for message in client.simple_query(&asked).await? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        if row.get(0) == Some("yes") {
            return Ok(Done { rows: row.get(1).and_then(|n| n.parse().ok()).unwrap_or_default() });
        }
    }
    Err(Problem::broken(
        "the statements begin or end a transaction themselves, so part of them stands already",
        "look what was done; then leave begin, commit and rollback out: they run in one transaction",
    ))
}
