//! Row security: who sees which rows, and whether the apply worker may write them.
//!
//! Source: PostgreSQL's documentation, "Row Security Policies", "Logical Replication", "Security" (a table whose row
//! security holds for the subscription's owner cannot be replicated into); `pg_policy`, `pg_class.relrowsecurity`.

use super::{Pair, by_name, in_sql};
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let tables = format!(
        "select format('%s.%s', n.nspname, c.relname), c.relrowsecurity::text, c.relforcerowsecurity::text
         from {EVERY_TABLE} order by 1"
    );
    let (here, there) = pair.both::<3>(&tables, &[]).await?;
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    let word = |on: &str| if on == "true" { "on" } else { "off" };
    for [name, on, forced] in &here {
        let Some([_, on_there, forced_there]) = there.get(name).filter(|_| pair.travels(name)) else {
            continue;
        };
        let table = in_sql(name);
        if on != on_there {
            let verb = if on == "true" { "enable" } else { "disable" };
            found.push(Found::new(
                format!("row security of {name}"),
                format!(
                    "is {} at {source} and {} at {target}: others see its rows there",
                    word(on),
                    word(on_there)
                ),
                format!("alter table {table} {verb} row level security there"),
            ));
        } else if forced != forced_there {
            let verb = if forced == "true" { "force" } else { "no force" };
            found.push(Found::new(
                format!("row security of {name}"),
                format!("is forced on one side only: its owner sees other rows at {target}"),
                format!("alter table {table} {verb} row level security there"),
            ));
        }
    }
    let policies =
        "select format('%s on %s.%s', p.polname, n.nspname, c.relname), format('%s.%s', n.nspname, c.relname)
        from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^(pg_|cutover$)' order by 1";
    let (policies, policies_there) = pair.both::<2>(policies, &[]).await?;
    let policies_there = by_name(policies_there);
    for [name, table] in &policies {
        if pair.travels(table) && there.contains_key(table) && !policies_there.contains_key(name) {
            found.push(Found::new(
                format!("policy {name}"),
                format!("does not exist at {target}: others see its rows there"),
                format!("make it there as it is at {source} (pg_dump --schema-only)"),
            ));
        }
    }
    let stopped = format!(
        "select format('%s.%s', n.nspname, c.relname), r.rolname::text
         from pg_subscription s join pg_roles r on r.oid = s.subowner, {EVERY_TABLE}
           and s.subslotname = $1 and s.subdbid = (select oid from pg_database where datname = current_database())
           and c.relrowsecurity and not r.rolsuper and not r.rolbypassrls
           and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage')) order by 1"
    );
    for [name, owner] in pair.to.texts::<2>(&stopped, &[&pair.slot()]).await? {
        found.push(Found::new(
            format!("row security of {name}"),
            format!("holds for {owner}, who owns the subscription: its rows cannot be applied"),
            format!("alter role {} bypassrls at {target}", in_sql(&owner)),
        ));
    }
    Ok(found)
}
