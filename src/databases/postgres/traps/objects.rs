//! What replication never carries: schemas, views, functions, types, rules.
//!
//! By name, and by as much of the definition as reads the same on every version: columns of a view, text of a function,
//! labels of an enumeration.
//!
//! Source: PostgreSQL's documentation, "Logical Replication", "Restrictions" (definitions are not replicated); the system
//! catalogues.

use super::{Pair, by_name, in_sql};
use crate::databases::{Error, Found};

/// Kind and name, kind, name, what it is made of, whether it can be read.
const OBJECTS: &str = "
with ours as (
  select oid, nspname from pg_namespace
  where nspname not in ('pg_catalog', 'information_schema', 'cutover') and nspname !~ '^pg_(toast|temp)'),
 extended as (select classid, objid from pg_depend where deptype = 'e'),
 objects (kind, name, made, usable) as (
  select 'schema', nspname::text, '', true from ours o
    where not exists (select from extended e where e.classid = 'pg_namespace'::regclass and e.objid = o.oid)
  union all
  select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'type' end,
    format('%s.%s', n.nspname, c.relname),
    (select coalesce(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum), '')
       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    c.relispopulated
  from pg_class c join ours n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm', 'f', 'c') and c.relpersistence <> 't'
    and not exists (select from extended e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
  union all
  select 'function', p.oid::regprocedure::text, md5(p.prosrc), true from pg_proc p join ours n on n.oid = p.pronamespace
  where not exists (select from extended e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
  union all
  select 'type', format('%s.%s', n.nspname, t.typname),
    concat_ws(' ', t.typtype, format_type(nullif(t.typbasetype, 0), t.typtypmod),
      (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid)), true
  from pg_type t join ours n on n.oid = t.typnamespace
  where t.typtype in ('d', 'e', 'r')
    and not exists (select from extended e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
  union all
  select 'rule', format('%s on %s.%s', r.rulename, n.nspname, c.relname), '', true
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join ours n on n.oid = c.relnamespace
  where r.rulename <> '_RETURN'
  union all
  select 'event trigger', evtname::text, '', true from pg_event_trigger t
  where evtname !~ '^cutover_'
    and not exists (select from extended e where e.classid = 'pg_event_trigger'::regclass and e.objid = t.oid))
select kind || ' ' || name, kind, name, made, usable::text from objects order by 1";

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<5>(OBJECTS, &[]).await?;
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [object, kind, name, made, usable] in &here {
        match there.get(object) {
            None => found.push(Found::new(
                object,
                format!("does not exist at {target}: definitions do not travel"),
                format!("make it there as it is at {source} (pg_dump --schema-only)"),
            )),
            Some([_, _, _, made_there, _]) if made != made_there => found.push(Found::new(
                object,
                format!("is another at {target} than at {source}"),
                "make it there as it is at the source (pg_dump --schema-only)",
            )),
            Some([.., usable_there]) if usable == "true" && usable_there == "false" => {
                found.push(Found::new(
                    object,
                    format!("is empty at {target}: nobody can read it"),
                    format!("refresh {kind} {} there", in_sql(name)),
                ));
            }
            Some(_) => {}
        }
    }
    Ok(found)
}
