//! What travels a subscription: tables that are published, and whether their first copy is done.
//!
//! Source: PostgreSQL's documentation, "System Catalogs": `pg_subscription`, `pg_subscription_rel`, `pg_publication`.

use super::{Pair, Side, in_sql, shape};
use crate::databases::postgres::carried::{Published, published};
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

/// A subscription as its target has it.
struct Subscription {
    name: String,
    enabled: bool,
    publications: Vec<String>,
}

async fn of_slot(pair: Pair<'_>) -> Result<Option<Subscription>, Error> {
    let sql = "select subname::text, subenabled::text, array_to_string(subpublications, chr(31))
               from pg_subscription where subslotname = $1
                 and subdbid = (select oid from pg_database where datname = current_database())";
    let found = pair.to.texts::<3>(sql, &[&pair.slot()]).await?.pop();
    Ok(found.map(|[name, enabled, publications]| Subscription {
        name,
        enabled: enabled == "true",
        publications: publications.split('\u{1f}').map(str::to_owned).collect(),
    }))
}

/// The publications of the link, by name.
pub(super) async fn publications(pair: Pair<'_>) -> Result<Vec<String>, Error> {
    Ok(of_slot(pair).await?.map(|it| it.publications).unwrap_or_default())
}

async fn leaving(side: Side<'_>, publications: &[String]) -> Result<Published, Error> {
    side.db.aside("reading what is published", async |client| published(client, publications).await).await
}

pub(super) async fn subscription(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (source, target) = (pair.from.name(), pair.to.name());
    let Some(it) = of_slot(pair).await? else {
        return Ok(vec![Found::new(
            format!("slot {}", pair.slot()),
            format!("has no subscription at {target}"),
            format!(
                "create one there with (slot_name = '{}'), or write another slot into the plan",
                pair.slot()
            ),
        )]);
    };
    let mut found = Vec::new();
    let name = in_sql(&it.name);
    if !it.enabled {
        found.push(Found::new(
            format!("subscription {}", it.name),
            format!("is disabled at {target}: nothing is applied"),
            format!("alter subscription {name} enable"),
        ));
    }
    let sql = "select format('%s.%s', n.nspname, c.relname), r.srsubstate::text from pg_subscription_rel r
                 join pg_subscription s on s.oid = r.srsubid
                 join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
               where s.subslotname = $1 and s.subdbid = (select oid from pg_database where datname = current_database())
               order by 1";
    let arriving = pair.to.texts::<2>(sql, &[&pair.slot()]).await?;
    for [table, state] in arriving.iter().filter(|[_, state]| state != "r") {
        found.push(Found::new(
            format!("table {table}"),
            format!("is not followed yet, its copy is under way (state {state})"),
            format!("wait until it is; if that does not end, the log of {target} says why"),
        ));
    }
    let (published, tables) = tokio::try_join!(leaving(pair.from, &it.publications), shape::tables(pair.to))?;
    for table in published.tables.iter().filter(|table| pair.travels(table)) {
        // A table that is not there at all is another trap.
        if tables.contains(table) && !arriving.iter().any(|[arrives, _]| arrives == table) {
            found.push(Found::new(
                format!("table {table}"),
                format!("is published at {source} and not subscribed: its rows stay there"),
                format!("alter subscription {name} refresh publication"),
            ));
        }
    }
    Ok(found)
}

pub(super) async fn publication(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let Some(it) = of_slot(pair).await? else {
        return Err(pair.to.broken(
            format!(
                "no subscription has the slot {}, so it is not known what should be published",
                pair.slot()
            ),
            "make the subscription, or mend the slot in the plan",
        ));
    };
    let published = leaving(pair.from, &it.publications).await?;
    let mut found = published.gaps;
    // What has no log cannot be published: that is a trap of its own.
    let sql =
        format!("select format('%s.%s', n.nspname, c.relname) from {EVERY_TABLE} and c.relpersistence = 'u'");
    let unlogged: Vec<[String; 1]> = pair.from.texts(&sql, &[]).await?;
    let publication = it.publications.first().map_or_else(String::new, |name| in_sql(name));
    for table in published.not.iter().filter(|table| pair.travels(table)) {
        if !unlogged.iter().any(|[name]| name == table) {
            found.push(Found::new(
                format!("table {table}"),
                format!("is not published at {}: its rows stay there", pair.from.name()),
                format!(
                    "alter publication {publication} add table {}, then alter subscription {} refresh publication",
                    in_sql(table),
                    in_sql(&it.name)
                ),
            ));
        }
    }
    Ok(found)
}
