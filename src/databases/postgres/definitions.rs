//! Who changed a definition, and when: what the event triggers of the convention have noted.
//!
//! An event trigger sees every command that defines something, whoever runs it; only a superuser can make one. Where there
//! is none, nothing is said.

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;
use super::convention::{DEFINITION, SYSTEM};
use super::wal::{self, Lsn};
use crate::clock::Timestamp;
use crate::databases::{Position, Redefined, Redefinition};

/// So many are read: the newest.
const MOST: u32 = 200;

/// Whether changes of definitions are noted.
pub(super) async fn noted(client: &Client) -> Result<bool, Problem> {
    let sql = format!(
        "select count(*) = 2 from pg_event_trigger where starts_with(evtname, '{DEFINITION}') and evtenabled in ('O', 'A')"
    );
    Ok(client.row(&sql, &[]).await?.try_get(0)?)
}

/// What was noted since a position.
pub(super) async fn since(client: &Client, position: Option<&Position>) -> Result<Redefined, Problem> {
    if !noted(client).await? {
        return Ok(Redefined::default());
    }
    let until = Some(wal::end(client).await?.position());
    let Some(position) = position else { return Ok(Redefined { until, changes: Vec::new() }) };
    Lsn::of(position)?;
    let sql = format!(
        "select object, command, (extract(epoch from at) * 1000)::bigint,
           concat_ws(' ', account, nullif(application, ''), 'from ' || client)
         from cutover.definition where system = {SYSTEM} and lsn > $1::text::pg_lsn order by seq desc limit {MOST}"
    );
    let mut changes = Vec::new();
    for row in client.rows(&sql, &[&position.0]).await? {
        changes.push(Redefinition {
            object: row.try_get(0)?,
            command: row.try_get(1)?,
            at: Timestamp(row.try_get(2)?),
            by: row.try_get(3)?,
        });
    }
    Ok(Redefined { until, changes })
}
