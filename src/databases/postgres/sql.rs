//! Names and texts as they stand in SQL, and which objects are people's.

/// `pg_class c` with `pg_namespace n`: tables with people's data, partitions within the table that they are part of.
pub(super) const USER_TABLES: &str = "pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)'";

/// … and each partition by itself too: whoever writes to it does not pass the table that it is part of.
pub(super) const EVERY_TABLE: &str = "pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)'";

/// A name as it stands in SQL, whatever characters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table as it stands in SQL.
pub(super) fn quoted_table(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

/// A table by one name, as [`USER_TABLES`] gives it. A dot belongs to the table's own name behind the first one: a
/// schema whose name has a dot is not told apart, and the server then says that there is no such table.
pub(super) fn quoted_name(name: &str) -> String {
    match name.split_once('.') {
        Some((schema, table)) => quoted_table(schema, table),
        None => quoted(name),
    }
}

/// A text as it stands in SQL, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// Kind, name and definition of every object in the database that people make, in text that changes when the object does.
/// Source: the system catalogues, and the functions with which `pg_dump` writes definitions.
pub(super) const OBJECTS: &str = "
with ours as (
  select oid, nspname from pg_namespace
  where nspname not in ('pg_catalog', 'information_schema', 'cutover') and nspname !~ '^pg_(toast|temp)'),
 made_by_extension as (select classid, objid from pg_depend where deptype = 'e')
select 'schema', nspname::text, coalesce((select nspacl::text from pg_namespace where oid = o.oid), '') from ours o
union all
select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
         when 'f' then 'foreign table' when 'c' then 'type' else 'table' end,
  format('%s.%s', n.nspname, c.relname),
  concat_ws(E'\\n', c.relkind, c.relpersistence, c.reloptions::text, c.relacl::text, c.relrowsecurity,
    c.relforcerowsecurity, c.relreplident, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
    (select concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
       from pg_sequence where seqrelid = c.oid),
    (select string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = c.oid),
    (select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
         a.attgenerated, a.attcollation::regcollation, a.attacl::text, pg_get_expr(d.adbin, d.adrelid)), E'\\n' order by a.attnum)
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
  from pg_class c join ours n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c') and c.relpersistence <> 't'
    and not exists (select from made_by_extension e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
union all
select 'index', format('%s.%s', n.nspname, c.relname),
  concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident)
  from pg_index i join pg_class c on c.oid = i.indexrelid join ours n on n.oid = c.relnamespace
union all
select 'constraint', format('%s on %s', k.conname, k.conrelid::regclass),
  concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated)
  from pg_constraint k join ours n on n.oid = k.connamespace where k.conrelid <> 0
union all
select 'trigger', format('%s on %s', t.tgname, t.tgrelid::regclass), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join ours n on n.oid = c.relnamespace
  where not t.tgisinternal and t.tgname !~ '^cutover_'
union all
select 'function', p.oid::regprocedure::text,
  concat_ws(E'\\n', case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end, p.proacl::text)
  from pg_proc p join ours n on n.oid = p.pronamespace
  where not exists (select from made_by_extension e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
union all
select 'type', format('%s.%s', n.nspname, t.typname),
  concat_ws(E'\\n', t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
    (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
    (select string_agg(pg_get_constraintdef(oid), ',' order by conname) from pg_constraint where contypid = t.oid))
  from pg_type t join ours n on n.oid = t.typnamespace
  where t.typtype in ('d', 'e', 'r')
    and not exists (select from made_by_extension e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
union all
select 'policy', format('%s on %s', polname, polrelid::regclass),
  concat_ws(E'\\n', polcmd, polpermissive, polroles::text, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  from pg_policy
union all
select 'rule', format('%s on %s', r.rulename, r.ev_class::regclass), pg_get_ruledef(r.oid)
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join ours n on n.oid = c.relnamespace
  where r.rulename <> '_RETURN'
union all
select 'event trigger', evtname::text, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags::text) from pg_event_trigger
  where evtname !~ '^cutover_'
union all
select 'extension', extname::text, extversion from pg_extension
union all
select 'publication', pubname::text,
  concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate,
    (select string_agg(format('%s.%s', schemaname, tablename), ',' order by schemaname, tablename) from pg_publication_tables t
       where t.pubname = p.pubname and not puballtables))
  from pg_publication p";
