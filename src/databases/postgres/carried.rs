//! What a subscription carries, and what it does not: at the target what is followed, at the source what is published.

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;
use super::logical::errors;
use super::sql::{USER_TABLES, quoted};
use crate::databases::Found;

/// What arrives.
pub(super) struct Subscribed {
    /// The subscription's name.
    pub(super) name: String,
    /// What it subscribes to.
    pub(super) publications: Vec<String>,
    /// Tables that are followed, as they are called here.
    pub(super) tables: Vec<String>,
}

/// What a subscription follows, and what of it does not arrive.
pub(super) async fn subscribed(client: &Client, slot: &str) -> Result<(Vec<String>, Subscribed), Problem> {
    let sql = "select oid, subname::text, subpublications from pg_subscription
               where subslotname = $1 and subdbid = (select oid from pg_database where datname = current_database())";
    let row = client.row(sql, &[&slot]).await?;
    let (oid, name): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
    let sql = "select format('%s.%s', n.nspname, c.relname), r.srsubstate::text from pg_subscription_rel r
                 join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
               where r.srsubid = $1 order by 1";
    let (skip, errors, followed) = tokio::try_join!(biased;
        skip(client, oid),
        errors(client, oid),
        async { Ok(client.rows(sql, &[&oid]).await?) }
    )?;
    let mut gaps = Vec::new();
    if let Some(skip) = skip.filter(|skip| skip != "0/0") {
        gaps.push(format!("subscription {name} is set to skip the transaction that ends at {skip}"));
    }
    if errors > 0 {
        gaps.push(format!(
            "applying has failed {errors} times, so a transaction may have been skipped: compare every row, then \
             select pg_stat_reset_subscription_stats({oid})"
        ));
    }
    let mut tables = Vec::new();
    for row in followed {
        let (table, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if state != "r" {
            gaps.push(format!("table {table} is not followed yet: it is still being copied (state {state})"));
        }
        tables.push(table);
    }
    Ok((gaps, Subscribed { name, publications: row.try_get(2)?, tables }))
}

/// The transaction that is to be skipped; servers before 15 cannot be told to. Only a superuser may read the whole row.
async fn skip(client: &Client, subscription: u32) -> Result<Option<String>, Problem> {
    let there =
        "select exists (select from pg_attribute where attrelid = 'pg_catalog.pg_subscription'::regclass
                   and attname = 'subskiplsn')";
    if !client.row(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let sql = "select subskiplsn::text from pg_subscription where oid = $1";
    Ok(client.row(sql, &[&subscription]).await?.try_get(0)?)
}

/// What leaves the source.
pub(super) struct Published {
    /// Tables that travel.
    pub(super) tables: Vec<String>,
    /// Tables of people, and the marker's, that do not.
    pub(super) not: Vec<String>,
    /// What of them does not.
    pub(super) gaps: Vec<Found>,
}

/// Reads what publications carry.
pub(super) async fn published(client: &Client, publications: &[String]) -> Result<Published, Problem> {
    let there = "select pubname::text, pubinsert, pubupdate, pubdelete, pubtruncate from pg_publication where pubname = any($1)";
    // A partitioned table is published as itself or as its partitions; either way it arrives under the same name on
    // both sides.
    let all = format!(
        "with p as (select distinct schemaname, tablename from pg_publication_tables where pubname = any($1))
         select format('%s.%s', schemaname, tablename), true from p
         union all
         select format('%s.%s', n.nspname, c.relname), false from {USER_TABLES}
           and not exists (select from p where p.schemaname = n.nspname and p.tablename = c.relname)
           and not (c.relkind = 'p' and not exists (select from pg_partition_tree(c.oid) t
             join pg_class l on l.oid = t.relid join pg_namespace ln on ln.oid = l.relnamespace
             where t.isleaf and not exists (select from p where p.schemaname = ln.nspname and p.tablename = l.relname)))
         union all
         select 'cutover.marker', false where to_regclass('cutover.marker') is not null
           and not exists (select from p where p.schemaname = 'cutover' and p.tablename = 'marker')
         order by 1"
    );
    // Servers from 15 on can publish part of a table.
    let partly = "select format('%s.%s', n.nspname, c.relname) from pg_publication_rel r
                    join pg_publication p on p.oid = r.prpubid join pg_class c on c.oid = r.prrelid
                    join pg_namespace n on n.oid = c.relnamespace
                  where p.pubname = any($1)
                    and coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') is not null order by 1";
    let (there, all, partly) = tokio::try_join!(biased;
        async { client.rows(there, &[&publications]).await },
        async { client.rows(&all, &[&publications]).await },
        async { client.rows(partly, &[&publications]).await }
    )?;
    let mut gaps = Vec::new();
    let mut found = Vec::new();
    for row in &there {
        let name: String = row.try_get(0)?;
        for (at, what) in [(1, "inserts"), (2, "updates"), (3, "deletes"), (4, "truncates")] {
            if !row.try_get::<_, bool>(at)? {
                gaps.push(Found::new(
                    format!("publication {name}"),
                    format!("carries no {what}"),
                    format!(
                        "alter publication {} set (publish = 'insert, update, delete, truncate')",
                        quoted(&name)
                    ),
                ));
            }
        }
        found.push(name);
    }
    gaps.extend(publications.iter().filter(|p| !found.contains(p)).map(|p| {
        Found::new(format!("publication {p}"), "is gone", "make it again, or take it out of the subscription")
    }));
    let (mut tables, mut not) = (Vec::new(), Vec::new());
    for row in &all {
        let name: String = row.try_get(0)?;
        if row.try_get(1)? { tables.push(name) } else { not.push(name) }
    }
    for row in &partly {
        let table: String = row.try_get(0)?;
        gaps.push(Found::new(
            format!("table {table}"),
            "is published in part only (its rows or columns are filtered)",
            "take the filter out of the publication, and copy the table anew",
        ));
    }
    Ok(Published { tables, not, gaps })
}
