//! Keys: what tells a row from another while its changes travel.
//!
//! Source: PostgreSQL's documentation, "Logical Replication", "Publication" on the replica identity; `pg_class.relreplident`.
//! A whole row as identity (`FULL`) is a finding only where it hurts: the table is not small, and the target has no key by
//! which it could find the row.

use super::{Pair, by_name, in_sql, number};
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

/// A table up to this size is read in no time, once a row.
const SMALL: i64 = 8 << 20;

/// Tables that keep rows: name, identity, columns of its primary key, columns of its identity index, size.
fn tables() -> String {
    let columns = |which: &str| {
        format!(
            "coalesce((select string_agg(a.attname::text, chr(31) order by a.attname) from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
             where i.indrelid = c.oid and i.{which} and i.indisvalid), '')"
        )
    };
    format!(
        "select format('%s.%s', n.nspname, c.relname), c.relreplident::text, {}, {}, pg_relation_size(c.oid)::text
         from {EVERY_TABLE} and c.relkind = 'r' and c.relpersistence = 'p' order by 1",
        columns("indisprimary"),
        columns("indisreplident"),
    )
}

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<5>(&tables(), &[]).await?;
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, identity, primary, index, size] in here.iter().filter(|[name, ..]| pair.travels(name)) {
        let table = in_sql(name);
        let key = if identity == "i" { index } else { primary };
        let mut say =
            |harm: String, mend: String| found.push(Found::new(format!("table {name}"), harm, mend));
        let no_key = match identity.as_str() {
            "f" => None,
            "n" => Some("has replica identity nothing"),
            "i" if index.is_empty() => Some("has lost the index that is its replica identity"),
            _ if key.is_empty() => Some("has no primary key"),
            _ => None,
        };
        if let Some(why) = no_key {
            say(
                format!("{why} at {source}: its updates and deletes fail once it is published"),
                format!("add a primary key, or alter table {table} replica identity full"),
            );
            continue;
        }
        // A table that is not there is another trap.
        let Some([_, _, primary_there, index_there, _]) = there.get(name) else { continue };
        let key_there = if index_there.is_empty() { primary_there } else { index_there };
        if key_there.is_empty() && !key.is_empty() {
            say(
                format!(
                    "has a key at {source} and none at {target}: its updates and deletes cannot be applied"
                ),
                format!("alter table {table} add primary key ({}) at {target}", listed(key)),
            );
        } else if key_there.is_empty() && number(size) > SMALL {
            say(
                format!("travels as whole rows, and {target} reads all of it for each row that changed"),
                "give it the same primary key on both sides".to_owned(),
            );
        } else if identity != "f"
            && !key_there.split('\u{1f}').all(|one| key.split('\u{1f}').any(|k| k == one))
        {
            say(
                format!(
                    "has the key ({}) at {source} and ({}) at {target}: its updates and deletes cannot be applied",
                    listed(key),
                    listed(key_there)
                ),
                "give it the same primary key on both sides".to_owned(),
            );
        }
    }
    Ok(found)
}

fn listed(columns: &str) -> String {
    columns.split('\u{1f}').map(in_sql).collect::<Vec<_>>().join(", ")
}
