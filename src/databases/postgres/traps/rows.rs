//! Rows that no link carries: large objects, and tables without a log.
//!
//! Source: PostgreSQL's documentation, "Logical Replication", "Restrictions"; `pg_largeobject_metadata`; `CREATE TABLE`
//! on `UNLOGGED`.

use super::{Pair, in_sql, number};
use crate::counts::counted;
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

pub(super) async fn large_objects(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let [all] = pair.from.one("select count(*)::text from pg_largeobject_metadata", &[]).await?;
    let all = u64::try_from(number(&all)).unwrap_or_default();
    if all == 0 {
        return Ok(Vec::new());
    }
    // The number stands in the harm: one more of them is no other finding.
    Ok(vec![Found::new(
        format!("large objects of {}", pair.from.name()),
        format!("do not travel, and there are {}", counted(all, "of them", "of them")),
        "keep them in bytea columns, or copy them (pg_dump --blobs) once writes have stopped",
    )])
}

pub(super) async fn unlogged(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = format!(
        "select format('%s.%s', n.nspname, c.relname) from {EVERY_TABLE} and c.relpersistence = 'u' order by 1"
    );
    let mut found = Vec::new();
    for [name] in pair.from.texts(&sql, &[]).await?.iter().filter(|[name]| pair.travels(name)) {
        found.push(Found::new(
            format!("table {name}"),
            format!("is unlogged at {}: its rows reach nobody", pair.from.name()),
            format!("alter table {} set logged", in_sql(name)),
        ));
    }
    if pair.is_standby() {
        return Ok(found);
    }
    for [name] in pair.to.texts(&sql, &[]).await?.iter().filter(|[name]| pair.travels(name)) {
        found.push(Found::new(
            format!("table {name} at {}", pair.to.name()),
            "is unlogged there: it is empty after a crash",
            format!("alter table {} set logged there", in_sql(name)),
        ));
    }
    Ok(found)
}
