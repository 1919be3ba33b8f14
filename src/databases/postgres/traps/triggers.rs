//! Triggers: off, missing on one side, or firing for rows that replication applies.
//!
//! Source: PostgreSQL's documentation, `ALTER TABLE … ENABLE REPLICA TRIGGER`; `pg_trigger.tgenabled` (`O` fires for people,
//! `R` for replication, `A` for both, `D` for nobody). The triggers of a foreign key are the server's own: off, they keep
//! nothing.

use std::collections::BTreeSet;

use super::{Pair, in_sql, shape};
use crate::databases::{Error, Found};

const TRIGGERS: &str = "
select distinct format('%s on %s.%s', coalesce(k.conname, t.tgname), n.nspname, c.relname),
  format('%s.%s', n.nspname, c.relname), coalesce(k.conname, t.tgname)::text, t.tgenabled::text, t.tgisinternal::text
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_constraint k on k.oid = t.tgconstraint and t.tgisinternal
where t.tgname !~ '^cutover_' and (not t.tgisinternal or t.tgenabled = 'D')
  and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)' order by 1";

const EVENT_TRIGGERS: &str =
    "select evtname::text from pg_event_trigger where evtenabled = 'D' and evtname !~ '^cutover_' order by 1";

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<5>(TRIGGERS, &[]).await?;
    let (off_at_source, switched_off) = pair.both::<1>(EVENT_TRIGGERS, &[]).await?;
    let (own_tables, arrived) = tokio::try_join!(shape::tables(pair.from), shape::tables(pair.to))?;
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for (side, rows) in [(source, &here), (target, &there)] {
        for [name, table, own, enabled, internal] in rows.iter().filter(|[_, table, ..]| pair.travels(table))
        {
            let (table, own) = (in_sql(table), in_sql(own));
            if internal == "true" {
                found.push(Found::new(
                    format!("foreign key {name} at {side}"),
                    "is not kept: its triggers are disabled",
                    format!("alter table {table} enable trigger all there, on both tables of it"),
                ));
            } else if enabled == "D" {
                found.push(Found::new(
                    format!("trigger {name} at {side}"),
                    "is disabled: what it does is not done",
                    format!("alter table {table} enable trigger {own} there, or drop it"),
                ));
            } else if side == target && (enabled == "R" || enabled == "A") {
                found.push(Found::new(
                    format!("trigger {name} at {side}"),
                    "fires for rows that replication applies: what it did at the source is done twice",
                    format!("alter table {table} enable trigger {own} there"),
                ));
            }
        }
    }
    for (side, rows) in [(source, off_at_source), (target, switched_off)] {
        for [name] in rows {
            found.push(Found::new(
                format!("event trigger {name} at {side}"),
                "is disabled: what it does is not done",
                format!("alter event trigger {} enable there, or drop it", in_sql(&name)),
            ));
        }
    }
    let sides = [(source, target, &here, &there, &arrived), (target, source, &there, &here, &own_tables)];
    for (side, other, rows, others, tables) in sides {
        let names: BTreeSet<&String> = others.iter().map(|[name, ..]| name).collect();
        for [name, table, .., internal] in rows {
            if internal == "false" && pair.travels(table) && tables.contains(table) && !names.contains(name) {
                found.push(Found::new(
                    format!("trigger {name}"),
                    format!("is at {side} and not at {other}: rows are treated in another way there"),
                    format!("make it at {other}, or drop it at {side}"),
                ));
            }
        }
    }
    Ok(found)
}
